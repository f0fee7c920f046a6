//! Turns storage's reports into states of recordings and into events.

mod end_counts;
mod storage_reports;

use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Weak};

use once_cell::sync::OnceCell;
use uuid::Uuid;

use super::auditing::involved;
use super::facts::spec_of;
use super::manifest_change::ManifestChange;
use super::overdue_pauses::{OverduePause, OverduePauses};
use super::uploads::UploadResult;
use crate::audit::{Actor, AuditLine, AuditLog};
use crate::calls::{CallInfo, EventStage, RawFileView, Readings, Recording, RecordingView, Registry};
use crate::clock::Clock;
use crate::config::Config;
use crate::events::event::{FLAG_LEG_UNDECODED, FLAG_NO_AUDIO, FLAG_REPEATED};
use crate::events::{Bus, Event, EventKind, EventSubject, LogLevel};
use crate::jobs::ActionRegistry;
use crate::storage::{Manifest, SpanEntry, Store};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::text::Text;
use crate::types::{EndReason, Error, RecordingState, Status};
use end_counts::EndCounts;

/// A terminal event with more spans than this contains none of them. A loss event contains at
/// most this many.
const SPANS_MAX: usize = 100;

/// Storage's [`StorageListener`](crate::storage::StorageListener): updates the registry, publishes events and writes audit lines.
pub struct RecordingReporter {
    registry: Arc<Registry>,
    bus: Arc<Bus>,
    clock: Arc<dyn Clock>,
    directory: String,
    store: OnceCell<Weak<Store>>,
    audit: OnceCell<Arc<AuditLog>>,
    pub actions: Arc<ActionRegistry>,
    overdue_pauses: OverduePauses,
    pause_max_ms: u64,
    deleted: AtomicU64,
    /// The ends of recordings that were published.
    pub ends: Arc<EndCounts>,
    #[cfg(feature = "faults")]
    panic_at: String,
}

impl RecordingReporter {
    pub fn new(
        registry: Arc<Registry>,
        bus: Arc<Bus>,
        clock: Arc<dyn Clock>,
        config: &Config,
    ) -> Arc<RecordingReporter> {
        Arc::new(RecordingReporter {
            registry,
            bus,
            clock,
            directory: config.storage.directory.clone(),
            store: OnceCell::new(),
            audit: OnceCell::new(),
            actions: Arc::default(),
            overdue_pauses: OverduePauses::new(config.pause_max_ms),
            pause_max_ms: config.pause_max_ms,
            deleted: AtomicU64::new(0),
            ends: Arc::default(),
            #[cfg(feature = "faults")]
            panic_at: config.storage.panic_at.clone(),
        })
    }

    /// Panics if a test has asked for a panic at this place.
    #[cfg(feature = "faults")]
    fn panic_point(&self, place: &str) {
        assert!(self.panic_at != place, "planted at {place}");
    }

    #[cfg(not(feature = "faults"))]
    fn panic_point(&self, _place: &str) {}

    /// Called once, before any thread runs.
    pub fn set_store(&self, store: &Arc<Store>) {
        let _ = self.store.set(Arc::downgrade(store));
    }

    /// Called once, before any thread runs.
    pub fn set_audit_log(&self, audit: &Arc<AuditLog>) {
        let _ = self.audit.set(audit.clone());
    }

    /// How many recordings were deleted.
    pub fn deleted_count(&self) -> u64 {
        self.deleted.load(Ordering::Relaxed)
    }

    /// Publishes that a recording was deleted. Of the recording, only its id is left.
    fn publish_deleted(&self, id: Uuid, repeated: bool) {
        let manifest = Manifest {
            id: id.as_hyphenated().to_string(),
            state: RecordingState::Finished.text().to_owned(),
            ..Manifest::default()
        };
        let mut event = Event::new(EventKind::Deleted, self.clock.unix_ms());
        event.flags = flags_of(&manifest, repeated);
        event.detail = format!("\"recording\":{{\"id\":\"{id}\"}}");
        event.subject = EventSubject::Recording(Arc::new(self.recovered_view(id, &manifest)));
        self.bus.publish(event);
    }

