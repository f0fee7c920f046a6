//! Control: starts, and what acts on live recordings.

use std::sync::Arc;

use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::Engine;
use super::desk;
use super::paper::Paper;
use super::track::Track;
use crate::calls::recording::AUTOMATIC;
use crate::calls::{
    CallInfo, Caller, Counts, Founding, Operation, Recording, RecordingOptions, StartRequest,
};
use crate::clock::unix_ms;
use crate::events::{Event, Kind, LogLevel};
use crate::media::{Progress, TapSpec};
use crate::storage::{Callback, Fragment, Spans, Template};
use crate::text::Text;
use crate::words::{AudioSpec, Error, Format, Layout, PauseMode, Result, Status};

/// What a start asks for, as it was given.
pub struct StartArguments {
    pub call_id: Text,
    pub device_name: Text,
    pub directory_number: Text,
    pub flags: u32,
    pub layout: Layout,
    pub pause_mode: PauseMode,
    pub max_duration_ms: u32,
    /// What is wrong with the other arguments is told at its place in the order of checks.
    pub format: Result<Format>,
    /// Who is called back when it has ended.
    pub callback: Option<Callback>,
}

/// What of a recording can be made before the registry is locked.
struct Blank {
    id: Uuid,
    options: RecordingOptions,
    url: Text,
    callback: Option<Arc<Callback>>,
    progress: Arc<Progress>,
}

impl Engine {
    pub fn start(&self, caller: &Caller, arguments: &StartArguments) -> Result<Uuid> {
        self.start_for(caller, arguments, &Text::default())
    }

    /// On a user's own call: the one that became connected last.
    pub fn start_own(&self, username: &Text, arguments: &StartArguments) -> Result<Uuid> {
        if username.is_empty() {
            return Err(Error::new(Status::NoCall, "nobody is named"));
        }
        self.start_for(&Caller::Host, arguments, username)
    }

    fn start_for(&self, caller: &Caller, arguments: &StartArguments, username: &Text) -> Result<Uuid> {
        self.ready()?;
        let id = Uuid::new_v4();
        let request = StartRequest {
            call_id: &arguments.call_id,
            device_name: &arguments.device_name,
            directory_number: &arguments.directory_number,
            username,
            flags: arguments.flags,
        };
        let (format, checked) = match &arguments.format {
            Ok(format) => (*format, Ok(())),
            Err(error) => (Format::WAV, Err(error.clone())),
        };
        let options = RecordingOptions {
            layout: arguments.layout,
            pause_mode: arguments.pause_mode,
            format,
            max_duration_ms: arguments.max_duration_ms,
            flags: arguments.flags,
            automatic: false,
        };
        let blank = self.blank(id, options, arguments.callback.clone());
        let found = |founding: Founding<'_>| self.found(blank, &founding);
        self.registry
            .start(caller, &request, checked, self.room(), found)?;
        Ok(id)
    }

    /// The recording that a line's mark asks for. A call never fails because
    /// recording fails: an event says so, and the watch tries again.
    pub(super) fn start_automatic(&self, number: u64) {
        let id = Uuid::new_v4();
        let options = RecordingOptions {
            layout: self.config.layout,
            pause_mode: self.config.pause_mode,
            format: self.config.format,
            max_duration_ms: self.config.max_duration_ms,
            flags: AUTOMATIC,
            automatic: true,
        };
        let blank = self.blank(id, options, None);
        let found = |founding: Founding<'_>| self.found(blank, &founding);
        let room = self.ready().and_then(|()| self.room());
        if let Err(error) = self.registry.start_automatic(number, room, found) {
            self.tell_start_failed(number, &error);
        }
    }

    /// Once for each call, however often it is tried again.
    fn tell_start_failed(&self, number: u64, error: &Error) {
        if self.registry.automatic_failed(number) != Some(true) {
            return;
        }
        let mut event = Event::new(Kind::StartFailed, unix_ms());
        let info = self.registry.call_info(number);
        event.status = error.status as i32;
        event.call_tag = info.as_ref().map_or(0, |info| info.tag);
        let call = info.map(|info| Fragment::of(&info.told()));
        event.detail = format!(
            "{},\"call\":{}",
            desk::why(error),
            call.unwrap_or_default().text(),
        );
        self.bus.publish(event);
        self.bus.log(
            LogLevel::Warning,
            format!("automatic recording: {}", error.message),
        );
    }

    fn room(&self) -> Result<()> {
        if !self.store.low() {
            return Ok(());
        }
        Err(Error::new(
            Status::NoSpace,
            format!(
                "storage.min_free_bytes {}: only {} bytes are free",
                self.config.min_free_bytes,
                self.store.free_bytes()
            ),
        ))
    }

    fn blank(&self, id: Uuid, options: RecordingOptions, callback: Option<Callback>) -> Blank {
        let mut name = [0; Hyphenated::LENGTH];
        let name = id.as_hyphenated().encode_lower(&mut name);
        Blank {
            id,
            options,
            url: Text::joined(&[&self.config.url_base, name, ".", options.format.extension()]),
            callback: callback.map(Arc::new),
            progress: Arc::new(Progress::default()),
        }
    }

    /// Makes a recording of a call and starts its tap. Under the registry's lock:
    /// queues alone, no disk, no waiting.
    fn found(&self, blank: Blank, founding: &Founding<'_>) -> Arc<Recording> {
        let Blank {
            id,
            options,
            url,
            callback,
            progress,
        } = blank;
        let now_ms = unix_ms();
        let info = founding.info;
        let paper = Paper {
            id,
            options,
            url: url.clone(),
            started_at_ms: now_ms,
            info: info.clone(),
            lines: founding.lines.clone(),
            paused: false,
            shape: None,
            spans: Spans::default(),
            callback,
        };
        let draft = {
            let (paper, naming) = (paper.clone(), self.naming.clone());
            Box::new(move || (paper.manifest(), paper.name(&naming)))
        };
        let file = self.store.begin(id, draft);
        let track = Track::new(paper, file, progress.clone(), self.desk.clone());
        let recording = Arc::new(Recording::new(id, founding, options, url, now_ms, track.clone()));
        let call = self.calls.lock().get(&founding.call).cloned();
        if let Some(call) = call {
            let spec = TapSpec {
                id,
                audio: AudioSpec {
                    layout: options.layout,
                    format: options.format,
                    pause_mode: options.pause_mode,
                    max_duration_ms: options.max_duration_ms,
                    // G.711 files keep their 8000 Hz.
                    rate: if options.format.rate().is_none() {
                        self.config.sample_rate
                    } else {
                        0
                    },
                },
                progress,
                sink: Track::sink(&track),
            };
            if founding.paused {
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
        self.ready()?;
        self.registry.control_by_id(caller, operation, id, unix_ms())
    }

    pub fn control_by_line(
        &self,
        caller: &Caller,
        operation: Operation,
        device: &Text,
        number: &Text,
    ) -> Result<Counts> {
        self.ready()?;
        self.registry
            .control_by_line(caller, operation, device, number, unix_ms())
    }

    /// On all of a user's own calls.
    pub fn control_own(&self, username: &Text, operation: Operation) -> Result<Counts> {
        self.ready()?;
        self.registry.control_own(username, operation, unix_ms())
    }

    pub fn control_by_call(
        &self,
        caller: &Caller,
        operation: Operation,
        call_id: &Text,
        url: Option<&Text>,
    ) -> Result<Counts> {
        self.ready()?;
        self.registry
            .control_by_call(caller, operation, call_id, url, unix_ms())
    }
}
