//! Imagicle: "Get Active Recordings", "Stop Recording", "Start Recording", pause and resume,
//! and the lists of completed recordings.

use callrec::capi::*;
use serde_json::json;

use super::expect_form;
use super::raw::{RawReply, authorization, send_lines};
use crate::imagicle::seeds::replay;
use crate::imagicle::{BASE, DEVICE, NOBODYS, on_first, started};
use crate::server::{FIRST, TestServer};
use crate::support::CallFields;

fn send(server: &TestServer, user: &str, request: &str, body: &str) -> RawReply {
    let who = authorization(user);
    let mut headers = vec![who.as_str()];
    // As the pages say: of a stop none.
    if !request.starts_with("DELETE") {
        headers.push("Content-Type: application/json");
    }
    send_lines(server, request, &headers, body)
}

/// `request`: as printed, from `LiveRecordings` or `Recordings` on.
fn ask(server: &TestServer, request: &str, body: &str) -> RawReply {
    let (method, path) = request.split_once(' ').unwrap();
    send(server, "admin", &format!("{method} {BASE}{path}"), body)
}

#[test]
fn the_requests_of_get_active_and_stop_to_the_byte() {
    replay(|server, method, path| {
        let reply = send(server, "admin", &format!("{method} {path}"), "");
        match reply.status.as_str() {
            "200 OK" => assert_eq!(reply.expect_json("200 OK"), reply.body),
            "204 No Content" | "409 Conflict" => reply.expect_empty(&reply.status),
            other => panic!("{other}"),
        }
        (reply.status[..3].parse().unwrap(), reply.body)
    });
}

