//! The call resource.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Genesys;
use super::recording_operation::RecordingOperation;
use callrec_core::calls::{CallInfo, CallState, CallView, NewestRecording};
use callrec_core::types::RecordingState;

/// The combined state of a call's recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallRecordingState {
    Recording,
    Paused,
    Stopped,
}

impl CallRecordingState {
    /// Recording if any is running, otherwise paused if any is paused, otherwise stopped.
    pub fn of(states: impl IntoIterator<Item = CallRecordingState>) -> CallRecordingState {
        let mut all = CallRecordingState::Stopped;
        for state in states {
            match state {
                CallRecordingState::Recording => return CallRecordingState::Recording,
                CallRecordingState::Paused => all = CallRecordingState::Paused,
                CallRecordingState::Stopped => {}
            }
        }
        all
    }

    pub fn of_live(state: RecordingState) -> CallRecordingState {
        match state {
            RecordingState::Recording => CallRecordingState::Recording,
            RecordingState::Paused => CallRecordingState::Paused,
            _ => CallRecordingState::Stopped,
        }
    }

    fn text(self) -> &'static str {
        match self {
            CallRecordingState::Recording => "Recording",
            CallRecordingState::Paused => "Paused",
            CallRecordingState::Stopped => "Stopped",
        }
    }

    /// The state as a value of `GSIP_RECORD`.
    fn gsip_record(self) -> &'static str {
        match self {
            CallRecordingState::Recording => "ON",
            CallRecordingState::Paused => "PAUSED",
            CallRecordingState::Stopped => "OFF",
        }
    }
}

/// The data of a call resource.
pub struct CallResource<'a> {
    pub info: &'a CallInfo,
    pub recorded: CallRecordingState,
    /// `None` if the call was never recorded.
    pub newest: Option<&'a NewestRecording>,
    /// Whether the call may be recorded; `None` after its end.
    pub monitorable: Option<bool>,
    /// The user may not stop the call's recordings.
    pub mandatory: bool,
    pub now_ms: i64,
}

impl<'a> CallResource<'a> {
    /// Combines a user's calls with the same id into the oldest one. Operations act on both ends of
    /// an internal call.
    pub fn live(ends: &'a [CallView], now_ms: i64) -> Option<CallResource<'a>> {
        let newest = ends.iter().filter_map(|end| end.newest.as_ref());
        Some(CallResource {
            info: &ends.first()?.info,
            recorded: recorded(ends),
            newest: newest.max_by_key(|newest| newest.order),
            monitorable: Some(ends.iter().any(|end| end.monitorable)),
            mandatory: is_mandatory(ends),
            now_ms,
        })
    }

    /// The recording operations that are possible now. Start is included while the call is held,
    /// since no notification reports its retrieval.
    pub fn operations(&self) -> &'static [RecordingOperation] {
        match (self.monitorable, self.recorded) {
            (None, _) => &[],
            (_, CallRecordingState::Recording) if self.mandatory => &[RecordingOperation::Pause],
            (_, CallRecordingState::Paused) if self.mandatory => &[RecordingOperation::Resume],
            (_, CallRecordingState::Recording) => &[RecordingOperation::Pause, RecordingOperation::Stop],
            (_, CallRecordingState::Paused) => &[RecordingOperation::Resume, RecordingOperation::Stop],
            (Some(true), CallRecordingState::Stopped) => &[RecordingOperation::Start],
            (_, CallRecordingState::Stopped) => &[],
        }
    }

    pub fn to_json(&self, genesys: &Genesys) -> Value {
        let info = self.info;
        let id = info.call_id.as_str();
        let base = base(genesys);
        let path = format!("/calls/{}", utf8_percent_encode(id, SEGMENT));
        json!({
            "id": id,
            "state": self.state(),
            "callUuid": id,
            "connId": info.switch_call_id.as_str(),
            "deviceUri": format!("{base}/devices/{}", device_id(info)),
            "participants": participants(info),
            "dnis": info.dnis.as_str(),
            "callType": call_type(info),
            "capabilities": self.capabilities(genesys),
            "userData": self.user_data(genesys),
            "duration": (self.now_ms - info.connected_at_ms).max(0).div_euclid(1000).to_string(),
            "mute": "Off",
            "recordingState": self.recorded.text(),
            "supervisorListeningIn": false,
            "monitoredUserMuted": false,
            "monitoring": false,
            "uri": format!("{base}/me{path}"),
            "path": path,
        })
    }

