//! `GET LiveRecordings`.

use callrec::capi::*;
use serde_json::json;

use super::*;
use crate::support::FilterFields;

fn list(server: &TestServer, filters: &str) -> Vec<String> {
    let (status, list) = as_admin(server, "GET", &format!("LiveRecordings{filters}"), "");
    assert_eq!(status, 200, "{filters}");
    let items = list.as_array().unwrap().iter();
    items
        .map(|item| item["localParty"]["username"].as_str().unwrap().to_owned())
        .collect()
}

fn both(server: &TestServer) {
    describe_first(server, "123456");
    on_first(server);
    started(server, &json!({ "directoryNumber": "102" }));
}

#[test]
fn no_filter_lists_all_and_no_match_is_an_empty_array() {
    let server = TestServer::open(&[]);
    assert!(list(&server, "").is_empty());
    both(&server);
    assert_eq!(list(&server, ""), ["user1", "user2"]);
    assert_eq!(
        list(&server, "?username=&deviceName="),
        ["user1", "user2"],
        "an empty filter is none"
    );
    let reply = ask(&server, "admin", "GET", "LiveRecordings?username=nobody", "");
    assert_eq!((reply.status, reply.text()), (200, "[]"));
    assert_eq!(reply.header("content-type"), "application/json");
}

#[test]
fn each_filter_and_all_of_them_with_and() {
    let server = TestServer::open(&[]);
    both(&server);
    for filter in [
        "deviceName=SEP123456789ABC",
        "directoryNumber=123456",
        "username=user1",
        "numericUserId=654321",
        "DEVICENAME=SEP123456789ABC&directorynumber=123456&Username=user1&numericuserid=654321",
    ] {
        assert_eq!(list(&server, &format!("?{filter}")), ["user1"], "{filter}");
        let and = format!("?{filter}&directoryNumber=102");
        assert!(list(&server, &and).is_empty(), "{and}");
    }
    assert!(
        list(&server, "?username=User1").is_empty(),
        "a name is one byte for byte"
    );
    assert!(list(&server, "?username=user1%00").is_empty());
    assert!(list(&server, "?username=user1&username=user2").is_empty());
}

#[test]
fn the_list_below_level_10_is_403_even_of_ones_own() {
    let server = TestServer::open(&[]);
    on_first(&server);
    for filters in ["", "?username=user1", "?directoryNumber=101"] {
        let path = format!("LiveRecordings{filters}");
        assert_eq!(status(&server, "user1", "GET", &path), none(403), "{filters}");
    }
}

#[test]
fn an_item_has_the_published_fields_in_the_published_forms_and_no_more() {
    for automatic in [false, true] {
        an_item_has_the_published_fields(automatic);
    }
}

fn an_item_has_the_published_fields(automatic: bool) {
    let server = TestServer::open(&[]);
    let id = if automatic {
        let mark = server.engine.line(Some("SEPAUTO"), None, REC_LINE_AUTOMATIC);
        mark.unwrap();
        let call = CallFields {
            device: Some("SEPAUTO"),
            user: Some("user1"),
            first: Some("John"),
            last: Some("Doe"),
            phone: Some("+1555123456"),
            ..CallFields::default()
        };
        server.engine.begin(&call).unwrap();
        server.engine.list(None, &FilterFields::default()).unwrap()[0]
            .id
            .clone()
    } else {
        describe_first(&server, "101");
        on_first(&server)
    };
    let (_, list) = as_admin(&server, "GET", "LiveRecordings", "");
    let started_at = list[0]["startedAt"].as_str().unwrap().to_owned();
    let shape: String = started_at
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!(shape, "0000-00-00T00:00:00.0000000", "UTC, seven digits, no zone");
    let expected = json!([{
        "id": id,
        "duration": "PT0S",
        "startedAt": started_at,
        "localParty": { "username": "user1" },
        "remoteParty": { "firstName": "John", "lastName": "Doe", "phoneNumber": "+1555123456" },
        "isPaused": false,
    }]);
    assert_eq!(list, expected);
}

#[test]
fn a_recording_without_a_remote_party_has_empty_texts() {
    let server = TestServer::open(&[]);
    on_first(&server);
    let (_, list) = as_admin(&server, "GET", "LiveRecordings", "");
    let nobody = json!({ "firstName": "", "lastName": "", "phoneNumber": "" });
    assert_eq!(list[0]["remoteParty"], nobody);
}

#[cfg(feature = "faults")]
#[test]
fn a_fault_inside_is_500_and_the_next_request_is_served() {
    let server = TestServer::open(&[("faults.panic", "list")]);
    assert_eq!(status(&server, "admin", "GET", "LiveRecordings"), none(500));
    assert_eq!(
        as_admin(
            &server,
            "POST",
            "LiveRecordings",
            "{\"deviceName\":\"SEP123456789ABC\"}"
        )
        .0,
        201
    );
}
