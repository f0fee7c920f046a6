//! Recordings of mandatory lines: every API refuses to stop them.

use callrec::capi::*;
use serde_json::{Value, json};

use crate::imagicle::{self, DEVICE};
use crate::server::{FIRST, PLIVO_ACCOUNT, TestServer, basic};
use crate::support::FilterFields;

/// A server with a recording of the first call, whose line is mandatory; and its id.
fn server_with_recording() -> (TestServer, String) {
    let server = TestServer::open(&[("gateway.apis", "imagicle,genesys,vobiz,plivo")]);
    let id = imagicle::start_on_first(&server);
    server
        .engine
        .line(Some(DEVICE), None, REC_LINE_MANDATORY)
        .unwrap();
    (server, id)
}

fn is_live(server: &TestServer, id: &str) -> bool {
    let recordings = server.engine.list(None, &FilterFields::default()).unwrap();
    recordings.iter().any(|recording| recording.id == id)
}

#[test]
fn imagicle_refuses_a_stop_by_id_by_line_and_of_mine_with_403() {
    let (server, id) = server_with_recording();
    for (user, path) in [
        ("admin", format!("LiveRecordings/{id}")),
        ("admin", format!("LiveRecordings?deviceName={DEVICE}")),
        ("admin", "LiveRecordings?directoryNumber=101".to_owned()),
        ("user1", "LiveRecordings/Mine".to_owned()),
    ] {
        let response = imagicle::status(&server, user, "DELETE", &path);
        assert_eq!(response, imagicle::empty(403), "{path}");
    }
    for verb in ["Pause", "Resume"] {
        let path = format!("LiveRecordings/Mine/{verb}");
        assert_eq!(
            imagicle::status(&server, "user1", "PUT", &path),
            imagicle::empty(204)
        );
    }
    assert!(is_live(&server, &id));
}

#[test]
fn genesys_offers_no_stop_and_refuses_it_with_403() {
    let (server, id) = server_with_recording();
    let login = basic("user1", "secret");
    let headers = [
        ("authorization", login.as_str()),
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
        let response = server.send("POST", &path, &headers, &body);
        (response.status, response.json()["statusCode"].clone())
    };
    assert_eq!(operations(), ["PauseCallRecording"]);
    assert_eq!(operate("StopCallRecording"), (403, json!(3)));
    assert_eq!(operate("PauseCallRecording"), (200, json!(0)));
    assert_eq!(operations(), ["ResumeCallRecording"]);
    assert_eq!(operate("StopCallRecording"), (403, json!(3)));
    assert_eq!(operate("ResumeCallRecording"), (200, json!(0)));
    // The device does not offer it either.
    let devices = server.send("GET", "/api/v2/me/devices", &headers, "").json();
    let device = &devices["devices"][0];
    assert_eq!(device["capabilities"], json!([]));
    let path = format!("/api/v2/me/devices/{}", device["id"].as_str().unwrap());
    let body = json!({ "operationName": "StopCallRecording" }).to_string();
    let response = server.send("POST", &path, &headers, &body);
    assert_eq!(
        (response.status, &response.json()["statusCode"]),
        (403, &json!(3))
    );
    assert!(is_live(&server, &id));
}

#[test]
fn vobiz_and_plivo_refuse_a_stop_with_403_in_their_form() {
    let (server, id) = server_with_recording();
    let path = |base: &str, account: &str| format!("{base}/Account/{account}/Call/{FIRST}/Record/");
    let token = [("x-auth-id", "MA_DEMO"), ("x-auth-token", "secret")];
    let response = server.send("DELETE", &path("/api/v1", "MA_DEMO"), &token, "");
    let body: Value = response.json();
    assert_eq!(
        (response.status, &body["error"]["code"]),
        (403, &json!("FORBIDDEN"))
    );
    let login = basic(PLIVO_ACCOUNT, "secret");
    let response = server.send(
        "DELETE",
        &path("/v1", PLIVO_ACCOUNT),
        &[("authorization", &login)],
        "",
    );
    assert_eq!(response.status, 403);
    assert!(response.json()["error"].as_str().unwrap().contains("mandatory"));
    assert!(is_live(&server, &id));
}
