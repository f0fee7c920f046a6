//! What CometD tells of recordings: the published samples, and each change once.

use callrec::capi::*;
use serde_json::{Value, json};

use crate::bayeux::{BayeuxClient, done, operations, resource};
use crate::server::{FIRST, SECOND, TestServer};
use crate::support::{CallFields, StartFields, end};

/// The call of the published samples, in place of the server's first.
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

/// That the next notification is this sample, member by member, in their order. What depends
/// on the moment or on the device's UUID is put in from the sample.
pub fn expect_notification(client: &BayeuxClient<'_>, sample: &str) {
    let mut told = client.notifications(1).remove(0);
    let sample: Value = serde_json::from_str(sample).unwrap();
    let ours = told["data"]["call"].clone();
    let theirs = &sample["data"]["call"];
    let (device, known) = (text(&ours["deviceUri"]), text(&theirs["deviceUri"]));
    assert_eq!(device.len(), known.len());
    assert_eq!(
        device.rsplit_once('/').unwrap().0,
        known.rsplit_once('/').unwrap().0
    );
    let (name, sampled) = (fields(&ours), fields(theirs));
    assert_eq!(name.len(), sampled.len());
    for (index, (ours, theirs)) in name.iter().zip(&sampled).enumerate() {
        // Date and time.
        if !matches!(index, 4 | 5) {
            assert_eq!(ours, theirs);
        }
        assert_eq!(ours.len(), theirs.len());
    }
    assert!(text(&ours["duration"]).parse::<u32>().unwrap() < 600);
    let put = &mut told["data"]["call"];
    put["deviceUri"] = theirs["deviceUri"].clone();
    put["duration"] = theirs["duration"].clone();
    put["userData"]["GSIP_REC_FN"] = theirs["userData"]["GSIP_REC_FN"].clone();
    assert_eq!(told.to_string(), sample.to_string());
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// GSIP_REC_FN, taken from the left; its tail has underscores of its own.
fn fields(call: &Value) -> Vec<String> {
    let name = text(&call["userData"]["GSIP_REC_FN"]);
    name.splitn(9, '_').map(str::to_owned).collect()
}

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

pub fn states(notifications: &[Value]) -> Vec<String> {
    notifications.iter().map(|one| state(one).0).collect()
}

#[test]
fn each_change_is_told_once_in_both_words_and_with_what_is_possible_then() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::subscribed(&server, "user1");
    let steps = [
        ("StartCallRecording", "Recording", "ON"),
        ("PauseCallRecording", "Paused", "PAUSED"),
        ("ResumeCallRecording", "Recording", "ON"),
        ("PauseCallRecording", "Paused", "PAUSED"),
        ("StopCallRecording", "Stopped", "OFF"),
    ];
    // Nobody waits for one before asking for the next: each shows its own state.
    for (operation, _, _) in steps {
        done(&server, "user1", FIRST, operation);
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
fn stops_and_starts_in_one_breath_are_told_in_their_order() {
    const TIMES: usize = 20;
    let server = TestServer::open(&[]);
    let client = BayeuxClient::subscribed(&server, "user1");
    for _ in 0..TIMES {
        done(&server, "user1", FIRST, "StartCallRecording");
        done(&server, "user1", FIRST, "PauseCallRecording");
        done(&server, "user1", FIRST, "StopCallRecording");
    }
    let told = states(&client.notifications(3 * TIMES));
    assert_eq!(told, ["Recording", "Paused", "Stopped"].repeat(TIMES));
}

#[test]
fn further_recordings_of_a_call_are_no_change_of_its_state() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::subscribed(&server, "user1");
    done(&server, "user1", FIRST, "StartCallRecording");
    let more = StartFields {
        flags: REC_START_ADDITIONAL,
        call_id: Some(FIRST),
        ..StartFields::default()
    };
    let id = server.engine.start(None, &more).unwrap();
    server.engine.events.wait_kind(&id, REC_EVENT_STARTED);
    server.engine.by_id(rec_stop_by_id, None, &id).unwrap();
    server.engine.events.wait_terminal(&id);
    done(&server, "user1", FIRST, "StopCallRecording");
    assert_eq!(states(&client.notifications(2)), ["Recording", "Stopped"]);
}

#[test]
fn each_user_is_told_of_their_own_calls_alone() {
    let server = TestServer::open(&[]);
    let clients = ["user1", "user2", "admin"].map(|user| BayeuxClient::subscribed(&server, user));
    let twin = BayeuxClient::subscribed(&server, "user1");
    done(&server, "user1", FIRST, "StartCallRecording");
    done(&server, "user2", SECOND, "StartCallRecording");
    for (client, call) in [(&clients[0], FIRST), (&twin, FIRST), (&clients[1], SECOND)] {
        assert_eq!(client.notifications(1)[0]["data"]["call"]["id"], call);
    }
    // All that there is to tell has been told by now.
    assert!(clients[2].poll(Some(0)).is_empty());
}

#[test]
fn who_has_the_call_now_is_told() {
    let server = TestServer::open(&[]);
    let (before, after) = (
        BayeuxClient::subscribed(&server, "user1"),
        BayeuxClient::subscribed(&server, "user2"),
    );
    done(&server, "user1", FIRST, "StartCallRecording");
    before.notifications(1);
    let moved = CallFields {
        user: Some("user2"),
        number: Some("177"),
        ..CallFields::default()
    };
    moved.update(server.calls[0]).unwrap();
    done(&server, "user2", FIRST, "StopCallRecording");
    let told = after.notifications(1).remove(0);
    assert_eq!(told["data"]["phoneNumber"], "177");
    assert!(before.poll(Some(0)).is_empty());
}

#[test]
fn the_end_of_a_call_is_told_as_released_and_nothing_can_be_done() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::subscribed(&server, "user1");
    done(&server, "user1", FIRST, "StartCallRecording");
    client.notifications(1);
    end(server.calls[0]).unwrap();
    let told = client.notifications(1).remove(0);
    assert_eq!(state(&told), ("Stopped".into(), "OFF".into()));
    let call = &told["data"]["call"];
    assert_eq!(
        (&call["state"], &call["capabilities"]),
        (&json!("Released"), &json!([]))
    );
}

