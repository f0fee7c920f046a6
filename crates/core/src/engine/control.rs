//! Control: starts, and what acts on live recordings.

use std::sync::Arc;

use uuid::Uuid;

use super::Engine;
use super::desk;
use super::facts::RecordingFacts;
use super::track::Track;
use crate::calls::spec::AUTOMATIC;
use crate::calls::{
    AcceptedDraft, CallInfo, Caller, Counts, Filter, Operation, Recording, RecordingDraft, RecordingSpec,
};
use crate::events::{Event, Kind, LogLevel};
use crate::media::{Progress, TapSpec};
use crate::memory;
use crate::storage::{Fragment, Spans, Template};
use crate::text::Text;
use crate::words::{AudioSpec, Error, Format, Result, Status};

impl Engine {
    /// What the configuration says of recordings in this format.
    pub fn default_spec(&self, format: Format) -> RecordingSpec {
        let config = &self.config;
        RecordingSpec::new(AudioSpec {
            layout: config.layout,
            format,
            pause_mode: config.pause_mode,
            max_duration_ms: config.max_duration_ms,
            rate: self.file_rate(format),
        })
    }

    /// The rate that the configuration asks for in files of this format; 0: none.
    pub fn file_rate(&self, format: Format) -> u32 {
        match format.rate() {
            // G.711 files keep their 8000 Hz.
            Some(_) => 0,
            None => self.config.sample_rate,
        }
    }

    /// Starts a recording of one of the calls that match `target`.
    ///
    /// `spec`: an error is what is wrong with what is asked for beside the target. It is
    /// returned at its place in the order of checks.
    pub fn start(&self, caller: &Caller, target: &Filter, spec: Result<RecordingSpec>) -> Result<Uuid> {
        let started = self.begin_recording(caller, target, spec);
        self.note_start(caller, target, &started);
        Ok(started?.id)
    }

    fn begin_recording(
        &self,
        caller: &Caller,
        target: &Filter,
        spec: Result<RecordingSpec>,
    ) -> Result<Arc<Recording>> {
        self.ready()?;
        let draft = spec.map(|spec| RecordingDraft::new((self.ids)(), spec, &self.config.url_base));
        let progress = Arc::new(Progress::default());
        let begin = |accepted: AcceptedDraft<'_>| self.begin(accepted, progress);
        self.registry
            .start(caller, target, draft, self.can_store(), begin)
    }

    /// On the caller's own call, at whatever level they are: the one that became connected last.
    pub fn start_own(&self, caller: &Caller, spec: Result<RecordingSpec>) -> Result<Uuid> {
        let username = caller.username();
        let is_named = !username.is_empty();
        let target = Filter {
            username,
            ..Filter::default()
        };
        let started = match is_named {
            true => self.begin_recording(&Caller::Host, &target, spec),
            false => Err(Error::new(Status::NoCall, "nobody is named")),
        };
        self.note_start(caller, &target, &started);
        Ok(started?.id)
    }

    /// Starts the recording that a line's policy asks for. A call never fails because
    /// recording fails: an event says so, and the watch tries again.
    pub(super) fn start_automatic(&self, number: u64) {
        let spec = RecordingSpec {
            flags: AUTOMATIC,
            ..self.default_spec(self.config.format)
        };
        let draft = RecordingDraft::new((self.ids)(), spec, &self.config.url_base);
        let progress = Arc::new(Progress::default());
        let begin = |accepted: AcceptedDraft<'_>| self.begin(accepted, progress);
        let storage = self.ready().and_then(|()| self.can_store());
        match self.registry.start_automatic(number, draft, storage, begin) {
            Ok(Some(recording)) => self.note_automatic(number, &Ok(recording)),
            Ok(None) => {}
            Err(error) => self.tell_start_failed(number, error),
        }
    }

    /// Once for each call, however often it is tried again.
    fn tell_start_failed(&self, number: u64, error: Error) {
        if !self.registry.automatic_refused(number) {
            return;
        }
        let mut event = Event::new(Kind::StartFailed, self.clock.unix_ms());
        let info = self.registry.call_info(number);
        event.status = error.status as i32;
        event.call_tag = info.as_ref().map_or(0, |info| info.tag);
        let call = info.map(|info| Fragment::of(&info.told()));
        event.detail = format!(
            "{},\"call\":{}",
            desk::why(&error),
            call.unwrap_or_default().text(),
        );
        self.bus.publish(event);
        self.bus.log(
            LogLevel::Warning,
            format!("automatic recording: {}", error.message),
        );
        self.note_automatic(number, &Err(error));
    }

