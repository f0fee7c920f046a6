//! The answers of each operation, one of each kind, held against the text.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use callrec_testkit::wait::PATIENCE;

use super::Asker;
use crate::server::{FIRST, SECOND, basic};
use crate::vobiz::finished;

const IMAGICLE: &str = "/fw/Apps/Recorder/WebAPI";
const COMETD: &str = "/genesys/cometd";
/// Neither live nor finished.
const NOBODYS: &str = "75a90276-e47e-4e9e-b463-e3c743d5ff3a";

#[test]
fn every_answer_is_as_the_text_says() {
    let mut asker = Asker::new();
    nobody_and_nobody_knows(&mut asker);
    too_much(&mut asker);
    imagicle_live(&mut asker);
    imagicle_completed(&mut asker);
    genesys(&mut asker);
    cometd(&mut asker);
    record(&mut asker, "/api/v1", 200);
    record(&mut asker, "/v1", 202);
    bulk_delete(&mut asker);
    audio(&mut asker);
    for path in ["/healthz", "/metrics", "/openapi.yaml", "/openapi.json"] {
        asker.ask(200, "", "get", path, "");
    }
    let seen = &asker.contract.seen;
    let unseen: Vec<String> = asker
        .contract
        .operations()
        .into_iter()
        .flat_map(|(method, path, statuses)| {
            let rows = statuses
                .into_iter()
                .map(move |status| (method.clone(), path.clone(), status));
            rows.collect::<Vec<_>>()
        })
        // An engine that is full or closing is the vendors' own tests' business.
        .filter(|row| row.2.as_str() < "501" && !seen.contains(row))
        .map(|(method, path, status)| format!("{method} {path} {status}"))
        .collect();
    assert!(unseen.is_empty(), "{unseen:#?}");
}

/// Without credentials; and when the host cannot say whose they are.
fn nobody_and_nobody_knows(asker: &mut Asker) {
    for (method, template, statuses) in asker.contract.operations() {
        let path = asker.filled(&template);
        if statuses.iter().any(|status| status == "401") {
            asker.ask(401, "", &method, &path, "");
            asker.ask(500, "broken", &method, &path, "");
        }
    }
}

/// Where a body is taken, it may be too large; nothing else is looked at then.
fn too_much(asker: &mut Asker) {
    let body = " ".repeat((64 << 10) + 1);
    for (method, template, statuses) in asker.contract.operations() {
        if asker.contract.takes_a_body(&method, &template) {
            assert!(statuses.contains(&"413".to_owned()), "{method} {template}");
            let path = asker.filled(&template);
            asker.ask(413, "admin", &method, &path, &body);
        }
    }
}

#[test]
fn where_too_many_logins_wait_each_operation_says_so() {
    let delays = [
        ("gateway.auth_delay_ms", "60000"),
        ("gateway.auth_delay_max_ms", "60000"),
    ];
    let mut asker = Asker::with(&delays);
    let operations = asker.contract.operations();
    let operations = operations
        .into_iter()
        .filter(|row| row.2.contains(&"401".to_owned()));
    let asked: Vec<_> = operations
        .map(|(method, template, _)| (method, asker.filled(&template)))
        .collect();
    let wrong = basic("MA_DEMO", "wrong");
    let headers = [("authorization", wrong.as_str())];
    assert_eq!(asker.server.send("GET", "/api/v2/me", &headers, "").status, 401);
    // One stands in line for a minute; the other would have to wait for two.
    let (tell, told) = std::sync::mpsc::channel();
    for _ in 0..2 {
        let (tell, address) = (tell.clone(), asker.server.base.replace("http://", ""));
        let login = basic("MA_DEMO", "secret");
        std::thread::spawn(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            write!(
                stream,
                "GET /api/v2/me HTTP/1.1\r\nhost: a\r\nauthorization: {login}\r\n\r\n"
            )
            .unwrap();
            tell.send(stream.read(&mut [0; 64]).is_ok())
        });
    }
    assert!(told.recv_timeout(PATIENCE).unwrap());
    for (method, path) in asked {
        let reply = asker.ask(503, "MA_DEMO", &method, &path, "");
        assert_eq!(reply.header("retry-after"), "1", "{method} {path}");
    }
    assert_eq!(asker.ask(200, "admin", "get", "/api/v2/me", "").status, 200);
}

