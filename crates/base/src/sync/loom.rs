//! Loom's replacements for the standard library.

/// A word of a feed's ring, without the `turn` of the atomics below. A word that is read before
/// its count was published may have its earlier value, which the models detect.
pub use loom::sync::atomic::AtomicU64 as Word;
pub use loom::sync::{Condvar, Mutex, MutexGuard};

pub use loom as loom_crate;

/// Loom's own macro has no `const` form.
#[macro_export]
macro_rules! const_thread_local {
    ($(#[$about:meta])* static $name:ident: $kind:ty = const $value:block;) => {
        $crate::sync::loom_crate::thread_local! { $(#[$about])* static $name: $kind = $value; }
    };
}
pub use crate::const_thread_local as thread_local;

pub mod thread {
    pub use loom::thread::{Builder, JoinHandle, yield_now};

    pub fn sleep(_: std::time::Duration) {
        yield_now();
    }
}

pub mod slot {
    pub use crate::sync::{Mutex, MutexGuard};
}

/// Loom's atomics with two changes.
///
/// Loom supports sequential consistency of fences only. A fence before each `SeqCst` access
/// provides what the standard guarantees (the "leading fence" mapping).
///
/// For a store, loom compares only the latest access to decide whether another order is worth a
/// run. Where a thread reads its own counter before it writes it, loom would miss the reads of
/// other threads. Each access therefore begins with a relaxed store to its own `turn`, which
/// orders nothing but makes all accesses conflict.
pub mod atomic {
    use loom::sync::atomic as base;
    pub use std::sync::atomic::Ordering;

    macro_rules! atomics {
        ($($name:ident $value:ty: $($more:ident)*;)*) => {$(
            #[derive(Debug, Default)]
            pub struct $name {
                value: base::$name,
                turn: base::AtomicBool,
            }

            impl $name {
                pub fn new(value: $value) -> $name {
                    $name {
                        value: base::$name::new(value),
                        turn: base::AtomicBool::new(false),
                    }
                }

                fn begin(&self, order: Ordering) -> &base::$name {
                    self.turn.store(true, Ordering::Relaxed);
                    if order == Ordering::SeqCst {
                        base::fence(order);
                    }
                    &self.value
                }

                pub fn load(&self, order: Ordering) -> $value {
                    self.begin(order).load(order)
                }

                pub fn store(&self, value: $value, order: Ordering) {
                    self.begin(order).store(value, order);
                }

                pub fn swap(&self, value: $value, order: Ordering) -> $value {
                    self.begin(order).swap(value, order)
                }

                $(pub fn $more(&self, value: $value, order: Ordering) -> $value {
                    self.begin(order).$more(value, order)
                })*

                pub fn fetch_update(
                    &self,
                    set: Ordering,
                    fetch: Ordering,
                    change: impl FnMut($value) -> Option<$value>,
                ) -> Result<$value, $value> {
                    self.begin(set).fetch_update(set, fetch, change)
                }
            }
        )*};
    }

    atomics! {
        AtomicBool bool: fetch_or;
        AtomicU8 u8: fetch_add fetch_sub fetch_max fetch_or;
        AtomicU32 u32: fetch_add fetch_sub fetch_max fetch_or;
        AtomicI64 i64: fetch_add fetch_sub fetch_max;
        AtomicU64 u64: fetch_add fetch_sub fetch_max fetch_or;
        AtomicUsize usize: fetch_add fetch_sub fetch_max fetch_or;
    }
}
