//! What a start asks for.

use crate::storage::JobSpecs;
use crate::types::AudioSpec;

/// The caller's flag for a dial-in that a person started.
pub const MANUAL_DIAL_IN: u32 = 1;
/// The caller's flag for a further recording of a call.
pub const ADDITIONAL: u32 = 2;
/// The flag of a recording that its line's policy asked for. No caller can set it.
pub const AUTOMATIC: u32 = 4;

/// How a recording is to be made. Whoever starts one makes this, once, and it is the same
/// from there to the recording's manifest. It does not say of which call the recording is,
/// and nothing that is known only when the recording begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingSpec {
    pub audio: AudioSpec,
    /// [`MANUAL_DIAL_IN`], [`ADDITIONAL`], [`AUTOMATIC`].
    pub flags: u32,
    /// What is done when it has ended.
    pub jobs: JobSpecs,
}

impl RecordingSpec {
    /// Without flags and without a job.
    pub fn new(audio: AudioSpec) -> RecordingSpec {
        RecordingSpec {
            audio,
            flags: 0,
            jobs: JobSpecs::default(),
        }
    }

    pub fn is_manual_dial_in(&self) -> bool {
        self.flags & MANUAL_DIAL_IN != 0
    }

    /// Whether it is wanted beside other recordings of its call.
    pub fn is_additional(&self) -> bool {
        self.flags & ADDITIONAL != 0
    }

    pub fn is_automatic(&self) -> bool {
        self.flags & AUTOMATIC != 0
    }
}