fn imagicle_live(asker: &mut Asker) {
    let live = format!("{IMAGICLE}/LiveRecordings");
    let first = r#"{"deviceName":"SEP123456789ABC"}"#;
    let reply = asker.ask(201, "admin", "post", &live, first);
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    asker.ask(429, "admin", "post", &live, first);
    for body in ["{}", "[]", r#"{"deviceName":"SEP123456789ABC","mode":7}"#] {
        asker.ask(400, "admin", "post", &live, body);
    }
    asker.ask(400, "admin", "post", &live, "");
    asker.ask(403, "user1", "post", &live, r#"{"deviceName":"SEP123456789DEF"}"#);
    asker.ask(409, "admin", "post", &live, r#"{"deviceName":"SEPNONE"}"#);
    let listed = asker.ask(200, "admin", "get", &live, "").json();
    assert_eq!(listed[0]["id"], id.as_str());
    asker.ask(403, "user1", "get", &live, "");
    for verb in ["Pause", "Resume"] {
        for (good, gone, wrong) in [
            (
                format!("{live}/{id}/{verb}"),
                format!("{live}/{NOBODYS}/{verb}"),
                format!("{live}/none/{verb}"),
            ),
            (
                format!("{live}/{verb}?directoryNumber=101"),
                format!("{live}/{verb}?directoryNumber=999"),
                format!("{live}/{verb}"),
            ),
        ] {
            if good.contains("?") {
                // As it was before.
                let other = if verb == "Pause" { "Resume" } else { "Pause" };
                asker.ask(204, "admin", "put", &format!("{live}/{id}/{other}"), "");
            }
            asker.ask(204, "admin", "put", &good, "");
            asker.ask(429, "admin", "put", &good, "");
            asker.ask(409, "admin", "put", &gone, "");
            asker.ask(400, "admin", "put", &wrong, "");
            asker.ask(403, "user1", "put", &good, "");
        }
    }
    for verb in ["Pause", "Resume"] {
        let mine = format!("{live}/Mine/{verb}");
        asker.ask(204, "user1", "put", &mine, "");
        asker.ask(429, "user1", "put", &mine, "");
        asker.ask(409, "user2", "put", &mine, "");
    }
    let by_id = format!("{live}/{id}");
    asker.ask(403, "user1", "delete", &by_id, "");
    asker.ask(204, "admin", "delete", &by_id, "");
    asker.ask(409, "admin", "delete", &by_id, "");
    asker.ask(400, "admin", "delete", &format!("{live}/none"), "");
    asker.ask(201, "admin", "post", &live, first);
    let line = format!("{live}?deviceName=SEP123456789ABC");
    asker.ask(403, "user1", "delete", &line, "");
    asker.ask(204, "admin", "delete", &line, "");
    asker.ask(409, "admin", "delete", &line, "");
    asker.ask(400, "admin", "delete", &live, "");
    let mine = format!("{live}/Mine");
    asker.ask(201, "user1", "post", &live, "");
    asker.ask(204, "user1", "delete", &mine, "");
    asker.ask(409, "user1", "delete", &mine, "");
    imagicle_marks(asker, &live);
}

/// A line that is not to be recorded, and one that always is.
fn imagicle_marks(asker: &mut Asker, live: &str) {
    let mark = |asker: &Asker, flags: u32| {
        let line = asker.server.engine.line(Some("SEPDEMO"), None, flags);
        line.unwrap();
    };
    let demo = r#"{"deviceName":"SEPDEMO"}"#;
    // Who stops by line is told of a mark only where something is live.
    let reply = asker.ask(201, "admin", "post", live, demo).json();
    let by_id = format!("{live}/{}", reply["id"].as_str().unwrap());
    for flags in [
        callrec::capi::REC_LINE_NOT_MONITORABLE,
        callrec::capi::REC_LINE_AUTOMATIC,
    ] {
        mark(asker, flags);
        asker.ask(400, "admin", "post", live, demo);
        asker.ask(400, "admin", "delete", &format!("{live}?deviceName=SEPDEMO"), "");
        asker.ask(400, "admin", "delete", &by_id, "");
        asker.ask(400, "MA_DEMO", "delete", &format!("{live}/Mine"), "");
    }
    mark(asker, 0);
    asker.ask(204, "admin", "delete", &by_id, "");
}

fn imagicle_completed(asker: &mut Asker) {
    let (id, _) = finished(&asker.server, 2);
    let all = format!("{IMAGICLE}/Recordings");
    let listed = asker.ask(200, "admin", "get", &all, "").json();
    assert!(listed["totalCount"].as_u64() > Some(0), "{listed}");
    for wrong in ["page=x", "startTime=x"] {
        asker.ask(400, "admin", "get", &format!("{all}?{wrong}"), "");
    }
    asker.ask(403, "only", "get", &all, "");
    for ending in ["", "/Media"] {
        asker.ask(200, "admin", "get", &format!("{all}/{id}{ending}"), "");
        asker.ask(404, "admin", "get", &format!("{all}/{NOBODYS}{ending}"), "");
        asker.ask(400, "admin", "get", &format!("{all}/none{ending}"), "");
        asker.ask(403, "user2", "get", &format!("{all}/{id}{ending}"), "");
    }
    in_part(asker, "admin", &format!("{all}/{id}/Media"));
}

/// Ranges and conditions.
fn in_part(asker: &mut Asker, who: &str, path: &str) {
    let whole = asker.ask(200, who, "get", path, "");
    let date = whole.header("last-modified").to_owned();
    let long_ago = "Sat, 01 Jan 2000 00:00:00 GMT";
    for (status, name, value) in [
        (206, "range", "bytes=0-9"),
        (416, "range", "bytes=99999999-"),
        (304, "if-modified-since", date.as_str()),
        (412, "if-unmodified-since", long_ago),
    ] {
        asker.ask_with(status, who, "get", path, &[(name, value)], "");
    }
}

fn genesys(asker: &mut Asker) {
    asker.ask(200, "user1", "get", "/api/v2/me", "");
    let call = format!("/api/v2/me/calls/{FIRST}");
    let operate = |name: &str| json!({ "operationName": format!("{name}CallRecording") }).to_string();
    for body in ["{}", "[]", "{", r#"{"operationName":"x"}"#] {
        asker.ask(400, "user1", "post", &call, body);
    }
    asker.ask(403, "user1", "post", &call, r#"{"operationName":"Hold"}"#);
    for (status, name) in [
        (409, "Pause"),
        (200, "Start"),
        (200, "Pause"),
        (200, "Resume"),
        (200, "Stop"),
    ] {
        asker.ask(status, "user1", "post", &call, &operate(name));
        asker.ask(200, "user1", "get", &call, "");
    }
    for query in ["", "?fields=*"] {
        asker.ask(200, "user1", "get", &format!("/api/v2/me/calls{query}"), "");
        asker.ask(200, "user1", "get", &format!("/api/v2/me/devices{query}"), "");
    }
    let id = asker.device("user1");
    for device in ["/me", ""].map(|above| format!("/api/v2{above}/devices/{id}")) {
        asker.ask(200, "user1", "post", &call, &operate("Start"));
        for status in [200, 409] {
            asker.ask(200, "user1", "get", &device, "");
            asker.ask(status, "user1", "post", &device, &operate("Stop"));
        }
        asker.ask(400, "user1", "post", &device, "{}");
        asker.ask(403, "user1", "post", &device, &operate("Start"));
        asker.ask(404, "user2", "get", &device, "");
        asker.ask(404, "user2", "post", &device, &operate("Stop"));
    }
    asker.ask(404, "user2", "get", &call, "");
    asker.ask(404, "user2", "post", &call, &operate("Start"));
}

fn cometd(asker: &mut Asker) {
    let shake = r#"[{"id":"1","channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["long-polling"],"ext":{"ack":true}}]"#;
    let reply = asker
        .ask(200, "user1", "post", &format!("{COMETD}/handshake"), shake)
        .json();
    let client = reply[0]["clientId"].as_str().unwrap().to_owned();
    let message = |channel: &str| json!({ "channel": channel, "clientId": client, "id": "2" });
    let mut subscribe = message("/meta/subscribe");
    subscribe["subscription"] = json!("/v2/me/calls");
    let said = asker
        .ask(200, "user1", "post", COMETD, &subscribe.to_string())
        .json();
    assert_eq!(said[0]["successful"], true);
    subscribe["subscription"] = json!(["/other"]);
    for refused in [
        subscribe,
        message("/meta/none"),
        message("/v2/me/calls"),
        json!({ "channel": "" }),
    ] {
        let said = asker
            .ask(200, "user1", "post", COMETD, &refused.to_string())
            .json();
        assert_eq!(said[0]["successful"], false, "{said}");
    }
    let connect = message("/meta/connect").to_string();
    // The first is not held.
    asker.ask(200, "user1", "post", COMETD, &connect);
    let first = r#"{"deviceName":"SEP123456789ABC"}"#;
    asker.ask(201, "admin", "post", &format!("{IMAGICLE}/LiveRecordings"), first);
    let told = asker
        .ask(200, "user1", "post", &format!("{COMETD}/connect"), &connect)
        .json();
    let told = told.as_array().unwrap();
    assert!(
        told.iter().any(|one| one["channel"] == "/v2/me/calls"),
        "{told:#?}"
    );
    asker.ask(
        204,
        "user1",
        "delete",
        &format!("{IMAGICLE}/LiveRecordings/Mine"),
        "",
    );
    for path in [COMETD.to_owned(), format!("{COMETD}/connect")] {
        asker.ask(400, "user1", "post", &path, "{");
        // Another user's session.
        asker.ask(200, "user2", "post", &path, &connect);
    }
    asker.ask(404, "user1", "post", &format!("{COMETD}/none"), "");
    asker.ask(
        200,
        "user1",
        "post",
        COMETD,
        &message("/meta/disconnect").to_string(),
    );
}

/// Vobiz's API, or Plivo's.
fn record(asker: &mut Asker, base: &str, ok: u16) {
    let account = format!("{base}/Account/MA_DEMO");
    let call = format!("{account}/Call/{FIRST}/Record/");
    let wav = r#"{"file_format":"wav"}"#;
    let url = asker.ask(ok, "MA_DEMO", "post", &call, wav).json()["url"].clone();
    asker.ask(400, "MA_DEMO", "post", &call, "{}");
    asker.ask(
        204,
        "MA_DEMO",
        "delete",
        &call,
        &json!({ "URL": url }).to_string(),
    );
    asker.ask(400, "MA_DEMO", "delete", &call, r#"{"URL":""}"#);
    let other = format!("{base}/Account/user1/Call/{SECOND}/Record/");
    let none = format!("{account}/Call/none/Record/");
    for method in ["post", "delete"] {
        asker.ask(403, "user1", method, &other, wav);
        asker.ask(
            404,
            "MA_DEMO",
            method,
            &none,
            if method == "post" { wav } else { "" },
        );
    }
    let (id, _) = finished(&asker.server, 1);
    let all = format!("{account}/Recording/");
    let page = asker
        .ask(200, "MA_DEMO", "get", &format!("{all}?limit=1"), "")
        .json();
    assert!(page["objects"][0].is_object(), "{page}");
    asker.ask(400, "MA_DEMO", "get", &format!("{all}?limit=0"), "");
    let one = format!("{all}{id}/");
    asker.ask(200, "MA_DEMO", "get", &one, "");
    for (who, method, path) in [
        ("only", "get", &all),
        ("only", "get", &one),
        ("user1", "delete", &one),
    ] {
        asker.ask(403, who, method, &path.replace("MA_DEMO", who), "");
    }
    asker.ask(204, "MA_DEMO", "delete", &one, "");
    for method in ["get", "delete"] {
        asker.ask(404, "MA_DEMO", method, &one, "");
    }
}

fn bulk_delete(asker: &mut Asker) {
    let all = "/api/v1/Account/MA_DEMO/Recording/BulkDelete/";
    asker.ask(202, "MA_DEMO", "delete", all, r#"{"call_uuid":"none"}"#);
    asker.ask(400, "MA_DEMO", "delete", all, "");
    asker.ask(403, "user1", "delete", &all.replace("MA_DEMO", "user1"), "");
}

fn audio(asker: &mut Asker) {
    let (id, _) = finished(&asker.server, 1);
    in_part(asker, "MA_DEMO", &format!("/recordings/{id}.wav"));
    asker.ask(403, "only", "get", &format!("/recordings/{id}.wav"), "");
    asker.ask(404, "MA_DEMO", "get", &format!("/recordings/{NOBODYS}.wav"), "");
}
