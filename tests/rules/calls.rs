//! Which call a start takes; call ids; what an update says; how a call ends.

use std::time::Duration;

use callrec::capi::*;
use callrec_testkit::wait::until;
use callrec_testkit::wav::WavFile;

use super::scratch_engine::*;
use crate::support::*;

fn tagged<'a>(tag: u64, call: CallFields<'a>) -> CallFields<'a> {
    CallFields { tag, ..call }
}

#[test]
fn a_start_by_line_takes_the_call_connected_last() {
    let scratch = scratch_engine();
    scratch.begin(&tagged(1, line("SEP1", "101"))).unwrap();
    scratch.begin(&tagged(2, line("SEP1", "101"))).unwrap();
    scratch.begin(&tagged(3, line("SEP1", "102"))).unwrap();
    scratch.begin(&tagged(4, line("SEP2", "101"))).unwrap();
    assert_eq!(scratch.tag(&scratch.start(ADMIN, &on_device("SEP1")).unwrap()), 3);
    let both = StartFields {
        number: Some("101"),
        ..on_device("SEP1")
    };
    assert_eq!(scratch.tag(&scratch.start(ADMIN, &both).unwrap()), 2);
    assert_eq!(scratch.tag(&scratch.start(ADMIN, &on_number("101")).unwrap()), 4);
}

#[test]
fn what_is_held_or_alerting_is_not_taken() {
    let scratch = scratch_engine();
    scratch.begin(&tagged(1, line("SEP1", "101"))).unwrap();
    for (tag, state) in [(2, REC_CALL_HELD), (3, REC_CALL_ALERTING)] {
        scratch
            .begin(&CallFields {
                state,
                ..tagged(tag, line("SEP1", "101"))
            })
            .unwrap();
    }
    assert_eq!(scratch.tag(&scratch.start(ADMIN, &on_device("SEP1")).unwrap()), 1);
}

#[test]
fn an_answered_call_became_connected_when_it_was_answered() {
    let scratch = scratch_engine();
    let alerting = CallFields {
        state: REC_CALL_ALERTING,
        ..tagged(1, line("SEP1", "101"))
    };
    let first = scratch.begin(&alerting).unwrap();
    scratch.begin(&tagged(2, line("SEP1", "101"))).unwrap();
    state(REC_CALL_CONNECTED).update(first).unwrap();
    assert_eq!(scratch.tag(&scratch.start(ADMIN, &on_device("SEP1")).unwrap()), 1);
}

#[test]
fn a_call_taken_back_from_hold_is_the_one_connected_last() {
    let scratch = scratch_engine();
    let first = scratch.begin(&tagged(1, line("SEP1", "101"))).unwrap();
    state(REC_CALL_HELD).update(first).unwrap();
    let second = scratch.begin(&tagged(2, line("SEP1", "101"))).unwrap();
    state(REC_CALL_HELD).update(second).unwrap();
    state(REC_CALL_CONNECTED).update(second).unwrap();
    state(REC_CALL_CONNECTED).update(first).unwrap();
    assert_eq!(scratch.tag(&scratch.start(ADMIN, &on_device("SEP1")).unwrap()), 1);
}

#[test]
fn an_update_that_leaves_a_call_connected_is_no_new_connection() {
    let scratch = scratch_engine();
    let first = scratch.begin(&tagged(1, line("SEP1", "101"))).unwrap();
    scratch.begin(&tagged(2, line("SEP1", "101"))).unwrap();
    state(REC_CALL_CONNECTED).update(first).unwrap();
    by_user("", "", "user1").update(first).unwrap();
    CallFields {
        first: Some("Ann"),
        ..CallFields::default()
    }
    .update(first)
    .unwrap();
    assert_eq!(scratch.tag(&scratch.start(ADMIN, &on_number("101")).unwrap()), 2);
}

#[test]
fn a_start_by_call_id_takes_the_one_begun_first() {
    let scratch = scratch_engine();
    for (tag, device) in [(1, "SEP1"), (2, "SEP2"), (3, "SEP3")] {
        scratch
            .begin(&CallFields {
                call_id: Some("c"),
                ..tagged(tag, line(device, "101"))
            })
            .unwrap();
    }
    let first = scratch.start(ADMIN, &on_call("c")).unwrap();
    assert_eq!(scratch.tag(&first), 1);
    // It is the one meant, recorded or not.
    refused(scratch.start(ADMIN, &on_call("c")), REC_ERR_ALREADY_RECORDING);
}

#[test]
fn a_start_by_call_id_takes_the_first_that_is_connected() {
    let scratch = scratch_engine();
    let held = CallFields {
        call_id: Some("c"),
        state: REC_CALL_HELD,
        ..tagged(1, line("SEP1", "101"))
    };
    scratch.begin(&held).unwrap();
    scratch
        .begin(&CallFields {
            call_id: Some("c"),
            ..tagged(2, line("SEP2", "101"))
        })
        .unwrap();
    assert_eq!(scratch.tag(&scratch.start(ADMIN, &on_call("c")).unwrap()), 2);
}