    /// Publishes that a recording was uploaded, or that its upload was given up.
    pub fn publish_upload(&self, manifest: &Manifest, object_url: &str, result: UploadResult<'_>) {
        let Ok(id) = Uuid::try_parse(&manifest.id) else {
            return;
        };
        let (kind, status, error) = match result {
            UploadResult::Uploaded => (EventKind::Uploaded, Status::Ok, None),
            UploadResult::Failed(reason) => (EventKind::UploadFailed, Status::Io, Some(reason)),
        };
        let mut event = Event::new(kind, self.clock.unix_ms());
        event.status = status as i32;
        let view = match self.registry.recording(id) {
            Some(recording) => recording.view(),
            None => self.recovered_view(id, manifest),
        };
        let url = serde_json::Value::from(object_url);
        let error = error.map(|reason| format!(",\"error\":{}", serde_json::Value::from(reason)));
        let described = serde_json::to_string(manifest).unwrap_or_else(|_| "{}".to_owned());
        event.detail = format!(
            "\"object_url\":{url}{},\"recording\":{described}",
            error.unwrap_or_default()
        );
        event.object_url = object_url.to_owned();
        event.subject = EventSubject::Recording(Arc::new(view));
        self.bus.publish(event);
    }

    /// Audits the end of a recording that no caller stopped and whose call continues.
    fn audit_end(&self, id: Uuid, reason: EndReason, status: Status) {
        let (Some(audit), Some(recording)) = (self.audit.get(), self.registry.recording(id)) else {
            return;
        };
        let mut line = AuditLine::new(self.clock.unix_ms(), Actor::Engine, "end");
        line.put("reason", reason.text());
        let position_ms = recording.view().readings.duration_ms;
        line.put_recordings(&[involved(&recording, Some(position_ms), status)]);
        audit.push(line);
    }

    /// Notes that a recording has ended at its tap. Returns the final reason and the time of the
    /// end. An accepted discard takes precedence over any other reason.
    pub fn note_ended(&self, id: Uuid, reason: EndReason) -> (EndReason, i64) {
        self.panic_point("end");
        if self.registry.ended_itself(id, reason, self.clock.unix_ms()) {
            self.audit_end(id, reason, Status::Ok);
        }
        let Some(recording) = self.registry.recording(id) else {
            return (reason, self.clock.unix_ms());
        };
        let life = recording.lifecycle.lock();
        match life.end_reason {
            Some(EndReason::Discarded) => (EndReason::Discarded, life.ended_at_ms),
            _ => (reason, life.ended_at_ms),
        }
    }

    pub fn note_failed(&self, id: Uuid, error: &Error) {
        if self.registry.failed(id, error.status, self.clock.unix_ms()) {
            self.audit_end(id, EndReason::WriteError, error.status);
        }
        self.bus.log(
            LogLevel::Error,
            format!("recording {id} has failed: {}", error.message),
        );
    }

    /// Publishes a loss at once, even while the disk hangs, but never before the recording's
    /// `STARTED` or after its terminal event.
    pub fn report_loss(&self, id: Uuid, spans: &[SpanEntry]) {
        let Some(recording) = self.registry.recording(id) else {
            return;
        };
        let mut stage = recording.event_stage.lock();
        match &mut *stage {
            EventStage::Started => self.publish_loss(&recording, &span_objects(spans, SPANS_MAX)),
            EventStage::Unpublished => *stage = EventStage::LossPending(span_objects(spans, SPANS_MAX)),
            EventStage::LossPending(earlier) => {
                let more = SPANS_MAX.saturating_sub(earlier.len());
                earlier.extend(span_objects(spans, more));
            }
            EventStage::Ended => {}
        }
    }

    fn publish_loss(&self, recording: &Recording, spans: &[String]) {
        let spans = format!(",\"loss\":[{}]", spans.join(","));
        self.publish(EventKind::Loss, recording, None, (0, &spans));
    }

    /// Publishes that a pause has begun or ended at this frame.
    fn publish_pause(&self, id: Uuid, change: ManifestChange) {
        let Some(recording) = self.registry.recording(id) else {
            return;
        };
        let (kind, state, frame) = match change {
            ManifestChange::Paused(frame) => (EventKind::Paused, RecordingState::Paused, frame),
            ManifestChange::Resumed(frame) => (EventKind::Resumed, RecordingState::Recording, frame),
            ManifestChange::Moved => return,
        };
        // Held, so that a pause is reported as overdue neither before its event nor after its end.
        let stage = recording.event_stage.lock();
        match kind {
            EventKind::Paused if *stage != EventStage::Ended => {
                self.overdue_pauses.begin(id, frame, self.clock.coarse_ns());
            }
            _ => self.overdue_pauses.end(id),
        }
        self.publish(kind, &recording, Some(state), (frame, &frame_member(frame)));
    }

