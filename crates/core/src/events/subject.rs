//! The subject of an event: a recording, a call, or the engine itself.

use std::fmt::Write;
use std::sync::Arc;

use serde_json::Value;

use crate::calls::{CallInfo, RecordingView};
use crate::types::EndReason;

/// The subject of an event, as it was when the event was created.
#[derive(Clone, Debug, Default)]
pub enum EventSubject {
    /// Neither a recording nor a call.
    #[default]
    Engine,
    Recording(Arc<RecordingView>),
    Call(CallFacts),
}

/// A call as the subject of an event.
#[derive(Clone, Debug)]
pub struct CallFacts {
    /// The engine's number of the call.
    pub number: u64,
    pub info: Arc<CallInfo>,
    /// The JSON names of the changed fields, for an update.
    pub changed: Vec<&'static str>,
    /// Why the call ended, for the event of its end.
    pub end_reason: Option<EndReason>,
}

impl EventSubject {
    pub fn recording(&self) -> Option<&RecordingView> {
        match self {
            EventSubject::Recording(view) => Some(view),
            _ => None,
        }
    }

    pub fn call(&self) -> Option<&CallFacts> {
        match self {
            EventSubject::Call(call) => Some(call),
            _ => None,
        }
    }

    /// The engine's number of the call or of the recording's call; 0 if this process does not know
    /// the call.
    pub fn call_number(&self) -> u64 {
        match self {
            EventSubject::Engine => 0,
            EventSubject::Recording(view) => view.call,
            EventSubject::Call(call) => call.number,
        }
    }

    /// The host's tag of that call.
    pub fn call_tag(&self) -> u64 {
        match self {
            EventSubject::Engine => 0,
            EventSubject::Recording(view) => view.info.tag,
            EventSubject::Call(call) => call.info.tag,
        }
    }
}

impl CallFacts {
    pub fn new(number: u64, info: Arc<CallInfo>) -> CallFacts {
        CallFacts {
            number,
            info,
            changed: Vec::new(),
            end_reason: None,
        }
    }

    /// The members that describe the call in an event's JSON object.
    pub(super) fn json_members(&self) -> String {
        let call = serde_json::to_string(&self.info.to_event()).unwrap_or_else(|_| "{}".to_owned());
        let mut members = format!("\"call_number\":{},\"call\":{call}", self.number);
        // Writing to a String cannot fail.
        if !self.changed.is_empty() {
            let _ = write!(members, ",\"changed\":{}", Value::from(self.changed.as_slice()));
        }
        if let Some(reason) = self.end_reason {
            let _ = write!(members, ",\"end_reason\":\"{}\"", reason.text());
        }
        members
    }
}
