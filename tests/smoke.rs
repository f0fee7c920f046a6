//! The shortest way through the ABI.
#[path = "support/support.rs"]
mod support;
use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::tree::{assert_settled, tree};
use callrec_testkit::wav::WavFile;
use support::*;

#[test]
fn a_call_is_recorded() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[]);
    let call = engine
        .begin(&CallFields {
            device: Some("SEP1"),
            number: Some("101"),
            ..CallFields::default()
        })
        .unwrap();
    let (local, remote) = (
        feed(call, 0, REC_CODEC_PCM16, 8000).unwrap(),
        feed(call, 1, REC_CODEC_PCM16, 8000).unwrap(),
    );
    let id = engine
        .start(
            None,
            &StartFields {
                device: Some("SEP1"),
                ..StartFields::default()
            },
        )
        .unwrap();
    let said: Vec<i16> = (1..=8000).collect();
    write_pcm(local, &said);
    write_pcm(remote, &said);
    engine.by_id(rec_stop_by_id, None, &id).unwrap();
    let told = engine.events.wait_terminal(&id);
    let wav = WavFile::read(&told.recording.unwrap().path);
    assert_eq!((wav.pcm(0), wav.pcm(1)), (said.clone(), said));
    engine.close();
    assert_settled(&dir.0);
}

/// The limit is noticed when a block is cut, and a discard may come before that.
#[test]
fn what_is_discarded_beyond_its_limit_is_gone() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(
        &dir.0,
        &[("storage.flush_ms", "10000"), ("media.leg_wait_ms", "100")],
    );
    let line = CallFields {
        device: Some("SEP1"),
        ..CallFields::default()
    };
    let call = engine.begin(&line).unwrap();
    let local = feed(call, 0, REC_CODEC_PCM16, 8000).unwrap();
    let limited = StartFields {
        device: Some("SEP1"),
        max_duration_ms: 500,
        ..StartFields::default()
    };
    let id = engine.start(None, &limited).unwrap();
    write_pcm(local, &vec![7; 16_000]);
    engine.by_id(rec_discard_by_id, None, &id).unwrap();
    let told = engine.events.wait_terminal(&id).recording.unwrap();
    assert_eq!((told.end_reason, told.path.as_str()), (REC_END_DISCARDED, ""));
    engine.close();
    assert_settled(&dir.0);
    let left = [".callrec/audit.log", ".callrec/lock"].map(std::path::PathBuf::from);
    assert_eq!(tree(&dir.0), left);
}
