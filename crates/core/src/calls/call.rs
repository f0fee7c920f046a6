//! A call's description, as the host provides it.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::consent::{Consent, ConsentUpdate};
use super::key::Key;
use super::parties::{PartyStay, PartyStayJson};
use crate::text::Text;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum CallState {
    Connected = 1,
    Held = 2,
    Alerting = 3,
}

impl CallState {
    pub fn text(self) -> &'static str {
        match self {
            CallState::Connected => "connected",
            CallState::Held => "held",
            CallState::Alerting => "alerting",
        }
    }
}

/// One version of a call's description. It is replaced as a whole when the call changes.
#[derive(Clone, Debug)]
pub struct CallInfo {
    pub state: CallState,
    pub direction: i32,
    pub tag: u64,
    pub connected_at_ms: i64,
    pub call_id: Text,
    /// Further ids, by which the call is found as well.
    pub related_ids: Arc<Vec<Text>>,
    pub switch_call_id: Text,
    pub device_name: Text,
    pub directory_number: Text,
    pub username: Text,
    pub numeric_user_id: Text,
    pub remote_first_name: Text,
    pub remote_last_name: Text,
    pub remote_phone_number: Text,
    pub ani: Text,
    pub dnis: Text,
    pub call_type: Text,
    pub attributes: Arc<Map<String, Value>>,
    /// Who is, and was, heard on each leg.
    pub parties: Arc<Vec<PartyStay>>,
    /// No audio of the call is recorded, whatever the state of its recordings.
    pub private: bool,
    pub consent: Consent,
}

impl Default for CallInfo {
    fn default() -> CallInfo {
        CallInfo {
            state: CallState::Connected,
            direction: 0,
            tag: 0,
            connected_at_ms: 0,
            call_id: Text::default(),
            related_ids: Arc::default(),
            switch_call_id: Text::default(),
            device_name: Text::default(),
            directory_number: Text::default(),
            username: Text::default(),
            numeric_user_id: Text::default(),
            remote_first_name: Text::default(),
            remote_last_name: Text::default(),
            remote_phone_number: Text::default(),
            ani: Text::default(),
            dnis: Text::default(),
            call_type: Text::default(),
            attributes: Arc::default(),
            parties: Arc::default(),
            private: false,
            consent: Consent::default(),
        }
    }
}

impl CallInfo {
    /// The value of the field that an index or a filter compares.
    pub fn key(&self, key: Key) -> &Text {
        match key {
            Key::Device => &self.device_name,
            Key::Number => &self.directory_number,
            Key::User => &self.username,
            Key::NumericUser => &self.numeric_user_id,
            Key::Call => &self.call_id,
            Key::SwitchCall => &self.switch_call_id,
        }
    }

    /// All values by which an index or a filter finds the call. Empty ones find nothing.
    pub fn keys(&self, key: Key) -> impl Iterator<Item = &Text> {
        let related: &[Text] = match key {
            Key::Call => &self.related_ids,
            _ => &[],
        };
        std::iter::once(self.key(key)).chain(related)
    }

    pub fn same_line(&self, other: &CallInfo) -> bool {
        self.device_name == other.device_name && self.directory_number == other.directory_number
    }

    /// Whether no audio of the call may be recorded now, whatever the state of its recordings.
    pub fn forbids_audio(&self) -> bool {
        self.private || self.consent.forbids_audio()
    }

    /// Whether its audio may not even be kept in memory for later recordings. While consent is
    /// awaited, it may, because the consent may reach back.
    pub fn forbids_past(&self) -> bool {
        self.private || self.consent.is_refused()
    }

