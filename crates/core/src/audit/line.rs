//! One line of the audit log, as the members of a JSON object.

use std::fmt::Write;
use std::net::IpAddr;

use serde_json::Value;
use uuid::Uuid;

use crate::calls::Caller;
use crate::storage::rfc3339;
use crate::text::{Text, abbreviate};
use crate::types::{Error, Status};

/// A line lists at most this many recordings. If there are more, it also contains their number.
const RECORDINGS_MAX: usize = 32;
/// The longest text of a name, in bytes. A longer one is shortened to its beginning and its end.
const TEXT_MAX: usize = 512;

/// Who did something.
#[derive(Clone, Copy, Debug)]
pub enum Actor<'a> {
    /// The engine, because of a line's policy, a limit or the end of a call.
    Engine,
    Caller(&'a Caller),
    /// A client without a valid login. `user` is the claimed name.
    Unauthenticated {
        api: &'a str,
        source: Option<IpAddr>,
        user: &'a str,
    },
}

/// A recording that an operation applied to.
#[derive(Clone, Debug)]
pub struct AuditedRecording {
    pub id: Uuid,
    pub call_id: Text,
    /// The recording's duration at the operation, if known.
    pub position_ms: Option<u64>,
    /// The result for this recording.
    pub status: Status,
}

/// A line that is being built.
#[derive(Debug)]
pub struct AuditLine(String);

impl AuditLine {
    pub fn new(time_ms: i64, actor: Actor<'_>, operation: &str) -> AuditLine {
        let mut line = AuditLine(String::with_capacity(384));
        line.put("time", &rfc3339(time_ms));
        match actor {
            Actor::Engine => {
                line.put("actor", "engine");
                line.put("api", "engine");
            }
            Actor::Caller(Caller::Host) => {
                line.put("actor", "host");
                line.put("api", "c");
            }
            Actor::Caller(Caller::User {
                username,
                level,
                origin,
            }) => {
                let login = origin.as_ref().and_then(|origin| origin.login_level());
                line.put_user(username.as_str(), Some(login.unwrap_or(*level)));
                let api = origin.as_ref().map_or("c", |origin| origin.api);
                line.put_origin(api, origin.as_ref().and_then(|origin| origin.source));
            }
            Actor::Unauthenticated { api, source, user } => {
                line.put_user(user, None);
                line.put_origin(api, source);
            }
        }
        line.put("operation", operation);
        line
    }

    fn put_user(&mut self, user: &str, level: Option<u32>) {
        self.put("actor", "user");
        self.put("user", user);
        if let Some(level) = level {
            self.put_number("level", level.into());
        }
    }

    fn put_origin(&mut self, api: &str, source: Option<IpAddr>) {
        self.put("api", api);
        if let Some(source) = source {
            self.put("source", &source.to_string());
        }
    }

    fn name(&mut self, name: &str) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        put_name(&mut self.0, name);
    }

    /// Adds a member with a text.
    pub fn put(&mut self, name: &str, text: &str) {
        self.name(name);
        put_quoted(&mut self.0, text);
    }

    pub fn put_number(&mut self, name: &str, number: u64) {
        self.name(name);
        let _ = write!(self.0, "{number}");
    }

    /// Adds the parameters of the request, without the empty ones.
    pub fn put_request(&mut self, fields: &[(&str, &str)]) {
        self.name("asked");
        self.0.push('{');
        let given = fields.iter().filter(|(_, text)| !text.is_empty());
        for (index, (name, text)) in given.enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            put_name(&mut self.0, name);
            put_quoted(&mut self.0, text);
        }
        self.0.push('}');
    }

    /// Adds the recordings that the operation applied to.
    pub fn put_recordings(&mut self, recordings: &[AuditedRecording]) {
        self.name("recordings");
        self.0.push('[');
        for (index, recording) in recordings.iter().take(RECORDINGS_MAX).enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            recording.put_json(&mut self.0);
        }
        self.0.push(']');
        if recordings.len() > RECORDINGS_MAX {
            self.put_number("recordings_in_all", recordings.len() as u64);
        }
    }

    pub fn put_outcome(&mut self, error: Option<&Error>) {
        let status = error.map_or(Status::Ok, |error| error.status);
        self.put("outcome", outcome(status));
        self.name("status");
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{}", status as i32);
    }

    /// Returns the members, without the object's braces.
    pub fn finish(self) -> String {
        self.0
    }
}

