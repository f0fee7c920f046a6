//! CometD's notifications of recordings: the published samples, and each change once.

use callrec::capi::*;
use serde_json::{Value, json};

use crate::bayeux::{BayeuxClient, operate_ok, operations, resource};
use crate::server::{FIRST, SECOND, TestServer};
use crate::support::{CallFields, StartFields, end};

/// A server whose first call is that of the published samples.
pub fn published_server() -> TestServer {
    let server = TestServer::open(&[
        ("gateway.public_url", "http://127.0.0.1:8080"),
        ("storage.host", "hpe-voicevm-70.genesyslab.com"),
    ]);
    end(server.calls[0]).unwrap();
    let call = CallFields {
        call_id: Some(FIRST),
        switch_call_id: Some("007102719818001f"),
        call_type: Some("Internal"),
        device: Some("15000 of the samples"),
        number: Some("15000"),
        user: Some("user1"),
        phone: Some("15001"),
        ani: Some("15000"),
        dnis: Some("15001"),
        attributes: Some(
            r#"{"IW_BundleUid":"717f9130-a1d9-4092-f8b9-7804ee2592ea","IW_CaseUid":"d7e2c775-edaa-4d1e-b65c-bd48371b43ad"}"#,
        ),
        ..CallFields::default()
    };
    server.engine.begin(&call).unwrap();
    server
}

/// Checks that the next notification has the members and values of the sample, in the same order.
/// The time and the device's UUID may differ.
pub fn expect_notification(client: &BayeuxClient<'_>, sample: &str) {
    let mut notification = client.notifications(1).remove(0);
    let sample: Value = serde_json::from_str(sample).unwrap();
    let ours = notification["data"]["call"].clone();
    let theirs = &sample["data"]["call"];
    let (our_device, their_device) = (text(&ours["deviceUri"]), text(&theirs["deviceUri"]));
    assert_eq!(our_device.len(), their_device.len());
    assert_eq!(
        our_device.rsplit_once('/').unwrap().0,
        their_device.rsplit_once('/').unwrap().0
    );
    let (our_fields, their_fields) = (name_fields(&ours), name_fields(theirs));
    assert_eq!(our_fields.len(), their_fields.len());
    for (index, (ours, theirs)) in our_fields.iter().zip(&their_fields).enumerate() {
        // Fields 4 and 5 are the date and the time.
        if !matches!(index, 4 | 5) {
            assert_eq!(ours, theirs);
        }
        assert_eq!(ours.len(), theirs.len());
    }
    assert!(text(&ours["duration"]).parse::<u32>().unwrap() < 600);
    let call = &mut notification["data"]["call"];
    call["deviceUri"] = theirs["deviceUri"].clone();
    call["duration"] = theirs["duration"].clone();
    call["userData"]["GSIP_REC_FN"] = theirs["userData"]["GSIP_REC_FN"].clone();
    assert_eq!(notification.to_string(), sample.to_string());
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The fields of GSIP_REC_FN. The last field may contain underscores.
fn name_fields(call: &Value) -> Vec<String> {
    let name = text(&call["userData"]["GSIP_REC_FN"]);
    name.splitn(9, '_').map(str::to_owned).collect()
}

/// `recordingState` and `GSIP_RECORD` of a notification.
fn state(notification: &Value) -> (String, String) {
    assert_eq!(notification["channel"], "/v2/me/calls");
    let data = &notification["data"];
    assert_eq!(data["notificationType"], "CallRecordingStateChange");
    assert_eq!(data["messageType"], "CallStateChangeMessage");
    let call = &data["call"];
    (
        text(&call["recordingState"]).to_owned(),
        text(&call["userData"]["GSIP_RECORD"]).to_owned(),
    )
}

/// The `recordingState` of each notification.
pub fn states(notifications: &[Value]) -> Vec<String> {
    notifications
        .iter()
        .map(|notification| state(notification).0)
        .collect()
}

#[test]
fn each_change_is_notified_once_with_both_states_and_the_capabilities() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::subscribed(&server, "user1");
    let steps = [
        ("StartCallRecording", "Recording", "ON"),
        ("PauseCallRecording", "Paused", "PAUSED"),
        ("ResumeCallRecording", "Recording", "ON"),
        ("PauseCallRecording", "Paused", "PAUSED"),
        ("StopCallRecording", "Stopped", "OFF"),
    ];
    // The client reads nothing before the last operation: each notification has its own state.
    for (operation, _, _) in steps {
        operate_ok(&server, "user1", FIRST, operation);
    }
    for (notification, (operation, recorded, gsip)) in client.notifications(5).iter().zip(steps) {
        assert_eq!(state(notification), (recorded.into(), gsip.into()), "{operation}");
        let call = &notification["data"]["call"];
        let expected: &[_] = match recorded {
            "Recording" => &["PauseCallRecording", "StopCallRecording"],
            "Paused" => &["ResumeCallRecording", "StopCallRecording"],
            _ => &["StartCallRecording"],
        };
        assert_eq!(operations(call), expected);
        assert_eq!(notification["data"]["phoneNumber"], "101");
    }
    assert!(client.poll(Some(0)).is_empty());
}

#[test]
fn rapid_starts_and_stops_are_notified_in_order() {
    const TIMES: usize = 20;
    let server = TestServer::open(&[]);
    let client = BayeuxClient::subscribed(&server, "user1");
    for _ in 0..TIMES {
        operate_ok(&server, "user1", FIRST, "StartCallRecording");
        operate_ok(&server, "user1", FIRST, "PauseCallRecording");
        operate_ok(&server, "user1", FIRST, "StopCallRecording");
    }
    let states = states(&client.notifications(3 * TIMES));
    assert_eq!(states, ["Recording", "Paused", "Stopped"].repeat(TIMES));
}

