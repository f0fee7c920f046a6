//! What a recording wants of a call.

use std::sync::Arc;

use callrec_codec::Format;
use uuid::Uuid;

use crate::{Layout, PauseMode, Progress, Sink};

/// What a recording wants of a call.
pub struct TapSpec {
    pub id: Uuid,
    pub layout: Layout,
    pub format: Format,
    pub pause_mode: PauseMode,
    /// 0: none.
    pub max_duration_ms: u32,
    /// 0: from the legs.
    pub rate: u32,
    pub progress: Arc<Progress>,
    pub sink: Box<dyn Sink>,
}
