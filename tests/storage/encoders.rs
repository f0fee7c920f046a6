//! Encoders that are too slow for their recordings.

use super::*;

/// A format whose encoder takes half a millisecond for 20 ms of audio, of which 40 s are queued.
fn slow() -> Format {
    PAGED
        .with_parameters("packet_us=500")
        .expect("a parameter of the format")
}

const SLOW_BYTES: usize = 40 * 8000 * 2;

fn begin(fixture: &StorageFixture, path: &str, format: Format) -> (Uuid, ByteFile) {
    let id = Uuid::new_v4();
    let mut file = ByteFile::new(fixture.begin_file(id, path, format));
    file.shape(format, 8000, 1);
    (id, file)
}

/// Queues all audio of a recording and its end.
fn record(file: ByteFile, id: Uuid, bytes: usize) -> Vec<u8> {
    let mut file = file;
    let audio = pattern(5, bytes);
    file.write(audio.clone()).expect("backlog space");
    file.settled(bytes as u64);
    file.finish(ended(id, EndReason::Stopped), true);
    audio
}

fn is_published(fixture: &StorageFixture, id: Uuid) -> bool {
    fixture.report.read(|reports| reports.published.contains_key(&id))
}

/// The recordings of the same encoder and of the writers do not wait for the slow one, although it
/// has ended before they begin.
#[test]
fn a_slow_encoder_delays_its_own_recording_only() {
    let fixture = StorageFixture::new().with_format(PAGED);
    let (slow_id, file) = begin(&fixture, "slow", slow());
    let slow_audio = record(file, slow_id, SLOW_BYTES);
    for (path, format) in [("quick", PAGED), ("plain", Format::WAV)] {
        let (id, file) = begin(&fixture, path, format);
        record(file, id, 4000);
        fixture.published(id);
        assert!(!is_published(&fixture, slow_id), "{path} waited");
    }
    let (published, _) = fixture.published(slow_id);
    assert!(published.state_is(RecordingState::Finished));
    assert_eq!(
        (published.samples as usize, published.lost_ms),
        (SLOW_BYTES / 2, 0)
    );
    assert_eq!(published.format_parameters, "packet_us=500");
    assert!(audio(&fixture.audio_path("slow")) == slow_audio);
}

/// What is not encoded yet is on the disk.
#[test]
fn a_kill_loses_nothing_that_waits_for_a_slow_encoder() {
    let fixture = StorageFixture::new().with_format(PAGED);
    let (id, mut file) = begin(&fixture, "call", slow());
    let expected = pattern(5, SLOW_BYTES);
    file.write(expected.clone()).expect("backlog space");
    file.settled(SLOW_BYTES as u64);
    fixture.wait_until(|store| store.backlog_bytes() == 0);
    let encoded = fs::metadata(fixture.part_path("call"))
        .expect("a file in progress")
        .len();
    let copy = ScratchDir::new();
    copy_tree(&fixture.directory, &copy);
    let (_, found) = tails::recover(copy, id);
    assert!(found == expected);
    assert!(encoded < SLOW_BYTES as u64, "the encoder was not slow");
    file.finish(ended(id, EndReason::Stopped), true);
    fixture.published(id);
}

/// A close that does not wait leaves the encoding to the next open.
#[test]
fn a_quick_close_leaves_the_encoding_to_the_next_open() {
    let fixture = StorageFixture::new().with_format(PAGED);
    let (id, file) = begin(&fixture, "call", slow());
    let expected = record(file, id, SLOW_BYTES);
    fixture.wait_until(|store| store.backlog_bytes() == 0);
    fixture.store.give_up();
    let report = Arc::clone(&fixture.report);
    let directory = fixture.close();
    assert!(report.read(|reports| reports.deferred.contains(&id)));
    let (_, found) = tails::recover(directory, id);
    assert!(found == expected);
}

/// Nothing of these recordings is settled when they end, as if calls were kept at their ends. The
/// finishers, which others need, do not encode them.
#[test]
fn unsettled_audio_of_ended_recordings_delays_no_other_one() {
    let fixture = StorageFixture::new().with_format(PAGED);
    let slow_ids = ["slow-1", "slow-2"].map(|path| {
        let (id, mut file) = begin(&fixture, path, slow());
        file.write(pattern(5, SLOW_BYTES)).expect("backlog space");
        file.finish(ended(id, EndReason::Stopped), true);
        id
    });
    // Whoever encodes them has them now.
    fixture.wait_until(|store| store.backlog_bytes() == 0);
    let (id, file) = begin(&fixture, "plain", Format::WAV);
    record(file, id, 4000);
    fixture.published(id);
    assert!(
        !slow_ids.iter().any(|slow| is_published(&fixture, *slow)),
        "it waited"
    );
}
