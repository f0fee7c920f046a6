//! A recording before it begins.

use std::sync::Arc;

use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::call::{CallInfo, LineStay};
use super::spec::RecordingSpec;
use crate::text::Text;

/// A recording that is to begin: what can be made of it before the registry is locked.
pub struct RecordingDraft {
    pub id: Uuid,
    pub spec: RecordingSpec,
    pub url: Text,
}

impl RecordingDraft {
    /// With a new id, and the URL below `url_base` that follows from it.
    pub fn new(id: Uuid, spec: RecordingSpec, url_base: &str) -> RecordingDraft {
        let mut name = [0; Hyphenated::LENGTH];
        let name = id.as_hyphenated().encode_lower(&mut name);
        let extension = spec.audio.format.extension();
        RecordingDraft {
            id,
            url: Text::joined(&[url_base, name, ".", extension]),
            spec,
        }
    }
}

/// A draft that the registry has accepted, and what it says of it.
pub struct AcceptedDraft<'a> {
    pub draft: RecordingDraft,
    /// The order of starts.
    pub order: u64,
    pub call: u64,
    /// Order and id of the call's newest recording before this one.
    pub previous: Option<(u64, Uuid)>,
    pub info: &'a Arc<CallInfo>,
    pub lines: &'a Arc<Vec<LineStay>>,
    /// It is paused from its first moment.
    pub paused: bool,
}
