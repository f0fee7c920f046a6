//! What a recording wants of a call's audio.

use std::sync::Arc;

use callrec_codec::Format;
use uuid::Uuid;

use crate::{Layout, PauseMode, Progress, Sink};

/// How a recording's audio is made of that of its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioSpec {
    pub layout: Layout,
    pub format: Format,
    pub pause_mode: PauseMode,
    /// 0: no limit.
    pub max_duration_ms: u32,
    /// In Hz. 0: the format's own rate, or else that of the legs.
    pub rate: u32,
}

/// A tap that is to be set on a call.
pub struct TapSpec {
    /// The recording's.
    pub id: Uuid,
    pub audio: AudioSpec,
    pub progress: Arc<Progress>,
    pub sink: Box<dyn Sink>,
}