#[test]
fn what_was_live_before_the_gateway_is_known_to_it() {
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
    done(&server, "user1", FIRST, "PauseCallRecording");
    done(&server, "user1", FIRST, "StopCallRecording");
    assert_eq!(states(&client.notifications(2)), ["Paused", "Stopped"]);
}

#[test]
fn a_start_that_fails_afterwards_is_told_with_why() {
    let server = TestServer::open(&[("storage.name", "{user}/{id}")]);
    // Where a directory is to be made there is a file.
    std::fs::write(server.dir.0.join("user1"), "").unwrap();
    let client = BayeuxClient::subscribed(&server, "user1");
    done(&server, "user1", FIRST, "StartCallRecording");
    let told = client.notifications(1).remove(0);
    let data = &told["data"];
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
fn a_failed_start_leaves_the_name_of_the_one_before() {
    let server = TestServer::open(&[("storage.name", "{number}/{id}")]);
    let client = BayeuxClient::subscribed(&server, "user1");
    done(&server, "user1", FIRST, "StartCallRecording");
    done(&server, "user1", FIRST, "StopCallRecording");
    client.notifications(2);
    let before = resource(&server, "user1", FIRST)["userData"].clone();
    std::fs::write(server.dir.0.join("166"), "").unwrap();
    let moved = CallFields {
        number: Some("166"),
        ..CallFields::default()
    };
    moved.update(server.calls[0]).unwrap();
    done(&server, "user1", FIRST, "StartCallRecording");
    let told = client.notifications(1).remove(0);
    assert_eq!(told["data"]["errorCode"], 4);
    assert_eq!(told["data"]["call"]["userData"], before);
    assert_eq!(resource(&server, "user1", FIRST)["userData"], before);
}

#[test]
fn an_automatic_recording_that_cannot_begin_is_told_once() {
    let server = TestServer::open(&[("recordings.max", "1")]);
    done(&server, "user2", SECOND, "StartCallRecording");
    let client = BayeuxClient::subscribed(&server, "user1");
    server.engine.line(None, Some("101"), REC_LINE_AUTOMATIC).unwrap();
    let told = client.notifications(1).remove(0);
    assert_eq!(told["data"]["call"]["id"], FIRST);
    assert_eq!(told["data"]["errorCode"], 4);
}
