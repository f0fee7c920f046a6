//! Imagicle: "Get Active Recordings", "Stop Recording", "Start Recording", pause and resume,
//! and the lists of completed recordings.

use callrec::capi::*;
use serde_json::json;

use super::expect_form;
use super::raw::{RawResponse, authorization, send_lines};
use crate::imagicle::published_requests::replay;
use crate::imagicle::{BASE, DEVICE, UNKNOWN_ID, start_on_first, start_recording};
use crate::server::{FIRST, TestServer};
use crate::support::CallFields;

fn send(server: &TestServer, user: &str, request: &str, body: &str) -> RawResponse {
    let login = authorization(user);
    let mut headers = vec![login.as_str()];
    // The published stop has no content type.
    if !request.starts_with("DELETE") {
        headers.push("Content-Type: application/json");
    }
    send_lines(server, request, &headers, body)
}

/// `request`: as published, from `LiveRecordings` or `Recordings` on.
fn send_as_admin(server: &TestServer, request: &str, body: &str) -> RawResponse {
    let (method, path) = request.split_once(' ').unwrap();
    send(server, "admin", &format!("{method} {BASE}{path}"), body)
}

#[test]
fn the_published_requests_of_get_active_and_stop() {
    replay(|server, method, path| {
        let response = send(server, "admin", &format!("{method} {path}"), "");
        match response.status.as_str() {
            "200 OK" => assert_eq!(response.expect_json("200 OK"), response.body),
            "204 No Content" | "409 Conflict" => response.expect_empty(&response.status),
            other => panic!("{other}"),
        }
        (response.status[..3].parse().unwrap(), response.body)
    });
}

/// Every error status of "Stop Recording", with its body.
#[test]
fn the_published_errors_of_a_stop() {
    let server = TestServer::open(&[]);
    let id = start_on_first(&server);
    let by_id = format!("DELETE LiveRecordings/{}", id.to_uppercase());
    let by_device = format!("DELETE LiveRecordings?deviceName={DEVICE}");
    let expect_refusal = |request: &str, body: &str| {
        assert_eq!(
            send_as_admin(&server, request, "").expect_json("400 Bad Request"),
            body
        );
    };
    expect_refusal("DELETE LiveRecordings/101", r#"{"reason":0}"#);
    expect_refusal("DELETE LiveRecordings", r#"{"reason":0}"#);
    let set_policy = |flags| server.engine.line(Some(DEVICE), None, flags).unwrap();
    set_policy(REC_LINE_NOT_MONITORABLE);
    for request in [&by_id, &by_device] {
        expect_refusal(request, r#"{"reason":1,"deviceName":"SEP123456789ABC"}"#);
    }
    set_policy(REC_LINE_AUTOMATIC);
    for request in [&by_id, &by_device] {
        expect_refusal(request, r#"{"reason":2}"#);
    }
    set_policy(0);
    let path = format!("DELETE {BASE}LiveRecordings/{id}");
    send(&server, "user1", &path, "").expect_empty("403 Forbidden");
    send_lines(&server, &path, &[], "").expect_empty("401 Unauthorized");
    send_as_admin(&server, &by_id, "").expect_empty("204 No Content");
    send_as_admin(&server, &by_id, "").expect_empty("409 Conflict");
}

#[test]
fn a_start_is_201_with_only_the_id() {
    let server = TestServer::open(&[]);
    let published = r#"{"deviceName":"SEP123456789ABC","directoryNumber":"101","mode":0}"#;
    let response = send_as_admin(&server, "POST LiveRecordings", published);
    let body = response.expect_json("201 Created");
    expect_form(body, &json!({ "id": UNKNOWN_ID }).to_string());
    let id = body.split('"').nth(3).unwrap();
    assert_eq!(uuid::Uuid::parse_str(id).unwrap().to_string(), id);
    send_as_admin(&server, "POST LiveRecordings", published).expect_empty("429 Too Many Requests");
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
        (format!("PUT LiveRecordings/{UNKNOWN_ID}/Pause"), "409 Conflict"),
    ] {
        send_as_admin(&server, &request, "").expect_empty(status);
    }
}

/// Makes a recording that matches every published filter; returns its id.
fn complete_recording(server: &TestServer) -> String {
    let call = CallFields {
        user: Some("john_doe"),
        number: Some("225"),
        phone: Some("+391234"),
        direction: 1,
        ..CallFields::default()
    };
    call.update(server.calls[0]).unwrap();
    let id = start_recording(server, &json!({ "directoryNumber": "225" }));
    send_as_admin(server, &format!("DELETE LiveRecordings/{id}"), "").expect_empty("204 No Content");
    server.engine.events.wait_terminal(&id);
    id
}

#[test]
fn the_lists_of_completed_recordings_have_the_published_form() {
    const ITEM: &str = r#"{"id":"e0c77c5d-7807-4d9b-9d8d-92a38370af5e","referenceNumber":"2015200000023",
        "startTime":"","duration":"","direction":1,"localPartyNumber":"","remotePartyNumber":"","ownerUsername":""}"#;
    let server = TestServer::open(&[]);
    let id = complete_recording(&server);
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
        // The published filter has a part of another number.
        let query = query.replace("+1234", "+391");
        let response = send_as_admin(&server, &format!("GET Recordings/{query}"), "");
        let body = response.expect_json("200 OK");
        expect_form(body, &list);
        assert!(
            body.starts_with(r#"{"totalCount":1,"#) && body.contains(&id),
            "{body}"
        );
    }
    for query in ["?page=2&pageSize=25", "?endTime=before:2023-01-02T00:00:00Z"] {
        let response = send_as_admin(&server, &format!("GET Recordings{query}"), "");
        expect_form(
            response.expect_json("200 OK"),
            r#"{"totalCount":123,"recordings":[]}"#,
        );
    }
    let refused = send_as_admin(&server, "GET Recordings?page=x", "");
    expect_form(
        refused.expect_json("400 Bad Request"),
        r#"{"reason":1,"message":""}"#,
    );
}

#[test]
fn the_details_of_a_completed_recording_have_the_published_form() {
    const DETAILS: &str = r#"{"id":"","referenceNumber":"","startTime":"","duration":"","direction":1,
        "localPartyNumber":"","remotePartyNumber":"","pbxCallId":"","pbxInfo":{},
        "owner":{"username":"","firstName":"","lastName":"","phoneNumber":"","group":"","department":""},
        "preservingUser":null,"note":null,"size":1,"hash":null}"#;
    let server = TestServer::open(&[]);
    let id = complete_recording(&server).to_uppercase();
    let response = send_as_admin(&server, &format!("GET Recordings/{id}"), "");
    let body = response.expect_json("200 OK");
    expect_form(body, DETAILS);
    assert!(body.contains(&format!(r#""pbxCallId":"{FIRST}""#)), "{body}");
}
