//! A plain CometD client, and a Genesys one beside it.

use std::time::Instant;

use serde_json::{Value, json};

use callrec_testkit::wait::PATIENCE;

use crate::server::{ClientResponse, TestServer, basic};

pub const COMETD: &str = "/genesys/cometd";
pub const CALLS: &str = "/v2/me/calls";

/// One session.
pub struct BayeuxClient<'a> {
    server: &'a TestServer,
    authorization: String,
    /// The browser's, if this is one of its tabs.
    cookie: Option<String>,
    pub id: String,
    /// The last batch that came, if both sides acknowledge.
    pub batch: Option<u64>,
}

/// Posts messages as a user, whatever they are.
pub fn post(server: &TestServer, user: &str, messages: &Value) -> ClientResponse {
    post_with(server, user, None, messages)
}

/// With a browser's cookie, if it has one.
pub fn post_with(server: &TestServer, user: &str, cookie: Option<&str>, messages: &Value) -> ClientResponse {
    let authorization = basic(user, "secret");
    let mut headers = vec![("authorization", authorization.as_str())];
    headers.extend(cookie.map(|cookie| ("cookie", cookie)));
    server.send("POST", COMETD, &headers, &messages.to_string())
}

/// The cookie that an answer sets, as a browser sends it back.
pub fn cookie_of(reply: &ClientResponse) -> String {
    let cookie = reply.header("set-cookie").split(';').next().unwrap();
    assert!(cookie.starts_with("BAYEUX_BROWSER="), "{reply:?}");
    cookie.to_owned()
}

pub fn handshake_message() -> Value {
    json!([{
        "id": "1",
        "channel": "/meta/handshake",
        "version": "1.0",
        "minimumVersion": "1.0",
        "supportedConnectionTypes": ["long-polling"],
    }])
}

