//! Commands from one node to another, and their responses, as JSON.

use std::sync::Arc;

use callrec_core::calls::{Caller, CallerOrigin, ControlCounts, ControlOperation};
use callrec_core::recorder::Recorder;
use callrec_core::text::Text;
use callrec_core::types::{Error, Result, Status};
use serde_json::{Value, json};

/// What a command applies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandTarget {
    Id(String),
    Line {
        device: Text,
        number: Text,
    },
    Call {
        call_id: Text,
        url: Option<Text>,
    },
    /// The calls of the caller.
    Own,
}

/// An operation on the recordings of another node.
#[derive(Clone, Debug)]
pub struct ClusterCommand {
    /// Unique.
    pub request: String,
    /// The node that waits for the response.
    pub from: String,
    pub caller: Caller,
    pub operation: ControlOperation,
    pub target: CommandTarget,
}

/// The response to a command.
#[derive(Clone, Debug)]
pub struct CommandReply {
    pub request: String,
    pub result: Result<ControlCounts>,
}

const OPERATIONS: [(ControlOperation, &str); 4] = [
    (ControlOperation::Stop, "stop"),
    (ControlOperation::Discard, "discard"),
    (ControlOperation::Pause, "pause"),
    (ControlOperation::Resume, "resume"),
];

/// The name of remote requests in the audit log.
const API: &str = "cluster";

impl CommandTarget {
    /// Carries out an operation on the recordings of this recorder.
    pub fn control(
        &self,
        recorder: &dyn Recorder,
        caller: &Caller,
        operation: ControlOperation,
    ) -> Result<ControlCounts> {
        match self {
            CommandTarget::Id(id) => {
                recorder.control_by_id(caller, operation, id)?;
                Ok(ControlCounts {
                    changed: 1,
                    ..ControlCounts::default()
                })
            }
            CommandTarget::Line { device, number } => {
                recorder.control_by_line(caller, operation, device, number)
            }
            CommandTarget::Call { call_id, url } => {
                recorder.control_by_call(caller, operation, call_id, url.as_ref())
            }
            CommandTarget::Own => recorder.control_own(caller, operation),
        }
    }
}

impl ClusterCommand {
    pub fn to_text(&self) -> String {
        let target = match &self.target {
            CommandTarget::Id(id) => json!({ "id": id }),
            CommandTarget::Line { device, number } => {
                json!({ "device": device.as_str(), "number": number.as_str() })
            }
            CommandTarget::Call { call_id, url } => {
                json!({ "call_id": call_id.as_str(), "url": url.as_ref().map(Text::as_str) })
            }
            CommandTarget::Own => json!({ "own": true }),
        };
        let operation = OPERATIONS.iter().find(|(known, _)| *known == self.operation);
        json!({
            "v": 1,
            "request": self.request,
            "from": self.from,
            "operation": operation.map(|(_, name)| *name),
            "target": target,
            "caller": caller_json(&self.caller),
        })
        .to_string()
    }

    /// `None` if the text is not a command.
    pub fn parse(text: &str) -> Option<ClusterCommand> {
        let json: Value = serde_json::from_str(text).ok()?;
        if json["v"] != 1 {
            return None;
        }
        let operation = json["operation"].as_str()?;
        Some(ClusterCommand {
            request: json["request"].as_str()?.to_owned(),
            from: json["from"].as_str()?.to_owned(),
            caller: caller_of(&json["caller"])?,
            operation: OPERATIONS.iter().find(|(_, name)| *name == operation)?.0,
            target: target_of(&json["target"])?,
        })
    }
}

fn target_of(json: &Value) -> Option<CommandTarget> {
    let text = |name: &str| json[name].as_str().map(Text::new);
    if let Some(id) = json["id"].as_str() {
        return Some(CommandTarget::Id(id.to_owned()));
    }
    if let Some((device, number)) = text("device").zip(text("number")) {
        return Some(CommandTarget::Line { device, number });
    }
    if let Some(call_id) = text("call_id") {
        return Some(CommandTarget::Call {
            call_id,
            url: text("url"),
        });
    }
    (json["own"] == true).then_some(CommandTarget::Own)
}

fn caller_json(caller: &Caller) -> Value {
    match caller {
        Caller::Host => json!("host"),
        Caller::User {
            username,
            level,
            origin,
        } => json!({
            "username": username.as_str(),
            "level": level,
            "source": origin.as_ref().and_then(|origin| origin.source).map(|source| source.to_string()),
            "login_level": origin.as_ref().and_then(|origin| origin.login_level()),
        }),
    }
}

