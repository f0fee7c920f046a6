//! A recording before it begins.

use std::sync::Arc;

use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::call::{CallInfo, LineStay};
use super::spec::RecordingSpec;
use crate::text::Text;

/// The parts of a new recording that are made before the registry is locked.
pub struct RecordingDraft {
    pub id: Uuid,
    pub spec: RecordingSpec,
    pub url: Text,
    /// The recording that it follows after a transfer.
    pub follows: Option<Uuid>,
}

impl RecordingDraft {
    /// Creates a draft with this id. Its URL is the id and the format's extension below `url_base`.
    pub fn new(id: Uuid, spec: RecordingSpec, url_base: &str) -> RecordingDraft {
        let mut name = [0; Hyphenated::LENGTH];
        let name = id.as_hyphenated().encode_lower(&mut name);
        let extension = spec.audio.format.extension();
        RecordingDraft {
            id,
            url: Text::joined(&[url_base, name, ".", extension]),
            spec,
            follows: None,
        }
    }
}

/// A draft that the registry has accepted, with the registry's data for it.
pub struct AcceptedDraft<'a> {
    pub draft: RecordingDraft,
    /// Position in the order of starts.
    pub order: u64,
    pub call: u64,
    /// Order and id of the call's previous recording.
    pub previous: Option<(u64, Uuid)>,
    pub info: &'a Arc<CallInfo>,
    pub lines: &'a Arc<Vec<LineStay>>,
    /// The recording begins paused.
    pub paused: bool,
    /// The recording begins with audio from this coarse time on; `None`: with its start.
    pub from_ns: Option<u64>,
}
