//! Genesys' operations, and the recording state of its call resource.

use callrec::capi::*;
use callrec_testkit::wav::WavFile;
use serde_json::{Value, json};

use crate::bayeux::{get, operate, operate_ok, operations, refusal, resource};
use crate::server::{FIRST, SECOND, TestServer, basic};
use crate::support::{CallFields, FilterFields, StartFields, end, feed, write_pcm};
use crate::vobiz::{ID, record};

/// The refusal of an operation with this body.
fn refusal_of_body(server: &TestServer, body: &str) -> (u16, u64) {
    let path = format!("/api/v2/me/calls/{FIRST}");
    let authorization = basic("user1", "secret");
    let headers = [("authorization", authorization.as_str())];
    refusal(&server.send("POST", &path, &headers, body))
}

/// The server's first call.
fn first_call() -> CallFields<'static> {
    CallFields {
        call_id: Some(FIRST),
        device: Some("SEP123456789ABC"),
        number: Some("101"),
        user: Some("user1"),
        ..CallFields::default()
    }
}

/// Sets the state of the server's first call.
fn set_state(server: &TestServer, state: i32) {
    let update = CallFields {
        state,
        ..CallFields::default()
    };
    update.update(server.calls[0]).unwrap();
}

#[test]
fn an_operation_is_permitted_if_the_capabilities_list_it() {
    let server = TestServer::open(&[]);
    let steps = [
        ("", "Stopped", Value::Null, vec!["StartCallRecording"]),
        (
            "StartCallRecording",
            "Recording",
            json!("ON"),
            vec!["PauseCallRecording", "StopCallRecording"],
        ),
        (
            "PauseCallRecording",
            "Paused",
            json!("PAUSED"),
            vec!["ResumeCallRecording", "StopCallRecording"],
        ),
        (
            "ResumeCallRecording",
            "Recording",
            json!("ON"),
            vec!["PauseCallRecording", "StopCallRecording"],
        ),
        (
            "PauseCallRecording",
            "Paused",
            json!("PAUSED"),
            vec!["ResumeCallRecording", "StopCallRecording"],
        ),
        // A paused recording can be stopped.
        (
            "StopCallRecording",
            "Stopped",
            json!("OFF"),
            vec!["StartCallRecording"],
        ),
    ];
    for (operation, state, gsip, permitted) in steps {
        if !operation.is_empty() {
            operate_ok(&server, "user1", FIRST, operation);
        }
        let call = resource(&server, "user1", FIRST);
        assert_eq!(call["recordingState"], state);
        assert_eq!(call["userData"]["GSIP_RECORD"], gsip);
        assert_eq!(operations(&call), permitted);
        let others = call["capabilities"].as_array().unwrap().len() - permitted.len();
        assert_eq!(others, 11, "the capabilities of the host");
        for other in [
            "StartCallRecording",
            "StopCallRecording",
            "PauseCallRecording",
            "ResumeCallRecording",
        ] {
            if !permitted.contains(&other) {
                let response = operate(&server, "user1", FIRST, other);
                assert_eq!(refusal(&response), (409, 2), "{other} while {state}");
            }
        }
    }
}