    fn state(&self) -> &'static str {
        match (self.monitorable, self.info.state) {
            (None, _) => "Released",
            (_, CallState::Connected) => "Established",
            (_, CallState::Held) => "Held",
            (_, CallState::Alerting) if self.info.direction == OUTGOING => "Dialing",
            (_, CallState::Alerting) => "Ringing",
        }
    }

    /// The configured capabilities, then those of recording.
    fn capabilities(&self, genesys: &Genesys) -> Vec<Value> {
        if self.monitorable.is_none() {
            return Vec::new();
        }
        let configured = genesys.config.capabilities.iter().map(String::as_str);
        let recording = self.operations().iter().map(|operation| operation.name());
        configured.chain(recording).map(Value::from).collect()
    }

    fn user_data(&self, genesys: &Genesys) -> Map<String, Value> {
        let mut data = Map::new();
        if self.newest.is_some() {
            data.insert(GSIP_RECORD.into(), self.recorded.gsip_record().into());
        }
        // Only callrec sets these two.
        let is_host_attribute = |key: &str| key != GSIP_RECORD && key != GSIP_REC_FN;
        for (key, value) in self
            .info
            .attributes
            .iter()
            .filter(|(key, _)| is_host_attribute(key))
        {
            data.insert(key.clone(), value.clone());
        }
        if let Some(newest) = self.newest {
            let (template, engine) = (&genesys.rec_fn, genesys.gateway.engine());
            let name = engine.render_name(template, &newest.info, newest.started_at_ms);
            data.insert(GSIP_REC_FN.into(), name.into());
        }
        data
    }
}

const GSIP_RECORD: &str = "GSIP_RECORD";
const GSIP_REC_FN: &str = "GSIP_REC_FN";

const INCOMING: i32 = 1;
const OUTGOING: i32 = 2;

/// Characters that are not percent-encoded in a path segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The namespace of device ids, which makes a device's UUID stable.
const DEVICES: Uuid = Uuid::from_u128(0x3f7b_24a5_8c1e_4f0a_9d62_5be7_0c41_d893);

/// The combined state of the live recordings of these calls.
pub fn recorded(calls: &[CallView]) -> CallRecordingState {
    let live = calls.iter().flat_map(|call| &call.live);
    CallRecordingState::of(live.map(|view| CallRecordingState::of_live(view.state)))
}

/// Whether all live recordings of these calls are on lines with mandatory recording.
fn is_mandatory(calls: &[CallView]) -> bool {
    let mut recorded = calls.iter().filter(|call| !call.live.is_empty()).peekable();
    recorded.peek().is_some() && recorded.all(|call| call.mandatory)
}

/// The API's base URL as clients see it.
pub fn base(genesys: &Genesys) -> String {
    format!("{}{}", genesys.gateway.public_url(), genesys.config.path)
}

pub fn device_id(info: &CallInfo) -> Uuid {
    let name = match info.device_name.as_str() {
        "" => info.directory_number.as_str(),
        name => name,
    };
    Uuid::new_v5(&DEVICES, name.as_bytes())
}

fn participants(info: &CallInfo) -> Vec<Value> {
    let number = info.remote_phone_number.as_str();
    if number.is_empty() {
        return Vec::new();
    }
    let e164 = if is_e164(number) { number } else { "" };
    vec![json!({
        "e164Number": e164,
        "formattedPhoneNumber": number,
        "phoneNumber": number,
        "digits": number.strip_prefix('+').filter(|_| !e164.is_empty()).unwrap_or(number),
    })]
}

/// `+` and at most 15 digits.
pub fn is_e164(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or_default();
    (1..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The host's value, or one that follows from the call's direction.
fn call_type(info: &CallInfo) -> &str {
    match (info.call_type.as_str(), info.direction) {
        ("", INCOMING) => "Inbound",
        ("", OUTGOING) => "Outbound",
        ("", _) => "Unknown",
        (given, _) => given,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_recordings_take_precedence_over_paused_ones() {
        use CallRecordingState::*;
        assert_eq!(CallRecordingState::of([Paused, Recording]), Recording);
        assert_eq!(CallRecordingState::of([Paused, Stopped]), Paused);
        assert_eq!(CallRecordingState::of([Stopped]), Stopped);
        assert_eq!(CallRecordingState::of([]), Stopped);
    }

    #[test]
    fn a_device_name_always_gives_the_same_uuid() {
        let mut info = CallInfo {
            device_name: "SEP123456789ABC".into(),
            directory_number: "101".into(),
            ..CallInfo::default()
        };
        let first = device_id(&info);
        info.directory_number = "102".into();
        assert_eq!(device_id(&info), first);
        info.device_name = "SEP123456789DEF".into();
        assert_ne!(device_id(&info), first);
        assert_eq!(first.get_version_num(), 5);
    }

    #[test]
    fn only_e164_numbers_are_recognized() {
        for (number, expected) in [
            ("+1555123456", true),
            ("15001", false),
            ("+", false),
            ("+49 8", false),
        ] {
            assert_eq!(is_e164(number), expected, "{number}");
        }
    }
}
