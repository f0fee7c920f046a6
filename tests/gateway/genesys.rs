//! Genesys' operations and resources: every status, every subtlety.

use callrec::capi::*;
use callrec_testkit::wav::Wav;
use serde_json::{Value, json};

use crate::bayeux::{done, get, operate, operations, refusal, resource};
use crate::kit::{FIRST, House, SECOND, basic};
use crate::support::{Call, Start, Wanted, end, feed, write_pcm};
use crate::vobiz::{ID, record};

fn body(house: &House, text: &str) -> (u16, u64) {
    let path = format!("/api/v2/me/calls/{FIRST}");
    let headers = [("authorization", basic("user1", "secret"))];
    let headers = [(headers[0].0, headers[0].1.as_str())];
    refusal(&house.send("POST", &path, &headers, text))
}

fn first() -> Call<'static> {
    Call {
        call_id: Some(FIRST),
        device: Some("SEP123456789ABC"),
        number: Some("101"),
        user: Some("user1"),
        ..Call::default()
    }
}

fn held(house: &House, state: i32) {
    let update = Call {
        state,
        ..Call::default()
    };
    update.update(house.calls[0]).unwrap();
}

#[test]
fn each_operation_is_legal_where_the_capabilities_have_it() {
    let house = House::open(&[]);
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
            done(&house, "user1", FIRST, operation);
        }
        let call = resource(&house, "user1", FIRST);
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
                let reply = operate(&house, "user1", FIRST, other);
                assert_eq!(refusal(&reply), (409, 2), "{other} while {state}");
            }
        }
    }
}

