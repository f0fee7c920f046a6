//! The specification of a recording.

use crate::storage::JobSpecs;
use crate::types::{AudioSpec, KeepRaw};

/// Flag of a dial-in that a person started. Set by the caller.
pub const MANUAL_DIAL_IN: u32 = 1;
/// Flag of a further recording of a call. Set by the caller.
pub const ADDITIONAL: u32 = 2;
/// Flag of a recording that the line's policy asked for. A caller cannot set it.
pub const AUTOMATIC: u32 = 4;

/// Parameters of a recording. They are set once, by the caller of the start, and do not change
/// until they are written to the manifest. They include neither the call nor anything that is
/// known only when the recording begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingSpec {
    pub audio: AudioSpec,
    /// [`MANUAL_DIAL_IN`], [`ADDITIONAL`], [`AUTOMATIC`].
    pub flags: u32,
    /// Which packets are kept as they arrived.
    pub keep_raw: KeepRaw,
    /// How much audio from before the start is wanted, and once the start is accepted, given, in
    /// milliseconds. `u32::MAX`: all that is kept.
    pub lookback_ms: u32,
    /// Jobs to perform after the recording has ended.
    pub jobs: JobSpecs,
}

impl RecordingSpec {
    /// A specification without flags and jobs.
    pub fn new(audio: AudioSpec) -> RecordingSpec {
        RecordingSpec {
            audio,
            flags: 0,
            keep_raw: KeepRaw::Never,
            lookback_ms: 0,
            jobs: JobSpecs::default(),
        }
    }

    pub fn is_manual_dial_in(&self) -> bool {
        self.flags & MANUAL_DIAL_IN != 0
    }

    /// Whether the call may have other recordings at the same time.
    pub fn is_additional(&self) -> bool {
        self.flags & ADDITIONAL != 0
    }

    pub fn is_automatic(&self) -> bool {
        self.flags & AUTOMATIC != 0
    }
}