/// Each status that "Stop Recording" prints, with its body.
#[test]
fn the_refusals_of_a_stop_to_the_byte() {
    let server = TestServer::open(&[]);
    let id = on_first(&server);
    let by_id = format!("DELETE LiveRecordings/{}", id.to_uppercase());
    let by_device = format!("DELETE LiveRecordings?deviceName={DEVICE}");
    let refused = |request: &str, body: &str| {
        assert_eq!(ask(&server, request, "").expect_json("400 Bad Request"), body);
    };
    refused("DELETE LiveRecordings/101", r#"{"reason":0}"#);
    refused("DELETE LiveRecordings", r#"{"reason":0}"#);
    let line = |flags| server.engine.line(Some(DEVICE), None, flags).unwrap();
    line(REC_LINE_NOT_MONITORABLE);
    for request in [&by_id, &by_device] {
        refused(request, r#"{"reason":1,"deviceName":"SEP123456789ABC"}"#);
    }
    line(REC_LINE_AUTOMATIC);
    for request in [&by_id, &by_device] {
        refused(request, r#"{"reason":2}"#);
    }
    line(0);
    let path = format!("DELETE {BASE}LiveRecordings/{id}");
    send(&server, "user1", &path, "").expect_empty("403 Forbidden");
    send_lines(&server, &path, &[], "").expect_empty("401 Unauthorized");
    ask(&server, &by_id, "").expect_empty("204 No Content");
    ask(&server, &by_id, "").expect_empty("409 Conflict");
}

#[test]
fn a_start_answers_201_with_the_id_alone() {
    let server = TestServer::open(&[]);
    let printed = r#"{"deviceName":"SEP123456789ABC","directoryNumber":"101","mode":0}"#;
    let reply = ask(&server, "POST LiveRecordings", printed);
    let body = reply.expect_json("201 Created");
    expect_form(body, &json!({ "id": NOBODYS }).to_string());
    let id = body.split('"').nth(3).unwrap();
    assert_eq!(uuid::Uuid::parse_str(id).unwrap().to_string(), id);
    ask(&server, "POST LiveRecordings", printed).expect_empty("429 Too Many Requests");
    for (request, status) in [
        (format!("PUT LiveRecordings/{id}/Pause"), "204 No Content"),
        (format!("PUT LiveRecordings/{id}/Pause"), "429 Too Many Requests"),
        (format!("PUT LiveRecordings/{id}/Resume"), "204 No Content"),
        (format!("PUT LiveRecordings/{id}/Resume"), "429 Too Many Requests"),
        (
            "PUT LiveRecordings/Pause?directoryNumber=101".to_owned(),
            "204 No Content",
        ),
        (
            "PUT LiveRecordings/Resume?directoryNumber=101".to_owned(),
            "204 No Content",
        ),
        (format!("PUT LiveRecordings/{NOBODYS}/Pause"), "409 Conflict"),
    ] {
        ask(&server, &request, "").expect_empty(status);
    }
}

/// One that each of the printed filters finds.
fn completed(server: &TestServer) -> String {
    let call = CallFields {
        user: Some("john_doe"),
        number: Some("225"),
        phone: Some("+391234"),
        direction: 1,
        ..CallFields::default()
    };
    call.update(server.calls[0]).unwrap();
    let id = started(server, &json!({ "directoryNumber": "225" }));
    ask(server, &format!("DELETE LiveRecordings/{id}"), "").expect_empty("204 No Content");
    server.engine.events.wait_terminal(&id);
    id
}

#[test]
fn the_lists_of_completed_recordings_in_the_printed_form() {
    const ITEM: &str = r#"{"id":"e0c77c5d-7807-4d9b-9d8d-92a38370af5e","referenceNumber":"2015200000023",
        "startTime":"","duration":"","direction":1,"localPartyNumber":"","remotePartyNumber":"","ownerUsername":""}"#;
    let server = TestServer::open(&[]);
    let id = completed(&server);
    let list = format!(r#"{{"totalCount":123,"recordings":[{ITEM}]}}"#);
    for query in [
        "?page=0&pageSize=25&startTime=after:2023-01-01T00:00:00Z",
        "?startTime=after:2018-11-01T00:00:00Z",
        "?endTime=after:2018-11-01T00:00:00Z",
        "?localPartyNumber=225",
        "?remotePartyNumber=contains:+39",
        "?remoteParty=contains:+1234",
        "?ownerUsername=john_doe",
        "?direction=1",
    ] {
        // The one printed for what it contains is another number's.
        let query = query.replace("+1234", "+391");
        let reply = ask(&server, &format!("GET Recordings/{query}"), "");
        let body = reply.expect_json("200 OK");
        expect_form(body, &list);
        assert!(
            body.starts_with(r#"{"totalCount":1,"#) && body.contains(&id),
            "{body}"
        );
    }
    for query in ["?page=2&pageSize=25", "?endTime=before:2023-01-02T00:00:00Z"] {
        let reply = ask(&server, &format!("GET Recordings{query}"), "");
        expect_form(
            reply.expect_json("200 OK"),
            r#"{"totalCount":123,"recordings":[]}"#,
        );
    }
    let refused = ask(&server, "GET Recordings?page=x", "");
    expect_form(
        refused.expect_json("400 Bad Request"),
        r#"{"reason":1,"message":""}"#,
    );
}

#[test]
fn the_detail_of_a_completed_recording_in_the_published_form() {
    const DETAIL: &str = r#"{"id":"","referenceNumber":"","startTime":"","duration":"","direction":1,
        "localPartyNumber":"","remotePartyNumber":"","pbxCallId":"","pbxInfo":{},
        "owner":{"username":"","firstName":"","lastName":"","phoneNumber":"","group":"","department":""},
        "preservingUser":null,"note":null,"size":1,"hash":null}"#;
    let server = TestServer::open(&[]);
    let id = completed(&server).to_uppercase();
    let reply = ask(&server, &format!("GET Recordings/{id}"), "");
    let body = reply.expect_json("200 OK");
    expect_form(body, DETAIL);
    assert!(body.contains(&format!(r#""pbxCallId":"{FIRST}""#)), "{body}");
}