    /// Serializes the call as in a manifest.
    pub fn to_manifest(&self) -> impl Serialize + '_ {
        self.to_json(None)
    }

    /// Serializes the call as in call events, with its state.
    pub fn to_event(&self) -> impl Serialize + '_ {
        self.to_json(Some(self.state.text()))
    }

    fn to_json<'a>(&'a self, state: Option<&'a str>) -> CallJson<'a> {
        CallJson {
            state,
            call_id: self.call_id.as_str(),
            related_call_ids: self.related_ids.iter().map(Text::as_str).collect(),
            switch_call_id: self.switch_call_id.as_str(),
            tag: self.tag,
            direction: direction_text(self.direction),
            connected_at_ms: self.connected_at_ms,
            device_name: self.device_name.as_str(),
            directory_number: self.directory_number.as_str(),
            username: self.username.as_str(),
            numeric_user_id: self.numeric_user_id.as_str(),
            remote_first_name: self.remote_first_name.as_str(),
            remote_last_name: self.remote_last_name.as_str(),
            remote_phone_number: self.remote_phone_number.as_str(),
            ani: self.ani.as_str(),
            dnis: self.dnis.as_str(),
            call_type: self.call_type.as_str(),
            attributes: &self.attributes,
            parties: self.parties.iter().map(PartyStay::to_json).collect(),
            private: self.private,
            consent: self.consent.member(),
            consent_required: self.consent.is_required,
            consent_source: self.consent.source.as_str(),
            consent_from_ms: self.consent.from_ms,
            consent_at_ms: self.consent.at_ms,
        }
    }

    /// The JSON names of the fields that differ from `before`, as in [`CallInfo::to_event`].
    pub fn changes_since(&self, before: &CallInfo) -> Vec<&'static str> {
        let differs = [
            ("state", self.state != before.state),
            ("related_call_ids", self.related_ids != before.related_ids),
            ("switch_call_id", self.switch_call_id != before.switch_call_id),
            ("tag", self.tag != before.tag),
            ("direction", self.direction != before.direction),
            ("connected_at_ms", self.connected_at_ms != before.connected_at_ms),
            ("device_name", self.device_name != before.device_name),
            (
                "directory_number",
                self.directory_number != before.directory_number,
            ),
            ("username", self.username != before.username),
            ("numeric_user_id", self.numeric_user_id != before.numeric_user_id),
            (
                "remote_first_name",
                self.remote_first_name != before.remote_first_name,
            ),
            (
                "remote_last_name",
                self.remote_last_name != before.remote_last_name,
            ),
            (
                "remote_phone_number",
                self.remote_phone_number != before.remote_phone_number,
            ),
            ("ani", self.ani != before.ani),
            ("dnis", self.dnis != before.dnis),
            ("call_type", self.call_type != before.call_type),
            ("attributes", self.attributes != before.attributes),
            ("parties", self.parties != before.parties),
            ("private", self.private != before.private),
            ("consent", self.consent.state != before.consent.state),
            ("consent_source", self.consent.source != before.consent.source),
            ("consent_from_ms", self.consent.from_ms != before.consent.from_ms),
            ("consent_at_ms", self.consent.at_ms != before.consent.at_ms),
        ];
        let changed = differs.into_iter().filter(|(_, differs)| *differs);
        changed.map(|(name, _)| name).collect()
    }

    /// Parses a call from a manifest. A missing or damaged field is empty.
    pub fn from_json(text: &str) -> CallInfo {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let text = |name: &str| Text::new(value[name].as_str().unwrap_or_default());
        CallInfo {
            state: CallState::Connected,
            direction: match value["direction"].as_str() {
                Some("incoming") => 1,
                Some("outgoing") => 2,
                _ => 0,
            },
            tag: value["tag"].as_u64().unwrap_or_default(),
            connected_at_ms: value["connected_at_ms"].as_i64().unwrap_or_default(),
            call_id: text("call_id"),
            related_ids: Arc::new(texts_of(&value["related_call_ids"])),
            switch_call_id: text("switch_call_id"),
            device_name: text("device_name"),
            directory_number: text("directory_number"),
            username: text("username"),
            numeric_user_id: text("numeric_user_id"),
            remote_first_name: text("remote_first_name"),
            remote_last_name: text("remote_last_name"),
            remote_phone_number: text("remote_phone_number"),
            ani: text("ani"),
            dnis: text("dnis"),
            call_type: text("call_type"),
            attributes: Arc::new(value["attributes"].as_object().cloned().unwrap_or_default()),
            parties: Arc::new(PartyStay::list_of(&value["parties"])),
            private: value["private"].as_bool().unwrap_or_default(),
            consent: Consent::from_json(&value),
        }
    }
}

fn texts_of(list: &Value) -> Vec<Text> {
    let texts = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    texts.map(Text::new).collect()
}

