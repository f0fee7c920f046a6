//! Consent: what is recorded before it is given, and what a refusal ends and prevents.

use std::io::Write;
use std::time::{Duration, Instant};

use callrec::capi::*;
use callrec_testkit::child::{ChildProcess, child_test};
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::manifest::manifest_beside;
use callrec_testkit::rtp::RtpSender;
use callrec_testkit::tree::{files_with_extension, holds};
use callrec_testkit::wait::{sleep_until, until};
use callrec_testkit::wav::WavFile;
use serde_json::{Value, json};

use super::scratch_engine::*;
use crate::support::*;

const REQUIRED: (&str, &str) = ("consent.required", "true");
const SPEECH: i16 = 1111;
const SECRET: i16 = 2222;
/// Samples of one write.
const LENGTH: usize = 1600;
/// Bytes of µ-law, so that a file of the format "wav-ulaw" holds them as they are.
const MARKER: &[u8; 160] = &[0x5a; 160];

fn consent(state: i32) -> CallFields<'static> {
    CallFields {
        consent: state,
        consent_source: Some("ivr"),
        ..CallFields::default()
    }
}

fn set(call: rec_call, state: i32) {
    consent(state).update(call).unwrap();
}

fn count(path: &str, sample: i16) -> usize {
    WavFile::read(path)
        .pcm(0)
        .into_iter()
        .filter(|one| *one == sample)
        .count()
}

fn write(call: rec_feed, sample: i16) {
    write_pcm(call, &[sample; LENGTH]);
}

fn local(call: rec_call) -> rec_feed {
    feed(call, REC_LEG_LOCAL, REC_CODEC_PCM16, 8000).unwrap()
}

#[test]
fn a_recording_that_needs_consent_begins_when_it_is_given() {
    for mode in [REC_PAUSE_SILENCE, REC_PAUSE_SKIP] {
        let scratch = scratch_engine_with(&[REQUIRED]);
        let call = scratch.begin(&line("SEP1", "101")).unwrap();
        let leg = local(call);
        write(leg, SECRET);
        let start = StartFields {
            pause_mode: mode,
            ..on_device("SEP1")
        };
        let id = scratch.start(HOST, &start).unwrap();
        assert_eq!(scratch.state(&id), REC_STATE_PAUSED, "it waits for consent");
        let error = refused(scratch.by_id(rec_resume_by_id, HOST, &id), REC_ERR_NOT_PAUSED);
        assert!(error.message.contains("waits for consent"), "{}", error.message);
        write(leg, SECRET);
        set(call, REC_CONSENT_GIVEN);
        assert_eq!(scratch.state(&id), REC_STATE_RECORDING);
        write(leg, SPEECH);
        end(call).unwrap();
        let recording = scratch.events.wait_terminal(&id).recording.unwrap();
        assert_eq!(count(&recording.path, SECRET), 0);
        assert_eq!(count(&recording.path, SPEECH), LENGTH);
        assert_eq!(recording.paused_ms, 200);
        let manifest = manifest_beside(&recording.path);
        assert_eq!(manifest["consent_at_start"], "unknown");
        let call = &manifest["call"];
        assert_eq!(
            (&call["consent"], &call["consent_source"]),
            (&json!("given"), &json!("ivr"))
        );
        assert!(
            call["consent_from_ms"].as_i64() > Some(0) && call["consent_from_ms"] == call["consent_at_ms"]
        );
    }
}

/// By call id, by device and by number; additional and automatic ones; before and after a transfer.
#[test]
fn every_recording_of_the_call_waits() {
    let scratch = scratch_engine_with(&[REQUIRED]);
    scratch.line(Some("AUTO"), None, REC_LINE_AUTOMATIC).unwrap();
    let call = CallFields {
        call_id: Some("c"),
        ..line("SEP1", "101")
    };
    let call = scratch.begin(&call).unwrap();
    scratch.start(HOST, &on_call("c")).unwrap();
    scratch.start(HOST, &additional(on_device("SEP1"))).unwrap();
    scratch.start(HOST, &additional(on_number("101"))).unwrap();
    line("AUTO", "102").update(call).unwrap();
    let states = |scratch: &ScratchEngine| -> Vec<i32> {
        scratch.live().iter().map(|recording| recording.state).collect()
    };
    assert_eq!(states(&scratch), [REC_STATE_PAUSED; 4]);
    private(call, 1).unwrap();
    set(call, REC_CONSENT_GIVEN);
    assert_eq!(states(&scratch), [REC_STATE_PAUSED; 4], "the call is private");
    private(call, 0).unwrap();
    assert_eq!(states(&scratch), [REC_STATE_RECORDING; 4]);
}

