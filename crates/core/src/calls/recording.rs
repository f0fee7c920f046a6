//! A recording of a call, from its acceptance until one minute after its end.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::sync::Mutex;
use uuid::Uuid;

use super::call::{CallInfo, LineStay};
use super::draft::AcceptedDraft;
use super::spec::RecordingSpec;
use crate::text::Text;
use crate::types::{EndReason, Error, RecordingState, Status};

/// Measurements of a recording's audio at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    pub rate: u32,
    pub duration_ms: u64,
    pub paused_ms: u64,
    pub lost_ms: u64,
    pub bytes: u64,
}

/// A recording's audio and file, which live outside the registry.
pub trait Attachment: Send + Sync {
    fn readings(&self) -> Readings;
    /// The call's description or line has changed. Called under the registry's lock; must not wait.
    fn update_call(&self, info: &Arc<CallInfo>, lines: &Arc<Vec<LineStay>>);
    /// The recording is held from now on, or no longer. Called under the registry's lock; must not wait.
    fn set_held(&self, is_held: bool);
    /// The recording as one JSON object in the form of a manifest. `failure`: why and when it
    /// could not begin.
    fn describe(&self, failure: Option<(&Error, i64)>) -> String;
}

/// Reads a recording's audio as it is now. It keeps the recording's output in memory, so a reader
/// drops it when it no longer lists.
#[derive(Clone)]
pub struct ReadingsHandle(ReadingsSource);

#[derive(Clone)]
enum ReadingsSource {
    Attached(Arc<dyn Attachment>),
    /// Of a recording of another process.
    Fixed(Readings),
}

impl ReadingsHandle {
    pub fn new(attachment: Arc<dyn Attachment>) -> ReadingsHandle {
        ReadingsHandle(ReadingsSource::Attached(attachment))
    }

    /// Readings that do not change.
    pub fn fixed(readings: Readings) -> ReadingsHandle {
        ReadingsHandle(ReadingsSource::Fixed(readings))
    }

    pub fn now(&self) -> Readings {
        match &self.0 {
            ReadingsSource::Attached(attachment) => attachment.readings(),
            ReadingsSource::Fixed(readings) => *readings,
        }
    }
}

impl fmt::Debug for ReadingsHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.now().fmt(formatter)
    }
}

/// Which events of a recording have been published. Its start comes first, its end last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EventStage {
    #[default]
    Unpublished,
    /// No event yet, but audio was lost: one JSON object for each span.
    LossPending(Vec<String>),
    Started,
    Ended,
}

/// The fields that change during a recording's lifecycle.
#[derive(Clone, Debug)]
pub struct RecordingLifecycle {
    /// Considers only the recording's own pauses. A call's privacy, and consent that is awaited, appear
    /// only in a view.
    pub state: RecordingState,
    /// Whether it was paused when it was last live.
    pub paused: bool,
    pub end_reason: Option<EndReason>,
    pub error: Status,
    pub info: Arc<CallInfo>,
    pub path: Text,
    pub digest: Text,
    pub raw: RawFileView,
    /// A legal hold.
    pub held: bool,
    pub ended_at_ms: i64,
    /// Position of its end in the order of starts; 0 while it is live.
    pub ended: u64,
    /// The final readings, once the recording has ended.
    pub readings: Option<Readings>,
}

/// A call's newest recording, as it was when it began.
#[derive(Clone, Debug)]
pub struct NewestRecording {
    pub id: Uuid,
    pub order: u64,
    pub started_at_ms: i64,
    pub info: Arc<CallInfo>,
}

pub struct Recording {
    pub id: Uuid,
    /// Position in the order of starts. The newest recording has the highest.
    pub order: u64,
    pub call: u64,
    /// Order and id of the call's previous recording.
    previous: Option<(u64, Uuid)>,
    pub spec: RecordingSpec,
    pub url: Text,
    pub started_at_ms: i64,
    /// The call when the recording began.
    first_info: Arc<CallInfo>,
    pub(super) slot: AtomicU32,
    pub lifecycle: Mutex<RecordingLifecycle>,
    /// Held while an event of the recording is published. Taken before `lifecycle`.
    pub event_stage: Mutex<EventStage>,
    attachment: Arc<dyn Attachment>,
}

impl Recording {
    pub fn new(
        accepted: AcceptedDraft<'_>,
        started_at_ms: i64,
        attachment: Arc<dyn Attachment>,
    ) -> Recording {
        let (draft, info) = (accepted.draft, accepted.info.clone());
        Recording {
            id: draft.id,
            order: accepted.order,
            call: accepted.call,
            previous: accepted.previous,
            spec: draft.spec,
            url: draft.url,
            started_at_ms,
            first_info: info.clone(),
            slot: AtomicU32::new(u32::MAX),
            lifecycle: Mutex::new(RecordingLifecycle {
                state: match accepted.paused {
                    true => RecordingState::Paused,
                    false => RecordingState::Recording,
                },
                paused: accepted.paused,
                end_reason: None,
                error: Status::Ok,
                info,
                path: Text::default(),
                digest: Text::default(),
                raw: RawFileView::default(),
                held: false,
                ended_at_ms: 0,
                ended: 0,
                readings: None,
            }),
            event_stage: Mutex::default(),
            attachment,
        }
    }

