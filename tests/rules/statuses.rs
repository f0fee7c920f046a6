//! The statuses of arguments, look-ups and limits, with their reasons.

use std::sync::Arc;

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::gate::Gate;
use callrec_testkit::wait::until;

use super::scratch_engine::*;
use crate::support::*;

#[test]
fn an_id_is_accepted_in_every_form_of_a_guid() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    let (upper, plain) = (id.to_uppercase(), id.replace('-', ""));
    let mixed: String = id
        .chars()
        .enumerate()
        .map(|(at, c)| if at % 2 == 0 { c.to_ascii_uppercase() } else { c })
        .collect();
    for form in [
        id.clone(),
        upper.clone(),
        mixed,
        plain.clone(),
        plain.to_uppercase(),
        format!("{{{id}}}"),
        format!("{{{upper}}}"),
        format!("{{{plain}}}"),
    ] {
        scratch.by_id(rec_pause_by_id, ADMIN, &form).unwrap();
        scratch.by_id(rec_resume_by_id, ADMIN, &form).unwrap();
        assert_eq!(scratch.get(ADMIN, &form).unwrap().id, id, "{form}");
    }
    scratch
        .by_id(rec_stop_by_id, ADMIN, &format!("{{{upper}}}"))
        .unwrap();
}

#[test]
fn an_id_that_is_not_a_guid_is_refused() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    let plain = id.replace('-', "");
    for form in [
        String::new(),
        "not-a-guid".to_owned(),
        format!("{{{id}"),
        format!("{id}}}"),
        format!("{{{{{id}}}}}"),
        format!("({id})"),
        format!(" {id}"),
        format!("{id} "),
        format!("urn:uuid:{id}"),
        id[1..].to_owned(),
        format!("{id}0"),
        plain[1..].to_owned(),
        id.replacen('-', "", 1),
        format!("{}-{}", &plain[..16], &plain[16..]),
        id.replace('-', "_"),
        format!("g{}", &id[1..]),
    ] {
        for (_, op) in BY_ID {
            refused_because(scratch.by_id(op, ADMIN, &form), REC_ERR_INVALID_ID, 0);
        }
        refused_because(scratch.get(ADMIN, &form), REC_ERR_INVALID_ID, 0);
    }
    assert_eq!(scratch.state(&id), REC_STATE_RECORDING);
}

#[test]
fn a_null_id_is_invalid() {
    let scratch = scratch_engine();
    let null = std::ptr::null();
    for (_, op) in BY_ID {
        let answer = checked(|e| unsafe { op(scratch.handle, std::ptr::null(), null, e) });
        refused_because(answer, REC_ERR_INVALID_ID, 0);
    }
}

#[test]
fn a_target_needs_a_device_or_a_number() {
    let scratch = scratch_engine();
    scratch.recorded(&line("SEP1", "101"));
    for (_, op) in BY_DEVICE {
        refused_because(scratch.by_device(op, ADMIN, None, None), REC_ERR_NO_TARGET, 0);
        refused_because(
            scratch.by_device(op, ADMIN, Some(""), Some("")),
            REC_ERR_NO_TARGET,
            0,
        );
    }
    refused_because(
        scratch.start(ADMIN, &StartFields::default()),
        REC_ERR_NO_TARGET,
        0,
    );
    assert_eq!(scratch.live().len(), 1);
}

#[test]
fn an_unknown_format_is_refused() {
    let scratch = scratch_engine();
    scratch.begin(&line("SEP1", "101")).unwrap();
    for format in ["wma", "WAVE", "wav ", "x"] {
        let start = StartFields {
            format: Some(format),
            ..on_device("SEP1")
        };
        let refusal = refused_because(scratch.start(ADMIN, &start), REC_ERR_INVALID_MODE, 2);
        assert!(refusal.message.contains(format), "{}", refusal.message);
    }
    assert!(scratch.live().is_empty());
}