fn caller_of(json: &Value) -> Option<Caller> {
    if json == "host" {
        return Some(Caller::Host);
    }
    let level = |name: &str| json[name].as_u64().and_then(|level| u32::try_from(level).ok());
    let source = json["source"].as_str().and_then(|source| source.parse().ok());
    let origin = CallerOrigin::new(API, source);
    if let Some(login_level) = level("login_level") {
        origin.note_login(login_level);
    }
    Some(Caller::User {
        username: Text::new(json["username"].as_str()?),
        level: level("level")?,
        origin: Some(Arc::new(origin)),
    })
}

impl CommandReply {
    pub fn to_text(&self) -> String {
        let json = match &self.result {
            Ok(counts) => json!({
                "v": 1,
                "response": self.request,
                "status": 0,
                "changed": counts.changed,
                "already": counts.already,
                "refused": counts.refused,
            }),
            Err(error) => json!({
                "v": 1,
                "response": self.request,
                "status": error.status as i32,
                "reason": error.reason,
                "device_name": error.device_name,
                "message": error.message,
            }),
        };
        json.to_string()
    }

    /// `None` if the text is not a response.
    pub fn parse(text: &str) -> Option<CommandReply> {
        let json: Value = serde_json::from_str(text).ok()?;
        let count = |name: &str| json[name].as_u64().and_then(|count| u32::try_from(count).ok());
        let code = |name: &str| json[name].as_i64().and_then(|code| i32::try_from(code).ok());
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        let request = json["response"].as_str().filter(|_| json["v"] == 1)?.to_owned();
        let result = match code("status")? {
            0 => Ok(ControlCounts {
                changed: count("changed")?,
                already: count("already")?,
                refused: count("refused")?,
            }),
            status => Err(Error {
                status: Status::from_code(status).unwrap_or(Status::Internal),
                reason: code("reason").unwrap_or(-1),
                device_name: text("device_name"),
                message: text("message"),
            }),
        };
        Some(CommandReply { request, result })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(caller: Caller, target: CommandTarget) -> ClusterCommand {
        ClusterCommand {
            request: "r-1".to_owned(),
            from: "n1".to_owned(),
            caller,
            operation: ControlOperation::Pause,
            target,
        }
    }

    #[test]
    fn commands_are_the_same_on_the_other_side() {
        let origin = CallerOrigin::new("an-api", "10.0.0.7".parse().ok());
        origin.note_login(10);
        let user = Caller::User {
            username: "ann".into(),
            level: 2,
            origin: Some(Arc::new(origin)),
        };
        for caller in [Caller::Host, user] {
            for target in [
                CommandTarget::Id("{75A9}".to_owned()),
                CommandTarget::Line {
                    device: "SEP1".into(),
                    number: Text::default(),
                },
                CommandTarget::Call {
                    call_id: "c".into(),
                    url: None,
                },
                CommandTarget::Call {
                    call_id: "c".into(),
                    url: Some("u".into()),
                },
                CommandTarget::Own,
            ] {
                let sent = command(caller.clone(), target);
                let read = ClusterCommand::parse(&sent.to_text()).expect("a command");
                let expected = format!("{sent:?}").replace("an-api", API);
                assert_eq!(format!("{read:?}"), expected);
            }
        }
    }

    #[test]
    fn responses_are_the_same_on_the_other_side() {
        let mut error = Error::new(Status::NotMonitorable, "line: not monitorable").with_reason(1);
        error.device_name = "SEP1".to_owned();
        let counts = ControlCounts {
            changed: 1,
            already: 2,
            refused: 3,
        };
        for result in [Ok(counts), Err(error)] {
            let sent = CommandReply {
                request: "r-1".to_owned(),
                result,
            };
            let read = CommandReply::parse(&sent.to_text()).expect("a response");
            assert_eq!((read.request, read.result), (sent.request, sent.result));
        }
    }

    #[test]
    fn other_texts_are_neither() {
        let good = command(Caller::Host, CommandTarget::Own).to_text();
        for text in [
            "",
            "{}",
            "[]",
            "\"v\"",
            &good.replace("pause", "erase"),
            &good.replace("\"v\":1", "\"v\":2"),
        ] {
            assert!(ClusterCommand::parse(text).is_none(), "{text}");
            assert!(CommandReply::parse(text).is_none(), "{text}");
        }
        assert!(CommandReply::parse(&good).is_none());
    }
}