impl AuditedRecording {
    fn put_json(&self, json: &mut String) {
        let mut id = Uuid::encode_buffer();
        json.push_str("{\"id\":\"");
        json.push_str(self.id.hyphenated().encode_lower(&mut id));
        json.push('"');
        if !self.call_id.is_empty() {
            json.push_str(",\"call_id\":");
            put_quoted(json, self.call_id.as_str());
        }
        if let Some(position) = self.position_ms {
            let _ = write!(json, ",\"position_ms\":{position}");
        }
        if self.status != Status::Ok {
            let _ = write!(json, ",\"status\":{}", self.status as i32);
        }
        json.push('}');
    }
}

fn outcome(status: Status) -> &'static str {
    match status {
        Status::Ok => "done",
        _ => "refused",
    }
}

fn put_name(json: &mut String, name: &str) {
    json.push('"');
    json.push_str(name);
    json.push_str("\":");
}

/// Appends the text as a JSON string. Most texts have nothing to escape, and then this allocates
/// nothing: the thread that controls a recording writes its line.
fn put_quoted(json: &mut String, text: &str) {
    let text = &*abbreviate(text, TEXT_MAX);
    if text
        .bytes()
        .any(|byte| byte < b' ' || byte == b'"' || byte == b'\\')
    {
        json.push_str(&Value::from(text).to_string());
        return;
    }
    json.push('"');
    json.push_str(text);
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_consists_of_json_members() {
        let actor = Actor::Unauthenticated {
            api: "toy",
            source: Some(IpAddr::from([192, 0, 2, 7])),
            user: "a\"b\n",
        };
        let mut line = AuditLine::new(1_530_544_020_120, actor, "stop");
        line.put_request(&[("device", "SEP1"), ("number", "")]);
        let involved = AuditedRecording {
            id: Uuid::nil(),
            call_id: Text::new("c"),
            position_ms: Some(7),
            status: Status::Mandatory,
        };
        line.put_recordings(&vec![involved; RECORDINGS_MAX + 1]);
        line.put_outcome(Some(&Error::new(Status::Mandatory, "secret")));
        let text = format!("{{{}}}", line.finish());
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value["time"], "2018-07-02T15:07:00.120Z");
        assert_eq!(
            (&value["user"], &value["source"]),
            (&"a\"b\n".into(), &"192.0.2.7".into())
        );
        assert_eq!(value["asked"], serde_json::json!({ "device": "SEP1" }));
        assert_eq!(value["recordings"].as_array().map(Vec::len), Some(RECORDINGS_MAX));
        assert_eq!(value["recordings"][0]["position_ms"], 7);
        assert_eq!(value["recordings_in_all"], RECORDINGS_MAX + 1);
        assert_eq!(
            (&value["outcome"], &value["status"]),
            (&"refused".into(), &(-29).into())
        );
        assert!(!text.contains("secret"));
    }

    /// Every character is written as serde_json writes it.
    #[test]
    fn a_text_is_quoted_as_json() {
        for text in [
            "",
            "SEP1",
            "Grüße \u{7f}\u{2028}/",
            "a\"b",
            "a\\b",
            "a\tb",
            "\0",
            "\u{1f}",
        ] {
            let mut json = String::new();
            put_quoted(&mut json, text);
            assert_eq!(json, Value::from(text).to_string());
        }
    }

    #[test]
    fn a_long_name_is_shortened() {
        let mut line = AuditLine::new(0, Actor::Engine, "start");
        line.put_request(&[("device", &"x".repeat(1023))]);
        assert!(line.finish().len() < 2 * TEXT_MAX);
    }
}
