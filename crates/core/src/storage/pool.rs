//! Recycled block buffers, so that steady recording allocates nothing.

use crate::sync::Mutex;

/// Buffers beyond this are given back to the allocator.
const KEPT_BYTES: usize = 4 << 20;
const LARGEST: usize = 256 << 10;

#[derive(Default)]
pub struct Pool {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl Pool {
    /// An empty buffer.
    pub fn take(&self) -> Vec<u8> {
        let mut kept = self.kept.lock();
        let buffer = kept.buffers.pop().unwrap_or_default();
        kept.bytes -= buffer.capacity();
        buffer
    }

    pub fn give(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let bytes = buffer.capacity();
        if bytes == 0 || bytes > LARGEST {
            return;
        }
        let mut kept = self.kept.lock();
        if kept.bytes + bytes <= KEPT_BYTES {
            kept.bytes += bytes;
            kept.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_empty_and_bounded() {
        let pool = Pool::default();
        pool.give(vec![1; 1000]);
        let buffer = pool.take();
        assert!(buffer.is_empty() && buffer.capacity() >= 1000);
        assert_eq!(pool.take().capacity(), 0);
        pool.give(vec![0; LARGEST + 1]);
        assert_eq!(pool.take().capacity(), 0);
        for _ in 0..100 {
            pool.give(vec![0; LARGEST]);
        }
        assert!(pool.kept.lock().bytes <= KEPT_BYTES);
    }
}
