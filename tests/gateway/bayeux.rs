//! A plain CometD client, and requests to the Genesys API.

use std::net::TcpStream;
use std::time::Instant;

use serde_json::{Value, json};

use callrec_testkit::wait::PATIENCE;

use crate::server::{ClientResponse, TestServer, basic, send_raw};

pub const COMETD: &str = "/genesys/cometd";
pub const CALLS: &str = "/v2/me/calls";

/// A client with one session.
pub struct BayeuxClient<'a> {
    server: &'a TestServer,
    authorization: String,
    /// The browser's cookie, if the client is a tab of a browser.
    cookie: Option<String>,
    pub id: String,
    /// The last batch received, if client and server acknowledge.
    pub batch: Option<u64>,
}

/// Posts messages as a user.
pub fn post(server: &TestServer, user: &str, messages: &Value) -> ClientResponse {
    post_with(server, user, None, messages)
}

/// Posts messages as a user, with a browser's cookie if there is one.
pub fn post_with(server: &TestServer, user: &str, cookie: Option<&str>, messages: &Value) -> ClientResponse {
    let authorization = basic(user, "secret");
    let mut headers = vec![("authorization", authorization.as_str())];
    headers.extend(cookie.map(|cookie| ("cookie", cookie)));
    server.send("POST", COMETD, &headers, &messages.to_string())
}

/// The cookie that a response sets, in the form in which a browser returns it.
pub fn cookie_of(response: &ClientResponse) -> String {
    let cookie = response.header("set-cookie").split(';').next().unwrap();
    assert!(cookie.starts_with("BAYEUX_BROWSER="), "{response:?}");
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
        BayeuxClient::handshake(server, user, handshake_message())
    }

    pub fn acknowledging(server: &'a TestServer, user: &str) -> BayeuxClient<'a> {
        let mut message = handshake_message();
        message[0]["ext"] = json!({ "ack": true });
        let mut client = BayeuxClient::handshake(server, user, message);
        client.batch = Some(0);
        client
    }

    /// A subscribed tab of a browser. The browser's first tab has no cookie yet (`None`) and
    /// receives it.
    pub fn tab(server: &'a TestServer, user: &str, cookie: Option<&str>) -> BayeuxClient<'a> {
        let response = post_with(server, user, cookie, &handshake_message());
        let cookie = match cookie {
            Some(cookie) => cookie.to_owned(),
            None => cookie_of(&response),
        };
        let client = BayeuxClient::of(server, user, Some(cookie), &response);
        assert_eq!(client.subscribe(&json!(CALLS))["successful"], true);
        client
    }

    /// Moves the client to the browser that has this cookie.
    pub fn with_cookie(self, cookie: &str) -> BayeuxClient<'a> {
        BayeuxClient {
            cookie: Some(cookie.to_owned()),
            ..self
        }
    }

    pub fn cookie(&self) -> &str {
        self.cookie.as_deref().unwrap()
    }

    fn handshake(server: &'a TestServer, user: &str, message: Value) -> BayeuxClient<'a> {
        BayeuxClient::of(server, user, None, &post(server, user, &message))
    }

    /// A client from the response to a handshake. The first connect of a session is never
    /// held, so it is made here.
    fn of(
        server: &'a TestServer,
        user: &str,
        cookie: Option<String>,
        response: &ClientResponse,
    ) -> BayeuxClient<'a> {
        let reply = response.json();
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

    /// A client that has subscribed to the user's calls.
    pub fn subscribed(server: &'a TestServer, user: &str) -> BayeuxClient<'a> {
        let client = BayeuxClient::new(server, user);
        assert_eq!(client.subscribe(&json!(CALLS))["successful"], true);
        client
    }

    /// Sends one message of this session. Returns all messages of the response.
    pub fn send(&self, mut message: Value) -> Value {
        message["clientId"] = self.id.as_str().into();
        let mut headers = vec![("authorization", self.authorization.as_str())];
        headers.extend(self.cookie.as_deref().map(|cookie| ("cookie", cookie)));
        let body = json!([message]).to_string();
        let response = self.server.send("POST", COMETD, &headers, &body);
        assert_eq!(response.status, 200, "{response:?}");
        response.json()
    }

    /// Posts messages on a connection of their own and does not read the response.
    pub fn post_raw(&self, messages: &Value) -> TcpStream {
        let body = messages.to_string();
        let cookie = self.cookie.as_deref();
        let cookie = cookie.map_or_else(String::new, |cookie| format!("cookie: {cookie}\r\n"));
        let request = format!(
            "POST {COMETD} HTTP/1.1\r\nhost: a\r\nauthorization: {}\r\n{cookie}content-length: {}\r\n\r\n{body}",
            self.authorization,
            body.len()
        );
        send_raw(self.server.address(), &request)
    }

    pub fn subscribe(&self, channel: &Value) -> Value {
        let message = json!({ "id": 2, "channel": "/meta/subscribe", "subscription": channel });
        self.send(message)[0].clone()
    }

    /// Sends a connect. Returns all messages of the response; the last is the connect's reply.
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

    /// Polls until `count` notifications have arrived. Panics if more arrive with them.
    pub fn notifications(&self, count: usize) -> Vec<Value> {
        let mut notifications = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        while notifications.len() < count && Instant::now() < deadline {
            notifications.extend(self.poll(Some(1000)));
        }
        assert_eq!(notifications.len(), count, "{notifications:#?}");
        notifications
    }

    /// Sends a connect that must succeed. Returns the messages without its reply.
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

/// An operation that must succeed.
pub fn operate_ok(server: &TestServer, user: &str, call: &str, operation: &str) {
    let response = operate(server, user, call, operation);
    assert_eq!((response.status, response.text()), (200, r#"{"statusCode":0}"#));
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

/// The HTTP status and the `statusCode` of a refusal, whose body has nothing else but a message.
pub fn refusal(response: &ClientResponse) -> (u16, u64) {
    let json = response.json();
    let members: Vec<_> = json.as_object().unwrap().keys().collect();
    assert_eq!(members, ["statusCode", "statusMessage"], "{json}");
    assert!(
        json["statusMessage"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
    (response.status, json["statusCode"].as_u64().unwrap())
}

/// The recording operations among a call's capabilities.
pub fn operations(call: &Value) -> Vec<&str> {
    let all = call["capabilities"].as_array().unwrap().iter();
    all.map(|name| name.as_str().unwrap())
        .filter(|name| name.ends_with("CallRecording"))
        .collect()
}
