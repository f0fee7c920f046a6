//! Events and their kinds.

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
    PauseOverdue = 15,
    Deleted = 16,
    Uploaded = 17,
    UploadFailed = 18,
    ClusterLost = 19,
    ClusterRestored = 20,
    NodeLost = 21,
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
            EventKind::PauseOverdue => "pause-overdue",
            EventKind::Deleted => "deleted",
            EventKind::Uploaded => "uploaded",
            EventKind::UploadFailed => "upload-failed",
            EventKind::ClusterLost => "cluster-lost",
            EventKind::ClusterRestored => "cluster-restored",
            EventKind::NodeLost => "node-lost",
        }
    }

    /// Whether the event is owed until it has been delivered, also by the next open.
    pub fn is_terminal(self) -> bool {
        matches!(self, EventKind::Finished | EventKind::Failed)
    }

    /// Whether only subscriptions that include call events receive the event.
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

/// The event may have been delivered before, by a process that died.
pub const FLAG_REPEATED: u32 = 1;
/// The recording's file contains no audio.
pub const FLAG_NO_AUDIO: u32 = 2;
/// A leg received packets, but none of its audio could be decoded.
pub const FLAG_LEG_UNDECODED: u32 = 4;
/// `CallBegan` for a call that was live before the subscription began.
pub const FLAG_LIVE: u32 = 8;

/// Called once, after the event has been delivered to every subscription that it is owed to.
pub type Settle = Box<dyn Fn() + Send + Sync>;

pub struct Event {
    pub kind: EventKind,
    pub flags: u32,
    pub time_ms: i64,
    /// The subject as it was when the event was created.
    pub subject: EventSubject,
    /// Why a recording could not begin or was not uploaded: a status of the C ABI.
    pub status: i32,
    /// Where a pause begins or has ended in the recording's file.
    pub frame: u64,
    /// The URL of the object with the audio, for the event of an upload.
    pub object_url: String,
    /// `"recording":{…}` or other members of the event's JSON object. If empty, the members of the
    /// subject are used.
    pub detail: String,
    pub settle: Option<Settle>,
    /// Owed by an earlier process.
    pub inherited: bool,
    /// Number of deliveries still to come.
    pub(super) pending_deliveries: AtomicU32,
    /// Position among all events of the bus.
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
            frame: 0,
            object_url: String::new(),
            detail: String::new(),
            settle: None,
            inherited: false,
            pending_deliveries: AtomicU32::new(0),
            order: 0,
        }
    }

    /// An event about a call. Its JSON members are made on delivery.
    pub fn of_call(kind: EventKind, time_ms: i64, call: CallFacts) -> Event {
        let mut event = Event::new(kind, time_ms);
        event.subject = EventSubject::Call(call);
        event
    }

    /// Whether this is a recording's last event, which is never dropped. A `StartFailed` without a
    /// recording, for a line whose policy could not be met, is not.
    pub fn is_last_of_recording(&self) -> bool {
        self.kind.is_terminal() || (self.kind == EventKind::StartFailed && self.subject.recording().is_some())
    }

    /// The event as one JSON object.
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

    /// Sets the number of deliveries after which the event is settled.
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
