//! The statuses of arguments, look-ups and limits, with their reasons.

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::until;

use super::helper::*;
use crate::support::*;

#[test]
fn a_guid_in_every_form() {
    let w = world();
    let (_, id) = w.recorded(&line("SEP1", "101"));
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
        w.by_id(rec_pause_by_id, ADMIN, &form).unwrap();
        w.by_id(rec_resume_by_id, ADMIN, &form).unwrap();
        assert_eq!(w.get(ADMIN, &form).unwrap().id, id, "{form}");
    }
    w.by_id(rec_stop_by_id, ADMIN, &format!("{{{upper}}}")).unwrap();
}

#[test]
fn what_is_no_guid() {
    let w = world();
    let (_, id) = w.recorded(&line("SEP1", "101"));
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
            refused_because(w.by_id(op, ADMIN, &form), REC_ERR_INVALID_ID, 0);
        }
        refused_because(w.get(ADMIN, &form), REC_ERR_INVALID_ID, 0);
    }
    assert_eq!(w.state(&id), REC_STATE_RECORDING);
}

#[test]
fn a_null_id_is_absent() {
    let w = world();
    let null = std::ptr::null();
    for (_, op) in BY_ID {
        let answer = ask(|e| unsafe { op(w.handle, std::ptr::null(), null, e) });
        refused_because(answer, REC_ERR_INVALID_ID, 0);
    }
}

#[test]
fn neither_device_nor_number() {
    let w = world();
    w.recorded(&line("SEP1", "101"));
    for (_, op) in BY_DEVICE {
        refused_because(w.by_device(op, ADMIN, None, None), REC_ERR_NO_TARGET, 0);
        refused_because(w.by_device(op, ADMIN, Some(""), Some("")), REC_ERR_NO_TARGET, 0);
    }
    refused_because(w.start(ADMIN, &Start::default()), REC_ERR_NO_TARGET, 0);
    assert_eq!(w.live().len(), 1);
}

#[test]
fn an_unknown_format() {
    let w = world();
    w.begin(&line("SEP1", "101")).unwrap();
    for format in ["wma", "WAVE", "wav ", "x"] {
        let start = Start {
            format: Some(format),
            ..on_device("SEP1")
        };
        let refusal = refused_because(w.start(ADMIN, &start), REC_ERR_INVALID_MODE, 2);
        assert!(refusal.message.contains(format), "{}", refusal.message);
    }
    assert!(w.live().is_empty());
}

#[test]
fn known_formats_and_codecs_that_this_build_lacks() {
    let w = world();
    let call = w.begin(&line("SEP1", "101")).unwrap();
    for format in ["flac", "opus", "mp3"] {
        let start = Start {
            format: Some(format),
            ..on_device("SEP1")
        };
        refused(w.start(ADMIN, &start), REC_ERR_UNSUPPORTED);
    }
    for codec in [REC_CODEC_G722, REC_CODEC_OPUS] {
        let opened = feed(call, REC_LEG_LOCAL, codec, 0).map(drop);
        refused(opened, REC_ERR_UNSUPPORTED);
    }
    assert!(w.live().is_empty());
}

#[test]
fn every_format_of_this_build() {
    let w = world();
    w.begin(&line("SEP1", "101")).unwrap();
    for (given, told) in [
        (None, "wav"),
        (Some("wav"), "wav"),
        (Some("wav-ulaw"), "wav-ulaw"),
        (Some("wav-alaw"), "wav-alaw"),
        (Some("au"), "au"),
        (Some("au-ulaw"), "au-ulaw"),
        (Some("au-alaw"), "au-alaw"),
    ] {
        let id = w
            .start(
                ADMIN,
                &Start {
                    format: given,
                    ..on_device("SEP1")
                },
            )
            .unwrap();
        assert_eq!(w.get(HOST, &id).unwrap().format, told);
        w.by_id(rec_stop_by_id, HOST, &id).unwrap();
    }
}

#[test]
fn no_connected_call_to_start() {
    let w = world();
    refused(w.start(ADMIN, &on_device("SEP1")), REC_ERR_NO_CALL);
    refused(w.start(ADMIN, &on_call("c")), REC_ERR_NO_CALL);
    for before in [REC_CALL_HELD, REC_CALL_ALERTING] {
        let call = w
            .begin(&Call {
                state: before,
                call_id: Some("c"),
                ..line("SEP1", "101")
            })
            .unwrap();
        for start in [on_device("SEP1"), on_number("101"), on_call("c")] {
            refused(w.start(ADMIN, &start), REC_ERR_NO_CALL);
        }
        end(call).unwrap();
    }
    let call = w.begin(&line("SEP1", "101")).unwrap();
    refused(
        w.start(
            ADMIN,
            &Start {
                number: Some("102"),
                ..on_device("SEP1")
            },
        ),
        REC_ERR_NO_CALL,
    );
    end(call).unwrap();
    refused(w.start(ADMIN, &on_device("SEP1")), REC_ERR_NO_CALL);
}

