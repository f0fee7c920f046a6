//! What the engine writes to its audit log. No function here waits, except [`verify_audit`].

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use super::Engine;
use super::live_duration::current_duration_ms;
use crate::audit::{self, Actor, AuditHead, AuditLine, AuditReport, AuditedRecording, ChainHead};
use crate::calls::{Caller, ControlOperation, ControlOutcome, Filter, Recording};
use crate::config::Config;
use crate::text::Text;
use crate::types::{EndReason, Error, RecordingState, Result, Status};

/// The parameters of a request, by their names in the audit log.
pub(super) type RequestFields<'a> = &'a [(&'a str, &'a str)];

impl Engine {
    /// The last line of the audit log that is on the disk.
    pub fn audit_head(&self) -> Result<AuditHead> {
        self.require_open()?;
        self.audit.head()
    }

    pub(super) fn audit_start(&self, caller: &Caller, target: &Filter, started: &Result<Arc<Recording>>) {
        let mut line = self.line_of(caller, "start");
        line.put_request(&[
            ("device", target.device_name.as_str()),
            ("number", target.directory_number.as_str()),
            ("call_id", target.call_id.as_str()),
            ("user", target.username.as_str()),
        ]);
        if let Ok(recording) = started {
            line.put_recordings(&[involved(recording, Some(0), Status::Ok)]);
        }
        line.put_outcome(started.as_ref().err());
        self.audit.push(line);
    }

    /// A line's policy has started a recording, or the start failed.
    pub(super) fn audit_automatic_start(&self, call: u64, started: &Result<Arc<Recording>>) {
        let mut line = AuditLine::new(self.clock.unix_ms(), Actor::Engine, "start");
        let info = self.registry.call_info(call).unwrap_or_default();
        line.put_request(&[
            ("device", info.device_name.as_str()),
            ("number", info.directory_number.as_str()),
            ("call_id", info.call_id.as_str()),
        ]);
        if let Ok(recording) = started {
            line.put_recordings(&[involved(recording, Some(0), Status::Ok)]);
        }
        line.put_outcome(started.as_ref().err());
        self.audit.push(line);
    }

    pub(super) fn audit_control(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        request: RequestFields<'_>,
        touched: &[ControlOutcome],
        error: Option<&Error>,
    ) {
        let mut line = self.line_of(caller, text_of(operation));
        line.put_request(request);
        let now_ms = self.clock.unix_ms();
        let involved: Vec<AuditedRecording> = touched
            .iter()
            .map(|touched| {
                let position = position_of(touched, operation, &self.config, now_ms);
                involved(&touched.recording, Some(position), touched.status)
            })
            .collect();
        line.put_recordings(&involved);
        line.put_outcome(error);
        self.audit.push(line);
    }

    /// Recordings that ended because their call ended.
    pub(super) fn audit_call_end(&self, ended: &[Arc<Recording>], reason: EndReason) {
        if !ended.is_empty() {
            let now_ms = self.clock.unix_ms();
            let mut line = AuditLine::new(now_ms, Actor::Engine, "end");
            line.put("reason", reason.text());
            let involved: Vec<AuditedRecording> = ended
                .iter()
                .map(|recording| {
                    let position = current_duration_ms(&recording.live_view(), &self.config, now_ms);
                    involved(recording, Some(position), Status::Ok)
                })
                .collect();
            line.put_recordings(&involved);
            self.audit.push(line);
        }
    }

    /// A caller was refused information, such as a list.
    pub(super) fn audit_refusal<T>(&self, caller: &Caller, operation: &str, result: &Result<T>) {
        if let Err(error) = result
            && matches!(error.status, Status::Unauthenticated | Status::Forbidden)
        {
            let mut line = self.line_of(caller, operation);
            line.put_outcome(Some(error));
            self.audit.push(line);
        }
    }

    /// A finished recording has been downloaded. `part` is the requested byte range.
    pub fn audit_download(&self, caller: &Caller, id: Uuid, call_id: &str, part: &str) {
        let mut line = self.line_of(caller, "download");
        line.put_request(&[("id", &id.to_string()), ("range", part)]);
        let involved = AuditedRecording {
            id,
            call_id: Text::new(call_id),
            position_ms: None,
            status: Status::Ok,
        };
        line.put_recordings(&[involved]);
        line.put_outcome(None);
        self.audit.push(line);
    }

