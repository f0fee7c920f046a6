//! How a recording starts: its file in storage and its tap on the call's media.

use std::sync::Arc;

use super::Engine;
use super::facts::RecordingFacts;
use super::recording_output::RecordingOutput;
use super::recording_reporter;
use crate::calls::spec::AUTOMATIC;
use crate::calls::{AcceptedDraft, CallInfo, Recording, RecordingDraft, RecordingSpec};
use crate::clock::NS_PER_MS;
use crate::events::{CallFacts, Event, EventKind, EventSubject, LogLevel};
use crate::media::{Progress, TapSpec};
use crate::memory;
use crate::recorder::Recorder;
use crate::storage::{Fragment, Spans, Template};
use crate::types::{Error, Format, KeepRaw, Result, Status};

impl Engine {
    /// Starts the recording that a line's policy requires. If it fails, the call continues, an
    /// event reports the failure, and the watch retries.
    pub(super) fn start_automatic(&self, number: u64) {
        let spec = RecordingSpec {
            flags: AUTOMATIC,
            ..self.default_spec(self.config.format)
        };
        let draft = RecordingDraft::new((self.ids)(), spec, &self.config.url_base);
        let progress = Arc::new(Progress::default());
        let begin = |accepted: AcceptedDraft<'_>| self.begin(accepted, progress);
        let storage = self.require_open().and_then(|()| self.can_store());
        match self.registry.start_automatic(number, draft, storage, begin) {
            Ok(Some(recording)) => self.audit_automatic_start(number, &Ok(recording)),
            Ok(None) => {}
            Err(error) => self.publish_start_failed(number, error),
        }
    }

    /// Reports the failure once for each call, although the start is retried.
    fn publish_start_failed(&self, number: u64, error: Error) {
        if !self.registry.automatic_refused(number) {
            return;
        }
        let mut event = Event::new(EventKind::StartFailed, self.clock.unix_ms());
        let info = self.registry.call_info(number);
        event.status = error.status as i32;
        let call = info.as_ref().map(|info| Fragment::of(&info.to_manifest()));
        let call_id = info.as_ref().map_or("", |info| info.call_id.as_str());
        let message = format!(
            "call \"{call_id}\": its automatic recording cannot start, and callrec tries again: {}",
            error.message
        );
        event.detail = format!(
            "{},\"call\":{}",
            recording_reporter::error_members(&error),
            call.unwrap_or_default().text(),
        );
        if let Some(info) = info {
            event.subject = EventSubject::Call(CallFacts::new(number, info));
        }
        self.bus.publish(event);
        self.bus.log(LogLevel::Warning, message);
        self.audit_automatic_start(number, &Err(error));
    }

    /// Fails if there is no memory or no disk space for another recording, or if the storage
    /// directory was moved.
    pub fn can_store(&self) -> Result<()> {
        if (self.config.is_memory_short)() {
            return Err(memory::exhausted());
        }
        self.store.check_path()?;
        if !self.store.is_low_on_space() {
            return Ok(());
        }
        Err(Error::new(
            Status::NoSpace,
            format!(
                "storage.min_free_bytes {}: only {} bytes are free",
                self.config.storage.min_free_bytes,
                self.store.free_bytes()
            ),
        ))
    }

    /// Creates a recording of a call and starts its tap. Runs under the registry's lock, so it
    /// only pushes into queues and never waits.
    pub(super) fn begin(&self, accepted: AcceptedDraft<'_>, progress: Arc<Progress>) -> Arc<Recording> {
        let now_ms = self.clock.unix_ms();
        let draft = &accepted.draft;
        // The time of the first sample.
        let started_at_ms = now_ms.saturating_sub(draft.spec.lookback_ms.into());
        let (id, keep_raw, follows) = (draft.id, draft.spec.keep_raw, draft.follows);
        let mut spec = draft.spec.clone();
        spec.audio.format = self.with_encoder_defaults(spec.audio.format);
        let audio = spec.audio;
        let facts = RecordingFacts {
            id,
            spec,
            url: draft.url.clone(),
            started_at_ms,
            info: accepted.info.clone(),
            lines: accepted.lines.clone(),
            paused: false,
            held: false,
            consent_at_start: accepted.info.consent.member(),
            shape: None,
            spans: Spans::default(),
        };
        let first_manifest = {
            let (facts, naming) = (facts.clone(), self.naming.clone());
            Box::new(move || (facts.manifest(), facts.name(&naming)))
        };
        let mut file = self.store.begin(id, audio.format, first_manifest);
        if keep_raw != KeepRaw::Never {
            let unix_ns = now_ms.saturating_mul(NS_PER_MS as i64);
            file.keep_raw(id, unix_ns.saturating_sub_unsigned(self.clock.coarse_ns()));
        }
        let output = RecordingOutput::new(facts, file, progress.clone(), self.reporter.clone());
        let (call, paused, from_ns) = (accepted.call, accepted.paused, accepted.from_ns);
        let recording = Arc::new(Recording::new(accepted, started_at_ms, output.clone()));
        let call = self.calls.lock().get(&call).cloned();
        if let Some(call) = call {
            let spec = TapSpec {
                id,
                audio,
                keep_raw,
                from_ns,
                follows,
                progress,
                sink: RecordingOutput::sink(&output),
            };
            if paused {
                call.tap.start_paused(spec);
            } else {
                call.tap.start(spec);
            }
        }
        recording
    }

    /// The format with the configured values of the parameters that the start did not give.
    fn with_encoder_defaults(&self, format: Format) -> Format {
        format.or_defaults(|parameter| self.config.encoder_default(format.name(), parameter))
    }

    /// Renders a name template for a call as it was when a recording of it began. The
    /// placeholders for the recording's id and layout and for the call's attributes are empty.
    pub fn render_name(&self, template: &Template, info: &CallInfo, started_at_ms: i64) -> String {
        let fields = self.naming.fields(info, started_at_ms, &|_| None);
        template.render(&fields).path("")
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests;
