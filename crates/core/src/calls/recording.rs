//! A recording: a tap on a call, from its acceptance to a minute after its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::sync::Mutex;
use uuid::Uuid;

use super::call::{CallInfo, LineStay};
use super::draft::AcceptedDraft;
use super::spec::RecordingSpec;
use crate::text::Text;
use crate::types::{EndReason, Error, RecordingState, Status};

/// What the audio side knows at the moment of asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    pub rate: u32,
    pub duration_ms: u64,
    pub paused_ms: u64,
    pub lost_ms: u64,
    pub bytes: u64,
}

/// What hangs on a recording outside the registry: its audio and its file.
pub trait Attachment: Send + Sync {
    fn readings(&self) -> Readings;
    /// The call was moved or described anew; called under the registry's lock, must not wait.
    fn update_call(&self, info: &Arc<CallInfo>, lines: &Arc<Vec<LineStay>>);
    /// All that is known of it, as one JSON object in the manifest's words; `failure`:
    /// why it could not begin, and when that was known.
    fn describe(&self, failure: Option<(&Error, i64)>) -> String;
}

/// How far a recording's story has been told: it begins with its start, and nothing
/// comes after its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EventStage {
    #[default]
    Unpublished,
    /// Nothing, but audio has been lost already: where, a JSON object each.
    LossPending(Vec<String>),
    Started,
    Ended,
}

/// What changes in a recording's lifecycle.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    /// By its own pauses: the call's privacy shows in a view only.
    pub state: RecordingState,
    /// When it was live last.
    pub paused: bool,
    pub end_reason: Option<EndReason>,
    pub error: Status,
    pub info: Arc<CallInfo>,
    pub path: Text,
    pub digest: Text,
    pub ended_at_ms: i64,
    /// Its end in the order of starts; 0: it is live.
    pub ended: u64,
    /// The last readings, once it has ended.
    pub readings: Option<Readings>,
}

/// A call's newest recording, as it was begun.
#[derive(Clone, Debug)]
pub struct NewestRecording {
    pub id: Uuid,
    pub order: u64,
    pub started_at_ms: i64,
    pub info: Arc<CallInfo>,
}

pub struct Recording {
    pub id: Uuid,
    /// The order of starts; the newest has the highest.
    pub order: u64,
    pub call: u64,
    /// Order and id of the call's newest before this one.
    previous: Option<(u64, Uuid)>,
    pub spec: RecordingSpec,
    pub url: Text,
    pub started_at_ms: i64,
    /// The call as it was then.
    first_info: Arc<CallInfo>,
    pub(super) slot: AtomicU32,
    pub lifecycle: Mutex<Lifecycle>,
    /// Held while one of its events is published; taken before `life`.
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
            lifecycle: Mutex::new(Lifecycle {
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

    /// Reads where a view of it will look.
    pub(super) fn touch(&self) -> u64 {
        let url = self.url.as_str().as_bytes().first().copied().unwrap_or_default();
        self.started_at_ms as u64 ^ self.attachment.readings().bytes ^ u64::from(url)
    }

    pub fn describe(&self, failure: Option<(&Error, i64)>) -> String {
        self.attachment.describe(failure)
    }

    /// As a list shows it, at whose instant it was live.
    pub fn live_view(&self) -> RecordingView {
        let mut view = self.view();
        if !matches!(view.state, RecordingState::Recording | RecordingState::Paused) {
            let lifecycle = self.lifecycle.lock();
            view.state = match lifecycle.paused || lifecycle.info.private {
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
        }
        view
    }

    /// As it is now.
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
                RecordingState::Recording if lifecycle.info.private => RecordingState::Paused,
                state => state,
            },
            end_reason: lifecycle.end_reason,
            error: lifecycle.error,
            spec: self.spec.clone(),
            info: lifecycle.info,
            url: self.url.clone(),
            path: lifecycle.path,
            digest: lifecycle.digest,
            started_at_ms: self.started_at_ms,
            ended_at_ms: lifecycle.ended_at_ms,
            ended: lifecycle.ended,
            readings,
        }
    }
}

/// A recording as it was at one moment.
#[derive(Clone, Debug)]
pub struct RecordingView {
    pub id: Uuid,
    pub order: u64,
    /// The call's number; 0: of an earlier process.
    pub call: u64,
    /// Order and id of the call's newest before this one.
    pub previous: Option<(u64, Uuid)>,
    /// The call as it was when this was begun.
    pub first_info: Arc<CallInfo>,
    /// Paused also while its call is private.
    pub state: RecordingState,
    pub end_reason: Option<EndReason>,
    pub error: Status,
    pub spec: RecordingSpec,
    pub info: Arc<CallInfo>,
    pub url: Text,
    pub path: Text,
    pub digest: Text,
    pub started_at_ms: i64,
    pub ended_at_ms: i64,
    /// Its end in the order of starts, whatever the clock says; 0: it is live, or of an
    /// earlier process.
    pub ended: u64,
    pub readings: Readings,
}