    /// Reports the pauses that have become too long. Called once a second.
    pub fn report_overdue_pauses(&self) {
        while let Some(pause) = self.overdue_pauses.next_due(self.clock.coarse_ns()) {
            self.report_overdue_pause(&pause);
        }
    }

    fn report_overdue_pause(&self, pause: &OverduePause) {
        let Some(recording) = self.registry.recording(pause.id) else {
            return;
        };
        let stage = recording.event_stage.lock();
        if *stage == EventStage::Ended || !self.overdue_pauses.take(pause) {
            return;
        }
        let max_ms = self.pause_max_ms;
        let members = format!("{},\"pause_max_ms\":{max_ms}", frame_member(pause.frame));
        let state = Some(RecordingState::Paused);
        self.publish(
            EventKind::PauseOverdue,
            &recording,
            state,
            (pause.frame, &members),
        );
        drop(stage);
        self.bus.log(
            LogLevel::Warning,
            format!(
                "recording {} has been paused for more than {max_ms} ms (recording.pause_max_ms)",
                pause.id
            ),
        );
    }

    /// Publishes an event about a recording that this process started. `members` are added to the
    /// event's JSON object, each with a leading comma.
    fn publish(
        &self,
        kind: EventKind,
        recording: &Recording,
        state: Option<RecordingState>,
        (frame, members): (u64, &str),
    ) {
        let mut view = recording.view();
        if let Some(state) = state {
            view.state = state;
        }
        let mut event = Event::new(kind, self.clock.unix_ms());
        event.frame = frame;
        event.subject = EventSubject::Recording(Arc::new(view));
        event.detail = format!("\"recording\":{}{members}", recording.describe(None));
        self.bus.publish(event);
    }

    fn publish_start_failed(&self, recording: &Recording, error: &Error) {
        let view = recording.view();
        let mut event = Event::new(EventKind::StartFailed, self.clock.unix_ms());
        event.status = error.status as i32;
        let described = recording.describe(Some((error, view.ended_at_ms)));
        event.detail = format!("{},\"recording\":{described}", error_members(error));
        event.subject = EventSubject::Recording(Arc::new(view));
        *recording.event_stage.lock() = EventStage::Ended;
        self.bus.publish(event);
    }

    fn publish_end(&self, id: Uuid, recording: Option<&Recording>, mut manifest: Manifest, repeated: bool) {
        self.panic_point("published");
        let view = match recording {
            Some(recording) => {
                self.record_end(recording, &manifest);
                recording.view()
            }
            None => self.recovered_view(id, &manifest),
        };
        let kind = if view.state == RecordingState::Failed {
            EventKind::Failed
        } else {
            EventKind::Finished
        };
        let mut event = Event::new(kind, self.clock.unix_ms());
        event.flags = flags_of(&manifest, repeated);
        event.subject = EventSubject::Recording(Arc::new(view));
        event.inherited = recording.is_none();
        if manifest.spans.len() > SPANS_MAX {
            // The manifest beside the file contains them.
            manifest.spans.clear();
        }
        let described = serde_json::to_string(&manifest).unwrap_or_else(|_| "{}".to_owned());
        event.detail = format!("\"recording\":{described}");
        let store = self.store.get().cloned().unwrap_or_default();
        let ends = self.ends.clone();
        ends.count_published();
        event.settle = Some(Box::new(move || {
            if let Some(store) = store.upgrade() {
                store.settle(id);
            }
            ends.count_delivered();
        }));
        if let Some(recording) = recording {
            *recording.event_stage.lock() = EventStage::Ended;
            self.overdue_pauses.end(id);
        }
        self.bus.publish(event);
    }

    /// Removes a recording from the live ones. Runs even if publishing its event panicked, or
    /// closing would wait for the recording for ever. Runs after the event, so that a thread that
    /// finds the registry empty also finds every event published.
    fn finish_report(&self, id: Uuid, published: std::result::Result<(), String>) {
        self.registry.remember(id);
        if let Err(panic) = published {
            let message = format!(
                "recording {id}: its terminal event could not be delivered, and the next open reports its end: a \
                 fault inside callrec: {panic}"
            );
            self.bus.log(LogLevel::Error, message);
        }
    }