#[test]
fn a_refusal_ends_every_recording_and_prevents_new_ones() {
    for required in ["false", "true"] {
        let scratch = scratch_engine_with(&[("consent.required", required)]);
        let call = scratch.begin(&line("SEP1", "101")).unwrap();
        let leg = local(call);
        set(call, REC_CONSENT_GIVEN);
        let first = scratch.start(HOST, &on_device("SEP1")).unwrap();
        let second = scratch.start(HOST, &additional(on_device("SEP1"))).unwrap();
        write(leg, SPEECH);
        set(call, REC_CONSENT_REFUSED);
        write(leg, SECRET);
        assert!(scratch.live().is_empty());
        for start in [on_device("SEP1"), on_number("101"), additional(on_device("SEP1"))] {
            refused(scratch.start(HOST, &start), REC_ERR_CONSENT);
        }
        for id in [&first, &second] {
            let recording = scratch.events.wait_terminal(id).recording.unwrap();
            assert_eq!(recording.end_reason, REC_END_CONSENT_REFUSED);
            assert_eq!(
                count(&recording.path, SPEECH),
                LENGTH,
                "what was recorded is kept"
            );
            assert_eq!(count(&recording.path, SECRET), 0);
            let manifest = manifest_beside(&recording.path);
            assert_eq!(manifest["end_reason"], "consent-refused");
            assert_eq!(
                (&manifest["consent_at_start"], &manifest["call"]["consent"]),
                (&json!("given"), &json!("refused"))
            );
        }
        set(call, REC_CONSENT_GIVEN);
        scratch.start(HOST, &on_device("SEP1")).unwrap();
    }
}

#[test]
fn a_refusal_discards_if_so_configured() {
    let scratch = scratch_engine_with(&[("consent.on_refusal", "discard")]);
    let call = scratch.begin(&line("SEP1", "101")).unwrap();
    let leg = local(call);
    let id = scratch.start(HOST, &on_device("SEP1")).unwrap();
    write(leg, SPEECH);
    set(call, REC_CONSENT_REFUSED);
    write(leg, SECRET);
    let event = scratch.events.wait_terminal(&id);
    assert_eq!(event.recording.unwrap().end_reason, REC_END_DISCARDED);
    let (_, dir) = scratch.finish();
    assert_eq!(
        files_with_extension(&dir.0, "wav"),
        Vec::<std::path::PathBuf>::new()
    );
    for sample in [SPEECH, SECRET] {
        assert!(!holds(&dir.0, &sample.to_le_bytes().repeat(8)));
    }
}

/// The process was killed between the two.
#[test]
fn the_next_open_discards_what_a_refusal_had_to_discard() {
    const ID: &str = "046039da-0f25-4c46-bf65-28bad046cb06";
    const LEFT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/left-by-0.1.0");
    for (action, end) in [("stop", REC_END_RECOVERED), ("discard", REC_END_DISCARDED)] {
        let dir = ScratchDir::new();
        let live = std::fs::read_to_string(format!("{LEFT}/live-manifest.json")).unwrap();
        let refused = live.replace("\"call\":{", "\"call\":{\"consent\":\"refused\",");
        std::fs::create_dir(dir.join(".callrec")).unwrap();
        std::fs::write(dir.join(format!(".callrec/{ID}.json")), refused).unwrap();
        let part = dir.join(format!("2026-11-22_07-40-44_{ID}.wav.part"));
        std::fs::copy(format!("{LEFT}/audio.wav.part"), part).unwrap();
        let engine = TestEngine::open(&dir.0, &[("consent.on_refusal", action)]);
        let event = engine.events.wait_terminal(ID);
        assert_eq!(event.recording.unwrap().end_reason, end);
        let kept = files_with_extension(&dir.0, "wav").len() + files_with_extension(&dir.0, "part").len();
        assert_eq!(kept, usize::from(action == "stop"));
    }
}

#[test]
fn an_automatic_recording_begins_neither_before_nor_again_after_a_refusal() {
    let scratch = scratch_engine();
    scratch.line(Some("AUTO"), None, REC_LINE_AUTOMATIC).unwrap();
    let call = scratch.begin(&line("AUTO", "101")).unwrap();
    let first = scratch.live_ids();
    assert_eq!(first.len(), 1);
    set(call, REC_CONSENT_REFUSED);
    line("AUTO", "102").update(call).unwrap();
    scratch.line(Some("AUTO"), None, REC_LINE_AUTOMATIC).unwrap();
    assert!(scratch.live().is_empty());
    set(call, REC_CONSENT_GIVEN);
    let second = scratch.live_ids();
    assert!(second.len() == 1 && second != first);
    let refusing = CallFields {
        call_id: Some("other"),
        consent: REC_CONSENT_REFUSED,
        ..line("AUTO", "103")
    };
    scratch.begin(&refusing).unwrap();
    assert_eq!(scratch.live_ids(), second);
}

