//! Genesys' operations and resources: every status, every subtlety.

use callrec::capi::*;
use callrec_testkit::wav::WavFile;
use serde_json::{Value, json};

use crate::bayeux::{done, get, operate, operations, refusal, resource};
use crate::server::{FIRST, SECOND, TestServer, basic};
use crate::support::{CallFields, FilterFields, StartFields, end, feed, write_pcm};
use crate::vobiz::{ID, record};

fn body(server: &TestServer, text: &str) -> (u16, u64) {
    let path = format!("/api/v2/me/calls/{FIRST}");
    let headers = [("authorization", basic("user1", "secret"))];
    let headers = [(headers[0].0, headers[0].1.as_str())];
    refusal(&server.send("POST", &path, &headers, text))
}

fn first() -> CallFields<'static> {
    CallFields {
        call_id: Some(FIRST),
        device: Some("SEP123456789ABC"),
        number: Some("101"),
        user: Some("user1"),
        ..CallFields::default()
    }
}

fn held(server: &TestServer, state: i32) {
    let update = CallFields {
        state,
        ..CallFields::default()
    };
    update.update(server.calls[0]).unwrap();
}

#[test]
fn each_operation_is_legal_where_the_capabilities_have_it() {
    let server = TestServer::open(&[]);
    let stages = [
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
        // Legal while paused.
        (
            "StopCallRecording",
            "Stopped",
            json!("OFF"),
            vec!["StartCallRecording"],
        ),
    ];
    for (operation, state, gsip, legal) in stages {
        if !operation.is_empty() {
            done(&server, "user1", FIRST, operation);
        }
        let call = resource(&server, "user1", FIRST);
        assert_eq!(call["recordingState"], state);
        assert_eq!(call["userData"]["GSIP_RECORD"], gsip);
        assert_eq!(operations(&call), legal);
        let last = call["capabilities"].as_array().unwrap().len() - legal.len();
        assert_eq!(last, 11, "recording's come after the host's");
        for other in [
            "StartCallRecording",
            "StopCallRecording",
            "PauseCallRecording",
            "ResumeCallRecording",
        ] {
            if !legal.contains(&other) {
                let reply = operate(&server, "user1", FIRST, other);
                assert_eq!(refusal(&reply), (409, 2), "{other} while {state}");
            }
        }
    }
}