    /// The path of a file below the storage directory. Empty if the manifest names a place
    /// outside it.
    fn path(&self, file: &str) -> Text {
        let inside = Path::new(file)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if file.is_empty() || !inside {
            return Text::default();
        }
        // One by one, because manifests separate them by `/` on every system.
        let mut path = PathBuf::from(&self.directory);
        path.extend(Path::new(file));
        Text::from(path.to_string_lossy().into_owned())
    }

    fn raw_file(&self, manifest: &Manifest) -> RawFileView {
        let raw = manifest.raw.as_ref().map(|raw| RawFileView {
            path: self.path(&raw.file),
            digest: Text::new(&raw.digest),
            bytes: raw.bytes,
            packets: raw.packets,
        });
        raw.unwrap_or_default()
    }

    /// Stores the final state of a recording of this process.
    fn record_end(&self, recording: &Recording, manifest: &Manifest) {
        let state = state_of(manifest);
        let reason = manifest.end_reason().unwrap_or(EndReason::WriteError);
        self.registry
            .ended_itself(recording.id, reason, self.clock.unix_ms());
        let mut life = recording.lifecycle.lock();
        life.state = state;
        life.end_reason = Some(reason);
        life.error = match (state, life.error) {
            (RecordingState::Failed, Status::Ok) => manifest.failure(),
            (RecordingState::Failed, error) => error,
            // A failed write does not matter to a discarded recording.
            _ => Status::Ok,
        };
        life.path = self.path(&manifest.file);
        life.digest = Text::new(&manifest.digest);
        life.raw = self.raw_file(manifest);
        life.readings = Some(readings_of(manifest));
    }

    /// The view of a recording of an earlier process, built from its manifest.
    fn recovered_view(&self, id: Uuid, manifest: &Manifest) -> RecordingView {
        let state = state_of(manifest);
        let info = Arc::new(CallInfo::from_json(manifest.call.text()));
        RecordingView {
            id,
            order: 0,
            call: 0,
            previous: None,
            first_info: info.clone(),
            state,
            end_reason: manifest.end_reason(),
            error: match state {
                RecordingState::Failed => manifest.failure(),
                _ => Status::Ok,
            },
            spec: spec_of(manifest),
            info,
            url: Text::new(&manifest.url),
            path: self.path(&manifest.file),
            digest: Text::new(&manifest.digest),
            raw: self.raw_file(manifest),
            held: manifest.held,
            started_at_ms: manifest.started_at_ms,
            ended_at_ms: manifest.ended_at_ms,
            ended: 0,
            readings: readings_of(manifest),
            node: Text::default(),
            is_unreachable: false,
        }
    }
}

/// An error as members of an event's JSON object.
pub fn error_members(error: &Error) -> String {
    let message = serde_json::Value::from(error.message.as_str());
    format!("\"status\":{},\"error\":{message}", error.status as i32)
}

/// At most `most` spans, each as the JSON object that the manifest contains.
fn span_objects(spans: &[SpanEntry], most: usize) -> Vec<String> {
    let objects = spans.iter().take(most).map(serde_json::to_string);
    objects.filter_map(Result::ok).collect()
}

fn frame_member(frame: u64) -> String {
    format!(",\"frame\":{frame}")
}

/// The flags of a terminal event.
fn flags_of(manifest: &Manifest, repeated: bool) -> u32 {
    let flags = [
        (repeated, FLAG_REPEATED),
        (manifest.no_audio, FLAG_NO_AUDIO),
        (!manifest.undecoded.is_empty(), FLAG_LEG_UNDECODED),
    ];
    let set = flags.into_iter().filter(|(is_so, _)| *is_so);
    set.map(|(_, flag)| flag).sum()
}

fn state_of(manifest: &Manifest) -> RecordingState {
    if manifest.state_is(RecordingState::Failed) {
        RecordingState::Failed
    } else {
        RecordingState::Finished
    }
}

fn readings_of(manifest: &Manifest) -> Readings {
    Readings {
        rate: manifest.sample_rate,
        duration_ms: manifest.duration_ms,
        paused_ms: manifest.paused_ms,
        lost_ms: manifest.lost_ms,
        bytes: manifest.bytes,
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests;