impl<'a> BayeuxClient<'a> {
    pub fn new(server: &'a TestServer, user: &str) -> BayeuxClient<'a> {
        BayeuxClient::shake(server, user, handshake_message())
    }

    pub fn acknowledging(server: &'a TestServer, user: &str) -> BayeuxClient<'a> {
        let mut message = handshake_message();
        message[0]["ext"] = json!({ "ack": true });
        let mut client = BayeuxClient::shake(server, user, message);
        client.batch = Some(0);
        client
    }

    /// One tab of a browser, subscribed; `None` is the first, which gets its cookie.
    pub fn tab(server: &'a TestServer, user: &str, cookie: Option<&str>) -> BayeuxClient<'a> {
        let reply = post_with(server, user, cookie, &handshake_message());
        let cookie = match cookie {
            Some(cookie) => cookie.to_owned(),
            None => cookie_of(&reply),
        };
        let client = BayeuxClient::of(server, user, Some(cookie), &reply);
        assert_eq!(client.subscribe(&json!(CALLS))["successful"], true);
        client
    }

    /// Of this browser from now on.
    pub fn with_cookie(self, cookie: &str) -> BayeuxClient<'a> {
        BayeuxClient {
            cookie: Some(cookie.to_owned()),
            ..self
        }
    }

    pub fn cookie(&self) -> &str {
        self.cookie.as_deref().unwrap()
    }

    fn shake(server: &'a TestServer, user: &str, message: Value) -> BayeuxClient<'a> {
        BayeuxClient::of(server, user, None, &post(server, user, &message))
    }

    /// From a handshake's answer. The first connect is always answered at once: it is made
    /// here, so that a later one is held.
    fn of(
        server: &'a TestServer,
        user: &str,
        cookie: Option<String>,
        shaken: &ClientResponse,
    ) -> BayeuxClient<'a> {
        let reply = shaken.json();
        assert_eq!(reply[0]["successful"], true, "{reply}");
        let client = BayeuxClient {
            server,
            authorization: basic(user, "secret"),
            cookie,
            id: reply[0]["clientId"].as_str().unwrap().to_owned(),
            batch: None,
        };
        assert!(client.poll(None).is_empty());
        client
    }

    /// With a subscription to the user's calls.
    pub fn subscribed(server: &'a TestServer, user: &str) -> BayeuxClient<'a> {
        let client = BayeuxClient::new(server, user);
        assert_eq!(client.subscribe(&json!(CALLS))["successful"], true);
        client
    }

    /// One message of this session; the whole answer.
    pub fn send(&self, mut message: Value) -> Value {
        message["clientId"] = self.id.as_str().into();
        let mut headers = vec![("authorization", self.authorization.as_str())];
        headers.extend(self.cookie.as_deref().map(|cookie| ("cookie", cookie)));
        let body = json!([message]).to_string();
        let reply = self.server.send("POST", COMETD, &headers, &body);
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    pub fn subscribe(&self, channel: &Value) -> Value {
        let message = json!({ "id": 2, "channel": "/meta/subscribe", "subscription": channel });
        self.send(message)[0].clone()
    }

    /// The whole answer; its last message is the connect's.
    pub fn connect(&self, timeout_ms: Option<u64>) -> Vec<Value> {
        let mut message = json!({
            "id": "3",
            "channel": "/meta/connect",
            "connectionType": "long-polling",
        });
        if let Some(timeout) = timeout_ms {
            message["advice"] = json!({ "timeout": timeout });
        }
        if let Some(batch) = self.batch {
            message["ext"] = json!({ "ack": batch });
        }
        match self.send(message) {
            Value::Array(messages) => messages,
            other => panic!("{other}"),
        }
    }

    /// Polls until so many notifications have come; then there are no more than that.
    pub fn notifications(&self, count: usize) -> Vec<Value> {
        let mut got = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        while got.len() < count && Instant::now() < deadline {
            got.extend(self.poll(Some(1000)));
        }
        assert_eq!(got.len(), count, "{got:#?}");
        got
    }

    pub fn poll(&self, timeout_ms: Option<u64>) -> Vec<Value> {
        let mut messages = self.connect(timeout_ms);
        let reply = messages.pop().unwrap();
        assert_eq!(reply["successful"], true, "{reply}");
        messages
    }
}

/// `POST /me/calls/{id}` with an operation.
pub fn operate(server: &TestServer, user: &str, call: &str, operation: &str) -> ClientResponse {
    let body = json!({ "operationName": operation }).to_string();
    let authorization = basic(user, "secret");
    let path = format!("/api/v2/me/calls/{call}");
    server.send("POST", &path, &[("authorization", &authorization)], &body)
}

/// The same where it has to go well.
pub fn done(server: &TestServer, user: &str, call: &str, operation: &str) {
    let reply = operate(server, user, call, operation);
    assert_eq!((reply.status, reply.text()), (200, r#"{"statusCode":0}"#));
}

pub fn get(server: &TestServer, user: &str, path: &str) -> ClientResponse {
    let authorization = basic(user, "secret");
    let path = format!("/api/v2{path}");
    server.send("GET", &path, &[("authorization", &authorization)], "")
}

/// A call as `GET /me/calls/{id}` shows it.
pub fn resource(server: &TestServer, user: &str, call: &str) -> Value {
    get(server, user, &format!("/me/calls/{call}")).json()["call"].clone()
}

/// (status, statusCode), and that nothing else but a message is there.
pub fn refusal(reply: &ClientResponse) -> (u16, u64) {
    let json = reply.json();
    let members: Vec<_> = json.as_object().unwrap().keys().collect();
    assert_eq!(members, ["statusCode", "statusMessage"], "{json}");
    assert!(
        json["statusMessage"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
    (reply.status, json["statusCode"].as_u64().unwrap())
}

/// The recording operations that a call has.
pub fn operations(call: &Value) -> Vec<&str> {
    let all = call["capabilities"].as_array().unwrap().iter();
    all.map(|name| name.as_str().unwrap())
        .filter(|name| name.ends_with("CallRecording"))
        .collect()
}
