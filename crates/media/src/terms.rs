//! Enumerations shared by calls and recordings. Their values are those of the C ABI and are never
//! reused.

/// A leg of a call.
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

/// The legs and channels of a recording. The values are those of the C ABI.
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

/// The effect of a pause on the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum PauseMode {
    /// The pause becomes silence of the same duration.
    Silence = 0,
    /// The pause is left out of the file.
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
    ConsentRefused = 8,
    Transferred = 9,
}

impl EndReason {
    pub const ALL: [EndReason; 9] = [
        EndReason::Stopped,
        EndReason::CallEnded,
        EndReason::Limit,
        EndReason::EngineClosed,
        EndReason::WriteError,
        EndReason::Recovered,
        EndReason::Discarded,
        EndReason::ConsentRefused,
        EndReason::Transferred,
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
            EndReason::ConsentRefused => "consent-refused",
            EndReason::Transferred => "transferred",
        }
    }
}