#[test]
fn a_body_that_is_not_an_operation_is_refused() {
    let server = TestServer::open(&[]);
    assert_eq!(refusal_of_body(&server, ""), (400, 1));
    assert_eq!(refusal_of_body(&server, "{}"), (400, 1));
    assert_eq!(refusal_of_body(&server, "\u{feff}{}"), (400, 1));
    assert_eq!(refusal_of_body(&server, r#"{"operationName":null}"#), (400, 1));
    for invalid in [
        "operationName=StopCallRecording",
        "[]",
        "7",
        r#"{"operationName":7}"#,
        r#"{"operationName":"stopcallrecording"}"#,
        r#"{"operationName":"Dance"}"#,
        r#"{"operationName":"StopCallRecording"} x"#,
    ] {
        assert_eq!(refusal_of_body(&server, invalid), (400, 10), "{invalid}");
    }
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(refusal_of_body(&server, &deep), (400, 10));
    // The call has this operation, the recorder does not.
    assert_eq!(
        refusal_of_body(&server, r#"{"operationName":"Hangup"}"#),
        (403, 3)
    );
}

#[test]
fn a_failed_login_is_20_with_401() {
    let server = TestServer::open(&[("gateway.auth_delay_ms", "0")]);
    let response = server.send("GET", "/api/v2/me", &[], "");
    assert_eq!(refusal(&response), (401, 20));
    assert!(response.header("www-authenticate").starts_with("Basic "));
    let wrong = basic("user1", "wrong");
    let response = server.send("GET", "/api/v2/me/calls", &[("authorization", &wrong)], "");
    assert_eq!(refusal(&response), (401, 20));
    let broken = basic("broken", "secret");
    let response = server.send("GET", "/api/v2/me", &[("authorization", &broken)], "");
    assert_eq!(refusal(&response), (500, 4));
}

#[test]
fn another_users_call_is_404_at_every_level() {
    let server = TestServer::open(&[]);
    for (user, call) in [("user1", SECOND), ("admin", FIRST), ("user1", "nothing")] {
        let path = format!("/me/calls/{call}");
        assert_eq!(refusal(&get(&server, user, &path)), (404, 6), "{user}");
        for operation in ["Start", "Stop", "Pause", "Resume"] {
            let operation = &format!("{operation}CallRecording");
            assert_eq!(
                refusal(&operate(&server, user, call, operation)),
                (404, 6),
                "{user}"
            );
        }
    }
    assert_eq!(get(&server, "admin", "/me/calls").json()["calls"], json!([]));
    let own = get(&server, "user1", "/me/calls").json();
    assert_eq!(own["calls"].as_array().unwrap().len(), 1);
    assert_eq!(
        server.engine.list(None, &FilterFields::default()).unwrap().len(),
        0
    );
}

#[test]
fn an_administrator_controls_only_their_own_end_of_a_call() {
    let server = TestServer::open(&[]);
    // An internal call has two ends. user1's end began first.
    let other_end = CallFields {
        device: Some("SEP000000000001"),
        number: Some("199"),
        user: Some("admin"),
        ..first_call()
    };
    server.engine.begin(&other_end).unwrap();
    operate_ok(&server, "admin", FIRST, "StartCallRecording");
    let live = server.engine.list(None, &FilterFields::default()).unwrap();
    assert_eq!(live.len(), 1);
    assert_eq!(live[0].username, "admin");
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    operate_ok(&server, "admin", FIRST, "StopCallRecording");
    let live = server.engine.list(None, &FilterFields::default()).unwrap();
    assert_eq!(live.len(), 1, "the recording of the other end continues");
    assert_eq!(live[0].username, "user1");
}

#[test]
fn level_1_may_record_its_own_call() {
    let server = TestServer::open(&[]);
    let call = CallFields {
        call_id: Some("theirs"),
        number: Some("103"),
        user: Some("only"),
        ..CallFields::default()
    };
    server.engine.begin(&call).unwrap();
    operate_ok(&server, "only", "theirs", "StartCallRecording");
    operate_ok(&server, "only", "theirs", "StopCallRecording");
}

#[test]
fn a_start_on_a_line_that_is_not_monitorable_is_3_with_403() {
    let server = TestServer::open(&[]);
    server
        .engine
        .line(Some("SEP123456789ABC"), None, REC_LINE_NOT_MONITORABLE)
        .unwrap();
    assert!(operations(&resource(&server, "user1", FIRST)).is_empty());
    let response = operate(&server, "user1", FIRST, "StartCallRecording");
    assert_eq!(refusal(&response), (403, 3));
}

#[test]
fn an_automatic_recording_can_be_paused_resumed_and_stopped() {
    let server = TestServer::open(&[]);
    let line = ("SEP123456789ABC", "101");
    server
        .engine
        .line(Some(line.0), Some(line.1), REC_LINE_AUTOMATIC)
        .unwrap();
    let call = resource(&server, "user1", FIRST);
    assert_eq!(call["recordingState"], "Recording");
    for operation in [
        "PauseCallRecording",
        "ResumeCallRecording",
        "StopCallRecording",
        "StartCallRecording",
    ] {
        operate_ok(&server, "user1", FIRST, operation);
    }
    let again = operate(&server, "user1", FIRST, "StartCallRecording");
    assert_eq!(refusal(&again), (409, 2));
    assert_eq!(
        server.engine.list(None, &FilterFields::default()).unwrap().len(),
        1
    );
}

#[test]
fn one_of_several_concurrent_starts_succeeds() {
    for automatic in [false, true] {
        let server = TestServer::open(&[]);
        if automatic {
            server
                .engine
                .line(Some("SEP123456789ABC"), Some("101"), REC_LINE_AUTOMATIC)
                .unwrap();
            operate_ok(&server, "user1", FIRST, "StopCallRecording");
        }
        let statuses: Vec<_> = std::thread::scope(|scope| {
            let start = || operate(&server, "user1", FIRST, "StartCallRecording").status;
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let succeeded = statuses.iter().filter(|status| **status == 200).count();
        assert_eq!(succeeded, 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| matches!(status, 200 | 409)));
    }
}

#[test]
fn a_start_on_a_held_or_ringing_call_is_refused_but_a_stop_is_performed() {
    let server = TestServer::open(&[]);
    set_state(&server, REC_CALL_HELD);
    let call = resource(&server, "user1", FIRST);
    let start = "StartCallRecording";
    // The start is listed although it is refused: a client that polls the capabilities alone may
    // not notice when the call is retrieved.
    assert_eq!((&call["state"], operations(&call)), (&json!("Held"), vec![start]));
    assert_eq!(refusal(&operate(&server, "user1", FIRST, start)), (409, 2));
    set_state(&server, REC_CALL_ALERTING);
    assert_eq!(resource(&server, "user1", FIRST)["state"], "Ringing");
    assert_eq!(refusal(&operate(&server, "user1", FIRST, start)), (409, 2));
    let outgoing = CallFields {
        direction: REC_DIRECTION_OUTGOING,
        ..CallFields::default()
    };
    outgoing.update(server.calls[0]).unwrap();
    assert_eq!(resource(&server, "user1", FIRST)["state"], "Dialing");
    set_state(&server, REC_CALL_CONNECTED);
    assert_eq!(resource(&server, "user1", FIRST)["state"], "Established");
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    set_state(&server, REC_CALL_HELD);
    operate_ok(&server, "user1", FIRST, "StopCallRecording");
}

#[test]
fn too_many_recordings_are_4_with_503() {
    let server = TestServer::open(&[("recordings.max", "1")]);
    operate_ok(&server, "user2", SECOND, "StartCallRecording");
    let response = operate(&server, "user1", FIRST, "StartCallRecording");
    assert_eq!(refusal(&response), (503, 4));
}

#[test]
fn too_little_free_space_is_4_with_503() {
    let server = TestServer::open(&[("storage.min_free_bytes", "1000000000000000000")]);
    let response = operate(&server, "user1", FIRST, "StartCallRecording");
    assert_eq!(refusal(&response), (503, 4));
}

#[test]
fn the_state_of_a_call_is_recording_if_any_of_its_recordings_runs() {
    let server = TestServer::open(&[]);
    let start = |flags| {
        let start = StartFields {
            flags,
            call_id: Some(FIRST),
            ..StartFields::default()
        };
        server.engine.start(None, &start).unwrap()
    };
    let state = || resource(&server, "user1", FIRST)["recordingState"].clone();
    let first = start(0);
    let second = start(REC_START_ADDITIONAL);
    server.engine.by_id(rec_pause_by_id, None, &first).unwrap();
    assert_eq!(state(), "Recording");
    // The call is recording, although one of its recordings could be resumed.
    let response = operate(&server, "user1", FIRST, "ResumeCallRecording");
    assert_eq!(refusal(&response), (409, 2));
    server.engine.by_id(rec_stop_by_id, None, &second).unwrap();
    assert_eq!(state(), "Paused");
    server.engine.by_id(rec_stop_by_id, None, &first).unwrap();
    assert_eq!(state(), "Stopped");
}

#[test]
fn operations_act_on_all_recordings_of_the_call() {
    let server = TestServer::open(&[]);
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    let more = StartFields {
        flags: REC_START_ADDITIONAL,
        call_id: Some(FIRST),
        ..StartFields::default()
    };
    server.engine.start(None, &more).unwrap();
    operate_ok(&server, "user1", FIRST, "PauseCallRecording");
    let live = server.engine.list(None, &FilterFields::default()).unwrap();
    assert!(live.len() == 2 && live.iter().all(|recording| recording.state == REC_STATE_PAUSED));
    operate_ok(&server, "user1", FIRST, "StopCallRecording");
    assert!(
        server
            .engine
            .list(None, &FilterFields::default())
            .unwrap()
            .is_empty()
    );
}

#[test]
fn gsip_rec_fn_is_the_name_of_the_file_and_remains_after_a_stop() {
    let server = TestServer::open(&[
        ("storage.name", "{gsip_rec_fn}"),
        ("storage.host", "hpe-voicevm-70.genesyslab.com"),
        ("genesys.contact_center_id", "<a b/ü>"),
    ]);
    end(server.calls[0]).unwrap();
    let call = CallFields {
        ani: Some("15000"),
        dnis: Some("15001"),
        number: Some("15000"),
        ..first_call()
    };
    let handle = server.engine.begin(&call).unwrap();
    let name = || resource(&server, "user1", FIRST)["userData"]["GSIP_REC_FN"].clone();
    assert!(name().is_null(), "never recorded");
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    let running = name();
    // An update of the call does not change the recording's name.
    let updated = CallFields {
        number: Some("15009"),
        dnis: Some("7"),
        ..CallFields::default()
    };
    updated.update(handle).unwrap();
    operate_ok(&server, "user1", FIRST, "StopCallRecording");
    assert_eq!(name(), running);
    let text = running.as_str().unwrap();
    assert!(
        text.starts_with(&format!("{FIRST}_15000_15000_15001_2")),
        "{text}"
    );
    let tail = "_hpe-voicevm-70-dot-genesyslab-dot-com__%3Ca%20b%2F%C3%BC%3E";
    assert!(text.ends_with(tail), "{text}");
    assert_eq!(
        resource(&server, "user1", FIRST)["userData"]["GSIP_RECORD"],
        "OFF"
    );
    let event = server.engine.events.wait(|event| event.is_terminal());
    let path = event.recording.unwrap().path;
    let file = std::path::Path::new(&path).file_name().unwrap().to_str().unwrap();
    assert_eq!(file, format!("{text}.wav"));
}

#[test]
fn each_start_has_a_new_name() {
    let server = TestServer::open(&[]);
    let name = || resource(&server, "user1", FIRST)["userData"]["GSIP_REC_FN"].clone();
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    operate_ok(&server, "user1", FIRST, "StopCallRecording");
    let before = name();
    // The name has the time in seconds.
    while name() == before {
        operate_ok(&server, "user1", FIRST, "StartCallRecording");
        operate_ok(&server, "user1", FIRST, "StopCallRecording");
    }
    assert!(name().as_str() > before.as_str());
}

/// Subtlety 41.
#[test]
fn a_pause_is_silence_although_the_setting_is_skip() {
    let server = TestServer::open(&[("recording.pause_mode", "skip")]);
    let legs = [0, 1].map(|leg| feed(server.calls[0], leg, REC_CODEC_PCM16, 8000).unwrap());
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    for operation in ["PauseCallRecording", "ResumeCallRecording", "StopCallRecording"] {
        for leg in legs {
            write_pcm(leg, &[1000; 8000]);
        }
        operate_ok(&server, "user1", FIRST, operation);
    }
    let event = server.engine.events.wait(|event| event.is_terminal());
    let wav = WavFile::read(event.recording.unwrap().path);
    let samples = wav.pcm(0);
    assert_eq!(samples.len(), 24_000);
    for (second, expected) in samples.chunks(8000).zip([1000, 0, 1000]) {
        assert!(second.iter().all(|sample| *sample == expected), "{expected}");
    }
}

/// Subtlety 47.
#[test]
fn a_recording_started_by_call_is_found_by_line_by_id_and_by_url() {
    let server = TestServer::open(&[]);
    let imagicle = |method: &str, path: &str| {
        let path = format!("/fw/Apps/Recorder/WebAPI/LiveRecordings{path}");
        let admin = basic("admin", "secret");
        server.send(method, &path, &[("authorization", &admin)], "")
    };
    let state = || resource(&server, "user1", FIRST)["recordingState"].clone();
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    let line = "?deviceName=SEP123456789ABC&directoryNumber=101";
    let id = imagicle("GET", line).json()[0]["id"].clone();
    let id = id.as_str().unwrap();
    assert_eq!(imagicle("PUT", &format!("/{id}/Pause")).status, 204);
    assert_eq!(state(), "Paused");
    assert_eq!(imagicle("PUT", "/Resume?directoryNumber=101").status, 204);
    assert_eq!(state(), "Recording");
    let url = format!("{}/recordings/{id}.wav", server.base);
    let stop = json!({ "URL": url }).to_string();
    let stopped = server.send("DELETE", &record(FIRST), &ID, &stop);
    assert_eq!((stopped.status, state()), (204, json!("Stopped")));
}
