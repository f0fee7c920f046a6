//! The terms that calls and recordings are described in. The numbers are those of
//! the C ABI and are never reused.

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
    /// Silence: the time line is kept.
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
