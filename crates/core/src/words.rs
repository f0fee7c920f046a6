//! The words that every room of the house uses: statuses, states, formats.
//!
//! The numbers are those of the C ABI and are never reused.

use std::fmt;
use std::io::ErrorKind;

/// What a call to callrec answers; `0` is success, errors are negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Status {
    Ok = 0,
    InvalidArgument = -1,
    InvalidId = -2,
    NoTarget = -3,
    InvalidMode = -4,
    NotMonitorable = -5,
    Automatic = -6,
    Unauthenticated = -7,
    Forbidden = -8,
    NotLive = -9,
    NoCall = -10,
    DialIn = -11,
    AlreadyRecording = -12,
    AlreadyPaused = -13,
    NotPaused = -14,
    BadHandle = -15,
    Limit = -16,
    NoSpace = -17,
    Io = -18,
    Overrun = -19,
    Unavailable = -20,
    Unsupported = -21,
    InCallback = -22,
    Forked = -23,
    Config = -24,
    Timeout = -25,
    Internal = -26,
    Exists = -27,
    Busy = -28,
}

impl Status {
    pub const ALL: [Status; 29] = [
        Status::Ok,
        Status::InvalidArgument,
        Status::InvalidId,
        Status::NoTarget,
        Status::InvalidMode,
        Status::NotMonitorable,
        Status::Automatic,
        Status::Unauthenticated,
        Status::Forbidden,
        Status::NotLive,
        Status::NoCall,
        Status::DialIn,
        Status::AlreadyRecording,
        Status::AlreadyPaused,
        Status::NotPaused,
        Status::BadHandle,
        Status::Limit,
        Status::NoSpace,
        Status::Io,
        Status::Overrun,
        Status::Unavailable,
        Status::Unsupported,
        Status::InCallback,
        Status::Forked,
        Status::Config,
        Status::Timeout,
        Status::Internal,
        Status::Exists,
        Status::Busy,
    ];

    /// A full disk is told apart, and so is a quota that is used up.
    pub fn of_io(error: &std::io::Error) -> Status {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Status::NoSpace,
            _ => Status::Io,
        }
    }

    pub fn from_code(code: i32) -> Option<Status> {
        Self::ALL.into_iter().find(|status| *status as i32 == code)
    }
}

/// A status with what a person needs to know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub status: Status,
    /// The published `BadRequestReason` of the operation, -1 where there is none.
    pub reason: i32,
    pub device_name: String,
    pub message: String,
}

impl Error {
    pub fn new(status: Status, message: impl Into<String>) -> Error {
        Error {
            status,
            reason: -1,
            device_name: String::new(),
            message: message.into(),
        }
    }

    pub fn with_reason(mut self, reason: i32) -> Error {
        self.reason = reason;
        self
    }

    pub fn io(what: impl fmt::Display, error: &std::io::Error) -> Error {
        Error::new(Status::of_io(error), format!("{what}: {error}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

pub type Result<T> = std::result::Result<T, Error>;

/// A file format that this build writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    Wav,
    WavUlaw,
    WavAlaw,
}

impl Format {
    /// Unknown text is `INVALID_MODE` (Imagicle's start reason 2); what is known
    /// but not built in is `UNSUPPORTED`.
    pub fn parse(text: &str) -> Result<Format> {
        match text {
            "" | "wav" => Ok(Format::Wav),
            "wav-ulaw" => Ok(Format::WavUlaw),
            "wav-alaw" => Ok(Format::WavAlaw),
            "flac" | "opus" | "mp3" => Err(Error::new(
                Status::Unsupported,
                format!("format \"{text}\": not in this build, which writes wav, wav-ulaw, wav-alaw"),
            )),
            _ => Err(Error::new(
                Status::InvalidMode,
                format!(
                    "format \"{text}\": no such format; wav, wav-ulaw, wav-alaw, flac, opus, mp3 are known"
                ),
            )
            .with_reason(2)),
        }
    }

    pub fn text(self) -> &'static str {
        match self {
            Format::Wav => "wav",
            Format::WavUlaw => "wav-ulaw",
            Format::WavAlaw => "wav-alaw",
        }
    }

    /// The file name's extension, without the dot.
    pub fn extension(self) -> &'static str {
        "wav"
    }

    /// Bytes of one sample of one channel.
    pub fn sample_bytes(self) -> usize {
        match self {
            Format::Wav => 2,
            Format::WavUlaw | Format::WavAlaw => 1,
        }
    }

    /// The byte that, repeated, is silence.
    pub fn silence(self) -> u8 {
        match self {
            Format::Wav => 0,
            Format::WavUlaw => 0xff,
            Format::WavAlaw => 0xd5,
        }
    }
}

/// How a leg's payload is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    Pcm16,
    Pcmu,
    Pcma,
}