#[test]
fn all_that_a_start_names_must_fit() {
    let scratch = scratch_engine();
    scratch
        .begin(&CallFields {
            call_id: Some("c"),
            ..tagged(1, line("SEP1", "101"))
        })
        .unwrap();
    scratch
        .begin(&CallFields {
            call_id: Some("c"),
            ..tagged(2, line("SEP2", "102"))
        })
        .unwrap();
    scratch
        .begin(&CallFields {
            call_id: Some("d"),
            ..tagged(3, line("SEP2", "102"))
        })
        .unwrap();
    let named = |device, number| StartFields {
        device,
        number,
        ..on_call("c")
    };
    assert_eq!(
        scratch.tag(&scratch.start(ADMIN, &named(Some("SEP2"), None)).unwrap()),
        2
    );
    assert_eq!(
        scratch.tag(&scratch.start(ADMIN, &named(None, Some("101"))).unwrap()),
        1
    );
    for (device, number) in [
        (Some("SEP1"), Some("102")),
        (Some("SEP9"), None),
        (None, Some("109")),
    ] {
        refused(scratch.start(ADMIN, &named(device, number)), REC_ERR_NO_CALL);
    }
}

#[test]
fn by_call_acts_on_both_ends_of_an_internal_call() {
    let scratch = scratch_engine();
    let ends = ["SEP1", "SEP2"].map(|device| CallFields {
        call_id: Some("c"),
        ..line(device, "")
    });
    let [(first, _), (_, other)] = ends.each_ref().map(|end| scratch.recorded(end));
    assert_eq!(scratch.by_call(rec_pause_by_call, ADMIN, "c"), Ok((2, 0, 0)));
    assert_eq!(scratch.by_call(rec_resume_by_call, ADMIN, "c"), Ok((2, 0, 0)));
    // One end hangs up; the other is still there.
    end(first).unwrap();
    assert_eq!(scratch.live_ids(), [other]);
    assert_eq!(scratch.stop_by_call(ADMIN, "c", None), Ok((1, 0, 0)));
}

#[test]
fn a_call_without_an_id_is_given_one() {
    let scratch = scratch_engine();
    let handles = [0; 2].map(|_| scratch.begin(&line("SEP1", "101")).unwrap());
    let ids = handles.map(|call| {
        let mut text = [0; 1024];
        checked(|e| unsafe { rec_call_id(call, text.as_mut_ptr(), text.len(), e) }).unwrap();
        string(text.as_ptr())
    });
    assert!(!ids[0].is_empty() && ids[0] != ids[1]);
    scratch.start(ADMIN, &on_call(&ids[0])).unwrap();
    assert_eq!(scratch.stop_by_call(ADMIN, &ids[0], None), Ok((1, 0, 0)));
}

const FULL: CallFields<'static> = CallFields {
    state: 0,
    direction: REC_DIRECTION_INCOMING,
    tag: 42,
    call_id: Some("c"),
    device: Some("SEP1"),
    number: Some("101"),
    user: Some("user1"),
    numeric: Some("654321"),
    first: Some("John"),
    last: Some("Doe"),
    phone: Some("+1555123456"),
    ani: Some("ani"),
    dnis: Some("dnis"),
    attributes: Some("{\"case\":\"7\"}"),
    switch_call_id: None,
    call_type: None,
    connected_at_ms: 0,
};

/// All that the manifest knows of a call that was begun in full and then updated.
fn described_after(update: &CallFields) -> serde_json::Value {
    let scratch = scratch_engine();
    let (call, id) = scratch.recorded(&FULL);
    update.update(call).unwrap();
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    scratch.events.wait_terminal(&id).json["recording"]["call"].clone()
}

#[test]
fn null_and_0_keep_what_was() {
    let call = described_after(&CallFields::default());
    for (name, value) in [
        ("call_id", "c"),
        ("direction", "incoming"),
        ("device_name", "SEP1"),
        ("directory_number", "101"),
        ("username", "user1"),
        ("numeric_user_id", "654321"),
        ("remote_first_name", "John"),
        ("remote_last_name", "Doe"),
        ("remote_phone_number", "+1555123456"),
        ("ani", "ani"),
        ("dnis", "dnis"),
    ] {
        assert_eq!(call[name], value, "{name}");
    }
    assert_eq!(
        (&call["tag"], &call["attributes"]["case"]),
        (&42.into(), &"7".into())
    );
}

#[test]
fn an_empty_text_clears() {
    let update = CallFields {
        device: Some(""),
        user: Some(""),
        numeric: Some(""),
        first: Some(""),
        last: Some(""),
        phone: Some(""),
        ani: Some(""),
        dnis: Some(""),
        attributes: Some(""),
        ..CallFields::default()
    };
    let call = described_after(&update);
    for name in [
        "device_name",
        "username",
        "numeric_user_id",
        "remote_first_name",
        "remote_last_name",
        "remote_phone_number",
        "ani",
        "dnis",
    ] {
        assert_eq!(call[name], "", "{name}");
    }
    assert_eq!(call["attributes"], serde_json::json!({}));
    assert_eq!(
        (&call["directory_number"], &call["call_id"]),
        (&"101".into(), &"c".into())
    );
}

