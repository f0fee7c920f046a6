//! File formats and containers of recordings.

use std::ffi::CStr;
use std::fmt;
use std::hash::{Hash, Hasher};

use uuid::Uuid;

use crate::measure::{Length, Measure, MeasuredAudio};
use crate::parameters::{ParameterSpec, Parameters};
use crate::{EncodedPackets, Encoder, SampleFormat, Tags};

/// The declaration of a format, made in the module of its container.
pub struct FormatSpec {
    /// The ASCII name in options, manifests and HTTP responses.
    pub name: &'static CStr,
    /// The encoding of the samples that the encoder takes.
    pub samples: SampleFormat,
    /// The default sampling rate of a file in Hz. `None`: the rate of the recorded audio.
    pub rate: Option<u32>,
    /// The sampling rates that the encoder takes, in ascending order. Empty: all.
    pub rates: &'static [u32],
    /// The parameters of the encoder, at most [`PARAMETERS_MAX`](crate::PARAMETERS_MAX).
    pub parameters: &'static [ParameterSpec],
    /// Why this process cannot write the format now: a library is not installed. `None` if it can.
    pub obstacle: fn() -> Option<String>,
    /// Whether documentation and messages list the format; false for formats used only in tests.
    pub is_listed: bool,
    pub container: &'static dyn Container,
    pub encoder: fn(&Shape) -> Box<dyn Encoder>,
}

/// A format that this build writes, with the parameters of its encoder.
///
/// Two formats are equal if they have the same name.
#[derive(Clone, Copy)]
pub struct Format {
    spec: &'static FormatSpec,
    parameters: Parameters,
}

impl Format {
    /// The format with the default parameters.
    pub const fn of(spec: &'static FormatSpec) -> Format {
        Format {
            spec,
            parameters: Parameters::DEFAULT,
        }
    }

    pub fn c_name(self) -> &'static CStr {
        self.spec.name
    }

    pub fn name(self) -> &'static str {
        self.spec.name.to_str().unwrap_or_default()
    }

    /// Whether documentation and messages list the format.
    pub fn is_listed(self) -> bool {
        self.spec.is_listed
    }

    pub fn container(self) -> &'static dyn Container {
        self.spec.container
    }

    /// The file name extension, without the dot.
    pub fn extension(self) -> &'static str {
        self.spec.container.extension()
    }

    pub fn samples(self) -> SampleFormat {
        self.spec.samples
    }

    /// The default sampling rate of a file in Hz. `None`: the rate of the recorded audio.
    pub fn rate(self) -> Option<u32> {
        self.spec.rate
    }

    /// The sampling rate of a file for audio of `rate` Hz: the lowest one that the encoder takes and
    /// that loses nothing, or else the highest.
    pub fn fit_rate(self, rate: u32) -> u32 {
        let rates = self.spec.rates;
        let fitting = rates.iter().find(|possible| **possible >= rate);
        fitting.or(rates.last()).copied().unwrap_or(rate)
    }

    /// Why this process cannot write the format now; `None` if it can.
    pub fn obstacle(self) -> Option<String> {
        (self.spec.obstacle)()
    }

    /// Whether its audio is encoded on the threads of encoders, because that costs more than a copy.
    pub fn is_compressed(self) -> bool {
        let shape = Shape {
            format: self,
            rate: 8000,
            channels: 1,
        };
        self.container().frame_bytes(&shape).is_none()
    }

    pub fn encoder(self, shape: &Shape) -> Box<dyn Encoder> {
        (self.spec.encoder)(shape)
    }

    pub fn parameter_specs(self) -> &'static [ParameterSpec] {
        self.spec.parameters
    }

    /// The value of the parameter with this index in the format's declaration.
    pub fn parameter(self, index: usize) -> u32 {
        let default = self.spec.parameters.get(index).map_or(0, |spec| spec.default);
        self.parameters.get(index).unwrap_or(default)
    }

    /// Sets the parameters that `text` names, such as `bitrate=24000;dtx=1`.
    ///
    /// # Errors
    ///
    /// The reason, for the caller, if a parameter is unknown or its value is not valid.
    pub fn with_parameters(self, text: &str) -> Result<Format, String> {
        let parameters = self.parameters.parse(self.spec.parameters, text);
        let parameters = parameters.map_err(|why| format!("format \"{}\": {why}", self.name()))?;
        Ok(Format { parameters, ..self })
    }

    /// Sets the parameters that have no value yet: `default` is given a parameter's name.
    pub fn or_defaults(mut self, default: impl Fn(&str) -> Option<u32>) -> Format {
        for (index, spec) in self.spec.parameters.iter().enumerate() {
            if self.parameters.get(index).is_none()
                && let Some(value) = default(spec.name)
            {
                self.parameters.set(index, value);
            }
        }
        self
    }

    /// Sets the parameters that have no value yet to those of `other`, unless that is another format.
    pub fn or_parameters_of(self, other: Format) -> Format {
        match self == other {
            true => Format {
                parameters: self.parameters.or(other.parameters),
                ..self
            },
            false => self,
        }
    }

    /// The parameters that have a value, as [`Format::with_parameters`] takes them.
    pub fn parameters_text(self) -> String {
        self.parameters.text(self.spec.parameters)
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Format) -> bool {
        self.spec.name == other.spec.name
    }
}

impl Eq for Format {}

impl Hash for Format {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.spec.name.hash(state);
    }
}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The parameters that a player needs: format, rate and channels. They are fixed when the first
/// block is rendered, at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub format: Format,
    /// In Hz.
    pub rate: u32,
    pub channels: u16,
}

impl Shape {
    /// The size of one frame in a block, in bytes.
    pub fn block_frame_bytes(&self) -> usize {
        self.format.samples().bytes() * usize::from(self.channels.max(1))
    }

