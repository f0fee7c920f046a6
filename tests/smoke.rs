//! The shortest recordings through the C ABI.
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
    let samples: Vec<i16> = (1..=8000).collect();
    write_pcm(local, &samples);
    write_pcm(remote, &samples);
    engine.by_id(rec_stop_by_id, None, &id).unwrap();
    let event = engine.events.wait_terminal(&id);
    let wav = WavFile::read(&event.recording.unwrap().path);
    assert_eq!((wav.pcm(0), wav.pcm(1)), (samples.clone(), samples));
    engine.close();
    assert_settled(&dir.0);
}

/// The engine checks the limit when it writes a block. The discard comes before that.
#[test]
fn a_recording_beyond_its_limit_can_be_discarded() {
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
    let recording = engine.events.wait_terminal(&id).recording.unwrap();
    assert_eq!(
        (recording.end_reason, recording.path.as_str()),
        (REC_END_DISCARDED, "")
    );
    engine.close();
    assert_settled(&dir.0);
    let remaining = [".callrec/audit.log", ".callrec/lock"].map(std::path::PathBuf::from);
    assert_eq!(tree(&dir.0), remaining);
}
