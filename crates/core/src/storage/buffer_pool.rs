//! Recycles block buffers, so that steady recording does not allocate.

use crate::sync::Mutex;

/// Buffers beyond this total are freed.
const POOL_BYTES: usize = 4 << 20;
const BUFFER_BYTES_MAX: usize = 256 << 10;

#[derive(Default)]
pub struct BufferPool {
    free: Mutex<FreeBuffers>,
}

#[derive(Default)]
struct FreeBuffers {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl BufferPool {
    /// Returns an empty buffer.
    pub fn take(&self) -> Vec<u8> {
        let mut free = self.free.lock();
        let buffer = free.buffers.pop().unwrap_or_default();
        free.bytes -= buffer.capacity();
        buffer
    }

    pub fn give(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let bytes = buffer.capacity();
        if bytes == 0 || bytes > BUFFER_BYTES_MAX {
            return;
        }
        let mut free = self.free.lock();
        if free.bytes + bytes <= POOL_BYTES {
            free.bytes += bytes;
            free.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recycled_buffers_are_empty_and_bounded() {
        let pool = BufferPool::default();
        pool.give(vec![1; 1000]);
        let buffer = pool.take();
        assert!(buffer.is_empty() && buffer.capacity() >= 1000);
        assert_eq!(pool.take().capacity(), 0);
        pool.give(vec![0; BUFFER_BYTES_MAX + 1]);
        assert_eq!(pool.take().capacity(), 0);
        for _ in 0..100 {
            pool.give(vec![0; BUFFER_BYTES_MAX]);
        }
        assert!(pool.free.lock().bytes <= POOL_BYTES);
    }
}
