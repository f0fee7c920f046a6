//! Measures the whole frames of an unfinished file.

use super::frame::frame_bytes_max;
use super::frame_header::{BLOCK, FlacStream};
use super::reader::FlacFrame;
use crate::measure::{AudioScan, Length, MeasuredAudio};

/// Reads frame after frame, so that neither a part of a frame nor the bytes behind a power cut are
/// taken for audio.
pub struct FlacScan {
    stream: FlacStream,
    /// Bytes from the first frame that is not counted yet: at most one frame that is cut off, and
    /// the bytes that were taken last.
    rest: Vec<u8>,
    counted: FrameCount,
}

#[derive(Clone, Copy, Default)]
struct FrameCount {
    bytes: usize,
    /// Frames of audio.
    frames: u64,
    /// A shorter block was found, which is always the last one.
    ended: bool,
}

impl FrameCount {
    /// Counts the frame at the beginning of `bytes`. Returns its size; `None` if there is none that
    /// continues the file.
    fn count(&mut self, bytes: &[u8], stream: FlacStream) -> Option<usize> {
        if self.ended {
            return None;
        }
        let frame = FlacFrame::read(bytes, stream).ok()?;
        if u64::from(frame.number) != (self.frames / BLOCK as u64) & 0x7fff_ffff {
            return None;
        }
        self.bytes += frame.bytes;
        self.frames += frame.frames() as u64;
        self.ended = frame.frames() < BLOCK;
        Some(frame.bytes)
    }
}

impl FlacScan {
    pub fn new(stream: FlacStream) -> FlacScan {
        FlacScan {
            stream,
            rest: Vec::new(),
            counted: FrameCount::default(),
        }
    }
}

impl AudioScan for FlacScan {
    fn take(&mut self, bytes: &[u8]) -> bool {
        self.rest.extend_from_slice(bytes);
        let most = frame_bytes_max(self.stream.channels);
        let mut at = 0;
        let mut continues = true;
        // A frame that is read here is not cut off.
        while continues && self.rest.len() - at >= most {
            match self.counted.count(&self.rest[at..at + most], self.stream) {
                Some(bytes) => at += bytes,
                None => continues = false,
            }
        }
        self.rest.drain(..at);
        continues
    }

    fn measured(&self) -> MeasuredAudio {
        let (mut counted, mut at) = (self.counted, 0);
        while let Some(bytes) = counted.count(&self.rest[at..], self.stream) {
            at += bytes;
        }
        MeasuredAudio {
            length: Length {
                frames: counted.frames,
                bytes: counted.bytes as u64,
            },
            output: counted.frames,
            ended: counted.ended,
            padding_max: 0,
        }
    }
}