    /// The size of one frame in the file, in bytes. `None` if the size varies.
    pub fn file_frame_bytes(&self) -> Option<u64> {
        self.format.container().frame_bytes(self)
    }

    /// The data rate of blocks, not of the file.
    pub fn block_bytes_per_second(&self) -> u64 {
        self.block_frame_bytes() as u64 * u64::from(self.rate)
    }

    /// The number of frames in `ms` milliseconds.
    pub fn frames(&self, ms: u64) -> u64 {
        u64::from(self.rate).saturating_mul(ms) / 1000
    }

    /// The duration of `frames` frames, rounded to milliseconds.
    pub fn duration_ms(&self, frames: u64) -> u64 {
        let rate = u128::from(self.rate.max(1));
        let ms = (u128::from(frames) * 1000 + rate / 2) / rate;
        u64::try_from(ms).unwrap_or(u64::MAX)
    }
}

/// The maximum size of a header in bytes. Recovery reads this much of a file's beginning.
pub const HEADER_MAX: usize = 4096;

/// The contents of a header read from a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsedHeader {
    pub shape: Shape,
    /// The id of the recording, if the header holds one.
    pub recording: Option<Uuid>,
    /// The offset of the audio in bytes.
    pub audio_at: u64,
    /// The length that the header states, if any. It may be out of date.
    pub claim: Option<ClaimedLength>,
}

/// The length stated in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimedLength {
    pub audio_bytes: u64,
    /// The size of the whole file.
    pub file_bytes: u64,
    /// Output frames at the end of the audio that do not count.
    pub trim: u64,
}

/// What the parts of a file have in common.
#[derive(Clone, Copy, Debug)]
pub struct FileFacts<'a> {
    pub shape: &'a Shape,
    pub tags: &'a Tags,
}

/// What is known of the audio of a finished file besides its length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AudioEnd {
    /// The number of output frames of the encoder. 0: unknown.
    pub output: u64,
    /// See [`Encoder::audio_md5`].
    pub md5: Option<[u8; 16]>,
}

/// A container: the layout of a file around its encoded packets.
pub trait Container: Sync {
    /// The formats that use this container.
    fn formats(&self) -> &'static [FormatSpec];

    /// The file name extension, without the dot.
    fn extension(&self) -> &'static str;

    fn mime_type(&self) -> &'static str;

    /// The size of a frame in bytes if all frames have the same size; such audio can be rewritten
    /// in place. `None`: audio cannot be changed once it is appended.
    fn frame_bytes(&self, shape: &Shape) -> Option<u64>;

    /// Returns the header of a file that holds `length` audio. The size of the header depends only
    /// on the format and its parameters, so that the header can be rewritten in place.
    ///
    /// `end`: `None` while the file grows. With `Some`, [`Container::trailer`] follows the audio.
    fn header(&self, shape: &Shape, tags: &Tags, length: Length, end: Option<&AudioEnd>) -> Vec<u8>;

    /// Whether the header holds the length, so that it must be rewritten while the file grows.
    fn header_holds_length(&self) -> bool {
        true
    }

    /// The bytes that must follow the audio of a finished file.
    fn trailer(&self, tags: &Tags, length: Length) -> Vec<u8> {
        let _ = (tags, length);
        Vec::new()
    }

    /// Converts `packets` to their form in the file and appends them to `out`. `output`: the number
    /// of output frames that the file already holds.
    fn wrap(&self, file: &FileFacts<'_>, packets: &mut EncodedPackets, output: u64, out: &mut Vec<u8>) {
        let _ = (file, output);
        match out.is_empty() {
            true => std::mem::swap(out, &mut packets.bytes),
            false => out.extend_from_slice(&packets.bytes),
        }
        packets.clear();
    }

    /// Appends the end of a finished file's audio to `out`, or marks the end in the last packets,
    /// which `out` still holds unless the file has them. A decoder discards the last `trim` frames
    /// of the `output` frames.
    fn append_end(&self, file: &FileFacts<'_>, trim: u64, output: u64, out: &mut Vec<u8>) {
        let _ = (file, trim, output, out);
    }

    /// Parses the header of a file that begins with `start`. The format has the parameters that
    /// the header shows.
    fn parse(&self, start: &[u8]) -> Option<ParsedHeader>;

    /// What the header at the beginning of a finished file says of its audio besides the length, so
    /// that a finished file can be sealed again without a change. `None` if it says nothing.
    fn stated_end(&self, start: &[u8]) -> Option<AudioEnd> {
        let _ = start;
        None
    }

    /// The id of the recording, read at its fixed offset. It is found even if the rest of the header
    /// is damaged.
    fn recording_id(&self, start: &[u8]) -> Option<Uuid>;

    /// The shape of a file whose header is lost, if the beginning of its audio shows it. `expected`: as
    /// far as it is known otherwise.
    fn shape_of_audio(&self, expected: Shape, audio: &[u8]) -> Shape {
        let _ = audio;
        expected
    }

    /// Begins to measure how much audio a file of `file_bytes` bytes holds. `found`: the header that
    /// was read, or the expected one.
    fn measure(&self, found: &ParsedHeader, file_bytes: u64) -> Measure {
        let frame = self.frame_bytes(&found.shape).unwrap_or(1).max(1);
        let available = file_bytes.saturating_sub(found.audio_at);
        // The size of the file is more recent than the header, unless the header accounts for the
        // last byte and its padding.
        let claimed = found.claim.filter(|claim| {
            claim.audio_bytes <= available
                && (claim.file_bytes == file_bytes || claim.file_bytes == file_bytes + 1)
        });
        let frames = claimed.map_or(available, |claim| claim.audio_bytes) / frame;
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
