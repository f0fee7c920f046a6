//! An event, before it is given a number for each subscription.

use std::borrow::Cow;

use super::subject::{CallFacts, EventSubject};
use crate::sync::atomic::{AtomicU32, Ordering};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum EventKind {
    Started = 1,
    Paused = 2,
    Resumed = 3,
    Finished = 4,
    Failed = 5,
    Loss = 6,
    StartFailed = 7,
    DiskLow = 8,
    CallIdle = 9,
    MediaIgnored = 10,
    LegSilent = 11,
    CallBegan = 12,
    CallUpdated = 13,
    CallEnded = 14,
}

impl EventKind {
    pub fn text(self) -> &'static str {
        match self {
            EventKind::Started => "started",
            EventKind::Paused => "paused",
            EventKind::Resumed => "resumed",
            EventKind::Finished => "finished",
            EventKind::Failed => "failed",
            EventKind::Loss => "loss",
            EventKind::StartFailed => "start-failed",
            EventKind::DiskLow => "disk-low",
            EventKind::CallIdle => "call-idle",
            EventKind::MediaIgnored => "media-ignored",
            EventKind::LegSilent => "leg-silent",
            EventKind::CallBegan => "call-began",
            EventKind::CallUpdated => "call-updated",
            EventKind::CallEnded => "call-ended",
        }
    }

    /// What is owed, also to the next open.
    pub fn is_terminal(self) -> bool {
        matches!(self, EventKind::Finished | EventKind::Failed)
    }

    /// What is only told to a subscription that asks for the life of calls.
    pub fn is_call_lifecycle(self) -> bool {
        matches!(
            self,
            EventKind::CallBegan | EventKind::CallUpdated | EventKind::CallEnded
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum LogLevel {
    Error = 1,
    Warning = 2,
    Info = 3,
}

/// It may have been told before the process that owed it died.
pub const FLAG_REPEATED: u32 = 1;
/// Of a recording whose file has no audio at all.
pub const FLAG_NO_AUDIO: u32 = 2;
/// A leg had packets, and none of its audio could be decoded.
pub const FLAG_LEG_UNDECODED: u32 = 4;
/// A `CallBegan` of a call that was live already when the subscription began.
pub const FLAG_LIVE: u32 = 8;

/// Called once, when every subscription that was owed the event has been told.
pub type Settle = Box<dyn Fn() + Send + Sync>;

pub struct Event {
    pub kind: EventKind,
    pub flags: u32,
    pub time_ms: i64,
    /// What it is about, as it was then.
    pub subject: EventSubject,
    /// Why something could not begin, as the ABI's number.
    pub status: i32,
    /// `"recording":{…}` or other members of the event's JSON object. Empty: those that the
    /// subject has.
    pub detail: String,
    pub settle: Option<Settle>,
    /// Of an earlier process: owed until somebody has heard it.
    pub inherited: bool,
    /// Deliveries that are still to come.
    pub(super) pending_deliveries: AtomicU32,
    /// Its place among all events of the bus, whoever is told of them.
    pub(super) order: u64,
}

impl Event {
    pub fn new(kind: EventKind, time_ms: i64) -> Event {
        Event {
            kind,
            flags: 0,
            time_ms,
            subject: EventSubject::Engine,
            status: 0,
            detail: String::new(),
            settle: None,
            inherited: false,
            pending_deliveries: AtomicU32::new(0),
            order: 0,
        }
    }

    /// About a call, whose JSON members are made when it is told.
    pub fn of_call(kind: EventKind, time_ms: i64, call: CallFacts) -> Event {
        let mut event = Event::new(kind, time_ms);
        event.subject = EventSubject::Call(call);
        event
    }

    /// The last that is told of a recording, and so never dropped. (That a line's mark
    /// could not be met is about none, and may be told of each call.)
    pub fn is_last_of_recording(&self) -> bool {
        self.kind.is_terminal() || (self.kind == EventKind::StartFailed && self.subject.recording().is_some())
    }

    /// The whole event as one JSON object.
    pub fn json(&self, sequence: u64) -> String {
        let detail = match &self.subject {
            EventSubject::Call(call) if self.detail.is_empty() => Cow::from(call.json_members()),
            _ => Cow::from(&self.detail),
        };
        let comma = if detail.is_empty() { "" } else { "," };
        format!(
            "{{\"event\":\"{}\",\"sequence\":{sequence},\"time_ms\":{},\"repeated\":{}{comma}{detail}}}",
            self.kind.text(),
            self.time_ms,
            self.flags & FLAG_REPEATED != 0,
        )
    }

    /// So many are to be told.
    pub(super) fn expect_deliveries(&self, receivers: u32) {
        self.pending_deliveries.store(receivers, Ordering::Release);
    }

    pub(super) fn delivered(&self) {
        if self.pending_deliveries.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(settle) = &self.settle
        {
            settle();
        }
    }
}