#[test]
fn what_is_asked_must_be_an_operation() {
    let server = TestServer::open(&[]);
    assert_eq!(body(&server, ""), (400, 1));
    assert_eq!(body(&server, "{}"), (400, 1));
    assert_eq!(body(&server, "\u{feff}{}"), (400, 1));
    assert_eq!(body(&server, r#"{"operationName":null}"#), (400, 1));
    for invalid in [
        "operationName=StopCallRecording",
        "[]",
        "7",
        r#"{"operationName":7}"#,
        r#"{"operationName":"stopcallrecording"}"#,
        r#"{"operationName":"Dance"}"#,
        r#"{"operationName":"StopCallRecording"} x"#,
    ] {
        assert_eq!(body(&server, invalid), (400, 10), "{invalid}");
    }
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(body(&server, &deep), (400, 10));
    // The call has it, the recorder has not.
    assert_eq!(body(&server, r#"{"operationName":"Hangup"}"#), (403, 3));
}

#[test]
fn who_does_not_say_who_they_are_is_20_with_401() {
    let server = TestServer::open(&[("gateway.auth_delay_ms", "0")]);
    let reply = server.send("GET", "/api/v2/me", &[], "");
    assert_eq!(refusal(&reply), (401, 20));
    assert!(reply.header("www-authenticate").starts_with("Basic "));
    let wrong = basic("user1", "wrong");
    let reply = server.send("GET", "/api/v2/me/calls", &[("authorization", &wrong)], "");
    assert_eq!(refusal(&reply), (401, 20));
    let broken = basic("broken", "secret");
    let reply = server.send("GET", "/api/v2/me", &[("authorization", &broken)], "");
    assert_eq!(refusal(&reply), (500, 4));
}

#[test]
fn another_users_call_does_not_exist_whatever_the_level() {
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
fn an_administrators_own_call_of_an_id_that_others_have_too() {
    let server = TestServer::open(&[]);
    // Two ends of an internal call: user1's began first.
    let other_end = CallFields {
        device: Some("SEP000000000001"),
        number: Some("199"),
        user: Some("admin"),
        ..first()
    };
    server.engine.begin(&other_end).unwrap();
    done(&server, "admin", FIRST, "StartCallRecording");
    let live = server.engine.list(None, &FilterFields::default()).unwrap();
    assert_eq!(live.len(), 1);
    assert_eq!(live[0].username, "admin");
    done(&server, "user1", FIRST, "StartCallRecording");
    done(&server, "admin", FIRST, "StopCallRecording");
    let live = server.engine.list(None, &FilterFields::default()).unwrap();
    assert_eq!(live.len(), 1, "the other end's goes on");
    assert_eq!(live[0].username, "user1");
}

#[test]
fn level_1_is_enough() {
    let server = TestServer::open(&[]);
    let call = CallFields {
        call_id: Some("theirs"),
        number: Some("103"),
        user: Some("only"),
        ..CallFields::default()
    };
    server.engine.begin(&call).unwrap();
    done(&server, "only", "theirs", "StartCallRecording");
    done(&server, "only", "theirs", "StopCallRecording");
}

#[test]
fn a_line_that_is_not_to_be_recorded_is_3_with_403() {
    let server = TestServer::open(&[]);
    server
        .engine
        .line(Some("SEP123456789ABC"), None, REC_LINE_NOT_MONITORABLE)
        .unwrap();
    assert!(operations(&resource(&server, "user1", FIRST)).is_empty());
    let reply = operate(&server, "user1", FIRST, "StartCallRecording");
    assert_eq!(refusal(&reply), (403, 3));
}

#[test]
fn what_is_recorded_automatically_is_controlled_all_the_same() {
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
        done(&server, "user1", FIRST, operation);
    }
    let again = operate(&server, "user1", FIRST, "StartCallRecording");
    assert_eq!(refusal(&again), (409, 2));
    assert_eq!(
        server.engine.list(None, &FilterFields::default()).unwrap().len(),
        1
    );
}

#[test]
fn of_starts_at_the_same_time_one_is_done_also_on_an_automatic_line() {
    for automatic in [false, true] {
        let server = TestServer::open(&[]);
        if automatic {
            server
                .engine
                .line(Some("SEP123456789ABC"), Some("101"), REC_LINE_AUTOMATIC)
                .unwrap();
            done(&server, "user1", FIRST, "StopCallRecording");
        }
        let statuses: Vec<_> = std::thread::scope(|scope| {
            let start = || operate(&server, "user1", FIRST, "StartCallRecording").status;
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let done = statuses.iter().filter(|status| **status == 200).count();
        assert_eq!(done, 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| matches!(status, 200 | 409)));
    }
}

#[test]
fn a_held_or_ringing_call_cannot_be_started_but_stopped() {
    let server = TestServer::open(&[]);
    held(&server, REC_CALL_HELD);
    let call = resource(&server, "user1", FIRST);
    let start = "StartCallRecording";
    // What goes by the state alone finds it when the call is retrieved.
    assert_eq!((&call["state"], operations(&call)), (&json!("Held"), vec![start]));
    assert_eq!(refusal(&operate(&server, "user1", FIRST, start)), (409, 2));
    held(&server, REC_CALL_ALERTING);
    assert_eq!(resource(&server, "user1", FIRST)["state"], "Ringing");
    assert_eq!(refusal(&operate(&server, "user1", FIRST, start)), (409, 2));
    let outgoing = CallFields {
        direction: REC_DIRECTION_OUTGOING,
        ..CallFields::default()
    };
    outgoing.update(server.calls[0]).unwrap();
    assert_eq!(resource(&server, "user1", FIRST)["state"], "Dialing");
    held(&server, REC_CALL_CONNECTED);
    assert_eq!(resource(&server, "user1", FIRST)["state"], "Established");
    done(&server, "user1", FIRST, "StartCallRecording");
    held(&server, REC_CALL_HELD);
    done(&server, "user1", FIRST, "StopCallRecording");
}

#[test]
fn too_many_recordings_are_4_with_503() {
    let server = TestServer::open(&[("recordings.max", "1")]);
    done(&server, "user2", SECOND, "StartCallRecording");
    let reply = operate(&server, "user1", FIRST, "StartCallRecording");
    assert_eq!(refusal(&reply), (503, 4));
}

#[test]
fn too_little_disk_is_4_with_503() {
    let server = TestServer::open(&[("storage.min_free_bytes", "1000000000000000000")]);
    let reply = operate(&server, "user1", FIRST, "StartCallRecording");
    assert_eq!(refusal(&reply), (503, 4));
}

#[test]
fn with_several_recordings_any_running_counts_then_any_paused() {
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
    let one = start(0);
    let two = start(REC_START_ADDITIONAL);
    server.engine.by_id(rec_pause_by_id, None, &one).unwrap();
    assert_eq!(state(), "Recording");
    // Not in the capabilities, though one could be resumed.
    let reply = operate(&server, "user1", FIRST, "ResumeCallRecording");
    assert_eq!(refusal(&reply), (409, 2));
    server.engine.by_id(rec_stop_by_id, None, &two).unwrap();
    assert_eq!(state(), "Paused");
    server.engine.by_id(rec_stop_by_id, None, &one).unwrap();
    assert_eq!(state(), "Stopped");
}

#[test]
fn operations_act_on_all_recordings_of_the_call() {
    let server = TestServer::open(&[]);
    done(&server, "user1", FIRST, "StartCallRecording");
    let more = StartFields {
        flags: REC_START_ADDITIONAL,
        call_id: Some(FIRST),
        ..StartFields::default()
    };
    server.engine.start(None, &more).unwrap();
    done(&server, "user1", FIRST, "PauseCallRecording");
    let live = server.engine.list(None, &FilterFields::default()).unwrap();
    assert!(live.len() == 2 && live.iter().all(|one| one.state == REC_STATE_PAUSED));
    done(&server, "user1", FIRST, "StopCallRecording");
    assert!(
        server
            .engine
            .list(None, &FilterFields::default())
            .unwrap()
            .is_empty()
    );
}

#[test]
fn gsip_rec_fn_is_the_files_name_and_stays_after_a_stop() {
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
        ..first()
    };
    let handle = server.engine.begin(&call).unwrap();
    let name = || resource(&server, "user1", FIRST)["userData"]["GSIP_REC_FN"].clone();
    assert!(name().is_null(), "never recorded");
    done(&server, "user1", FIRST, "StartCallRecording");
    let running = name();
    // What the call becomes does not change how the recording is named.
    let moved = CallFields {
        number: Some("15009"),
        dnis: Some("7"),
        ..CallFields::default()
    };
    moved.update(handle).unwrap();
    done(&server, "user1", FIRST, "StopCallRecording");
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
    let told = server.engine.events.wait(|told| told.is_terminal());
    let path = told.recording.unwrap().path;
    let file = std::path::Path::new(&path).file_name().unwrap().to_str().unwrap();
    assert_eq!(file, format!("{text}.wav"));
}

#[test]
fn a_new_start_gives_a_new_name() {
    let server = TestServer::open(&[]);
    let name = || resource(&server, "user1", FIRST)["userData"]["GSIP_REC_FN"].clone();
    done(&server, "user1", FIRST, "StartCallRecording");
    done(&server, "user1", FIRST, "StopCallRecording");
    let before = name();
    // Names differ by the second.
    while name() == before {
        done(&server, "user1", FIRST, "StartCallRecording");
        done(&server, "user1", FIRST, "StopCallRecording");
    }
    assert!(name().as_str() > before.as_str());
}

#[test]
fn subtlety_41_a_pause_is_padded_with_silence_whatever_the_lines_do() {
    let server = TestServer::open(&[("recording.pause_mode", "skip")]);
    let legs = [0, 1].map(|leg| feed(server.calls[0], leg, REC_CODEC_PCM16, 8000).unwrap());
    done(&server, "user1", FIRST, "StartCallRecording");
    for operation in ["PauseCallRecording", "ResumeCallRecording", "StopCallRecording"] {
        for leg in legs {
            write_pcm(leg, &[1000; 8000]);
        }
        done(&server, "user1", FIRST, operation);
    }
    let told = server.engine.events.wait(|told| told.is_terminal());
    let wav = WavFile::read(told.recording.unwrap().path);
    let left = wav.pcm(0);
    assert_eq!(left.len(), 24_000);
    for (second, said) in left.chunks(8000).zip([1000, 0, 1000]) {
        assert!(second.iter().all(|sample| *sample == said), "{said}");
    }
}

#[test]
fn subtlety_47_what_was_begun_by_call_is_known_by_line_by_id_and_by_url() {
    let server = TestServer::open(&[]);
    let imagicle = |method: &str, path: &str| {
        let path = format!("/fw/Apps/Recorder/WebAPI/LiveRecordings{path}");
        let admin = basic("admin", "secret");
        server.send(method, &path, &[("authorization", &admin)], "")
    };
    let state = || resource(&server, "user1", FIRST)["recordingState"].clone();
    done(&server, "user1", FIRST, "StartCallRecording");
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
