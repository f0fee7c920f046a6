//! Calls: which one a start selects, their ids, updates, and how they end.

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
fn a_start_by_line_selects_the_call_connected_last() {
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
fn a_start_selects_no_held_or_alerting_call() {
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
fn an_answered_call_counts_as_connected_when_it_was_answered() {
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
fn a_call_resumed_from_hold_counts_as_connected_last() {
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
fn an_update_of_a_connected_call_does_not_reconnect_it() {
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
fn a_start_by_call_id_selects_the_call_that_began_first() {
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
    // The same call is selected even though it is recorded already.
    refused(scratch.start(ADMIN, &on_call("c")), REC_ERR_ALREADY_RECORDING);
}

#[test]
fn a_start_by_call_id_selects_the_first_connected_call() {
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
fn a_start_selects_a_call_that_matches_every_field() {
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
fn control_by_call_acts_on_both_ends_of_an_internal_call() {
    let scratch = scratch_engine();
    let ends = ["SEP1", "SEP2"].map(|device| CallFields {
        call_id: Some("c"),
        ..line(device, "")
    });
    let [(first, _), (_, other)] = ends.each_ref().map(|end| scratch.recorded(end));
    assert_eq!(scratch.by_call(rec_pause_by_call, ADMIN, "c"), Ok((2, 0, 0)));
    assert_eq!(scratch.by_call(rec_resume_by_call, ADMIN, "c"), Ok((2, 0, 0)));
    // One end hangs up. The other end is still recorded.
    end(first).unwrap();
    assert_eq!(scratch.live_ids(), [other]);
    assert_eq!(scratch.stop_by_call(ADMIN, "c", None), Ok((1, 0, 0)));
}

#[test]
fn a_call_without_an_id_gets_one() {
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
    consent: REC_CONSENT_GIVEN,
    consent_source: Some("ivr"),
    consent_from_ms: 1_000,
    related: Some("c2"),
};

/// Begins a call with every field, and updates it. Returns the call of the manifest.
fn described_after(update: &CallFields) -> serde_json::Value {
    let scratch = scratch_engine();
    let (call, id) = scratch.recorded(&FULL);
    update.update(call).unwrap();
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    scratch.events.wait_terminal(&id).json["recording"]["call"].clone()
}

#[test]
fn null_and_0_change_nothing_in_an_update() {
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
        ("consent", "given"),
        ("consent_source", "ivr"),
    ] {
        assert_eq!(call[name], value, "{name}");
    }
    assert_eq!(call["consent_from_ms"], 1_000);
    assert_eq!(call["related_call_ids"], serde_json::json!(["c2"]));
    assert_eq!(
        (&call["tag"], &call["attributes"]["case"]),
        (&42.into(), &"7".into())
    );
}

#[test]
fn an_empty_string_clears_a_field() {
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
fn an_update_cannot_change_the_call_id() {
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
    let recording = scratch.get(HOST, &id).unwrap();
    assert_eq!(
        (recording.device_name.as_str(), recording.username.as_str()),
        ("SEP2", "user1")
    );
}

/// One second of speech, one second of hold without packets, one second of speech.
#[test]
fn hold_is_silence_but_not_loss() {
    let scratch = scratch_engine();
    let (call, id) = scratch.recorded(&line("SEP1", "101"));
    let legs = [REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| feed(call, leg, REC_CODEC_PCM16, 8000).unwrap());
    let speak = |from: u64| {
        let packet = [1000_i16; 160];
        for at in (from..from + 8000).step_by(160) {
            for leg in legs {
                let write = || unsafe { rec_feed_write_at(leg, at, packet.as_ptr().cast(), 320) };
                until("the feed accepts the packet", || match write() {
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
    let recording = scratch.events.wait_terminal(&id).recording.unwrap();
    assert_eq!(
        (recording.duration_ms, recording.lost_ms, recording.end_reason),
        (3000, 0, REC_END_STOPPED)
    );
    let wav = WavFile::read(&recording.path);
    for leg in [0, 1] {
        let samples = wav.pcm(leg);
        assert!(samples[..8000].iter().all(|sample| *sample == 1000));
        assert!(samples[8000..16_000].iter().all(|sample| *sample == 0));
        assert!(samples[16_000..].iter().all(|sample| *sample == 1000));
    }
}

#[test]
fn ending_a_call_finishes_its_recordings() {
    let scratch = scratch_engine();
    let (call, first) = scratch.recorded(&line("SEP1", "101"));
    let second = scratch.start(HOST, &additional(on_device("SEP1"))).unwrap();
    let (_, other) = scratch.recorded(&line("SEP2", "102"));
    scratch.by_id(rec_pause_by_id, HOST, &second).unwrap();
    end(call).unwrap();
    assert_eq!(scratch.live_ids(), [other]);
    for id in [first, second] {
        let event = scratch.events.wait_terminal(&id);
        let recording = event.recording.unwrap();
        assert_eq!(
            (event.kind, recording.end_reason),
            (REC_EVENT_FINISHED, REC_END_CALL_ENDED)
        );
    }
    refused(end(call), REC_ERR_BAD_HANDLE);
}

/// Two calls: one gets no audio; the other gets audio until the engine has ended the first.
#[test]
fn an_idle_call_is_ended() {
    let scratch = scratch_engine_with(&[("calls.idle_ms", "3000"), ("media.clock", "real")]);
    let (idle_call, idle) = scratch.recorded(&line("SEP1", "101"));
    let (call, active) = scratch.recorded(&line("SEP2", "102"));
    let leg = feed(call, REC_LEG_LOCAL, REC_CODEC_PCMU, 0).unwrap();
    until("the idle call has been ended", || {
        let status = unsafe { rec_feed_write(leg, [0xff_u8; 160].as_ptr().cast(), 160) };
        assert!(matches!(status, REC_OK | REC_ERR_OVERRUN), "{status}");
        std::thread::park_timeout(Duration::from_millis(19));
        !scratch.live_ids().contains(&idle)
    });
    assert_eq!(
        scratch.events.wait_terminal(&idle).recording.unwrap().end_reason,
        REC_END_CALL_ENDED
    );
    refused(end(idle_call), REC_ERR_BAD_HANDLE);
    assert_eq!(scratch.live_ids(), [active]);
    end(call).unwrap();
}
