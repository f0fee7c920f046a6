//! Imagicle's API. Each operation with each published status, each subtlety by its name,
//! and the published requests to the letter, by our client and by curl.

#[path = "imagicle/active.rs"]
mod active;
#[path = "imagicle/completed.rs"]
mod completed;
#[path = "imagicle/door.rs"]
mod door;
#[path = "imagicle/mine.rs"]
mod mine;
#[path = "imagicle/pause.rs"]
mod pause;
#[path = "imagicle/seeds.rs"]
pub mod seeds;
#[path = "imagicle/start.rs"]
mod start;
#[path = "imagicle/stop.rs"]
mod stop;

use serde_json::{Value, json};

use crate::server::{ClientResponse, TestServer, basic};
use crate::support::CallFields;

pub const BASE: &str = "/fw/Apps/Recorder/WebAPI/";
pub const DEVICE: &str = "SEP123456789ABC";
pub const NOBODYS: &str = "75A90276-E47E-4e9e-B463-E3C743D5FF3A";

/// Asks as this user, whose secret is "secret".
pub fn ask(server: &TestServer, user: &str, method: &str, path: &str, body: &str) -> ClientResponse {
    let who = basic(user, "secret");
    let mut headers = vec![("authorization", who.as_str())];
    if !body.is_empty() {
        headers.push(("content-type", "application/json"));
    }
    server.send(method, &format!("{BASE}{path}"), &headers, body)
}

/// Status and body, the body's absence as null.
pub fn told(reply: &ClientResponse) -> (u16, Value) {
    let body = if reply.body.is_empty() {
        Value::Null
    } else {
        assert_eq!(reply.header("content-type"), "application/json");
        reply.json()
    };
    (reply.status, body)
}

pub fn as_admin(server: &TestServer, method: &str, path: &str, body: &str) -> (u16, Value) {
    told(&ask(server, "admin", method, path, body))
}

pub fn status(server: &TestServer, user: &str, method: &str, path: &str) -> (u16, Value) {
    told(&ask(server, user, method, path, ""))
}

/// Starts where the body says, as the administrator.
pub fn started(server: &TestServer, body: &Value) -> String {
    let (status, answer) = as_admin(server, "POST", "LiveRecordings", &body.to_string());
    assert_eq!(status, 201, "{answer}");
    answer["id"].as_str().unwrap().to_owned()
}

pub fn on_first(server: &TestServer) -> String {
    started(server, &json!({ "deviceName": DEVICE }))
}

/// The ids that are live, as the API lists them.
pub fn live(server: &TestServer) -> Vec<String> {
    let (status, list) = as_admin(server, "GET", "LiveRecordings", "");
    assert_eq!(status, 200);
    let ids = list.as_array().unwrap().iter();
    ids.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// The first call as the seeds have it.
pub fn describe_first(server: &TestServer, number: &str) {
    let call = CallFields {
        number: Some(number),
        numeric: Some("654321"),
        first: Some("John"),
        last: Some("Doe"),
        phone: Some("+1555123456"),
        direction: 2,
        ..CallFields::default()
    };
    call.update(server.calls[0]).unwrap();
}

pub fn none(status: u16) -> (u16, Value) {
    (status, Value::Null)
}

pub fn reason(reason: i32) -> (u16, Value) {
    (400, json!({ "reason": reason }))
}

pub fn not_monitorable(device: &str) -> (u16, Value) {
    (400, json!({ "reason": 1, "deviceName": device }))
}