#[test]
fn a_call_keeps_its_id() {
    let scratch = scratch_engine();
    let call = scratch.begin(&FULL).unwrap();
    refused(
        CallFields {
            call_id: Some("d"),
            ..CallFields::default()
        }
        .update(call),
        REC_ERR_INVALID_ARGUMENT,
    );
    CallFields {
        call_id: Some("c"),
        ..CallFields::default()
    }
    .update(call)
    .unwrap();
}

#[test]
fn a_refused_update_changes_nothing() {
    let scratch = scratch_engine();
    scratch
        .begin(&CallFields {
            call_id: Some("c"),
            ..line("SEP1", "101")
        })
        .unwrap();
    let other = scratch
        .begin(&CallFields {
            call_id: Some("c"),
            ..by_user("SEP2", "102", "user1")
        })
        .unwrap();
    refused(by_user("SEP1", "101", "user2").update(other), REC_ERR_EXISTS);
    let id = scratch.start(OWNER, &on_device("SEP2")).unwrap();
    let seen = scratch.get(HOST, &id).unwrap();
    assert_eq!(
        (seen.device_name.as_str(), seen.username.as_str()),
        ("SEP2", "user1")
    );
}

/// One second of speech, ten seconds of hold (nothing is sent), one of speech.
#[test]
fn hold_is_silence_and_not_loss() {
    let scratch = scratch_engine();
    let (call, id) = scratch.recorded(&line("SEP1", "101"));
    let legs = [REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| feed(call, leg, REC_CODEC_PCM16, 8000).unwrap());
    let speak = |from: u64| {
        let said = [1000_i16; 160];
        for at in (from..from + 8000).step_by(160) {
            for leg in legs {
                let write = || unsafe { rec_feed_write_at(leg, at, said.as_ptr().cast(), 320) };
                until("room", || match write() {
                    REC_ERR_OVERRUN => false,
                    status => status == REC_OK,
                });
            }
        }
    };
    speak(0);
    state(REC_CALL_HELD).update(call).unwrap();
    assert_eq!(scratch.state(&id), REC_STATE_RECORDING);
    state(REC_CALL_CONNECTED).update(call).unwrap();
    speak(16_000);
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let seen = scratch.events.wait_terminal(&id).recording.unwrap();
    assert_eq!(
        (seen.duration_ms, seen.lost_ms, seen.end_reason),
        (3000, 0, REC_END_STOPPED)
    );
    let wav = WavFile::read(&seen.path);
    for leg in [0, 1] {
        let samples = wav.pcm(leg);
        assert!(samples[..8000].iter().all(|sample| *sample == 1000));
        assert!(samples[8000..16_000].iter().all(|sample| *sample == 0));
        assert!(samples[16_000..].iter().all(|sample| *sample == 1000));
    }
}

#[test]
fn the_end_of_a_call_finishes_its_recordings() {
    let scratch = scratch_engine();
    let (call, first) = scratch.recorded(&line("SEP1", "101"));
    let second = scratch.start(HOST, &additional(on_device("SEP1"))).unwrap();
    let (_, other) = scratch.recorded(&line("SEP2", "102"));
    scratch.by_id(rec_pause_by_id, HOST, &second).unwrap();
    end(call).unwrap();
    assert_eq!(scratch.live_ids(), [other]);
    for id in [first, second] {
        let told = scratch.events.wait_terminal(&id);
        let seen = told.recording.unwrap();
        assert_eq!(
            (told.kind, seen.end_reason),
            (REC_EVENT_FINISHED, REC_END_CALL_ENDED)
        );
    }
    refused(end(call), REC_ERR_BAD_HANDLE);
}

/// One call is forgotten, another is fed until that is noticed.
#[test]
fn a_call_without_media_is_ended() {
    let scratch = scratch_engine_with(&[("calls.idle_ms", "3000"), ("media.clock", "real")]);
    let (forgotten, idle) = scratch.recorded(&line("SEP1", "101"));
    let (call, kept) = scratch.recorded(&line("SEP2", "102"));
    let leg = feed(call, REC_LEG_LOCAL, REC_CODEC_PCMU, 0).unwrap();
    until("the forgotten call is ended", || {
        let status = unsafe { rec_feed_write(leg, [0xff_u8; 160].as_ptr().cast(), 160) };
        assert!(matches!(status, REC_OK | REC_ERR_OVERRUN), "{status}");
        std::thread::park_timeout(Duration::from_millis(19));
        !scratch.live_ids().contains(&idle)
    });
    assert_eq!(
        scratch.events.wait_terminal(&idle).recording.unwrap().end_reason,
        REC_END_CALL_ENDED
    );
    refused(end(forgotten), REC_ERR_BAD_HANDLE);
    assert_eq!(scratch.live_ids(), [kept]);
    end(call).unwrap();
}
