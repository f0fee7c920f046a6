//! The shape of an audio file.

use crate::Format;

/// Shape of the audio file, known at the latest when the first block is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub format: Format,
    pub rate: u32,
    pub channels: u16,
}

impl Shape {
    pub fn frame_bytes(&self) -> usize {
        self.format.samples().bytes() * usize::from(self.channels)
    }
}
