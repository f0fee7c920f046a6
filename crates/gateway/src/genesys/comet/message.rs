//! Bayeux messages and the replies to them.

use std::borrow::Cow;

use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use super::session::Session;
use crate::http::{HttpRequest, json_of};

/// Maximum number of messages in a request.
const MESSAGES_MAX: usize = 256;

/// Parses the messages of a request: an array, a single message, or a form.
pub fn parse(request: &HttpRequest, json_depth: u32) -> Result<Vec<Value>, String> {
    let mut messages = Vec::new();
    for text in texts(request) {
        match json_of(&text, json_depth)? {
            Value::Array(more) => messages.extend(more),
            message => messages.push(message),
        }
    }
    match messages.len() {
        0 => Err("no message".into()),
        count if count > MESSAGES_MAX => Err(format!("more than {MESSAGES_MAX} messages")),
        _ if !messages.iter().all(Value::is_object) => Err("a message is no object".into()),
        _ => Ok(messages),
    }
}

/// The body itself, or each `message` of a form.
fn texts(request: &HttpRequest) -> Vec<Cow<'_, [u8]>> {
    let body: &[u8] = request.body();
    let kind = request.header(CONTENT_TYPE.as_str()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    // Some clients label JSON as a form.
    let is_json = matches!(body.trim_ascii_start().first(), Some(b'[' | b'{'));
    if is_json || !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return vec![Cow::Borrowed(body)];
    }
    let pairs = form_urlencoded::parse(body).filter(|(name, _)| name == "message");
    pairs
        .map(|(_, text)| Cow::Owned(text.into_owned().into_bytes()))
        .collect()
}

/// One message of a client. Invalid members count as absent.
pub struct BayeuxRequest<'a>(&'a Value);

impl<'a> BayeuxRequest<'a> {
    pub fn new(message: &'a Value) -> BayeuxRequest<'a> {
        BayeuxRequest(message)
    }

    fn text(&self, name: &str) -> &'a str {
        self.0[name].as_str().unwrap_or_default()
    }

    pub fn channel(&self) -> &'a str {
        self.text("channel")
    }

    pub fn client_id(&self) -> &'a str {
        self.text("clientId")
    }

    /// One channel or several.
    pub fn subscriptions(&self) -> Vec<&'a str> {
        match &self.0["subscription"] {
            Value::String(channel) => vec![channel],
            Value::Array(channels) => channels
                .iter()
                .map(|one| one.as_str().unwrap_or_default())
                .collect(),
            _ => Vec::new(),
        }
    }

    /// How long the client wants its connect held, in milliseconds.
    pub fn timeout(&self) -> Option<u64> {
        self.0["advice"]["timeout"].as_u64()
    }

    pub fn supports_long_polling(&self) -> bool {
        match &self.0["supportedConnectionTypes"] {
            Value::Array(kinds) => kinds.iter().any(|kind| kind == LONG_POLLING),
            // Required by the protocol, but older clients omit it.
            _ => true,
        }
    }

    /// The reply to a request for the ack extension, in the client's own form, since older clients
    /// accept no other.
    pub fn ack_reply(&self) -> Option<Value> {
        match &self.0["ext"]["ack"] {
            Value::Bool(true) => Some(true.into()),
            Value::Object(ack) if ack.get("enabled") == Some(&Value::Bool(true)) => {
                Some(json!({ "enabled": true, "batch": 0 }))
            }
            _ => None,
        }
    }

    /// The last batch that the client has received, if it acknowledges. Some clients begin with -1.
    pub fn acknowledged(&self) -> Option<u64> {
        let batch = &self.0["ext"]["ack"];
        batch
            .as_u64()
            .or_else(|| batch.as_f64().map(|batch| batch as u64))
    }

    fn reply(&self, successful: bool) -> BayeuxReply {
        let mut members = Map::new();
        let id = &self.0["id"];
        if id.is_string() || id.is_number() {
            members.insert("id".into(), id.clone());
        }
        if !self.channel().is_empty() {
            members.insert("channel".into(), self.channel().into());
        }
        members.insert("successful".into(), successful.into());
        BayeuxReply(members)
    }

    pub fn accepted(&self, session: &Session) -> BayeuxReply {
        self.reply(true).with("clientId", session.id().into())
    }

    /// `error` has the form `code:arguments:text`.
    pub fn refused(&self, error: &str) -> BayeuxReply {
        self.reply(false).with("error", error.into())
    }
}

const LONG_POLLING: &str = "long-polling";

/// The reply to one message.
pub struct BayeuxReply(Map<String, Value>);

impl BayeuxReply {
    fn with(mut self, name: &str, value: Value) -> BayeuxReply {
        self.0.insert(name.into(), value);
        self
    }

    pub fn ext(self, ext: Value) -> BayeuxReply {
        self.with("ext", ext)
    }

    /// Repeats the requested subscription.
    pub fn subscription(self, request: &BayeuxRequest<'_>) -> BayeuxReply {
        self.with("subscription", request.0["subscription"].clone())
    }

    /// Adds the result of the handshake.
    pub fn negotiated(self) -> BayeuxReply {
        self.with("version", "1.0".into())
            .with("minimumVersion", "1.0".into())
            .with("supportedConnectionTypes", json!([LONG_POLLING]))
    }

    /// Adds the client's next step: `retry`, `handshake` or `none`.
    pub fn advice(self, reconnect: &str, interval_ms: u32) -> BayeuxReply {
        self.with(
            "advice",
            json!({ "reconnect": reconnect, "interval": interval_ms }),
        )
    }

    /// Adds the polling parameters.
    pub fn timing(self, timeout_ms: u32, session_ms: u32) -> BayeuxReply {
        self.with(
            "advice",
            json!({
                "reconnect": "retry",
                "interval": 0,
                "timeout": timeout_ms,
                "maxInterval": session_ms,
            }),
        )
    }

    /// Adds the polling parameters for a browser whose other sessions have connects held.
    pub fn multiple_clients(self, interval_ms: u32, timeout_ms: u32, session_ms: u32) -> BayeuxReply {
        self.with(
            "advice",
            json!({
                "reconnect": "retry",
                "interval": interval_ms,
                "timeout": timeout_ms,
                "maxInterval": session_ms,
                "multiple-clients": true,
            }),
        )
    }

    pub fn into_text(self) -> String {
        Value::Object(self.0).to_string()
    }
}
