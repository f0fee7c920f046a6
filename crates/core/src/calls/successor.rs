//! The recordings that follow those that a transfer ends.

use std::sync::Arc;

use super::draft::{AcceptedDraft, RecordingDraft};
use super::recording::Recording;
use super::spec::RecordingSpec;
use crate::types::Result;

/// What a transfer does to live recordings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransferAction {
    /// They record the call on its new line.
    #[default]
    Continue,
    Stop,
    /// They end, and each is followed by another one.
    New,
}

/// How the recordings that follow begin.
pub struct SuccessorStart<'a> {
    /// Whether the storage accepts one more recording.
    pub storage: Result<()>,
    pub draft: &'a dyn Fn(RecordingSpec) -> RecordingDraft,
    /// Creates the recording and starts its tap, under the registry's lock. At the same moment the
    /// audio of the one that it follows ends.
    pub begin: &'a dyn Fn(AcceptedDraft<'_>) -> Arc<Recording>,
}

/// A recording that a transfer has ended.
pub struct TransferredRecording {
    pub ended: Arc<Recording>,
    /// The one that follows, if one was to begin.
    pub successor: Option<Result<Arc<Recording>>>,
}
