//! A recording from its start to its publication, on a disk that works.

use super::*;

#[test]
fn a_recording_is_written_published_and_settled() {
    for_each_format(written_published_and_settled);
}

fn written_published_and_settled(format: Format) {
    let fixture = StorageFixture::new().with_format(format);
    let id = Uuid::new_v4();
    let mut file = fixture.begin(id, "2026/call");
    fixture.report.wait_until(|reports| reports.created.contains(&id));
    assert!(fixture.part_path("2026/call").exists());
    assert!(fixture.live_manifest(id).started);
    file.shape(format, 16_000, 2);
    let mut expected = Vec::new();
    for block in 0..5 {
        let audio = pattern(block, 1600);
        expected.extend_from_slice(&audio);
        file.write(audio).expect("backlog space");
        file.fill(400);
        expected.resize(expected.len() + 400, 0);
    }
    let paused = Manifest {
        state: RecordingState::Paused.text().to_owned(),
        paused_ms: 7,
        ..manifest(id)
    };
    file.update_manifest(fixed(paused), 1);
    fixture
        .report
        .wait_until(|reports| reports.updated.contains(&(id, 1)));
    let marked = fixture.live_manifest(id);
    assert_eq!(
        (marked.paused_ms, marked.sample_rate, marked.channels),
        (7, 16_000, 2)
    );
    assert_eq!(marked.part, format!("{}.part", fixture.audio_name("2026/call")));
    file.finish(ended(id, EndReason::Stopped), true);
    let (published, repeated) = fixture.published(id);
    assert!(
        !repeated
            && published.state_is(RecordingState::Finished)
            && published.end_reason_is(EndReason::Stopped)
    );
    assert_eq!(
        (&published.file, published.samples),
        (&fixture.audio_name("2026/call"), 2500)
    );
    assert_eq!((published.duration_ms, published.sample_rate), (156, 16_000));
    assert_eq!(audio(&fixture.path(&published.file)), expected);
    assert_manifest_matches_file(&fixture, &published);
    assert!(!fixture.part_path("2026/call").exists());
    assert!(
        fixture.live_path(id).exists(),
        "the live manifest stays until the end is settled"
    );
    fixture.settle(id);
    assert!(!fixture.live_path(id).exists());
    assert_eq!(fixture.control_names(), ["lock"]);
}

#[test]
fn every_format_is_padded_with_its_silence() {
    for (format, silence) in [
        (Format::WAV, 0u8),
        (Format::WAV_ULAW, 0xff),
        (Format::WAV_ALAW, 0xd5),
        (PAGED, 0),
        (Format::FLAC, 0),
    ] {
        let fixture = StorageFixture::new().with_format(format);
        let id = Uuid::new_v4();
        let mut file = fixture.begin(id, "x");
        file.shape(format, 8000, 1);
        file.write(vec![1; 3 * format.samples().bytes()])
            .expect("backlog space");
        file.fill(600_000);
        file.finish(ended(id, EndReason::Limit), true);
        let (published, _) = fixture.published(id);
        assert_manifest_matches_file(&fixture, &published);
        let audio = audio(&fixture.audio_path("x"));
        assert_eq!(audio.len(), 3 * format.samples().bytes() + 600_000);
        assert!(
            audio[3 * format.samples().bytes()..]
                .iter()
                .all(|byte| *byte == silence)
        );
        let length = fs::metadata(fixture.audio_path("x")).expect("there").len();
        assert!(format.is_compressed() || length.is_multiple_of(2));
    }
}

#[test]
fn a_discarded_recording_keeps_no_audio() {
    for_each_format(discarded_keeps_no_audio);
}

fn discarded_keeps_no_audio(format: Format) {
    let fixture = StorageFixture::new().with_format(format);
    let id = Uuid::new_v4();
    let mut file = fixture.begin(id, "call");
    file.shape(format, 8000, 1);
    file.write(pattern(0, 1000)).expect("backlog space");
    fixture.wait_until_written(1000);
    assert_eq!(fixture.tail_path(id).exists(), format.is_compressed());
    file.finish(ended(id, EndReason::Discarded), false);
    let (published, _) = fixture.published(id);
    assert!(published.state_is(RecordingState::Finished) && published.end_reason_is(EndReason::Discarded));
    assert_eq!((published.file.as_str(), published.error.as_str()), ("", ""));
    assert_eq!(fixture.names(), [".callrec"]);
    assert_eq!(fixture.control_names(), [format!("{id}.json"), "lock".to_owned()]);
    // The end is not settled yet, so it is reported again, as repeated.
    let fixture = StorageFixture::open_in(fixture.close());
    let (again, repeated) = fixture.published(id);
    assert!(repeated && again.end_reason_is(EndReason::Discarded));
    fixture.settle(id);
    assert_eq!(fixture.control_names(), ["lock"]);
}

#[test]
fn a_file_dropped_without_an_end_is_published_as_failed() {
    let fixture = StorageFixture::new();
    let id = Uuid::new_v4();
    drop(fixture.begin(id, "call"));
    assert!(fixture.published(id).0.state_is(RecordingState::Failed));
    let id = Uuid::new_v4();
    fixture
        .begin(id, "stuck")
        .fail(ended(id, EndReason::WriteError), Error::new(Status::Io, "stuck"));
    let (published, _) = fixture.published(id);
    assert_eq!(published.error, "stuck");
}

#[test]
fn the_live_file_is_playable_at_every_step() {
    let fixture = StorageFixture::new();
    let part = fixture.path("call.wav.part");
    let checks = Arc::new(AtomicUsize::new(0));
    let (count, checked_path) = (Arc::clone(&checks), part.clone());
    fixture.set_fault(move |step| {
        let later = !matches!(
            step,
            FaultPoint::CreateManifest | FaultPoint::CreateAudio | FaultPoint::WriteHeader
        );
        if let (true, Ok(bytes)) = (later, fs::read(&checked_path)) {
            let header = callrec::codec::container::parse(&bytes).expect("a whole header");
            let lengths = header.claim.expect("a header with the length of the file");
            assert!(lengths.file_bytes <= bytes.len() as u64 + 1);
            assert!(
                bytes.len() as u64 - lengths.file_bytes.min(bytes.len() as u64) <= 3000,
                "the header is at most one batch behind"
            );
            count.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    });
    let id = Uuid::new_v4();
    let mut file = fixture.begin(id, "call");
    file.shape(Format::WAV_ALAW, 8000, 1);
    for block in 0..10u64 {
        file.write(pattern(block as usize, 1001)).expect("backlog space");
        fixture.wait_until(|store| store.bytes_written() == (block + 1) * 1001);
    }
    file.finish(ended(id, EndReason::Stopped), true);
    assert!(fixture.published(id).0.state_is(RecordingState::Finished));
    assert!(checks.load(Ordering::SeqCst) > 10);
}

#[test]
fn durability_and_digest_are_as_configured() {
    let mut config = config();
    config.durability = Durability::Finish;
    config.digest = Digest::None;
    let fixture = StorageFixture::open_with(ScratchDir::new(), config);
    let synced = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&synced);
    fixture.set_fault(move |step| {
        count.fetch_add(usize::from(step == FaultPoint::Sync), Ordering::SeqCst);
        Ok(())
    });
    let id = Uuid::new_v4();
    fixture
        .begin(id, "a/b/call")
        .finish(ended(id, EndReason::Stopped), true);
    let (published, _) = fixture.published(id);
    assert_eq!(published.digest, "");
    assert_eq!(synced.load(Ordering::SeqCst), 1);
    assert!(fixture.store.free_bytes() < u64::MAX && !fixture.store.is_low_on_space());
}