/// Each text, and what the message names. A parameter is refused before the build or the system is asked
/// whether it can write the format.
const REFUSED_PARAMETERS: &[(&str, &str)] = &[
    ("flac;level=9", "level"),
    ("flac;speed=1", "speed"),
    ("flac;level=05", "level"),
    ("wav;level=1", "level"),
    ("wav;tags=2", "tags"),
    ("wav;tags=", "tags"),
    ("wav;tags=1;tags=1", "tags is given twice"),
    ("wav-ulaw;tags=-1", "tags"),
    ("wav-alaw;bitrate=8000", "bitrate"),
    ("au;tags=2", "tags"),
    ("au-ulaw;tags", "tags"),
    ("au-alaw;level=1", "level"),
    ("opus;speed=1", "speed"),
    ("opus;bitrate", "bitrate"),
    ("opus;bitrate=", "bitrate"),
    ("opus;bitrate=5999", "from 6000 to 256000"),
    ("opus;bitrate=256001", "from 6000 to 256000"),
    ("opus;bitrate=+24000", "bitrate"),
    ("opus;bitrate=024000", "bitrate"),
    ("opus;bitrate=1;bitrate=2", "from 6000 to 256000"),
    ("opus;bitrate=24000;bitrate=64000", "bitrate is given twice"),
    ("opus;bitrate=24000;dtx=1;bitrate=24000", "bitrate is given twice"),
    // 24000 more than fit in 32 bits.
    ("opus;bitrate=4294991296", "bitrate"),
    ("opus;complexity=11", "complexity"),
    ("opus;dtx=2", "dtx"),
    ("opus; dtx=1", " dtx"),
    ("opus;", "semicolon"),
    ("opus;;dtx=1", "semicolon"),
    ("opus;dtx=1;", "semicolon"),
    ("mp3;level=1", "level"),
    ("mp3;bitrate=7999", "from 8000 to 320000"),
    ("mp3;bitrate=320001", "from 8000 to 320000"),
    ("mp3;bitrate=0", "from 8000 to 320000"),
    ("mp3;bitrate=", "bitrate"),
    ("mp3;bitrate", "bitrate"),
    ("mp3;bitrate=32000;bitrate=32000", "bitrate is given twice"),
    ("mp3;", "semicolon"),
    (";tags=1", "no such format"),
    (";", "no such format"),
];

#[test]
fn a_parameter_that_the_format_does_not_have_is_refused() {
    let scratch = scratch_engine();
    scratch.begin(&line("SEP1", "101")).unwrap();
    for (format, why) in REFUSED_PARAMETERS {
        let start = StartFields {
            format: Some(format),
            ..on_device("SEP1")
        };
        let refusal = refused_because(scratch.start(ADMIN, &start), REC_ERR_INVALID_MODE, 2);
        assert!(refusal.message.contains(why), "{format}: {}", refusal.message);
        // The key takes the same texts.
        let mut config = callrec::config::Config::default();
        let refused = config.set("recording.format", format).expect_err(format);
        assert!(refused.message.contains(why), "{format}: {refused:?}");
    }
    assert!(scratch.live().is_empty());
}

#[test]
fn every_format_of_this_build_is_accepted() {
    let scratch = scratch_engine();
    scratch.begin(&line("SEP1", "101")).unwrap();
    for (given, reported) in [
        (None, "wav"),
        (Some("wav"), "wav"),
        (Some("wav-ulaw"), "wav-ulaw"),
        (Some("wav-alaw"), "wav-alaw"),
        (Some("au"), "au"),
        (Some("au-ulaw"), "au-ulaw"),
        (Some("au-alaw"), "au-alaw"),
        (Some("flac"), "flac"),
        (Some("flac;level=8"), "flac"),
        (Some("opus"), "opus"),
        (Some("opus;bitrate=24000;dtx=1"), "opus"),
    ] {
        let id = scratch
            .start(
                ADMIN,
                &StartFields {
                    format: given,
                    ..on_device("SEP1")
                },
            )
            .unwrap();
        assert_eq!(scratch.get(HOST, &id).unwrap().format, reported);
        scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    }
}

#[test]
fn a_start_needs_a_connected_call() {
    let scratch = scratch_engine();
    refused(scratch.start(ADMIN, &on_device("SEP1")), REC_ERR_NO_CALL);
    refused(scratch.start(ADMIN, &on_call("c")), REC_ERR_NO_CALL);
    for before in [REC_CALL_HELD, REC_CALL_ALERTING] {
        let call = scratch
            .begin(&CallFields {
                state: before,
                call_id: Some("c"),
                ..line("SEP1", "101")
            })
            .unwrap();
        for start in [on_device("SEP1"), on_number("101"), on_call("c")] {
            refused(scratch.start(ADMIN, &start), REC_ERR_NO_CALL);
        }
        end(call).unwrap();
    }
    let call = scratch.begin(&line("SEP1", "101")).unwrap();
    refused(
        scratch.start(
            ADMIN,
            &StartFields {
                number: Some("102"),
                ..on_device("SEP1")
            },
        ),
        REC_ERR_NO_CALL,
    );
    end(call).unwrap();
    refused(scratch.start(ADMIN, &on_device("SEP1")), REC_ERR_NO_CALL);
}

