//! Every status of every operation, compared with the document.

use std::io::Read;

use serde_json::json;

use callrec_testkit::wait::PATIENCE;

use super::ContractTester;
use crate::server::{FIRST, SECOND, basic, send_raw};
use crate::vobiz::make_recording;

const IMAGICLE: &str = "/fw/Apps/Recorder/WebAPI";
const COMETD: &str = "/genesys/cometd";
/// Neither live nor finished.
const UNKNOWN_ID: &str = "75a90276-e47e-4e9e-b463-e3c743d5ff3a";

#[test]
fn every_documented_status_is_returned_as_documented() {
    let mut tester = ContractTester::new();
    missing_credentials_and_failed_authentication(&mut tester);
    oversized_bodies(&mut tester);
    imagicle_live(&mut tester);
    imagicle_completed(&mut tester);
    genesys(&mut tester);
    cometd(&mut tester);
    vobiz_or_plivo(&mut tester, "/api/v1", 200);
    vobiz_or_plivo(&mut tester, "/v1", 202);
    bulk_delete(&mut tester);
    audio(&mut tester);
    for path in ["/healthz", "/metrics", "/openapi.yaml", "/openapi.json"] {
        tester.check(200, "", "get", path, "");
    }
    let checked = &tester.contract.checked;
    let unchecked: Vec<String> = tester
        .contract
        .operations()
        .into_iter()
        .flat_map(|(method, path, statuses)| {
            let rows = statuses
                .into_iter()
                .map(move |status| (method.clone(), path.clone(), status));
            rows.collect::<Vec<_>>()
        })
        // The tests of each API cover a full and a closing engine.
        .filter(|row| row.2.as_str() < "501" && !checked.contains(row))
        .map(|(method, path, status)| format!("{method} {path} {status}"))
        .collect();
    assert!(unchecked.is_empty(), "{unchecked:#?}");
}

/// Without credentials, and with an authentication function that fails.
fn missing_credentials_and_failed_authentication(tester: &mut ContractTester) {
    for (method, template, statuses) in tester.contract.operations() {
        let path = tester.fill(&template);
        if statuses.iter().any(|status| status == "401") {
            tester.check(401, "", &method, &path, "");
            tester.check(500, "broken", &method, &path, "");
        }
    }
}

/// A body that is too large is refused before anything else is checked.
fn oversized_bodies(tester: &mut ContractTester) {
    let body = " ".repeat((64 << 10) + 1);
    for (method, template, statuses) in tester.contract.operations() {
        if tester.contract.has_request_body(&method, &template) {
            assert!(statuses.contains(&"413".to_owned()), "{method} {template}");
            let path = tester.fill(&template);
            tester.check(413, "admin", &method, &path, &body);
        }
    }
}

#[test]
fn every_operation_is_503_while_too_many_logins_are_queued() {
    let delays = [
        ("gateway.auth_delay_ms", "60000"),
        ("gateway.auth_delay_max_ms", "60000"),
    ];
    let mut tester = ContractTester::with(&delays);
    let operations = tester.contract.operations();
    let operations = operations
        .into_iter()
        .filter(|row| row.2.contains(&"401".to_owned()));
    let requests: Vec<_> = operations
        .map(|(method, template, _)| (method, tester.fill(&template)))
        .collect();
    let wrong = basic("MA_DEMO", "wrong");
    let headers = [("authorization", wrong.as_str())];
    assert_eq!(tester.server.send("GET", "/api/v2/me", &headers, "").status, 401);
    // One login is queued for a minute. The other would wait for two and is refused.
    let (sender, responses) = std::sync::mpsc::channel();
    for _ in 0..2 {
        let (sender, address) = (sender.clone(), tester.server.address().to_owned());
        let login = basic("MA_DEMO", "secret");
        std::thread::spawn(move || {
            let request = format!("GET /api/v2/me HTTP/1.1\r\nhost: a\r\nauthorization: {login}\r\n\r\n");
            let mut stream = send_raw(&address, &request);
            sender.send(stream.read(&mut [0; 64]).is_ok())
        });
    }
    assert!(responses.recv_timeout(PATIENCE).unwrap());
    for (method, path) in requests {
        let response = tester.check(503, "MA_DEMO", &method, &path, "");
        assert_eq!(response.header("retry-after"), "1", "{method} {path}");
    }
    assert_eq!(tester.check(200, "admin", "get", "/api/v2/me", "").status, 200);
}

