//! Counts the whole frames of a file.

use super::encoder::MP3_DELAY;
use super::frame::{FRAME_HEADER, FrameKind};
use crate::format::ClaimedLength;
use crate::measure::{AudioScan, Length, MeasuredAudio};

/// The sizes of frames are followed from header to header, so that bytes inside a frame are never
/// taken for a header.
pub struct FrameScan {
    kind: FrameKind,
    /// The length in the header of a finished file.
    claim: Option<ClaimedLength>,
    /// Bytes from the first frame that is not counted yet.
    rest: Vec<u8>,
    bytes: u64,
    frames: u64,
}

impl FrameScan {
    /// `kind`: the frames that are expected. The first frame may have another bit rate.
    pub fn new(kind: FrameKind, claim: Option<ClaimedLength>) -> FrameScan {
        FrameScan {
            kind,
            claim,
            rest: Vec::new(),
            bytes: 0,
            frames: 0,
        }
    }

    /// The size of the next frame; `None` if it is not one of this file.
    fn next_size(&mut self, header: &[u8]) -> Option<usize> {
        let (found, size) = FrameKind::parse(header)?;
        if self.frames == 0 {
            self.kind.bitrate = found.bitrate;
        }
        (found == self.kind).then_some(size)
    }
}

impl AudioScan for FrameScan {
    fn take(&mut self, bytes: &[u8]) -> bool {
        let mut rest = std::mem::take(&mut self.rest);
        rest.extend_from_slice(bytes);
        let mut at = 0;
        let more = loop {
            let left = &rest[at..];
            if left.len() < FRAME_HEADER {
                break true;
            }
            match self.next_size(left) {
                Some(size) if size <= left.len() => {
                    at += size;
                    self.frames += 1;
                }
                found => break found.is_some(),
            }
        };
        rest.drain(..at);
        self.bytes += at as u64;
        if more {
            self.rest = rest;
        }
        more
    }

    fn measured(&self) -> MeasuredAudio {
        let output = self.frames * self.kind.samples();
        let played = output.saturating_sub(MP3_DELAY);
        let claimed = self.claim.filter(|claim| claim.audio_bytes == self.bytes);
        let trim = claimed.map_or(0, |claim| claim.trim);
        MeasuredAudio {
            length: Length {
                frames: played.saturating_sub(trim),
                bytes: self.bytes,
            },
            output,
            ended: claimed.is_some(),
            padding_max: match claimed {
                Some(_) => 0,
                None => played.min(self.kind.samples() - 1),
            },
        }
    }
}