#[test]
fn a_recorded_call_needs_an_additional_start() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&CallFields {
        call_id: Some("c"),
        ..line("SEP1", "101")
    });
    for start in [on_device("SEP1"), on_number("101"), on_call("c")] {
        refused(scratch.start(ADMIN, &start), REC_ERR_ALREADY_RECORDING);
    }
    scratch.by_id(rec_pause_by_id, HOST, &id).unwrap();
    refused(
        scratch.start(ADMIN, &on_device("SEP1")),
        REC_ERR_ALREADY_RECORDING,
    );
    let second = scratch.start(ADMIN, &additional(on_device("SEP1"))).unwrap();
    assert_eq!(scratch.live_ids(), [id.clone(), second.clone()]);
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    scratch.by_id(rec_stop_by_id, HOST, &second).unwrap();
    // The call can be recorded again once it is not recorded.
    scratch.start(ADMIN, &on_device("SEP1")).unwrap();
}

#[test]
fn an_additional_start_does_not_need_a_recording() {
    let scratch = scratch_engine();
    scratch.begin(&line("SEP1", "101")).unwrap();
    scratch.start(ADMIN, &additional(on_device("SEP1"))).unwrap();
    refused(
        scratch.start(ADMIN, &on_device("SEP1")),
        REC_ERR_ALREADY_RECORDING,
    );
}

#[test]
fn the_number_of_recordings_is_limited() {
    let scratch = scratch_engine_with(&[("recordings.max", "2")]);
    scratch.begin(&line("SEP1", "101")).unwrap();
    let first = scratch.start(ADMIN, &on_device("SEP1")).unwrap();
    scratch.start(ADMIN, &additional(on_device("SEP1"))).unwrap();
    refused(
        scratch.start(ADMIN, &additional(on_device("SEP1"))),
        REC_ERR_LIMIT,
    );
    scratch.by_id(rec_stop_by_id, ADMIN, &first).unwrap();
    scratch.start(ADMIN, &additional(on_device("SEP1"))).unwrap();
}

#[test]
fn the_number_of_calls_is_limited() {
    let scratch = scratch_engine_with(&[("calls.max", "1")]);
    let call = scratch.begin(&line("SEP1", "101")).unwrap();
    refused(scratch.begin(&line("SEP2", "102")).map(drop), REC_ERR_LIMIT);
    end(call).unwrap();
    scratch.begin(&line("SEP2", "102")).unwrap();
}

#[test]
fn a_start_without_free_space_is_refused() {
    let scratch = scratch_engine_with(&[("storage.min_free_bytes", "18446744073709551615")]);
    scratch.begin(&line("SEP1", "101")).unwrap();
    refused(scratch.start(ADMIN, &on_device("SEP1")), REC_ERR_NO_SPACE);
    // Free space is checked last.
    refused(scratch.start(ADMIN, &on_device("SEP2")), REC_ERR_NO_CALL);
    scratch
        .line(Some("SEP1"), None, REC_LINE_NOT_MONITORABLE)
        .unwrap();
    refused(scratch.start(ADMIN, &on_device("SEP1")), REC_ERR_NOT_MONITORABLE);
}

#[test]
fn a_call_id_is_unique_on_a_line() {
    let scratch = scratch_engine();
    let call = CallFields {
        call_id: Some("c"),
        ..line("SEP1", "101")
    };
    let first = scratch.begin(&call).unwrap();
    refused(scratch.begin(&call).map(drop), REC_ERR_EXISTS);
    // The same call id is allowed on other lines, also on the same device with another number.
    scratch
        .begin(&CallFields {
            call_id: Some("c"),
            ..line("SEP2", "101")
        })
        .unwrap();
    scratch
        .begin(&CallFields {
            call_id: Some("c"),
            ..line("SEP1", "102")
        })
        .unwrap();
    scratch
        .begin(&CallFields {
            call_id: Some("c"),
            ..line("SEP1", "")
        })
        .unwrap();
    end(first).unwrap();
    scratch.begin(&call).unwrap();
}

#[test]
fn a_directory_belongs_to_one_engine() {
    let scratch = scratch_engine();
    let again = open_with(&scratch.dir.0, &[]).map(drop);
    refused(again, REC_ERR_UNAVAILABLE);
    let (_, dir) = scratch.finish();
    close(open_with(&dir.0, &[]).unwrap()).unwrap();
}

