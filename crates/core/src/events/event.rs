//! An event, before it is given a number for each subscription.

use std::sync::Arc;

use crate::calls::View;
use crate::sync::atomic::{AtomicU32, Ordering};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Kind {
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
}

impl Kind {
    pub fn text(self) -> &'static str {
        match self {
            Kind::Started => "started",
            Kind::Paused => "paused",
            Kind::Resumed => "resumed",
            Kind::Finished => "finished",
            Kind::Failed => "failed",
            Kind::Loss => "loss",
            Kind::StartFailed => "start-failed",
            Kind::DiskLow => "disk-low",
            Kind::CallIdle => "call-idle",
            Kind::MediaIgnored => "media-ignored",
            Kind::LegSilent => "leg-silent",
        }
    }

    /// What is owed, also to the next open.
    pub fn is_terminal(self) -> bool {
        matches!(self, Kind::Finished | Kind::Failed)
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

/// Called once, when every subscription that was owed the event has been told.
pub type Settle = Box<dyn Fn() + Send + Sync>;

pub struct Event {
    pub kind: Kind,
    pub flags: u32,
    pub time_ms: i64,
    /// The recording, as it was then; `None` where the event is about none.
    pub subject: Option<Arc<View>>,
    /// Why something could not begin, as the ABI's number.
    pub status: i32,
    /// The host's number of the call, where no recording tells it.
    pub call_tag: u64,
    /// `"recording":{…}` or another member of the event's JSON object, or nothing.
    pub detail: String,
    pub settle: Option<Settle>,
    /// Of an earlier process: owed until somebody has heard it.
    pub inherited: bool,
    /// Deliveries that are still to come.
    pub(super) owed: AtomicU32,
}

impl Event {
    pub fn new(kind: Kind, time_ms: i64) -> Event {
        Event {
            kind,
            flags: 0,
            time_ms,
            subject: None,
            status: 0,
            call_tag: 0,
            detail: String::new(),
            settle: None,
            inherited: false,
            owed: AtomicU32::new(0),
        }
    }

    /// The last that is told of a recording, and so never dropped. (That a line's mark
    /// could not be met is about none, and may be told of each call.)
    pub fn is_last(&self) -> bool {
        self.kind.is_terminal() || (self.kind == Kind::StartFailed && self.subject.is_some())
    }

    /// The whole event as one JSON object.
    pub fn json(&self, sequence: u64) -> String {
        let comma = if self.detail.is_empty() { "" } else { "," };
        format!(
            "{{\"event\":\"{}\",\"sequence\":{sequence},\"time_ms\":{},\"repeated\":{}{comma}{}}}",
            self.kind.text(),
            self.time_ms,
            self.flags & FLAG_REPEATED != 0,
            self.detail,
        )
    }

    pub(super) fn delivered(&self) {
        if self.owed.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(settle) = &self.settle
        {
            settle();
        }
    }
}