#[test]
fn additional_recordings_of_a_call_do_not_change_its_state() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::subscribed(&server, "user1");
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    let more = StartFields {
        flags: REC_START_ADDITIONAL,
        call_id: Some(FIRST),
        ..StartFields::default()
    };
    let id = server.engine.start(None, &more).unwrap();
    server.engine.events.wait_kind(&id, REC_EVENT_STARTED);
    server.engine.by_id(rec_stop_by_id, None, &id).unwrap();
    server.engine.events.wait_terminal(&id);
    operate_ok(&server, "user1", FIRST, "StopCallRecording");
    assert_eq!(states(&client.notifications(2)), ["Recording", "Stopped"]);
}

#[test]
fn each_user_is_notified_of_their_own_calls_only() {
    let server = TestServer::open(&[]);
    let clients = ["user1", "user2", "admin"].map(|user| BayeuxClient::subscribed(&server, user));
    let twin = BayeuxClient::subscribed(&server, "user1");
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    operate_ok(&server, "user2", SECOND, "StartCallRecording");
    for (client, call) in [(&clients[0], FIRST), (&twin, FIRST), (&clients[1], SECOND)] {
        assert_eq!(client.notifications(1)[0]["data"]["call"]["id"], call);
    }
    // Every notification has been delivered.
    assert!(clients[2].poll(Some(0)).is_empty());
}

#[test]
fn the_present_user_of_a_call_is_notified() {
    let server = TestServer::open(&[]);
    let (before, after) = (
        BayeuxClient::subscribed(&server, "user1"),
        BayeuxClient::subscribed(&server, "user2"),
    );
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    before.notifications(1);
    let updated = CallFields {
        user: Some("user2"),
        number: Some("177"),
        ..CallFields::default()
    };
    updated.update(server.calls[0]).unwrap();
    operate_ok(&server, "user2", FIRST, "StopCallRecording");
    let notification = after.notifications(1).remove(0);
    assert_eq!(notification["data"]["phoneNumber"], "177");
    assert!(before.poll(Some(0)).is_empty());
}

#[test]
fn the_end_of_a_call_is_notified_as_released_without_capabilities() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::subscribed(&server, "user1");
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    client.notifications(1);
    end(server.calls[0]).unwrap();
    let notification = client.notifications(1).remove(0);
    assert_eq!(state(&notification), ("Stopped".into(), "OFF".into()));
    let call = &notification["data"]["call"];
    assert_eq!(
        (&call["state"], &call["capabilities"]),
        (&json!("Released"), &json!([]))
    );
}

#[test]
fn a_gateway_notifies_of_recordings_that_are_older_than_itself() {
    let server = TestServer::open(&[]);
    server.stop_gateway();
    let start = StartFields {
        call_id: Some(FIRST),
        ..StartFields::default()
    };
    let id = server.engine.start(None, &start).unwrap();
    server.engine.events.wait_kind(&id, REC_EVENT_STARTED);
    let server = server.reopened();
    let client = BayeuxClient::subscribed(&server, "user1");
    operate_ok(&server, "user1", FIRST, "PauseCallRecording");
    operate_ok(&server, "user1", FIRST, "StopCallRecording");
    assert_eq!(states(&client.notifications(2)), ["Paused", "Stopped"]);
}

#[test]
fn a_start_that_fails_later_is_notified_with_the_error() {
    let server = TestServer::open(&[("storage.name", "{user}/{id}")]);
    // The file prevents the creation of a directory of this name.
    std::fs::write(server.dir.0.join("user1"), "").unwrap();
    let client = BayeuxClient::subscribed(&server, "user1");
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    let notification = client.notifications(1).remove(0);
    let data = &notification["data"];
    assert_eq!(data["call"]["recordingState"], "Stopped");
    assert!(
        data["call"]["userData"].get("GSIP_RECORD").is_none(),
        "never recorded"
    );
    assert_eq!(data["errorCode"], 4);
    assert!(!text(&data["errorMessage"]).is_empty());
    assert_eq!(resource(&server, "user1", FIRST)["userData"], json!({}));
}

#[test]
fn a_failed_start_keeps_the_name_of_the_previous_recording() {
    let server = TestServer::open(&[("storage.name", "{number}/{id}")]);
    let client = BayeuxClient::subscribed(&server, "user1");
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    operate_ok(&server, "user1", FIRST, "StopCallRecording");
    client.notifications(2);
    let before = resource(&server, "user1", FIRST)["userData"].clone();
    std::fs::write(server.dir.0.join("166"), "").unwrap();
    let updated = CallFields {
        number: Some("166"),
        ..CallFields::default()
    };
    updated.update(server.calls[0]).unwrap();
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    let notification = client.notifications(1).remove(0);
    assert_eq!(notification["data"]["errorCode"], 4);
    assert_eq!(notification["data"]["call"]["userData"], before);
    assert_eq!(resource(&server, "user1", FIRST)["userData"], before);
}

#[test]
fn an_automatic_start_that_is_refused_is_notified_once() {
    let server = TestServer::open(&[("recordings.max", "1")]);
    operate_ok(&server, "user2", SECOND, "StartCallRecording");
    let client = BayeuxClient::subscribed(&server, "user1");
    server.engine.line(None, Some("101"), REC_LINE_AUTOMATIC).unwrap();
    let notification = client.notifications(1).remove(0);
    assert_eq!(notification["data"]["call"]["id"], FIRST);
    assert_eq!(notification["data"]["errorCode"], 4);
}
