//! Types that every module uses: statuses, errors, states, formats.
//!
//! The numeric values are those of the C ABI. They are never reused.

use std::fmt;
use std::io::ErrorKind;

pub use callrec_codec::{Codec, Format};
pub use callrec_media::{AudioSpec, EndReason, FeedFormat, FeedOptions, KeepRaw, Layout, Leg, PauseMode};

/// Result of a call to callrec. `0` is success; errors are negative.
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
    Mandatory = -29,
    Audit = -30,
    Consent = -31,
    NotFound = -32,
    Live = -33,
    Held = -34,
}

impl Status {
    pub const ALL: [Status; 35] = [
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
        Status::Mandatory,
        Status::Audit,
        Status::Consent,
        Status::NotFound,
        Status::Live,
        Status::Held,
    ];

    /// `NoSpace` for a full disk or an exhausted quota, otherwise `Io`.
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

/// An error status with a message for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub status: Status,
    /// The published `BadRequestReason` of the operation, or -1 if there is none.
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

    pub fn io(subject: impl fmt::Display, error: &std::io::Error) -> Error {
        Error::new(Status::of_io(error), format!("{subject}: {error}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

pub type Result<T> = std::result::Result<T, Error>;

/// State of a recording: `recording ⇄ paused → finishing → finished | failed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum RecordingState {
    Recording = 1,
    Paused = 2,
    Finishing = 3,
    Finished = 4,
    Failed = 5,
}

impl RecordingState {
    pub const ALL: [RecordingState; 5] = [
        RecordingState::Recording,
        RecordingState::Paused,
        RecordingState::Finishing,
        RecordingState::Finished,
        RecordingState::Failed,
    ];

    pub fn text(self) -> &'static str {
        match self {
            RecordingState::Recording => "recording",
            RecordingState::Paused => "paused",
            RecordingState::Finishing => "finishing",
            RecordingState::Finished => "finished",
            RecordingState::Failed => "failed",
        }
    }
}

/// Parses a format: its name, and parameters of its encoder after semicolons, as in
/// `opus;bitrate=24000`. An empty text selects the default, "wav".
///
/// Fails with `Unsupported` if the format exists but this system cannot write it, and with
/// `InvalidMode` and the published start reason 2 if the name or a parameter is unknown.
pub fn parse_format(text: &str) -> Result<Format> {
    let (name, parameters) = match text {
        "" => (Format::WAV.name(), None),
        text => match text.split_once(';') {
            Some((name, parameters)) => (name, Some(parameters)),
            None => (text, None),
        },
    };
    let unknown = |why: String| Error::new(Status::InvalidMode, why).with_reason(2);
    let format = Format::named(name).ok_or_else(|| {
        let known = format_names().join(", ");
        unknown(format!("format \"{name}\": no such format; {known} are known"))
    })?;
    if parameters == Some("") {
        let why = format!("format \"{name}\": a parameter must follow each semicolon");
        return Err(unknown(why));
    }
    let format = format
        .with_parameters(parameters.unwrap_or_default())
        .map_err(unknown)?;
    match format.obstacle() {
        Some(obstacle) => Err(Error::new(Status::Unsupported, obstacle)),
        None => Ok(format),
    }
}

/// Names of the formats that this build writes, in the order of the documentation. Formats that
/// exist only for tests are left out.
pub fn format_names() -> Vec<&'static str> {
    let listed = Format::all().filter(|format| format.is_listed());
    listed.map(Format::name).collect()
}
