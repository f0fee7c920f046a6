//! The files of recordings: everything that knows how one is laid out.

use std::io;

use uuid::Uuid;

use crate::{Format, FormatSpec, Medium, Packets, Shape};

/// No header is longer: recovery reads this much of a file's beginning.
pub const HEADER_MAX: usize = 4096;

/// What a file's header tells beside its audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tags {
    /// The recording that wrote the file. Recovery finds the file by it.
    pub recording: Uuid,
}

/// How much audio a file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Length {
    /// Of the recording, without an encoder's delay.
    pub frames: u64,
    /// In the file, behind the header.
    pub bytes: u64,
}

/// What a header found on disk says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub shape: Shape,
    /// The recording that wrote it, if the header carries one.
    pub recording: Option<Uuid>,
    /// Where the audio begins, in bytes.
    pub audio_at: u64,
    /// How much audio the header claims, if it says.
    pub claim: Option<Claim>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub audio_bytes: u64,
    /// How long the header says that the whole file is.
    pub file_bytes: u64,
}

/// What an unfinished file holds, in whole frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    pub length: Length,
    /// Frames of the encoder's output, its delay included.
    pub output: u64,
    /// The audio has its end: nothing can follow it.
    pub ended: bool,
}

/// One kind of file.
pub trait Container: Sync {
    /// The formats that are kept in it.
    fn formats(&self) -> &'static [FormatSpec];

    /// Of a file's name, without the dot.
    fn extension(&self) -> &'static str;

    fn mime_type(&self) -> &'static str;

    /// Bytes of a frame where all frames have the same size: such audio may be rewritten in
    /// place. `None`: what was appended stays as it is.
    fn frame_bytes(&self, shape: &Shape) -> Option<u64>;

    /// The whole header of a file that holds so much so far. Its length depends on the format
    /// alone, so that it can be written again in place.
    ///
    /// `sealed`: the audio is followed by [`Container::trailer`].
    fn header(&self, shape: &Shape, tags: &Tags, length: Length, sealed: bool) -> Vec<u8>;

    /// Whether the header tells the length, and so has to follow a growing file.
    fn header_tells_length(&self) -> bool {
        true
    }

    /// Bytes that must follow the audio of a finished file.
    fn trailer(&self, length: Length) -> &'static [u8] {
        let _ = length;
        &[]
    }

    /// Brings packets into the form that they have in the file; `output`: frames of output
    /// that are in it already.
    fn wrap(&self, packets: &mut Packets, output: u64, out: &mut Vec<u8>) {
        let _ = output;
        match out.is_empty() {
            true => std::mem::swap(out, &mut packets.bytes),
            false => out.extend_from_slice(&packets.bytes),
        }
        packets.clear();
    }

    /// What ends the audio of a finished file: `trim` frames of the last packet are not heard.
    fn end(&self, trim: u64, output: u64, out: &mut Vec<u8>) {
        let _ = (trim, output, out);
    }

    /// Reads the header of a file that begins like this.
    fn parse(&self, start: &[u8]) -> Option<Found>;

    /// The recording that wrote a file, by the place where its header tells it, also where
    /// the rest of the header is damaged.
    fn writer(&self, start: &[u8]) -> Option<Uuid>;

    /// How much of a file is whole. `found`: its header, or what it should have been.
    fn measure(&self, medium: &dyn Medium, found: &Found) -> io::Result<Measured> {
        let frame = self.frame_bytes(&found.shape).unwrap_or(1).max(1);
        let len = medium.len()?;
        let there = len.saturating_sub(found.audio_at);
        // By the file's length, which is the newer truth, unless the header accounts for the
        // last byte and its padding.
        let claimed = found.claim.filter(|claim| {
            claim.audio_bytes <= there && (claim.file_bytes == len || claim.file_bytes == len + 1)
        });
        let frames = claimed.map_or(there, |claim| claim.audio_bytes) / frame;
        Ok(Measured {
            length: Length {
                frames,
                bytes: frames * frame,
            },
            output: frames,
            ended: false,
        })
    }
}

/// Reads the header of a file of any format.
pub fn parse(start: &[u8]) -> Option<Found> {
    Format::containers().find_map(|container| container.parse(start))
}

/// See [`Container::writer`].
pub fn writer(start: &[u8]) -> Option<Uuid> {
    Format::containers().find_map(|container| container.writer(start))
}