/// A call's JSON object in manifests and events.
#[derive(Serialize)]
struct CallJson<'a> {
    /// Only in events.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'a str>,
    call_id: &'a str,
    /// Omitted if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_call_ids: Vec<&'a str>,
    switch_call_id: &'a str,
    tag: u64,
    direction: &'a str,
    connected_at_ms: i64,
    device_name: &'a str,
    directory_number: &'a str,
    username: &'a str,
    numeric_user_id: &'a str,
    remote_first_name: &'a str,
    remote_last_name: &'a str,
    remote_phone_number: &'a str,
    ani: &'a str,
    dnis: &'a str,
    call_type: &'a str,
    attributes: &'a Map<String, Value>,
    /// Omitted unless the host has named any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parties: Vec<PartyStayJson<'a>>,
    /// Omitted unless the call is private.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    private: bool,
    /// Omitted while nobody has asked for consent, and none is required. So are the others.
    #[serde(skip_serializing_if = "str::is_empty")]
    consent: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    consent_required: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    consent_source: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    consent_from_ms: i64,
    #[serde(skip_serializing_if = "is_zero")]
    consent_at_ms: i64,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

fn direction_text(direction: i32) -> &'static str {
    match direction {
        1 => "incoming",
        2 => "outgoing",
        _ => "unknown",
    }
}

/// An update of a call. `None` keeps a field; an empty text clears it.
#[derive(Clone, Debug, Default)]
pub struct CallUpdate {
    pub state: Option<CallState>,
    pub direction: Option<i32>,
    pub tag: Option<u64>,
    pub connected_at_ms: Option<i64>,
    pub call_id: Option<Text>,
    /// Is added to those that the call has.
    pub related_id: Option<Text>,
    pub switch_call_id: Option<Text>,
    pub device_name: Option<Text>,
    pub directory_number: Option<Text>,
    pub username: Option<Text>,
    pub numeric_user_id: Option<Text>,
    pub remote_first_name: Option<Text>,
    pub remote_last_name: Option<Text>,
    pub remote_phone_number: Option<Text>,
    pub ani: Option<Text>,
    pub dnis: Option<Text>,
    pub call_type: Option<Text>,
    pub attributes: Option<Arc<Map<String, Value>>>,
    pub consent: ConsentUpdate,
}

impl CallUpdate {
    /// A copy of `info` with the update applied at `now_ms`. The call id does not change.
    pub fn apply(&self, info: &CallInfo, now_ms: i64) -> CallInfo {
        fn put<T: Clone>(new: &Option<T>, field: &mut T) {
            if let Some(new) = new {
                *field = new.clone();
            }
        }
        let mut next = info.clone();
        if let Some(id) = &self.related_id
            && !id.is_empty()
            && !info.keys(Key::Call).any(|known| known == id)
        {
            Arc::make_mut(&mut next.related_ids).push(id.clone());
        }
        put(&self.state, &mut next.state);
        put(&self.direction, &mut next.direction);
        put(&self.tag, &mut next.tag);
        put(&self.connected_at_ms, &mut next.connected_at_ms);
        put(&self.switch_call_id, &mut next.switch_call_id);
        put(&self.device_name, &mut next.device_name);
        put(&self.directory_number, &mut next.directory_number);
        put(&self.username, &mut next.username);
        put(&self.numeric_user_id, &mut next.numeric_user_id);
        put(&self.remote_first_name, &mut next.remote_first_name);
        put(&self.remote_last_name, &mut next.remote_last_name);
        put(&self.remote_phone_number, &mut next.remote_phone_number);
        put(&self.ani, &mut next.ani);
        put(&self.dnis, &mut next.dnis);
        put(&self.call_type, &mut next.call_type);
        put(&self.attributes, &mut next.attributes);
        next.consent = info.consent.updated(&self.consent, now_ms);
        next
    }
}

/// A line that a call was on, as the manifest lists it.
#[derive(Clone, Debug)]
pub struct LineStay {
    pub device_name: Text,
    pub directory_number: Text,
    pub username: Text,
    pub from_ms: i64,
}

impl LineStay {
    pub fn of(info: &CallInfo, from_ms: i64) -> LineStay {
        LineStay {
            device_name: info.device_name.clone(),
            directory_number: info.directory_number.clone(),
            username: info.username.clone(),
            from_ms,
        }
    }

    /// Serializes the line as in a manifest.
    pub fn to_manifest(&self) -> impl Serialize + '_ {
        LineStayJson {
            device_name: self.device_name.as_str(),
            directory_number: self.directory_number.as_str(),
            username: self.username.as_str(),
            from_ms: self.from_ms,
        }
    }
}

#[derive(Serialize)]
struct LineStayJson<'a> {
    device_name: &'a str,
    directory_number: &'a str,
    username: &'a str,
    from_ms: i64,
}