#[test]
fn what_is_asked_must_be_an_operation() {
    let house = House::open(&[]);
    assert_eq!(body(&house, ""), (400, 1));
    assert_eq!(body(&house, "{}"), (400, 1));
    assert_eq!(body(&house, "\u{feff}{}"), (400, 1));
    assert_eq!(body(&house, r#"{"operationName":null}"#), (400, 1));
    for invalid in [
        "operationName=StopCallRecording",
        "[]",
        "7",
        r#"{"operationName":7}"#,
        r#"{"operationName":"stopcallrecording"}"#,
        r#"{"operationName":"Dance"}"#,
        r#"{"operationName":"StopCallRecording"} x"#,
    ] {
        assert_eq!(body(&house, invalid), (400, 10), "{invalid}");
    }
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(body(&house, &deep), (400, 10));
    // The call has it, the recorder has not.
    assert_eq!(body(&house, r#"{"operationName":"Hangup"}"#), (403, 3));
}

#[test]
fn who_does_not_say_who_they_are_is_20_with_401() {
    let house = House::open(&[("gateway.auth_delay_ms", "0")]);
    let reply = house.send("GET", "/api/v2/me", &[], "");
    assert_eq!(refusal(&reply), (401, 20));
    assert!(reply.header("www-authenticate").starts_with("Basic "));
    let wrong = basic("user1", "wrong");
    let reply = house.send("GET", "/api/v2/me/calls", &[("authorization", &wrong)], "");
    assert_eq!(refusal(&reply), (401, 20));
    let broken = basic("broken", "secret");
    let reply = house.send("GET", "/api/v2/me", &[("authorization", &broken)], "");
    assert_eq!(refusal(&reply), (500, 4));
}

#[test]
fn another_users_call_does_not_exist_whatever_the_level() {
    let house = House::open(&[]);
    for (user, call) in [("user1", SECOND), ("admin", FIRST), ("user1", "nothing")] {
        let path = format!("/me/calls/{call}");
        assert_eq!(refusal(&get(&house, user, &path)), (404, 6), "{user}");
        for operation in ["Start", "Stop", "Pause", "Resume"] {
            let operation = &format!("{operation}CallRecording");
            assert_eq!(
                refusal(&operate(&house, user, call, operation)),
                (404, 6),
                "{user}"
            );
        }
    }
    assert_eq!(get(&house, "admin", "/me/calls").json()["calls"], json!([]));
    let own = get(&house, "user1", "/me/calls").json();
    assert_eq!(own["calls"].as_array().unwrap().len(), 1);
    assert_eq!(house.engine.list(None, &Wanted::default()).unwrap().len(), 0);
}

#[test]
fn an_administrators_own_call_of_an_id_that_others_have_too() {
    let house = House::open(&[]);
    // Two ends of an internal call: user1's began first.
    let other_end = Call {
        device: Some("SEP000000000001"),
        number: Some("199"),
        user: Some("admin"),
        ..first()
    };
    house.engine.begin(&other_end).unwrap();
    done(&house, "admin", FIRST, "StartCallRecording");
    let live = house.engine.list(None, &Wanted::default()).unwrap();
    assert_eq!(live.len(), 1);
    assert_eq!(live[0].username, "admin");
    done(&house, "user1", FIRST, "StartCallRecording");
    done(&house, "admin", FIRST, "StopCallRecording");
    let live = house.engine.list(None, &Wanted::default()).unwrap();
    assert_eq!(live.len(), 1, "the other end's goes on");
    assert_eq!(live[0].username, "user1");
}

#[test]
fn level_1_is_enough() {
    let house = House::open(&[]);
    let call = Call {
        call_id: Some("theirs"),
        number: Some("103"),
        user: Some("only"),
        ..Call::default()
    };
    house.engine.begin(&call).unwrap();
    done(&house, "only", "theirs", "StartCallRecording");
    done(&house, "only", "theirs", "StopCallRecording");
}

#[test]
fn a_line_that_is_not_to_be_recorded_is_3_with_403() {
    let house = House::open(&[]);
    house
        .engine
        .line(Some("SEP123456789ABC"), None, REC_LINE_NOT_MONITORABLE)
        .unwrap();
    assert!(operations(&resource(&house, "user1", FIRST)).is_empty());
    let reply = operate(&house, "user1", FIRST, "StartCallRecording");
    assert_eq!(refusal(&reply), (403, 3));
}

#[test]
fn what_is_recorded_automatically_is_controlled_all_the_same() {
    let house = House::open(&[]);
    let line = ("SEP123456789ABC", "101");
    house
        .engine
        .line(Some(line.0), Some(line.1), REC_LINE_AUTOMATIC)
        .unwrap();
    let call = resource(&house, "user1", FIRST);
    assert_eq!(call["recordingState"], "Recording");
    for operation in [
        "PauseCallRecording",
        "ResumeCallRecording",
        "StopCallRecording",
        "StartCallRecording",
    ] {
        done(&house, "user1", FIRST, operation);
    }
    let again = operate(&house, "user1", FIRST, "StartCallRecording");
    assert_eq!(refusal(&again), (409, 2));
    assert_eq!(house.engine.list(None, &Wanted::default()).unwrap().len(), 1);
}

#[test]
fn of_starts_at_the_same_time_one_is_done_also_on_an_automatic_line() {
    for automatic in [false, true] {
        let house = House::open(&[]);
        if automatic {
            house
                .engine
                .line(Some("SEP123456789ABC"), Some("101"), REC_LINE_AUTOMATIC)
                .unwrap();
            done(&house, "user1", FIRST, "StopCallRecording");
        }
        let statuses: Vec<_> = std::thread::scope(|scope| {
            let start = || operate(&house, "user1", FIRST, "StartCallRecording").status;
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
    let house = House::open(&[]);
    held(&house, REC_CALL_HELD);
    let call = resource(&house, "user1", FIRST);
    let start = "StartCallRecording";
    // What goes by the state alone finds it when the call is retrieved.
    assert_eq!((&call["state"], operations(&call)), (&json!("Held"), vec![start]));
    assert_eq!(refusal(&operate(&house, "user1", FIRST, start)), (409, 2));
    held(&house, REC_CALL_ALERTING);
    assert_eq!(resource(&house, "user1", FIRST)["state"], "Ringing");
    assert_eq!(refusal(&operate(&house, "user1", FIRST, start)), (409, 2));
    let outgoing = Call {
        direction: REC_DIRECTION_OUTGOING,
        ..Call::default()
    };
    outgoing.update(house.calls[0]).unwrap();
    assert_eq!(resource(&house, "user1", FIRST)["state"], "Dialing");
    held(&house, REC_CALL_CONNECTED);
    assert_eq!(resource(&house, "user1", FIRST)["state"], "Established");
    done(&house, "user1", FIRST, "StartCallRecording");
    held(&house, REC_CALL_HELD);
    done(&house, "user1", FIRST, "StopCallRecording");
}

#[test]
fn too_many_recordings_are_4_with_503() {
    let house = House::open(&[("recordings.max", "1")]);
    done(&house, "user2", SECOND, "StartCallRecording");
    let reply = operate(&house, "user1", FIRST, "StartCallRecording");
    assert_eq!(refusal(&reply), (503, 4));
}

#[test]
fn too_little_disk_is_4_with_503() {
    let house = House::open(&[("storage.min_free_bytes", "1000000000000000000")]);
    let reply = operate(&house, "user1", FIRST, "StartCallRecording");
    assert_eq!(refusal(&reply), (503, 4));
}

#[test]
fn with_several_recordings_any_running_counts_then_any_paused() {
    let house = House::open(&[]);
    let start = |flags| {
        let start = Start {
            flags,
            call_id: Some(FIRST),
            ..Start::default()
        };
        house.engine.start(None, &start).unwrap()
    };
    let state = || resource(&house, "user1", FIRST)["recordingState"].clone();
    let one = start(0);
    let two = start(REC_START_ADDITIONAL);
    house.engine.by_id(rec_pause_by_id, None, &one).unwrap();
    assert_eq!(state(), "Recording");
    // Not in the capabilities, though one could be resumed.
    let reply = operate(&house, "user1", FIRST, "ResumeCallRecording");
    assert_eq!(refusal(&reply), (409, 2));
    house.engine.by_id(rec_stop_by_id, None, &two).unwrap();
    assert_eq!(state(), "Paused");
    house.engine.by_id(rec_stop_by_id, None, &one).unwrap();
    assert_eq!(state(), "Stopped");
}

#[test]
fn operations_act_on_all_recordings_of_the_call() {
    let house = House::open(&[]);
    done(&house, "user1", FIRST, "StartCallRecording");
    let more = Start {
        flags: REC_START_ADDITIONAL,
        call_id: Some(FIRST),
        ..Start::default()
    };
    house.engine.start(None, &more).unwrap();
    done(&house, "user1", FIRST, "PauseCallRecording");
    let live = house.engine.list(None, &Wanted::default()).unwrap();
    assert!(live.len() == 2 && live.iter().all(|one| one.state == REC_STATE_PAUSED));
    done(&house, "user1", FIRST, "StopCallRecording");
    assert!(house.engine.list(None, &Wanted::default()).unwrap().is_empty());
}

#[test]
fn gsip_rec_fn_is_the_files_name_and_stays_after_a_stop() {
    let house = House::open(&[
        ("storage.name", "{gsip_rec_fn}"),
        ("storage.host", "hpe-voicevm-70.genesyslab.com"),
        ("genesys.contact_center_id", "<a b/ü>"),
    ]);
    end(house.calls[0]).unwrap();
    let call = Call {
        ani: Some("15000"),
        dnis: Some("15001"),
        number: Some("15000"),
        ..first()
    };
    let handle = house.engine.begin(&call).unwrap();
    let name = || resource(&house, "user1", FIRST)["userData"]["GSIP_REC_FN"].clone();
    assert!(name().is_null(), "never recorded");
    done(&house, "user1", FIRST, "StartCallRecording");
    let running = name();
    // What the call becomes does not change how the recording is named.
    let moved = Call {
        number: Some("15009"),
        dnis: Some("7"),
        ..Call::default()
    };
    moved.update(handle).unwrap();
    done(&house, "user1", FIRST, "StopCallRecording");
    assert_eq!(name(), running);
    let text = running.as_str().unwrap();
    assert!(
        text.starts_with(&format!("{FIRST}_15000_15000_15001_2")),
        "{text}"
    );
    let tail = "_hpe-voicevm-70-dot-genesyslab-dot-com__%3Ca%20b%2F%C3%BC%3E";
    assert!(text.ends_with(tail), "{text}");
    assert_eq!(resource(&house, "user1", FIRST)["userData"]["GSIP_RECORD"], "OFF");
    let told = house.engine.events.wait(|told| told.is_terminal());
    let path = told.recording.unwrap().path;
    let file = std::path::Path::new(&path).file_name().unwrap().to_str().unwrap();
    assert_eq!(file, format!("{text}.wav"));
}

#[test]
fn a_new_start_gives_a_new_name() {
    let house = House::open(&[]);
    let name = || resource(&house, "user1", FIRST)["userData"]["GSIP_REC_FN"].clone();
    done(&house, "user1", FIRST, "StartCallRecording");
    done(&house, "user1", FIRST, "StopCallRecording");
    let before = name();
    // Names differ by the second.
    while name() == before {
        done(&house, "user1", FIRST, "StartCallRecording");
        done(&house, "user1", FIRST, "StopCallRecording");
    }
    assert!(name().as_str() > before.as_str());
}

#[test]
fn subtlety_41_a_pause_is_padded_with_silence_whatever_the_lines_do() {
    let house = House::open(&[("recording.pause_mode", "skip")]);
    let legs = [0, 1].map(|leg| feed(house.calls[0], leg, REC_CODEC_PCM16, 8000).unwrap());
    done(&house, "user1", FIRST, "StartCallRecording");
    for operation in ["PauseCallRecording", "ResumeCallRecording", "StopCallRecording"] {
        for leg in legs {
            write_pcm(leg, &[1000; 8000]);
        }
        done(&house, "user1", FIRST, operation);
    }
    let told = house.engine.events.wait(|told| told.is_terminal());
    let wav = Wav::read(told.recording.unwrap().path);
    let left = wav.pcm(0);
    assert_eq!(left.len(), 24_000);
    for (second, said) in left.chunks(8000).zip([1000, 0, 1000]) {
        assert!(second.iter().all(|sample| *sample == said), "{said}");
    }
}

#[test]
fn subtlety_47_what_was_begun_by_call_is_known_by_line_by_id_and_by_url() {
    let house = House::open(&[]);
    let imagicle = |method: &str, path: &str| {
        let path = format!("/fw/Apps/Recorder/WebAPI/LiveRecordings{path}");
        let admin = basic("admin", "secret");
        house.send(method, &path, &[("authorization", &admin)], "")
    };
    let state = || resource(&house, "user1", FIRST)["recordingState"].clone();
    done(&house, "user1", FIRST, "StartCallRecording");
    let line = "?deviceName=SEP123456789ABC&directoryNumber=101";
    let id = imagicle("GET", line).json()[0]["id"].clone();
    let id = id.as_str().unwrap();
    assert_eq!(imagicle("PUT", &format!("/{id}/Pause")).status, 204);
    assert_eq!(state(), "Paused");
    assert_eq!(imagicle("PUT", "/Resume?directoryNumber=101").status, 204);
    assert_eq!(state(), "Recording");
    let url = format!("{}/recordings/{id}.wav", house.base);
    let stop = json!({ "URL": url }).to_string();
    let stopped = house.send("DELETE", &record(FIRST), &ID, &stop);
    assert_eq!((stopped.status, state()), (204, json!("Stopped")));
}