impl Codec {
    /// Whole samples in so many bytes.
    #[inline]
    pub fn samples_in(self, bytes: usize) -> u64 {
        match self {
            Codec::Pcm16 => bytes as u64 / 2,
            Codec::Pcmu | Codec::Pcma => bytes as u64,
        }
    }

    pub fn sample_bytes(self) -> usize {
        match self {
            Codec::Pcm16 => 2,
            Codec::Pcmu | Codec::Pcma => 1,
        }
    }
}

/// A codec and its sampling rate in Hz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FeedFormat {
    pub codec: Codec,
    pub rate: u32,
}

/// How a feed's audio is coded, and what else the host has asked of the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FeedOptions {
    pub format: FeedFormat,
    /// How far ahead of the clock the host writes; 0: it did not ask, 2 s are allowed.
    pub ahead_ms: u32,
    /// 2: interleaved, the local leg's sample first.
    pub channels: u8,
}

impl FeedOptions {
    /// What is allowed without asking.
    pub const USUAL_AHEAD_MS: u32 = 2000;

    pub fn is_stereo(self) -> bool {
        self.channels == 2
    }

    /// One sample of each channel.
    pub fn frame_bytes(self) -> usize {
        self.format.codec.sample_bytes() * if self.is_stereo() { 2 } else { 1 }
    }

    pub fn bytes_per_s(self) -> u64 {
        u64::from(self.format.rate) * self.frame_bytes() as u64
    }

    /// Of the audio that it may write ahead beyond what is allowed to every feed.
    pub fn ahead_bytes(self) -> u64 {
        match self.ahead_ms > Self::USUAL_AHEAD_MS {
            true => self.bytes_per_s() * u64::from(self.ahead_ms) / 1000,
            false => 0,
        }
    }
}

impl From<FeedFormat> for FeedOptions {
    fn from(format: FeedFormat) -> FeedOptions {
        FeedOptions {
            format,
            ahead_ms: 0,
            channels: 1,
        }
    }
}

/// One direction of a call's audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Leg {
    Local = 0,
    Remote = 1,
    Mixed = 2,
}

impl Leg {
    pub const ALL: [Leg; 3] = [Leg::Local, Leg::Remote, Leg::Mixed];

    pub fn text(self) -> &'static str {
        match self {
            Leg::Local => "local",
            Leg::Remote => "remote",
            Leg::Mixed => "mixed",
        }
    }
}

/// Which legs go into which channels. The C value of each is its number here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Layout {
    Stereo = 0,
    Mono = 1,
    Local = 2,
    Remote = 3,
}

impl Layout {
    pub const ALL: [Layout; 4] = [Layout::Stereo, Layout::Mono, Layout::Local, Layout::Remote];

    pub fn text(self) -> &'static str {
        match self {
            Layout::Stereo => "stereo",
            Layout::Mono => "mono",
            Layout::Local => "local",
            Layout::Remote => "remote",
        }
    }
}

/// What a pause leaves in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum PauseMode {
    /// Silence: the time line is kept (Genesys).
    Silence = 0,
    /// Nothing: the time is left out.
    Skip = 1,
}

impl PauseMode {
    pub const ALL: [PauseMode; 2] = [PauseMode::Silence, PauseMode::Skip];

    pub fn text(self) -> &'static str {
        match self {
            PauseMode::Silence => "silence",
            PauseMode::Skip => "skip",
        }
    }
}

/// `recording ⇄ paused → finishing → finished | failed`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum State {
    Recording = 1,
    Paused = 2,
    Finishing = 3,
    Finished = 4,
    Failed = 5,
}

impl State {
    pub const ALL: [State; 5] = [
        State::Recording,
        State::Paused,
        State::Finishing,
        State::Finished,
        State::Failed,
    ];

    pub fn text(self) -> &'static str {
        match self {
            State::Recording => "recording",
            State::Paused => "paused",
            State::Finishing => "finishing",
            State::Finished => "finished",
            State::Failed => "failed",
        }
    }
}

/// Why a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum EndReason {
    Stopped = 1,
    CallEnded = 2,
    Limit = 3,
    EngineClosed = 4,
    WriteError = 5,
    Recovered = 6,
    Discarded = 7,
}

impl EndReason {
    pub const ALL: [EndReason; 7] = [
        EndReason::Stopped,
        EndReason::CallEnded,
        EndReason::Limit,
        EndReason::EngineClosed,
        EndReason::WriteError,
        EndReason::Recovered,
        EndReason::Discarded,
    ];

    pub fn text(self) -> &'static str {
        match self {
            EndReason::Stopped => "stopped",
            EndReason::CallEnded => "call-ended",
            EndReason::Limit => "limit",
            EndReason::EngineClosed => "engine-closed",
            EndReason::WriteError => "write-error",
            EndReason::Recovered => "recovered",
            EndReason::Discarded => "discarded",
        }
    }
}