/// A caller who stops it prevents another one, whatever the parties say then.
#[test]
fn a_stopped_automatic_recording_does_not_begin_again_with_consent() {
    let scratch = scratch_engine();
    scratch.line(Some("AUTO"), None, REC_LINE_AUTOMATIC).unwrap();
    let call = CallFields {
        call_id: Some("c"),
        ..line("AUTO", "101")
    };
    let call = scratch.begin(&call).unwrap();
    assert_eq!(scratch.live_ids().len(), 1);
    scratch.stop_by_call(HOST, "c", None).unwrap();
    set(call, REC_CONSENT_REFUSED);
    set(call, REC_CONSENT_GIVEN);
    assert!(scratch.live().is_empty());
}

#[test]
fn events_and_lists_show_the_consent() {
    let scratch = scratch_engine_with(&[REQUIRED]);
    let (call, _) = scratch.recorded(&line("SEP1", "101"));
    let listed = |scratch: &ScratchEngine| -> Value {
        let (_, list) = scratch.list_json(HOST, &FilterFields::default()).unwrap();
        list[0]["consent"].clone()
    };
    assert_eq!(listed(&scratch), "unknown");
    set(call, REC_CONSENT_GIVEN);
    assert_eq!(listed(&scratch), "given");
}

#[test]
fn wrong_values_are_refused() {
    let scratch = scratch_engine();
    let call = scratch.begin(&line("SEP1", "101")).unwrap();
    for state in [-1, 3, i32::MAX] {
        refused(consent(state).update(call), REC_ERR_INVALID_ARGUMENT);
    }
}

/// A host that was compiled before consent existed.
#[test]
fn an_older_struct_leaves_the_consent_unknown() {
    let scratch = scratch_engine();
    let (call, id) = scratch.recorded(&line("SEP1", "101"));
    consent(REC_CONSENT_REFUSED).with(|info| {
        let mut older = unsafe { *info };
        older.struct_size = std::mem::offset_of!(rec_call_info, consent) as u32;
        checked(|e| unsafe { rec_call_update(call, &older, e) }).unwrap();
    });
    assert_eq!(scratch.state(&id), REC_STATE_RECORDING);
}

const DIRECTORY: &str = "CALLREC_CONSENT_DIRECTORY";
/// Packets of 20 ms: before consent is given, and until the kill at the earliest.
const GIVEN: u64 = 60;
const KILLED: u64 = 200;

#[test]
#[ignore = "runs in a child process"]
fn child_records_a_call_that_waits_for_consent() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    println!();
    let settings = [
        ("media.clock", "real"),
        ("recording.keep_raw", "always"),
        ("recording.format", "wav-ulaw"),
        ("media.lookback_ms", "60000"),
        REQUIRED,
    ];
    let engine = TestEngine::open(std::path::Path::new(&directory), &settings);
    engine.line(Some("AUTO"), None, REC_LINE_AUTOMATIC).unwrap();
    let call = engine.begin(&line("AUTO", "101")).unwrap();
    let leg = feed(call, REC_LEG_REMOTE, REC_CODEC_PCMU, 8000).unwrap();
    let mut sender = RtpSender::new(0, 7);
    let begun = Instant::now();
    for n in 0..100 * KILLED {
        sleep_until(begun + Duration::from_millis(20 * n));
        if n == GIVEN / 2 {
            let start = StartFields {
                format: Some("wav-ulaw"),
                ..additional(on_device("AUTO"))
            };
            engine.start(HOST, &start).unwrap();
        }
        if n == GIVEN {
            set(call, REC_CONSENT_GIVEN);
        }
        let payload: &[u8] = if n < GIVEN { MARKER } else { &[0x18; 160] };
        send_rtp(leg, &sender.packet(payload, 160));
        let mut out = std::io::stdout().lock();
        writeln!(out, "@{n}").and_then(|()| out.flush()).unwrap();
    }
}

#[test]
fn nothing_from_before_the_consent_is_on_the_disk_after_a_kill() {
    for killed in [GIVEN - 5, KILLED] {
        let directory = ScratchDir::new();
        let mut command = child_test("consent::child_records_a_call_that_waits_for_consent");
        command.env(DIRECTORY, &directory.0);
        let mut child = ChildProcess::spawn(&mut command);
        child.wait_for_report(|line| line.parse::<u64>().is_ok_and(|n| n >= killed));
        child.kill();
        assert!(
            !holds(&directory.0, &MARKER[..16]),
            "audio from before the consent"
        );
        let is_given = killed > GIVEN;
        assert_eq!(holds(&directory.0, &[0x18; 160]), is_given);
        let engine = TestEngine::open(&directory.0, &[]);
        until("the recovery", || {
            files_with_extension(&directory.0, "part").is_empty()
        });
        drop(engine);
        assert!(!holds(&directory.0, &MARKER[..16]));
    }
}
