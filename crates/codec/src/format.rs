//! The formats of recordings' files: everything that knows how one is laid out.

use std::ffi::CStr;
use std::fmt;
use std::hash::{Hash, Hasher};

use uuid::Uuid;

use crate::measure::{Length, Measure, MeasuredAudio};
use crate::{EncodedPackets, Encoder, SampleFormat};

/// A format's declaration, in the file of its container.
pub struct FormatSpec {
    /// In options, manifests and answers; ASCII.
    pub name: &'static CStr,
    /// How its encoder takes samples.
    pub samples: SampleFormat,
    /// The rate in Hz of a file whose recording asks for none; `None`: that of the audio.
    pub rate: Option<u32>,
    /// Whether documents and messages name it; one for tests alone they do not.
    pub is_listed: bool,
    pub container: &'static dyn Container,
    pub encoder: fn(&Shape) -> Box<dyn Encoder>,
}

/// A format that this build writes. What is known of it is asked of its container.
#[derive(Clone, Copy)]
pub struct Format(&'static FormatSpec);

impl Format {
    pub const fn of(spec: &'static FormatSpec) -> Format {
        Format(spec)
    }

    pub fn c_name(self) -> &'static CStr {
        self.0.name
    }

    pub fn name(self) -> &'static str {
        self.0.name.to_str().unwrap_or_default()
    }

    /// Whether documents and messages name it.
    pub fn is_listed(self) -> bool {
        self.0.is_listed
    }

    pub fn container(self) -> &'static dyn Container {
        self.0.container
    }

    /// Of a file's name, without the dot.
    pub fn extension(self) -> &'static str {
        self.0.container.extension()
    }

    pub fn samples(self) -> SampleFormat {
        self.0.samples
    }

    /// The rate in Hz of a file whose recording asks for none; `None`: that of the audio.
    pub fn rate(self) -> Option<u32> {
        self.0.rate
    }

    pub fn encoder(self, shape: &Shape) -> Box<dyn Encoder> {
        (self.0.encoder)(shape)
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Format) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Format {}

impl Hash for Format {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

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

/// No header is longer: recovery reads this much of a file's beginning.
pub const HEADER_MAX: usize = 4096;

/// What a file's header tells beside its audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tags {
    /// The recording that wrote the file. Recovery finds the file by it.
    pub recording: Uuid,
}

/// What a header found on disk says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsedHeader {
    pub shape: Shape,
    /// The recording that wrote it, if the header carries one.
    pub recording: Option<Uuid>,
    /// Where the audio begins, in bytes.
    pub audio_at: u64,
    /// How much audio the header claims, if it says.
    pub claim: Option<ClaimedLength>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimedLength {
    pub audio_bytes: u64,
    /// How long the header says that the whole file is.
    pub file_bytes: u64,
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
    fn header_holds_length(&self) -> bool {
        true
    }

    /// Bytes that must follow the audio of a finished file.
    fn trailer(&self, length: Length) -> &'static [u8] {
        let _ = length;
        &[]
    }

    /// Brings packets into the form that they have in the file; `output`: frames of output
    /// that are in it already.
    fn wrap(&self, packets: &mut EncodedPackets, output: u64, out: &mut Vec<u8>) {
        let _ = output;
        match out.is_empty() {
            true => std::mem::swap(out, &mut packets.bytes),
            false => out.extend_from_slice(&packets.bytes),
        }
        packets.clear();
    }

    /// What ends the audio of a finished file: `trim` frames of the last packet are not heard.
    fn append_end(&self, trim: u64, output: u64, out: &mut Vec<u8>) {
        let _ = (trim, output, out);
    }

    /// Reads the header of a file that begins like this.
    fn parse(&self, start: &[u8]) -> Option<ParsedHeader>;

    /// The recording that wrote a file, by the place where its header tells it, also where
    /// the rest of the header is damaged.
    fn recording_id(&self, start: &[u8]) -> Option<Uuid>;

    /// Begins to measure how much of a file of so many bytes is whole. `found`: its header, or
    /// what it should have been.
    fn measure(&self, found: &ParsedHeader, file_bytes: u64) -> Measure {
        let frame = self.frame_bytes(&found.shape).unwrap_or(1).max(1);
        let there = file_bytes.saturating_sub(found.audio_at);
        // By the file's length, which is the newer truth, unless the header accounts for the
        // last byte and its padding.
        let claimed = found.claim.filter(|claim| {
            claim.audio_bytes <= there
                && (claim.file_bytes == file_bytes || claim.file_bytes == file_bytes + 1)
        });
        let frames = claimed.map_or(there, |claim| claim.audio_bytes) / frame;
        Measure::Known(MeasuredAudio {
            length: Length {
                frames,
                bytes: frames * frame,
            },
            output: frames,
            ended: false,
            padding_max: 0,
        })
    }
}
