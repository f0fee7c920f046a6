//! Lines whose recordings are mandatory, through every API that stops.

use callrec::capi::*;
use serde_json::{Value, json};

use crate::imagicle::{self, DEVICE};
use crate::server::{FIRST, PLIVO_ACCOUNT, TestServer, basic};
use crate::support::FilterFields;

/// A recording of the first call, whose line is marked.
fn server() -> (TestServer, String) {
    let server = TestServer::open(&[("gateway.apis", "imagicle,genesys,vobiz,plivo")]);
    let id = imagicle::on_first(&server);
    server
        .engine
        .line(Some(DEVICE), None, REC_LINE_MANDATORY)
        .unwrap();
    (server, id)
}

fn is_live(server: &TestServer, id: &str) -> bool {
    let live = server.engine.list(None, &FilterFields::default()).unwrap();
    live.iter().any(|seen| seen.id == id)
}

#[test]
fn imagicle_answers_403_by_id_by_line_and_mine() {
    let (server, id) = server();
    for (user, path) in [
        ("admin", format!("LiveRecordings/{id}")),
        ("admin", format!("LiveRecordings?deviceName={DEVICE}")),
        ("admin", "LiveRecordings?directoryNumber=101".to_owned()),
        ("user1", "LiveRecordings/Mine".to_owned()),
    ] {
        let answer = imagicle::status(&server, user, "DELETE", &path);
        assert_eq!(answer, imagicle::none(403), "{path}");
    }
    for verb in ["Pause", "Resume"] {
        let path = format!("LiveRecordings/Mine/{verb}");
        assert_eq!(
            imagicle::status(&server, "user1", "PUT", &path),
            imagicle::none(204)
        );
    }
    assert!(is_live(&server, &id));
}

#[test]
fn genesys_offers_no_stop_and_answers_forbidden() {
    let (server, id) = server();
    let who = basic("user1", "secret");
    let headers = [
        ("authorization", who.as_str()),
        ("content-type", "application/json"),
    ];
    let path = format!("/api/v2/me/calls/{FIRST}");
    let operations = || -> Vec<String> {
        let call = server.send("GET", &path, &headers, "").json();
        let names = call["call"]["capabilities"].as_array().unwrap().iter();
        let names = names.map(|name| name.as_str().unwrap().to_owned());
        names.filter(|name| name.ends_with("CallRecording")).collect()
    };
    let operate = |name: &str| {
        let body = json!({ "operationName": name }).to_string();
        let reply = server.send("POST", &path, &headers, &body);
        (reply.status, reply.json()["statusCode"].clone())
    };
    assert_eq!(operations(), ["PauseCallRecording"]);
    assert_eq!(operate("StopCallRecording"), (403, json!(3)));
    assert_eq!(operate("PauseCallRecording"), (200, json!(0)));
    assert_eq!(operations(), ["ResumeCallRecording"]);
    assert_eq!(operate("StopCallRecording"), (403, json!(3)));
    assert_eq!(operate("ResumeCallRecording"), (200, json!(0)));
    // On the device neither.
    let devices = server.send("GET", "/api/v2/me/devices", &headers, "").json();
    let device = &devices["devices"][0];
    assert_eq!(device["capabilities"], json!([]));
    let path = format!("/api/v2/me/devices/{}", device["id"].as_str().unwrap());
    let body = json!({ "operationName": "StopCallRecording" }).to_string();
    let reply = server.send("POST", &path, &headers, &body);
    assert_eq!((reply.status, &reply.json()["statusCode"]), (403, &json!(3)));
    assert!(is_live(&server, &id));
}

#[test]
fn vobiz_and_plivo_answer_403_in_their_form() {
    let (server, id) = server();
    let path = |base: &str, account: &str| format!("{base}/Account/{account}/Call/{FIRST}/Record/");
    let token = [("x-auth-id", "MA_DEMO"), ("x-auth-token", "secret")];
    let reply = server.send("DELETE", &path("/api/v1", "MA_DEMO"), &token, "");
    let body: Value = reply.json();
    assert_eq!((reply.status, &body["error"]["code"]), (403, &json!("FORBIDDEN")));
    let who = basic(PLIVO_ACCOUNT, "secret");
    let reply = server.send(
        "DELETE",
        &path("/v1", PLIVO_ACCOUNT),
        &[("authorization", &who)],
        "",
    );
    assert_eq!(reply.status, 403);
    assert!(reply.json()["error"].as_str().unwrap().contains("mandatory"));
    assert!(is_live(&server, &id));
}