/// The directory stays locked until the last callback has returned.
#[test]
fn a_closing_engine_is_unavailable() {
    let dir = ScratchDir::new();
    let engine = open_with(&dir.0, &[]).unwrap();
    let gate = Arc::new(Gate::new_shut());
    let callback_gate = gate.clone();
    subscribe(engine, move |_| callback_gate.pass()).unwrap();
    let mut call = rec_call { id: 0 };
    line("SEP1", "101")
        .with(|info| checked(|e| unsafe { rec_call_begin(engine, info, &mut call, e) }))
        .unwrap();
    let device = CText::from("SEP1");
    let mut options: rec_start_options = init();
    options.device_name = device.ptr();
    let mut id = rec_id { text: [0; 37] };
    checked(|e| unsafe { rec_start(engine, std::ptr::null(), &options, &mut id, e) }).unwrap();
    gate.wait_for_blocked(1);
    refused(checked(|e| unsafe { rec_close(engine, 1, e) }), REC_ERR_TIMEOUT);
    // The handle is no longer valid, but the directory is still locked.
    let start = checked(|e| unsafe { rec_start(engine, std::ptr::null(), &options, &mut id, e) });
    assert!(matches!(
        start.unwrap_err().status,
        REC_ERR_UNAVAILABLE | REC_ERR_BAD_HANDLE
    ));
    refused(open_with(&dir.0, &[]).map(drop), REC_ERR_UNAVAILABLE);
    gate.open();
    until("the directory is unlocked", || match open_with(&dir.0, &[]) {
        Ok(engine) => close(engine).is_ok(),
        Err(refusal) => {
            assert_eq!(refusal.status, REC_ERR_UNAVAILABLE);
            false
        }
    });
}

/// Closing invalidates the feeds first, also with a timeout of 0.
#[test]
fn no_feed_accepts_audio_after_closing_without_waiting() {
    let dir = ScratchDir::new();
    let engine = open_with(&dir.0, &[]).unwrap();
    let feeds: Vec<(rec_call, rec_feed)> = (0..500)
        .map(|_| {
            let mut call = rec_call { id: 0 };
            CallFields::default()
                .with(|info| checked(|e| unsafe { rec_call_begin(engine, info, &mut call, e) }))
                .unwrap();
            (call, feed(call, REC_LEG_LOCAL, REC_CODEC_PCMU, 8000).unwrap())
        })
        .collect();
    let closed = checked(|e| unsafe { rec_close(engine, 0, e) });
    assert!(closed.is_ok() || closed.is_err_and(|refusal| refusal.status == REC_ERR_TIMEOUT));
    let results = feeds.iter().rev().map(|(call, feed)| {
        let written = unsafe { rec_feed_write(*feed, [0u8; 160].as_ptr().cast(), 160) };
        (written, end(*call).map_err(|refusal| refusal.status))
    });
    let stale = (REC_ERR_BAD_HANDLE, Err(REC_ERR_BAD_HANDLE));
    assert_eq!(results.filter(|result| *result != stale).count(), 0);
    until("the directory is unlocked", || {
        open_with(&dir.0, &[]).is_ok_and(|engine| close(engine).is_ok())
    });
}

/// Strings of callers cannot forge a line in a log.
#[test]
fn a_message_is_one_line() {
    let scratch = scratch_engine();
    let device = "SEP1\nERROR forged\u{1b}[2J";
    let refusal = refused(scratch.stop_by_device(HOST, Some(device), None), REC_ERR_NOT_LIVE);
    assert!(!refusal.message.contains(char::is_control), "{refusal:?}");
    assert!(
        refusal.message.contains("SEP1\\nERROR forged\\u{1b}[2J"),
        "{refusal:?}"
    );
    let file = scratch.dir.0.join("in\nthe way");
    std::fs::write(&file, "").unwrap();
    let message = refused(open_with(&file.join("x"), &[]).map(drop), REC_ERR_IO).message;
    assert!(!message.contains(char::is_control), "{message}");
    assert!(message.contains("in\\nthe way"), "{message}");
    let mut config = std::ptr::null_mut();
    assert_eq!(unsafe { rec_config_new(&mut config) }, REC_OK);
    let (key, value) = (CText::from("media.clock"), CText::from("real\nstream"));
    let refusal = checked(|e| unsafe { rec_config_set(config, key.ptr(), value.ptr(), e) });
    unsafe { rec_config_free(config) };
    let message = refused(refusal, REC_ERR_CONFIG).message;
    assert!(message.contains("\"real\\nstream\""), "{message}");
    // Programs compare the device name, so it is not escaped.
    scratch
        .line(Some(device), None, REC_LINE_NOT_MONITORABLE)
        .unwrap();
    scratch.begin(&line(device, "101")).unwrap();
    let refusal = refused(scratch.start(HOST, &on_device(device)), REC_ERR_NOT_MONITORABLE);
    assert_eq!(refusal.device_name, device);
}

#[cfg(feature = "faults")]
#[test]
fn a_panic_is_reported_as_internal() {
    let scratch = scratch_engine_with(&[("faults.panic", "list")]);
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    let result = scratch.list(ADMIN, &FilterFields::default()).map(drop);
    refused(result, REC_ERR_INTERNAL);
    // The engine continues.
    scratch.by_id(rec_stop_by_id, ADMIN, &id).unwrap();
    assert_eq!(scratch.events.wait_terminal(&id).kind, REC_EVENT_FINISHED);
}
