//! Collects an engine's events, and waits for them.

use callrec::capi::*;
use callrec_testkit::watched::Watched;

use super::abi::string;
use super::recordings::RecordingFields;

/// A copy of an event.
#[derive(Clone, Debug)]
pub struct ReceivedEvent {
    pub kind: i32,
    pub flags: u32,
    pub sequence: u64,
    pub call_tag: u64,
    pub frame: u64,
    pub object_url: String,
    pub recording: Option<RecordingFields>,
    pub json: serde_json::Value,
}

impl ReceivedEvent {
    pub fn copy(event: &rec_event) -> ReceivedEvent {
        ReceivedEvent {
            kind: event.kind,
            flags: event.flags,
            sequence: event.sequence,
            call_tag: event.call_tag,
            frame: event.frame,
            object_url: string(event.object_url),
            recording: unsafe { event.recording.as_ref() }.map(RecordingFields::copy),
            json: serde_json::from_str(&string(event.json)).unwrap(),
        }
    }

    pub fn is_terminal(&self) -> bool {
        matches!(self.kind, REC_EVENT_FINISHED | REC_EVENT_FAILED)
    }

    /// The id of the event's recording; "" if the event has none.
    pub fn id(&self) -> &str {
        self.recording.as_ref().map_or("", |recording| &recording.id)
    }
}

/// The events that a subscription has received.
#[derive(Default)]
pub struct ReceivedEvents(pub(super) Watched<Vec<ReceivedEvent>>);

impl ReceivedEvents {
    pub fn all(&self) -> Vec<ReceivedEvent> {
        self.0.get()
    }

    /// The events of one recording.
    pub fn of(&self, id: &str) -> Vec<ReceivedEvent> {
        self.all().into_iter().filter(|event| event.id() == id).collect()
    }

    /// The kinds of one recording's events.
    pub fn kinds(&self, id: &str) -> Vec<i32> {
        self.of(id).iter().map(|event| event.kind).collect()
    }

    /// Waits for an event that matches.
    #[track_caller]
    pub fn wait(&self, matches: impl Fn(&ReceivedEvent) -> bool) -> ReceivedEvent {
        self.0.wait_for("an event", |events| {
            events.iter().find(|event| matches(event)).cloned()
        })
    }

    #[track_caller]
    pub fn wait_kind(&self, id: &str, kind: i32) -> ReceivedEvent {
        self.wait(|event| event.id() == id && event.kind == kind)
    }

    #[track_caller]
    pub fn wait_terminal(&self, id: &str) -> ReceivedEvent {
        self.wait(|event| event.id() == id && event.is_terminal())
    }
}

/// The id of an event's recording; "" if the event has none.
pub fn id_of(event: &rec_event) -> String {
    match unsafe { event.recording.as_ref() } {
        Some(recording) => string(recording.id.text.as_ptr()),
        None => String::new(),
    }
}
