//! What loom puts in place of the standard library.

/// A word of a leg's ring: without the `turn` of the others. One that is read before
/// its count says so may be seen as it was earlier, which the models notice.
pub use loom::sync::atomic::AtomicU64 as Word;
pub use loom::sync::{Condvar, Mutex, MutexGuard};

pub use loom as loom_itself;

/// Loom's own does not know the `const` form.
#[macro_export]
macro_rules! of_a_thread {
    ($(#[$about:meta])* static $name:ident: $kind:ty = const $value:block;) => {
        $crate::sync::loom_itself::thread_local! { $(#[$about])* static $name: $kind = $value; }
    };
}
pub use crate::of_a_thread as thread_local;

pub mod thread {
    pub use loom::thread::{Builder, JoinHandle, yield_now};

    pub fn sleep(_: std::time::Duration) {
        yield_now();
    }
}

pub mod slot {
    pub use crate::sync::{Mutex, MutexGuard};
}

/// Loom's atomics, but for two things.
///
/// Loom knows sequential consistency of fences only: a fence before each `SeqCst`
/// access gives what the standard promises of them (the "leading fence" mapping).
///
/// And for a store it looks at the latest access alone to see whether another order
/// is worth a run: where a thread reads its own counter before it writes it, the
/// reads of others would be overlooked. So each access begins with a relaxed store
/// to a `turn` of its own: it orders nothing, but all accesses conflict.
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
        AtomicU64 u64: fetch_add fetch_sub fetch_max fetch_or;
        AtomicUsize usize: fetch_add fetch_sub fetch_max fetch_or;
    }
}