#[test]
fn a_call_that_is_recorded_already() {
    let w = world();
    let (_, id) = w.recorded(&Call {
        call_id: Some("c"),
        ..line("SEP1", "101")
    });
    for start in [on_device("SEP1"), on_number("101"), on_call("c")] {
        refused(w.start(ADMIN, &start), REC_ERR_ALREADY_RECORDING);
    }
    w.by_id(rec_pause_by_id, HOST, &id).unwrap();
    refused(w.start(ADMIN, &on_device("SEP1")), REC_ERR_ALREADY_RECORDING);
    let second = w.start(ADMIN, &additional(on_device("SEP1"))).unwrap();
    assert_eq!(w.live_ids(), [id.clone(), second.clone()]);
    w.by_id(rec_stop_by_id, HOST, &id).unwrap();
    w.by_id(rec_stop_by_id, HOST, &second).unwrap();
    // Stopped, it can be started again in the same call.
    w.start(ADMIN, &on_device("SEP1")).unwrap();
}

#[test]
fn additional_does_not_need_a_recording() {
    let w = world();
    w.begin(&line("SEP1", "101")).unwrap();
    w.start(ADMIN, &additional(on_device("SEP1"))).unwrap();
    refused(w.start(ADMIN, &on_device("SEP1")), REC_ERR_ALREADY_RECORDING);
}

#[test]
fn too_many_recordings() {
    let w = world_with(&[("recordings.max", "2")]);
    w.begin(&line("SEP1", "101")).unwrap();
    let first = w.start(ADMIN, &on_device("SEP1")).unwrap();
    w.start(ADMIN, &additional(on_device("SEP1"))).unwrap();
    refused(w.start(ADMIN, &additional(on_device("SEP1"))), REC_ERR_LIMIT);
    w.by_id(rec_stop_by_id, ADMIN, &first).unwrap();
    w.start(ADMIN, &additional(on_device("SEP1"))).unwrap();
}

#[test]
fn too_many_calls() {
    let w = world_with(&[("calls.max", "1")]);
    let call = w.begin(&line("SEP1", "101")).unwrap();
    refused(w.begin(&line("SEP2", "102")).map(drop), REC_ERR_LIMIT);
    end(call).unwrap();
    w.begin(&line("SEP2", "102")).unwrap();
}

#[test]
fn too_little_disk() {
    let w = world_with(&[("storage.min_free_bytes", "18446744073709551615")]);
    w.begin(&line("SEP1", "101")).unwrap();
    refused(w.start(ADMIN, &on_device("SEP1")), REC_ERR_NO_SPACE);
    // Only where all else would let it start.
    refused(w.start(ADMIN, &on_device("SEP2")), REC_ERR_NO_CALL);
    w.line(Some("SEP1"), None, REC_LINE_NOT_MONITORABLE).unwrap();
    refused(w.start(ADMIN, &on_device("SEP1")), REC_ERR_NOT_MONITORABLE);
}

#[test]
fn the_same_call_id_on_the_same_line() {
    let w = world();
    let call = Call {
        call_id: Some("c"),
        ..line("SEP1", "101")
    };
    let first = w.begin(&call).unwrap();
    refused(w.begin(&call).map(drop), REC_ERR_EXISTS);
    // Another line is another call: another number on that device, too.
    w.begin(&Call {
        call_id: Some("c"),
        ..line("SEP2", "101")
    })
    .unwrap();
    w.begin(&Call {
        call_id: Some("c"),
        ..line("SEP1", "102")
    })
    .unwrap();
    w.begin(&Call {
        call_id: Some("c"),
        ..line("SEP1", "")
    })
    .unwrap();
    end(first).unwrap();
    w.begin(&call).unwrap();
}

#[test]
fn the_directory_is_held_by_another_engine() {
    let w = world();
    let again = open_with(&w.dir.0, &[]).map(drop);
    refused(again, REC_ERR_UNAVAILABLE);
    let (_, dir) = w.finish();
    close(open_with(&dir.0, &[]).unwrap()).unwrap();
}

