//! The read buffers for hashing.
//!
//! Many finishers wait for the disk at the same time. If as many hashed large files at the same
//! time, they would take all cores from the calls. So only a few of them do.

use super::retry::TICK;
use crate::clock::Clock;
use crate::memory;
use crate::sync::Mutex;
use crate::task::{self, NextStep};

/// The number of large files that are hashed at the same time.
const PARALLEL: usize = 2;
/// The size of a buffer, in bytes. What was read is still in the processor's cache when it is
/// hashed.
pub const HASH_BYTES: usize = 64 << 10;
/// A file of at most this size, in bytes, is hashed in about a millisecond and waits for nobody.
const SMALL_FILE: u64 = 1 << 20;

/// The buffers of one store. They are kept: the allocator would return each to the system, which
/// costs more than hashing a short file.
#[derive(Default)]
pub struct HashBuffers(Mutex<HashBuffersState>);

#[derive(Default)]
struct HashBuffersState {
    kept: Vec<Vec<u8>>,
    taken: usize,
}

impl HashBuffers {
    /// Waits for a buffer to hash a file of `length` bytes. Returns `None` as soon as `stop`
    /// returns true.
    pub async fn wait(
        &self,
        length: u64,
        clock: &dyn Clock,
        stop: impl Fn() -> bool,
    ) -> Option<HashBuffer<'_>> {
        loop {
            if let Some(buffer) = self.take(length) {
                return Some(buffer);
            }
            if stop() {
                return None;
            }
            task::suspend(NextStep::At(clock.now() + TICK)).await;
        }
    }

    /// Takes a buffer, unless enough large files are being hashed already.
    fn take(&self, length: u64) -> Option<HashBuffer<'_>> {
        let mut state = self.0.lock();
        if state.taken < PARALLEL {
            state.taken += 1;
            let kept = state.kept.pop();
            drop(state);
            let mut buffer = HashBuffer {
                owner: Some(self),
                bytes: kept.unwrap_or_default(),
            };
            if buffer.bytes.is_empty() {
                buffer.bytes = memory::read_buffer(HASH_BYTES);
            }
            return Some(buffer);
        }
        drop(state);
        (length <= SMALL_FILE).then(|| HashBuffer {
            owner: None,
            bytes: memory::read_buffer(length.clamp(1, HASH_BYTES as u64) as usize),
        })
    }
}

/// A buffer in use. Dropping it returns it.
pub struct HashBuffer<'a> {
    /// `None` for a buffer that is not kept.
    owner: Option<&'a HashBuffers>,
    pub bytes: Vec<u8>,
}

impl Drop for HashBuffer<'_> {
    fn drop(&mut self) {
        let Some(owner) = self.owner else {
            return;
        };
        let bytes = std::mem::take(&mut self.bytes);
        let mut state = owner.0.lock();
        state.taken -= 1;
        // A buffer that is smaller, because memory was exhausted, is not kept.
        if bytes.len() == HASH_BYTES {
            state.kept.push(bytes);
        }
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn few_large_files_are_hashed_at_once_and_buffers_are_kept() {
        let buffers = HashBuffers::default();
        let first = buffers.take(u64::MAX).expect("the first");
        let second = buffers.take(0).expect("the second");
        assert_eq!((first.bytes.len(), second.bytes.len()), (HASH_BYTES, HASH_BYTES));
        assert!(buffers.take(SMALL_FILE + 1).is_none());
        let small = buffers.take(100).expect("a small file does not wait");
        assert_eq!(small.bytes.len(), 100);
        let stopped = task::block_on(buffers.wait(u64::MAX, &SystemClock, || true), &SystemClock);
        assert!(stopped.is_none());
        let address = first.bytes.as_ptr();
        drop((small, first));
        let again = task::block_on(buffers.wait(u64::MAX, &SystemClock, || true), &SystemClock);
        assert_eq!(again.expect("free again").bytes.as_ptr(), address);
        drop(second);
        let state = buffers.0.lock();
        assert_eq!((state.taken, state.kept.len()), (0, PARALLEL));
    }
}
