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

use crate::kit::{House, Reply, basic};
use crate::support::Call;

pub const BASE: &str = "/fw/Apps/Recorder/WebAPI/";
pub const DEVICE: &str = "SEP123456789ABC";
pub const NOBODYS: &str = "75A90276-E47E-4e9e-B463-E3C743D5FF3A";

/// Asks as this user, whose secret is "secret".
pub fn ask(house: &House, user: &str, method: &str, path: &str, body: &str) -> Reply {
    let who = basic(user, "secret");
    let mut headers = vec![("authorization", who.as_str())];
    if !body.is_empty() {
        headers.push(("content-type", "application/json"));
    }
    house.send(method, &format!("{BASE}{path}"), &headers, body)
}

/// Status and body, the body's absence as null.
pub fn told(reply: &Reply) -> (u16, Value) {
    let body = if reply.body.is_empty() {
        Value::Null
    } else {
        assert_eq!(reply.header("content-type"), "application/json");
        reply.json()
    };
    (reply.status, body)
}

pub fn as_admin(house: &House, method: &str, path: &str, body: &str) -> (u16, Value) {
    told(&ask(house, "admin", method, path, body))
}

pub fn status(house: &House, user: &str, method: &str, path: &str) -> (u16, Value) {
    told(&ask(house, user, method, path, ""))
}

/// Starts where the body says, as the administrator.
pub fn started(house: &House, body: &Value) -> String {
    let (status, answer) = as_admin(house, "POST", "LiveRecordings", &body.to_string());
    assert_eq!(status, 201, "{answer}");
    answer["id"].as_str().unwrap().to_owned()
}

pub fn on_first(house: &House) -> String {
    started(house, &json!({ "deviceName": DEVICE }))
}

/// The ids that are live, as the API lists them.
pub fn live(house: &House) -> Vec<String> {
    let (status, list) = as_admin(house, "GET", "LiveRecordings", "");
    assert_eq!(status, 200);
    let ids = list.as_array().unwrap().iter();
    ids.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// The first call as the seeds have it.
pub fn describe_first(house: &House, number: &str) {
    let call = Call {
        number: Some(number),
        numeric: Some("654321"),
        first: Some("John"),
        last: Some("Doe"),
        phone: Some("+1555123456"),
        direction: 2,
        ..Call::default()
    };
    call.update(house.calls[0]).unwrap();
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
