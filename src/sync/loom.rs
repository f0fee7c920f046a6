//! What loom puts in place of the standard library.

pub use loom::sync::{Condvar, Mutex, MutexGuard};

/// Loom's own does not know the `const` form.
macro_rules! of_a_thread {
    ($(#[$about:meta])* static $name:ident: $kind:ty = const $value:block;) => {
        loom::thread_local! { $(#[$about])* static $name: $kind = $value; }
    };
}
pub(crate) use of_a_thread as thread_local;

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

/// A ring of `rtrb`'s contract, as small as can be. That `rtrb` keeps it is that
/// crate's matter; what is proved is what callrec builds upon it.
pub mod pipe {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

    use super::atomic::{AtomicUsize, Ordering};

    struct Shared {
        /// Bytes ever put in, and taken out.
        tail: AtomicUsize,
        head: AtomicUsize,
        /// Not loom's: a reader that sees `tail` sees them.
        bytes: Vec<AtomicU8>,
    }

    pub struct RingBuffer;

    pub struct Producer<T> {
        shared: Arc<Shared>,
        tail: usize,
        /// As seen last.
        head: usize,
        of: std::marker::PhantomData<T>,
    }

    pub struct Consumer<T> {
        shared: Arc<Shared>,
        head: usize,
        of: std::marker::PhantomData<T>,
    }

    #[derive(Debug)]
    pub struct TooFew;

    impl RingBuffer {
        #[allow(clippy::new_ret_no_self)]
        pub fn new(capacity: usize) -> (Producer<u8>, Consumer<u8>) {
            let shared = Arc::new(Shared {
                tail: AtomicUsize::new(0),
                head: AtomicUsize::new(0),
                bytes: (0..capacity).map(|_| AtomicU8::new(0)).collect(),
            });
            let consumer = Consumer {
                shared: shared.clone(),
                head: 0,
                of: std::marker::PhantomData,
            };
            let producer = Producer {
                shared,
                tail: 0,
                head: 0,
                of: std::marker::PhantomData,
            };
            (producer, consumer)
        }
    }

    impl Producer<u8> {
        pub fn cached_slots(&self) -> usize {
            self.shared.bytes.len() - (self.tail - self.head)
        }

        pub fn slots(&mut self) -> usize {
            self.head = self.shared.head.load(Ordering::Acquire);
            self.cached_slots()
        }

        pub fn push_entire_slice(&mut self, slice: &[u8]) -> Result<(), TooFew> {
            if self.cached_slots() < slice.len() && self.slots() < slice.len() {
                return Err(TooFew);
            }
            for (n, byte) in slice.iter().enumerate() {
                let at = (self.tail + n) % self.shared.bytes.len();
                self.shared.bytes[at].store(*byte, Relaxed);
            }
            self.advance(slice.len());
            Ok(())
        }

        pub fn write_chunk(&mut self, bytes: usize) -> Result<WriteChunk<'_>, TooFew> {
            if self.slots() < bytes {
                return Err(TooFew);
            }
            Ok(WriteChunk(self, bytes))
        }

        fn advance(&mut self, bytes: usize) {
            self.tail += bytes;
            self.shared.tail.store(self.tail, Ordering::Release);
        }
    }

    pub struct WriteChunk<'a>(&'a mut Producer<u8>, usize);

    impl WriteChunk<'_> {
        pub fn commit_all(self) {
            self.0.advance(self.1);
        }
    }

    impl Consumer<u8> {
        pub fn read_chunk(&mut self, count: usize) -> Result<ReadChunk<'_>, TooFew> {
            if self.shared.tail.load(Ordering::Acquire) - self.head < count {
                return Err(TooFew);
            }
            let size = self.shared.bytes.len();
            let taken = (0..count).map(|n| self.shared.bytes[(self.head + n) % size].load(Relaxed));
            // Split where the real one would be, so that a record may lie across.
            Ok(ReadChunk {
                bytes: taken.collect(),
                split: count.min(size - self.head % size),
                consumer: self,
            })
        }
    }

    pub struct ReadChunk<'a> {
        bytes: Vec<u8>,
        split: usize,
        consumer: &'a mut Consumer<u8>,
    }

    impl ReadChunk<'_> {
        pub fn as_slices(&self) -> (&[u8], &[u8]) {
            self.bytes.split_at(self.split)
        }

        pub fn commit_all(self) {
            self.consumer.head += self.bytes.len();
            let head = self.consumer.head;
            self.consumer.shared.head.store(head, Ordering::Release);
        }
    }
}
