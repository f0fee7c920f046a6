//! The specification of a recording's audio.

use std::sync::Arc;

use callrec_codec::Format;
use uuid::Uuid;

use crate::{KeepRaw, Layout, PauseMode, Progress, Sink};

/// How a recording is made from the audio of its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioSpec {
    pub layout: Layout,
    pub format: Format,
    pub pause_mode: PauseMode,
    /// The maximum duration in milliseconds; 0: unlimited.
    pub max_duration_ms: u32,
    /// The sampling rate in Hz; 0: the default of the format, or the rate of the legs.
    pub rate: u32,
}

/// The specification of a tap.
pub struct TapSpec {
    /// The id of the recording.
    pub id: Uuid,
    pub audio: AudioSpec,
    pub keep_raw: KeepRaw,
    /// It begins with audio from this time on, as far as the call has kept it. `None`: with the start.
    pub from_ns: Option<u64>,
    /// The recording that it follows after a transfer, which ends when this one begins.
    pub follows: Option<Uuid>,
    pub progress: Arc<Progress>,
    pub sink: Box<dyn Sink>,
}