    /// Whether the storage, and the memory, take one more recording.
    pub fn can_store(&self) -> Result<()> {
        if (self.config.is_memory_short)() {
            return Err(memory::exhausted());
        }
        self.store.check_path()?;
        if !self.store.low() {
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

    /// Makes a recording of a call and starts its tap. Under the registry's lock:
    /// queues alone, no disk, no waiting.
    fn begin(&self, accepted: AcceptedDraft<'_>, progress: Arc<Progress>) -> Arc<Recording> {
        let started_at_ms = self.clock.unix_ms();
        let draft = &accepted.draft;
        let (id, audio) = (draft.id, draft.spec.audio);
        let facts = RecordingFacts {
            id,
            spec: draft.spec.clone(),
            url: draft.url.clone(),
            started_at_ms,
            info: accepted.info.clone(),
            lines: accepted.lines.clone(),
            paused: false,
            shape: None,
            spans: Spans::default(),
        };
        let first_manifest = {
            let (facts, naming) = (facts.clone(), self.naming.clone());
            Box::new(move || (facts.manifest(), facts.name(&naming)))
        };
        let file = self.store.begin(id, first_manifest);
        let track = Track::new(facts, file, progress.clone(), self.desk.clone());
        let (call, paused) = (accepted.call, accepted.paused);
        let recording = Arc::new(Recording::new(accepted, started_at_ms, track.clone()));
        let call = self.calls.lock().get(&call).cloned();
        if let Some(call) = call {
            let spec = TapSpec {
                id,
                audio,
                progress,
                sink: Track::sink(&track),
            };
            if paused {
                call.tap.start_paused(spec);
            } else {
                call.tap.start(spec);
            }
        }
        recording
    }

    /// What a template makes of a call as it was when a recording of it began. The
    /// recording's id and layout, and the call's attributes, are empty in it.
    pub fn render_name(&self, template: &Template, info: &CallInfo, started_at_ms: i64) -> String {
        let fields = self.naming.fields(info, started_at_ms, &|_| None);
        template.render(&fields).path("")
    }

    pub fn control_by_id(&self, caller: &Caller, operation: Operation, id: &str) -> Result<()> {
        let mut touched = Vec::new();
        let now_ms = self.clock.unix_ms();
        let done = self.ready().and_then(|()| {
            self.registry
                .control_by_id(caller, operation, id, now_ms, &mut touched)
        });
        self.note_control(caller, operation, &[("id", id)], &touched, done.as_ref().err());
        done
    }

    pub fn control_by_line(
        &self,
        caller: &Caller,
        operation: Operation,
        device: &Text,
        number: &Text,
    ) -> Result<Counts> {
        let mut touched = Vec::new();
        let now_ms = self.clock.unix_ms();
        let done = self.ready().and_then(|()| {
            self.registry
                .control_by_line(caller, operation, device, number, now_ms, &mut touched)
        });
        let asked = [("device", device.as_str()), ("number", number.as_str())];
        self.note_control(caller, operation, &asked, &touched, done.as_ref().err());
        done
    }

    /// On all of the caller's own calls, at whatever level they are.
    pub fn control_own(&self, caller: &Caller, operation: Operation) -> Result<Counts> {
        let mut touched = Vec::new();
        let now_ms = self.clock.unix_ms();
        let done = self
            .ready()
            .and_then(|()| self.registry.control_own(caller, operation, now_ms, &mut touched));
        let username = caller.username();
        let asked = [("user", username.as_str())];
        self.note_control(caller, operation, &asked, &touched, done.as_ref().err());
        done
    }

    pub fn control_by_call(
        &self,
        caller: &Caller,
        operation: Operation,
        call_id: &Text,
        url: Option<&Text>,
    ) -> Result<Counts> {
        let mut touched = Vec::new();
        let now_ms = self.clock.unix_ms();
        let done = self.ready().and_then(|()| {
            self.registry
                .control_by_call(caller, operation, call_id, url, now_ms, &mut touched)
        });
        let url = url.map_or("", Text::as_str);
        let asked = [("call_id", call_id.as_str()), ("url", url)];
        self.note_control(caller, operation, &asked, &touched, done.as_ref().err());
        done
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests;
