//! `GET LiveRecordings`.

use callrec::capi::*;
use serde_json::json;

use super::*;
use crate::support::FilterFields;

/// The local user of each recording in the list.
fn listed_users(server: &TestServer, filters: &str) -> Vec<String> {
    let (status, list) = as_admin(server, "GET", &format!("LiveRecordings{filters}"), "");
    assert_eq!(status, 200, "{filters}");
    let items = list.as_array().unwrap().iter();
    items
        .map(|item| item["localParty"]["username"].as_str().unwrap().to_owned())
        .collect()
}

fn record_both_calls(server: &TestServer) {
    describe_first(server, "123456");
    start_on_first(server);
    start_recording(server, &json!({ "directoryNumber": "102" }));
}

#[test]
fn a_list_without_a_filter_has_every_recording_and_without_a_match_none() {
    let server = TestServer::open(&[]);
    assert!(listed_users(&server, "").is_empty());
    record_both_calls(&server);
    assert_eq!(listed_users(&server, ""), ["user1", "user2"]);
    assert_eq!(
        listed_users(&server, "?username=&deviceName="),
        ["user1", "user2"],
        "an empty filter matches everything"
    );
    let response = request(&server, "admin", "GET", "LiveRecordings?username=nobody", "");
    assert_eq!((response.status, response.text()), (200, "[]"));
    assert_eq!(response.header("content-type"), "application/json");
}

#[test]
fn a_recording_must_match_every_filter() {
    let server = TestServer::open(&[]);
    record_both_calls(&server);
    for filter in [
        "deviceName=SEP123456789ABC",
        "directoryNumber=123456",
        "username=user1",
        "numericUserId=654321",
        "DEVICENAME=SEP123456789ABC&directorynumber=123456&Username=user1&numericuserid=654321",
    ] {
        assert_eq!(
            listed_users(&server, &format!("?{filter}")),
            ["user1"],
            "{filter}"
        );
        let contradiction = format!("?{filter}&directoryNumber=102");
        assert!(
            listed_users(&server, &contradiction).is_empty(),
            "{contradiction}"
        );
    }
    assert!(
        listed_users(&server, "?username=User1").is_empty(),
        "names are case-sensitive"
    );
    assert!(listed_users(&server, "?username=user1%00").is_empty());
    assert!(listed_users(&server, "?username=user1&username=user2").is_empty());
}

#[test]
fn the_list_is_403_below_level_10_even_for_own_recordings() {
    let server = TestServer::open(&[]);
    start_on_first(&server);
    for filters in ["", "?username=user1", "?directoryNumber=101"] {
        let path = format!("LiveRecordings{filters}");
        assert_eq!(status(&server, "user1", "GET", &path), empty(403), "{filters}");
    }
}

#[test]
fn a_live_recording_has_exactly_the_published_fields() {
    for automatic in [false, true] {
        expect_published_fields(automatic);
    }
}

fn expect_published_fields(automatic: bool) {
    let server = TestServer::open(&[]);
    let id = if automatic {
        let line = server.engine.line(Some("SEPAUTO"), None, REC_LINE_AUTOMATIC);
        line.unwrap();
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
        start_on_first(&server)
    };
    let (_, list) = as_admin(&server, "GET", "LiveRecordings", "");
    let started_at = list[0]["startedAt"].as_str().unwrap().to_owned();
    let pattern: String = started_at
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!(
        pattern, "0000-00-00T00:00:00.0000000",
        "UTC with seven decimals and no zone"
    );
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
fn a_recording_without_a_remote_party_has_empty_strings() {
    let server = TestServer::open(&[]);
    start_on_first(&server);
    let (_, list) = as_admin(&server, "GET", "LiveRecordings", "");
    let unknown = json!({ "firstName": "", "lastName": "", "phoneNumber": "" });
    assert_eq!(list[0]["remoteParty"], unknown);
}

#[cfg(feature = "faults")]
#[test]
fn a_panic_is_500_and_the_next_request_is_served() {
    let server = TestServer::open(&[("faults.panic", "list")]);
    assert_eq!(status(&server, "admin", "GET", "LiveRecordings"), empty(500));
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