/// Closed, but a callback has not returned: nobody else may have the directory.
#[test]
fn a_closing_engine_is_unavailable() {
    let dir = ScratchDir::new();
    let engine = open_with(&dir.0, &[]).unwrap();
    let (entered, inside) = std::sync::mpsc::channel();
    let (let_go, gate) = std::sync::mpsc::channel::<()>();
    let gate = parking_lot::Mutex::new(gate);
    listen(engine, move |_| {
        let _ = entered.send(());
        let _ = gate.lock().recv();
    })
    .unwrap();
    let mut call = rec_call { id: 0 };
    line("SEP1", "101")
        .with(|info| ask(|e| unsafe { rec_call_begin(engine, info, &mut call, e) }))
        .unwrap();
    let device = Arg::from("SEP1");
    let mut options: rec_start_options = init();
    options.device_name = device.ptr();
    let mut id = rec_id { text: [0; 37] };
    ask(|e| unsafe { rec_start(engine, std::ptr::null(), &options, &mut id, e) }).unwrap();
    inside.recv().unwrap();
    refused(ask(|e| unsafe { rec_close(engine, 1, e) }), REC_ERR_TIMEOUT);
    // The handle is consumed, the directory is not free yet.
    let start = ask(|e| unsafe { rec_start(engine, std::ptr::null(), &options, &mut id, e) });
    assert!(matches!(
        start.unwrap_err().status,
        REC_ERR_UNAVAILABLE | REC_ERR_BAD_HANDLE
    ));
    refused(open_with(&dir.0, &[]).map(drop), REC_ERR_UNAVAILABLE);
    drop(let_go);
    until("the directory is let go", || match open_with(&dir.0, &[]) {
        Ok(engine) => close(engine).is_ok(),
        Err(refusal) => {
            assert_eq!(refusal.status, REC_ERR_UNAVAILABLE);
            false
        }
    });
}

/// Closing begins by making feeds stale: however little time it has, nothing is
/// taken once it has returned.
#[test]
fn after_closing_without_waiting_nothing_is_taken() {
    let dir = ScratchDir::new();
    let engine = open_with(&dir.0, &[]).unwrap();
    let feeds: Vec<(rec_call, rec_feed)> = (0..500)
        .map(|_| {
            let mut call = rec_call { id: 0 };
            Call::default()
                .with(|info| ask(|e| unsafe { rec_call_begin(engine, info, &mut call, e) }))
                .unwrap();
            (call, feed(call, REC_LEG_LOCAL, REC_CODEC_PCMU, 8000).unwrap())
        })
        .collect();
    let closed = ask(|e| unsafe { rec_close(engine, 0, e) });
    assert!(closed.is_ok() || closed.is_err_and(|refusal| refusal.status == REC_ERR_TIMEOUT));
    let answers = feeds.iter().rev().map(|(call, feed)| {
        let taken = unsafe { rec_feed_write(*feed, [0u8; 160].as_ptr().cast(), 160) };
        (taken, end(*call).map_err(|refusal| refusal.status))
    });
    let gone = (REC_ERR_BAD_HANDLE, Err(REC_ERR_BAD_HANDLE));
    assert_eq!(answers.filter(|answer| *answer != gone).count(), 0);
    until("the directory is let go", || {
        open_with(&dir.0, &[]).is_ok_and(|engine| close(engine).is_ok())
    });
}

/// Texts of the host's cannot forge a line in its log.
#[test]
fn a_message_is_one_line() {
    let w = world();
    let device = "SEP1\nERROR forged\u{1b}[2J";
    let refusal = refused(w.stop_by_device(HOST, Some(device), None), REC_ERR_NOT_LIVE);
    assert!(!refusal.message.contains(char::is_control), "{refusal:?}");
    assert!(
        refusal.message.contains("SEP1\\nERROR forged\\u{1b}[2J"),
        "{refusal:?}"
    );
    let in_the_way = w.dir.0.join("in\nthe way");
    std::fs::write(&in_the_way, "").unwrap();
    let message = refused(open_with(&in_the_way.join("x"), &[]).map(drop), REC_ERR_IO).message;
    assert!(!message.contains(char::is_control), "{message}");
    assert!(message.contains("in\\nthe way"), "{message}");
    let mut config = std::ptr::null_mut();
    assert_eq!(unsafe { rec_config_new(&mut config) }, REC_OK);
    let (key, value) = (Arg::from("media.clock"), Arg::from("real\nstream"));
    let refusal = ask(|e| unsafe { rec_config_set(config, key.ptr(), value.ptr(), e) });
    unsafe { rec_config_free(config) };
    let message = refused(refusal, REC_ERR_CONFIG).message;
    assert!(message.contains("\"real\\nstream\""), "{message}");
    // The name of a line is what it is: programs compare it.
    w.line(Some(device), None, REC_LINE_NOT_MONITORABLE).unwrap();
    w.begin(&line(device, "101")).unwrap();
    let refusal = refused(w.start(HOST, &on_device(device)), REC_ERR_NOT_MONITORABLE);
    assert_eq!(refusal.device_name, device);
}

#[cfg(feature = "faults")]
#[test]
fn what_was_not_foreseen_is_internal() {
    let w = world_with(&[("faults.panic", "list")]);
    let (_, id) = w.recorded(&line("SEP1", "101"));
    let seen = w.list(ADMIN, &Wanted::default()).map(drop);
    refused(seen, REC_ERR_INTERNAL);
    // All else goes on.
    w.by_id(rec_stop_by_id, ADMIN, &id).unwrap();
    assert_eq!(w.events.wait_terminal(&id).kind, REC_EVENT_FINISHED);
}
