//! Imagicle's API: every operation with every published status, and the published requests
//! verbatim, sent by the test's client and by curl.

#[path = "imagicle/active.rs"]
mod active;
#[path = "imagicle/active_changes.rs"]
mod active_changes;
#[path = "imagicle/completed.rs"]
mod completed;
#[path = "imagicle/own_recordings.rs"]
mod own_recordings;
#[path = "imagicle/pause.rs"]
mod pause;
#[path = "imagicle/published_requests.rs"]
pub mod published_requests;
#[path = "imagicle/routing.rs"]
mod routing;
#[path = "imagicle/start.rs"]
mod start;
#[path = "imagicle/stop.rs"]
mod stop;

use serde_json::{Value, json};

use crate::server::{ClientResponse, TestServer, basic};
use crate::support::CallFields;

pub const BASE: &str = "/fw/Apps/Recorder/WebAPI/";
pub const DEVICE: &str = "SEP123456789ABC";
/// The id of no recording.
pub const UNKNOWN_ID: &str = "75A90276-E47E-4e9e-B463-E3C743D5FF3A";

/// Sends a request as `user`, whose secret is "secret".
pub fn request(server: &TestServer, user: &str, method: &str, path: &str, body: &str) -> ClientResponse {
    let login = basic(user, "secret");
    let mut headers = vec![("authorization", login.as_str())];
    if !body.is_empty() {
        headers.push(("content-type", "application/json"));
    }
    server.send(method, &format!("{BASE}{path}"), &headers, body)
}

/// The status and the JSON body of a response; null if it has no body.
pub fn status_and_body(response: &ClientResponse) -> (u16, Value) {
    let body = if response.body.is_empty() {
        Value::Null
    } else {
        assert_eq!(response.header("content-type"), "application/json");
        response.json()
    };
    (response.status, body)
}

pub fn as_admin(server: &TestServer, method: &str, path: &str, body: &str) -> (u16, Value) {
    status_and_body(&request(server, "admin", method, path, body))
}

pub fn status(server: &TestServer, user: &str, method: &str, path: &str) -> (u16, Value) {
    status_and_body(&request(server, user, method, path, ""))
}

/// Starts a recording as the administrator; returns its id.
pub fn start_recording(server: &TestServer, body: &Value) -> String {
    let (status, response) = as_admin(server, "POST", "LiveRecordings", &body.to_string());
    assert_eq!(status, 201, "{response}");
    response["id"].as_str().unwrap().to_owned()
}

/// Starts a recording of the first call as the administrator.
pub fn start_on_first(server: &TestServer) -> String {
    start_recording(server, &json!({ "deviceName": DEVICE }))
}

/// The ids of the live recordings, in the order of the list.
pub fn live_ids(server: &TestServer) -> Vec<String> {
    let (status, list) = as_admin(server, "GET", "LiveRecordings", "");
    assert_eq!(status, 200);
    let ids = list.as_array().unwrap().iter();
    ids.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// Gives the first call the parties of the published example.
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

/// A response without a body.
pub fn empty(status: u16) -> (u16, Value) {
    (status, Value::Null)
}

/// A response with status 400 and this reason.
pub fn reason(reason: i32) -> (u16, Value) {
    (400, json!({ "reason": reason }))
}

pub fn not_monitorable(device: &str) -> (u16, Value) {
    (400, json!({ "reason": 1, "deviceName": device }))
}