fn imagicle_live(tester: &mut ContractTester) {
    let live = format!("{IMAGICLE}/LiveRecordings");
    let first = r#"{"deviceName":"SEP123456789ABC"}"#;
    let response = tester.check(201, "admin", "post", &live, first);
    let id = response.json()["id"].as_str().unwrap().to_owned();
    tester.check(429, "admin", "post", &live, first);
    for body in ["{}", "[]", r#"{"deviceName":"SEP123456789ABC","mode":7}"#] {
        tester.check(400, "admin", "post", &live, body);
    }
    tester.check(400, "admin", "post", &live, "");
    tester.check(403, "user1", "post", &live, r#"{"deviceName":"SEP123456789DEF"}"#);
    tester.check(409, "admin", "post", &live, r#"{"deviceName":"SEPNONE"}"#);
    let listed = tester.check(200, "admin", "get", &live, "").json();
    assert_eq!(listed[0]["id"], id.as_str());
    tester.check(403, "user1", "get", &live, "");
    for verb in ["Pause", "Resume"] {
        for (good, gone, wrong) in [
            (
                format!("{live}/{id}/{verb}"),
                format!("{live}/{UNKNOWN_ID}/{verb}"),
                format!("{live}/none/{verb}"),
            ),
            (
                format!("{live}/{verb}?directoryNumber=101"),
                format!("{live}/{verb}?directoryNumber=999"),
                format!("{live}/{verb}"),
            ),
        ] {
            if good.contains("?") {
                // Restores the state before the verb.
                let other = if verb == "Pause" { "Resume" } else { "Pause" };
                tester.check(204, "admin", "put", &format!("{live}/{id}/{other}"), "");
            }
            tester.check(204, "admin", "put", &good, "");
            tester.check(429, "admin", "put", &good, "");
            tester.check(409, "admin", "put", &gone, "");
            tester.check(400, "admin", "put", &wrong, "");
            tester.check(403, "user1", "put", &good, "");
        }
    }
    for verb in ["Pause", "Resume"] {
        let mine = format!("{live}/Mine/{verb}");
        tester.check(204, "user1", "put", &mine, "");
        tester.check(429, "user1", "put", &mine, "");
        tester.check(409, "user2", "put", &mine, "");
    }
    let by_id = format!("{live}/{id}");
    tester.check(403, "user1", "delete", &by_id, "");
    tester.check(204, "admin", "delete", &by_id, "");
    tester.check(409, "admin", "delete", &by_id, "");
    tester.check(400, "admin", "delete", &format!("{live}/none"), "");
    tester.check(201, "admin", "post", &live, first);
    let line = format!("{live}?deviceName=SEP123456789ABC");
    tester.check(403, "user1", "delete", &line, "");
    tester.check(204, "admin", "delete", &line, "");
    tester.check(409, "admin", "delete", &line, "");
    tester.check(400, "admin", "delete", &live, "");
    let mine = format!("{live}/Mine");
    tester.check(201, "user1", "post", &live, "");
    tester.check(204, "user1", "delete", &mine, "");
    tester.check(409, "user1", "delete", &mine, "");
    imagicle_line_policies(tester, &live);
}

/// A line that is not monitorable, and an automatic one.
fn imagicle_line_policies(tester: &mut ContractTester, live: &str) {
    let set_policy = |tester: &ContractTester, flags: u32| {
        let line = tester.server.engine.line(Some("SEPDEMO"), None, flags);
        line.unwrap();
    };
    let demo = r#"{"deviceName":"SEPDEMO"}"#;
    // A stop by line checks the policy only if the line has a live recording.
    let response = tester.check(201, "admin", "post", live, demo).json();
    let by_id = format!("{live}/{}", response["id"].as_str().unwrap());
    for flags in [
        callrec::capi::REC_LINE_NOT_MONITORABLE,
        callrec::capi::REC_LINE_AUTOMATIC,
    ] {
        set_policy(tester, flags);
        tester.check(400, "admin", "post", live, demo);
        tester.check(400, "admin", "delete", &format!("{live}?deviceName=SEPDEMO"), "");
        tester.check(400, "admin", "delete", &by_id, "");
        tester.check(400, "MA_DEMO", "delete", &format!("{live}/Mine"), "");
    }
    set_policy(tester, 0);
    tester.check(204, "admin", "delete", &by_id, "");
}

fn imagicle_completed(tester: &mut ContractTester) {
    let (id, _) = make_recording(&tester.server, 2);
    let all = format!("{IMAGICLE}/Recordings");
    let listed = tester.check(200, "admin", "get", &all, "").json();
    assert!(listed["totalCount"].as_u64() > Some(0), "{listed}");
    for wrong in ["page=x", "startTime=x"] {
        tester.check(400, "admin", "get", &format!("{all}?{wrong}"), "");
    }
    tester.check(403, "only", "get", &all, "");
    for ending in ["", "/Media"] {
        tester.check(200, "admin", "get", &format!("{all}/{id}{ending}"), "");
        tester.check(404, "admin", "get", &format!("{all}/{UNKNOWN_ID}{ending}"), "");
        tester.check(400, "admin", "get", &format!("{all}/none{ending}"), "");
        tester.check(403, "user2", "get", &format!("{all}/{id}{ending}"), "");
    }
    partial_responses(tester, "admin", &format!("{all}/{id}/Media"));
}

/// Ranges and conditional requests.
fn partial_responses(tester: &mut ContractTester, user: &str, path: &str) {
    let whole = tester.check(200, user, "get", path, "");
    let date = whole.header("last-modified").to_owned();
    let long_ago = "Sat, 01 Jan 2000 00:00:00 GMT";
    for (status, name, value) in [
        (206, "range", "bytes=0-9"),
        (416, "range", "bytes=99999999-"),
        (304, "if-modified-since", date.as_str()),
        (412, "if-unmodified-since", long_ago),
    ] {
        tester.check_with(status, user, "get", path, &[(name, value)], "");
    }
}

fn genesys(tester: &mut ContractTester) {
    tester.check(200, "user1", "get", "/api/v2/me", "");
    let call = format!("/api/v2/me/calls/{FIRST}");
    let operate = |name: &str| json!({ "operationName": format!("{name}CallRecording") }).to_string();
    for body in ["{}", "[]", "{", r#"{"operationName":"x"}"#] {
        tester.check(400, "user1", "post", &call, body);
    }
    tester.check(403, "user1", "post", &call, r#"{"operationName":"Hold"}"#);
    for (status, name) in [
        (409, "Pause"),
        (200, "Start"),
        (200, "Pause"),
        (200, "Resume"),
        (200, "Stop"),
    ] {
        tester.check(status, "user1", "post", &call, &operate(name));
        tester.check(200, "user1", "get", &call, "");
    }
    for query in ["", "?fields=*"] {
        tester.check(200, "user1", "get", &format!("/api/v2/me/calls{query}"), "");
        tester.check(200, "user1", "get", &format!("/api/v2/me/devices{query}"), "");
    }
    let id = tester.device("user1");
    for device in ["/me", ""].map(|above| format!("/api/v2{above}/devices/{id}")) {
        tester.check(200, "user1", "post", &call, &operate("Start"));
        for status in [200, 409] {
            tester.check(200, "user1", "get", &device, "");
            tester.check(status, "user1", "post", &device, &operate("Stop"));
        }
        tester.check(400, "user1", "post", &device, "{}");
        tester.check(403, "user1", "post", &device, &operate("Start"));
        tester.check(404, "user2", "get", &device, "");
        tester.check(404, "user2", "post", &device, &operate("Stop"));
    }
    tester.check(404, "user2", "get", &call, "");
    tester.check(404, "user2", "post", &call, &operate("Start"));
}

fn cometd(tester: &mut ContractTester) {
    let handshake = r#"[{"id":"1","channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["long-polling"],"ext":{"ack":true}}]"#;
    let response = tester
        .check(200, "user1", "post", &format!("{COMETD}/handshake"), handshake)
        .json();
    let client = response[0]["clientId"].as_str().unwrap().to_owned();
    let message = |channel: &str| json!({ "channel": channel, "clientId": client, "id": "2" });
    let mut subscribe = message("/meta/subscribe");
    subscribe["subscription"] = json!("/v2/me/calls");
    let replies = tester
        .check(200, "user1", "post", COMETD, &subscribe.to_string())
        .json();
    assert_eq!(replies[0]["successful"], true);
    subscribe["subscription"] = json!(["/other"]);
    for refused in [
        subscribe,
        message("/meta/none"),
        message("/v2/me/calls"),
        json!({ "channel": "" }),
    ] {
        let replies = tester
            .check(200, "user1", "post", COMETD, &refused.to_string())
            .json();
        assert_eq!(replies[0]["successful"], false, "{replies}");
    }
    let connect = message("/meta/connect").to_string();
    // The first connect returns at once.
    tester.check(200, "user1", "post", COMETD, &connect);
    let first = r#"{"deviceName":"SEP123456789ABC"}"#;
    tester.check(201, "admin", "post", &format!("{IMAGICLE}/LiveRecordings"), first);
    let messages = tester
        .check(200, "user1", "post", &format!("{COMETD}/connect"), &connect)
        .json();
    let messages = messages.as_array().unwrap();
    assert!(
        messages
            .iter()
            .any(|message| message["channel"] == "/v2/me/calls"),
        "{messages:#?}"
    );
    tester.check(
        204,
        "user1",
        "delete",
        &format!("{IMAGICLE}/LiveRecordings/Mine"),
        "",
    );
    for path in [COMETD.to_owned(), format!("{COMETD}/connect")] {
        tester.check(400, "user1", "post", &path, "{");
        // The session belongs to another user.
        tester.check(200, "user2", "post", &path, &connect);
    }
    tester.check(404, "user1", "post", &format!("{COMETD}/none"), "");
    tester.check(
        200,
        "user1",
        "post",
        COMETD,
        &message("/meta/disconnect").to_string(),
    );
}

/// The API of Vobiz or of Plivo. `started`: the status of a start.
fn vobiz_or_plivo(tester: &mut ContractTester, base: &str, started: u16) {
    let account = format!("{base}/Account/MA_DEMO");
    let call = format!("{account}/Call/{FIRST}/Record/");
    let wav = r#"{"file_format":"wav"}"#;
    let url = tester.check(started, "MA_DEMO", "post", &call, wav).json()["url"].clone();
    let cassette = r#"{"file_format":"cassette"}"#;
    tester.check(400, "MA_DEMO", "post", &call, cassette);
    tester.check(
        204,
        "MA_DEMO",
        "delete",
        &call,
        &json!({ "URL": url }).to_string(),
    );
    tester.check(400, "MA_DEMO", "delete", &call, r#"{"URL":""}"#);
    let other = format!("{base}/Account/user1/Call/{SECOND}/Record/");
    let none = format!("{account}/Call/none/Record/");
    for method in ["post", "delete"] {
        tester.check(403, "user1", method, &other, wav);
        tester.check(
            404,
            "MA_DEMO",
            method,
            &none,
            if method == "post" { wav } else { "" },
        );
    }
    let (id, _) = make_recording(&tester.server, 1);
    let all = format!("{account}/Recording/");
    let page = tester
        .check(200, "MA_DEMO", "get", &format!("{all}?limit=1"), "")
        .json();
    assert!(page["objects"][0].is_object(), "{page}");
    tester.check(400, "MA_DEMO", "get", &format!("{all}?limit=0"), "");
    let recording = format!("{all}{id}/");
    tester.check(200, "MA_DEMO", "get", &recording, "");
    for (user, method, path) in [
        ("only", "get", &all),
        ("only", "get", &recording),
        ("user1", "delete", &recording),
    ] {
        tester.check(403, user, method, &path.replace("MA_DEMO", user), "");
    }
    tester.check(204, "MA_DEMO", "delete", &recording, "");
    for method in ["get", "delete"] {
        tester.check(404, "MA_DEMO", method, &recording, "");
    }
}

fn bulk_delete(tester: &mut ContractTester) {
    let all = "/api/v1/Account/MA_DEMO/Recording/BulkDelete/";
    tester.check(202, "MA_DEMO", "delete", all, r#"{"call_uuid":"none"}"#);
    tester.check(400, "MA_DEMO", "delete", all, "");
    tester.check(403, "user1", "delete", &all.replace("MA_DEMO", "user1"), "");
}

fn audio(tester: &mut ContractTester) {
    let (id, _) = make_recording(&tester.server, 1);
    partial_responses(tester, "MA_DEMO", &format!("/recordings/{id}.wav"));
    tester.check(403, "only", "get", &format!("/recordings/{id}.wav"), "");
    tester.check(
        404,
        "MA_DEMO",
        "get",
        &format!("/recordings/{UNKNOWN_ID}.wav"),
        "",
    );
}