    pub(super) fn slot(&self) -> u32 {
        self.slot.load(Ordering::Relaxed)
    }

    pub(super) fn update_call(&self, info: &Arc<CallInfo>, lines: &Arc<Vec<LineStay>>) {
        self.lifecycle.lock().info = info.clone();
        self.attachment.update_call(info, lines);
    }

    /// The recording is held from now on, or no longer.
    pub(super) fn set_held(&self, is_held: bool) {
        self.lifecycle.lock().held = is_held;
        self.attachment.set_held(is_held);
    }

    /// The id of its call, which never changes.
    pub fn call_id(&self) -> Text {
        self.first_info.call_id.clone()
    }

    /// Reads the memory that a view needs, so that the processor fetches it.
    pub(super) fn touch(&self) -> u64 {
        let url = self.url.as_str().as_bytes().first().copied().unwrap_or_default();
        self.started_at_ms as u64 ^ self.attachment.readings().bytes ^ u64::from(url)
    }

    pub(super) fn readings_handle(&self) -> ReadingsHandle {
        ReadingsHandle::new(self.attachment.clone())
    }

    pub fn describe(&self, failure: Option<(&Error, i64)>) -> String {
        self.attachment.describe(failure)
    }

    /// The recording in a list that began while it was live: shown as live even if it has ended.
    pub fn live_view(&self) -> RecordingView {
        let mut view = self.view();
        if !matches!(view.state, RecordingState::Recording | RecordingState::Paused) {
            let lifecycle = self.lifecycle.lock();
            view.state = match lifecycle.paused || lifecycle.info.forbids_audio() {
                true => RecordingState::Paused,
                false => RecordingState::Recording,
            };
            drop(lifecycle);
            view.end_reason = None;
            view.error = Status::Ok;
            view.ended_at_ms = 0;
            view.ended = 0;
            view.path = Text::default();
            view.digest = Text::default();
            view.raw = RawFileView::default();
        }
        view
    }

    /// The recording as it is now.
    pub fn view(&self) -> RecordingView {
        let lifecycle = self.lifecycle.lock().clone();
        let readings = lifecycle.readings.unwrap_or_else(|| self.attachment.readings());
        RecordingView {
            id: self.id,
            order: self.order,
            call: self.call,
            previous: self.previous,
            first_info: self.first_info.clone(),
            state: match lifecycle.state {
                RecordingState::Recording if lifecycle.info.forbids_audio() => RecordingState::Paused,
                state => state,
            },
            end_reason: lifecycle.end_reason,
            error: lifecycle.error,
            spec: self.spec.clone(),
            info: lifecycle.info,
            url: self.url.clone(),
            path: lifecycle.path,
            digest: lifecycle.digest,
            raw: lifecycle.raw,
            held: lifecycle.held,
            started_at_ms: self.started_at_ms,
            ended_at_ms: lifecycle.ended_at_ms,
            ended: lifecycle.ended,
            readings,
            node: Text::default(),
            is_unreachable: false,
        }
    }
}

/// The published file of packets that were kept as they arrived. Empty if there is none.
#[derive(Clone, Debug, Default)]
pub struct RawFileView {
    pub path: Text,
    pub digest: Text,
    pub bytes: u64,
    pub packets: u64,
}

/// A snapshot of a recording.
#[derive(Clone, Debug)]
pub struct RecordingView {
    pub id: Uuid,
    pub order: u64,
    /// The call's number; 0 for a recording of an earlier process.
    pub call: u64,
    /// Order and id of the call's previous recording.
    pub previous: Option<(u64, Uuid)>,
    /// The call when the recording began.
    pub first_info: Arc<CallInfo>,
    /// `Paused` also while the call is private, or its consent is awaited.
    pub state: RecordingState,
    pub end_reason: Option<EndReason>,
    pub error: Status,
    pub spec: RecordingSpec,
    pub info: Arc<CallInfo>,
    pub url: Text,
    pub path: Text,
    pub digest: Text,
    pub raw: RawFileView,
    /// A legal hold: it is neither deleted nor discarded.
    pub held: bool,
    pub started_at_ms: i64,
    pub ended_at_ms: i64,
    /// Position of its end in the order of starts, independent of the clock; 0 while it is live,
    /// and for a recording of an earlier process.
    pub ended: u64,
    pub readings: Readings,
    /// The node of a cluster that has the recording. Empty in a view of the engine itself.
    pub node: Text,
    /// That node is dead, as far as the cluster knows.
    pub is_unreachable: bool,
}
