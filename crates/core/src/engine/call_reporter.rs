//! Events about a call rather than one of its recordings: its beginning, changes and end, audio
//! that cannot be decoded, and silent legs.

use std::sync::Arc;

use callrec_codec::Codec;

use crate::calls::{CallInfo, CallState};
use crate::clock::{Clock, NS_PER_MS};
use crate::events::{Bus, CallFacts, Event, EventKind, EventSubject, LogLevel};
use crate::media::MediaReport;
use crate::storage::Fragment;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::types::{EndReason, Leg};

/// What the reporters of all calls of an engine share.
#[derive(Clone)]
pub struct ReportContext {
    pub bus: Arc<Bus>,
    pub clock: Arc<dyn Clock>,
    pub silent_ns: u64,
    pub is_memory_short: fn() -> bool,
}

/// Reports the events of one call. The registry calls it under its lock. The call's media worker
/// may call it after the registry has removed the call.
pub struct CallReporter {
    context: ReportContext,
    number: u64,
    /// The latest description of the call. `None` before the call has begun.
    info: Mutex<Option<Arc<CallInfo>>>,
    /// A declaration that a registered codec cannot decode has been logged. A party may repeat it.
    has_unusable_codec: AtomicBool,
}

impl CallReporter {
    pub fn new(number: u64, context: ReportContext) -> CallReporter {
        CallReporter {
            context,
            number,
            info: Mutex::default(),
            has_unusable_codec: AtomicBool::new(false),
        }
    }

    fn info(&self) -> Arc<CallInfo> {
        self.info.lock().clone().unwrap_or_default()
    }

    /// Stores a new description, publishes what has changed, and returns the previous
    /// description. Returns `None` when the call begins.
    pub fn describe(&self, info: &Arc<CallInfo>) -> Option<Arc<CallInfo>> {
        let before = self.info.lock().replace(info.clone());
        if self.context.bus.has_call_subscribers() {
            match &before {
                None => self.publish_lifecycle(EventKind::CallBegan, |_| {}),
                Some(before) => {
                    let changed = info.changes_since(before);
                    if !changed.is_empty() {
                        self.publish_lifecycle(EventKind::CallUpdated, |call| call.changed = changed);
                    }
                }
            }
        }
        before
    }

    pub fn end(&self, reason: EndReason) {
        if self.context.bus.has_call_subscribers() {
            self.publish_lifecycle(EventKind::CallEnded, |call| call.end_reason = Some(reason));
        }
    }

    /// A payload type is declared for a registered codec that cannot decode it.
    pub fn unusable_codec(&self, leg: Leg, cause: &str) {
        if !self.has_unusable_codec.swap(true, Ordering::Relaxed) {
            let (call, leg) = (self.info(), leg.text());
            let line = format!(
                "call \"{}\": the registered codec cannot decode what is declared for its {leg} leg: {cause}",
                call.call_id
            );
            self.context.bus.log(LogLevel::Warning, line);
        }
    }

    /// Runs under the registry's lock, so while memory is short the event is dropped.
    fn publish_lifecycle(&self, kind: EventKind, put: impl FnOnce(&mut CallFacts)) {
        let event = (!(self.context.is_memory_short)()).then(|| {
            let mut call = CallFacts::new(self.number, self.info());
            put(&mut call);
            Event::of_call(kind, self.context.clock.unix_ms(), call)
        });
        self.context.bus.publish_call(event);
    }

    /// `members` are the event's own members of its JSON object. `line` completes the log line.
    fn publish(&self, kind: EventKind, members: &str, line: &str) {
        let info = self.info();
        let line = format!("call \"{}\": {line}", info.call_id);
        let mut event = Event::new(kind, self.context.clock.unix_ms());
        event.detail = format!("{members},\"call\":{}", Fragment::of(&info.to_manifest()).text());
        event.subject = EventSubject::Call(CallFacts::new(self.number, info));
        self.context.bus.publish(event);
        self.context.bus.log(LogLevel::Warning, line);
    }
}

impl MediaReport for CallReporter {
    fn ignored(&self, leg: Leg, payload_type: u8) {
        let (codec, remedy) = (codec_of(payload_type), remedy_for(payload_type));
        let leg = leg.text();
        let members = format!(
            "\"leg\":\"{leg}\",\"payload_type\":{payload_type},\"codec\":\"{codec}\",\"remedy\":\"{remedy}\""
        );
        let line = format!(
            "packets of payload type {payload_type} ({codec}) on its {leg} leg are not recorded: {remedy}"
        );
        self.publish(EventKind::MediaIgnored, &members, &line);
    }

    fn is_connected(&self) -> bool {
        self.info().state == CallState::Connected
    }

    fn silent(&self, leg: Leg) {
        let (leg, silent_ms) = (leg.text(), self.context.silent_ns / NS_PER_MS);
        let members = format!("\"leg\":\"{leg}\",\"silent_ms\":{silent_ms}");
        let line = format!("its {leg} leg has had no decodable audio for {silent_ms} ms (media.silent_ms)");
        self.publish(EventKind::LegSilent, &members, &line);
    }
}

/// The encoding that RFC 3551 gives a payload type.
fn codec_of(payload_type: u8) -> &'static str {
    match payload_type {
        0 => "PCMU",
        3 => "GSM",
        4 => "G723",
        5 | 6 | 16 | 17 => "DVI4",
        7 => "LPC",
        8 => "PCMA",
        9 => "G722",
        10 => "L16 stereo",
        11 => "L16",
        12 => "QCELP",
        13 => "CN",
        14 => "MPA",
        15 => "G728",
        18 => "G729",
        25 => "CelB",
        26 => "JPEG",
        28 => "nv",
        31 => "H261",
        32 => "MPV",
        33 => "MP2T",
        34 => "H263",
        96..=127 => "dynamic",
        _ => "unassigned",
    }
}

/// The encodings that this build decodes.
fn decoded() -> String {
    let mut names = vec!["PCMU", "PCMA"];
    let optional = [(Codec::G722, "G722"), (Codec::Opus, "opus")];
    let built_in = optional.into_iter().filter(|(codec, _)| codec.is_built_in());
    names.extend(built_in.map(|(_, name)| name));
    format!("{} or L16", names.join(", "))
}

/// What the operator of the telephony system can do about packets of this type.
fn remedy_for(payload_type: u8) -> String {
    let (codec, decoded) = (codec_of(payload_type), decoded());
    match payload_type {
        96..=127 => format!(
            "declare the type with rec_feed_sdp or rec_feed_payload if it carries {decoded}, or a codec of \
             rec_codec_register; otherwise negotiate one of these"
        ),
        25..=34 if codec != "unassigned" => format!("{codec} is video; feed the packets of audio only"),
        _ if codec == "unassigned" => {
            format!("RFC 3551 assigns no codec to this type; negotiate {decoded}")
        }
        _ => format!(
            "this build cannot decode {codec}; negotiate {decoded}, or register a decoder with \
             rec_codec_register and declare the type"
        ),
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests;
