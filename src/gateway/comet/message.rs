//! Bayeux messages: what a client says, and the reply to it.

use serde_json::{Map, Value, json};

use super::session::Session;

/// One message of a client. Whatever is not as it should be reads as absent.
pub struct Asks<'a>(&'a Value);

impl<'a> Asks<'a> {
    pub fn new(message: &'a Value) -> Asks<'a> {
        Asks(message)
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

    pub fn takes_long_polling(&self) -> bool {
        match &self.0["supportedConnectionTypes"] {
            Value::Array(kinds) => kinds.iter().any(|kind| kind == LONG_POLLING),
            // The protocol demands it, but older clients leave it out.
            _ => true,
        }
    }

    /// Whether the client's ack extension is on.
    pub fn wants_ack(&self) -> bool {
        match &self.0["ext"]["ack"] {
            Value::Bool(wanted) => *wanted,
            Value::Object(ack) => ack.get("enabled") == Some(&Value::Bool(true)),
            _ => false,
        }
    }

    /// The last batch that the client has got.
    pub fn acknowledged(&self) -> Option<u64> {
        self.0["ext"]["ack"].as_u64()
    }

    fn reply(&self, successful: bool) -> Reply {
        let mut members = Map::new();
        let id = &self.0["id"];
        if id.is_string() || id.is_number() {
            members.insert("id".into(), id.clone());
        }
        if !self.channel().is_empty() {
            members.insert("channel".into(), self.channel().into());
        }
        members.insert("successful".into(), successful.into());
        Reply(members)
    }

    pub fn accepted(&self, session: &Session) -> Reply {
        self.reply(true).with("clientId", session.id().into())
    }

    /// `error`: code, arguments, text, with colons between.
    pub fn refused(&self, error: &str) -> Reply {
        self.reply(false).with("error", error.into())
    }
}

const LONG_POLLING: &str = "long-polling";

/// The reply to one message.
pub struct Reply(Map<String, Value>);

impl Reply {
    fn with(mut self, name: &str, value: Value) -> Reply {
        self.0.insert(name.into(), value);
        self
    }

    pub fn ext(self, ext: Value) -> Reply {
        self.with("ext", ext)
    }

    /// The subscription as it was asked for.
    pub fn subscription(self, asks: &Asks<'_>) -> Reply {
        self.with("subscription", asks.0["subscription"].clone())
    }

    /// What a handshake negotiates.
    pub fn offered(self) -> Reply {
        self.with("version", "1.0".into())
            .with("minimumVersion", "1.0".into())
            .with("supportedConnectionTypes", json!([LONG_POLLING]))
    }

    /// What a client has to do next: `retry`, `handshake` or `none`.
    pub fn advice(self, reconnect: &str, interval_ms: u32) -> Reply {
        self.with(
            "advice",
            json!({ "reconnect": reconnect, "interval": interval_ms }),
        )
    }

    /// How to poll.
    pub fn timing(self, timeout_ms: u32, session_ms: u32) -> Reply {
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

    pub fn text(self) -> String {
        Value::Object(self.0).to_string()
    }
}