    /// A recording was held or released.
    pub(super) fn audit_hold(&self, caller: &Caller, operation: &str, id: Uuid) {
        let line = self.line_about(caller, operation, id);
        self.audit.push(line);
    }

    /// The line of a deletion. It names the recording by its id alone, because nothing of the call may be left.
    pub(super) fn deletion_line(&self, caller: &Caller, id: Uuid) -> AuditLine {
        self.line_about(caller, "delete", id)
    }

    fn line_about(&self, caller: &Caller, operation: &str, id: Uuid) -> AuditLine {
        let mut line = self.line_of(caller, operation);
        line.put_request(&[("id", &id.to_string())]);
        let involved = AuditedRecording {
            id,
            call_id: Text::default(),
            position_ms: None,
            status: Status::Ok,
        };
        line.put_recordings(&[involved]);
        line.put_outcome(None);
        line
    }

    /// A request to delete a recording, or to hold or release it, was refused.
    pub(super) fn audit_refused(&self, caller: &Caller, operation: &str, id: &str, error: &Error) {
        let mut line = self.line_of(caller, operation);
        line.put_request(&[("id", id)]);
        line.put_outcome(Some(error));
        self.audit.push(line);
    }

    /// An API refused the request of an authenticated caller before it reached the engine.
    /// `request` describes the request, `code` is the HTTP status.
    pub fn audit_refused_request(&self, caller: &Caller, request: &str, code: u16) {
        let mut line = self.line_of(caller, "refused");
        line.put_request(&[("request", request)]);
        put_refusal(&mut line, code);
        self.audit.push(line);
    }

    /// An API refused a request without a valid login. `user` is the claimed name.
    pub fn audit_refused_login(
        &self,
        (api, source): (&str, Option<IpAddr>),
        user: &str,
        request: &str,
        code: u16,
    ) {
        let actor = Actor::Unauthenticated { api, source, user };
        let mut line = AuditLine::new(self.clock.unix_ms(), actor, "refused");
        line.put_request(&[("request", request)]);
        put_refusal(&mut line, code);
        self.audit.push_login(line);
    }

    fn line_of(&self, caller: &Caller, operation: &str) -> AuditLine {
        if let Some(origin) = caller.origin() {
            origin.note();
        }
        AuditLine::new(self.clock.unix_ms(), Actor::Caller(caller), operation)
    }
}

/// Checks that the audit log of a storage directory is unchanged. Waits for the disk.
// Inlined into the package callrec, it would be compiled for speed.
#[inline(never)]
pub fn verify_audit(directory: &Path, known: Option<&ChainHead>) -> Result<AuditReport> {
    audit::verify(directory, known)
}

fn put_refusal(line: &mut AuditLine, code: u16) {
    line.put("outcome", "refused");
    line.put_number("http_status", code.into());
}

pub(super) fn involved(recording: &Recording, position_ms: Option<u64>, status: Status) -> AuditedRecording {
    AuditedRecording {
        id: recording.id,
        call_id: recording.call_id(),
        position_ms,
        status,
    }
}

/// The recording's duration, in ms, when the operation took effect.
fn position_of(touched: &ControlOutcome, operation: ControlOperation, config: &Config, now_ms: i64) -> u64 {
    let mut view = touched.recording.live_view();
    match (operation, touched.status) {
        (ControlOperation::Pause, Status::Ok) => view.state = RecordingState::Recording,
        (ControlOperation::Resume, Status::Ok) => view.state = RecordingState::Paused,
        _ => {}
    }
    current_duration_ms(&view, config, now_ms)
}

fn text_of(operation: ControlOperation) -> &'static str {
    match operation {
        ControlOperation::Stop => "stop",
        ControlOperation::Discard => "discard",
        ControlOperation::Pause => "pause",
        ControlOperation::Resume => "resume",
    }
}
