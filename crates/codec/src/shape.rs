//! The shape of an audio file.

use crate::Format;

/// What a player must know of a file's audio; known at the latest when the first block is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub format: Format,
    /// In Hz.
    pub rate: u32,
    pub channels: u16,
}

impl Shape {
    /// Bytes of one frame in a block.
    pub fn block_frame_bytes(&self) -> usize {
        self.format.samples().bytes() * usize::from(self.channels.max(1))
    }

    /// Bytes of one frame in the file, where all have the same.
    pub fn file_frame_bytes(&self) -> Option<u64> {
        self.format.container().frame_bytes(self)
    }

    /// Of blocks, not of the file.
    pub fn block_bytes_per_second(&self) -> u64 {
        self.block_frame_bytes() as u64 * u64::from(self.rate)
    }

    /// Rounded to whole milliseconds.
    pub fn duration_ms(&self, frames: u64) -> u64 {
        let rate = u128::from(self.rate.max(1));
        let ms = (u128::from(frames) * 1000 + rate / 2) / rate;
        u64::try_from(ms).unwrap_or(u64::MAX)
    }
}
