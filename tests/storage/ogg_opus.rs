//! Files of Ogg Opus: kills, and long tails.

use super::*;
use callrec::codec::container::{self, HEADER_MAX, Measure, MeasuredAudio};
use tails::{snapshots_at, tail_count};

const FRAME: usize = 2;
/// Frames of a page: half a second.
const PAGE: usize = 4000;

fn fixture() -> StorageFixture {
    let format = Format::named("opus").expect("in this build");
    let quick = format.with_parameters("complexity=0").expect("valid");
    StorageFixture::new().with_format(quick)
}

fn begin(fixture: &StorageFixture, id: Uuid) -> ByteFile {
    let mut file = fixture.begin(id, "call");
    file.shape(fixture.format, 8000, 1);
    file
}

/// A tone that is not constant.
fn tone(frames: usize) -> Vec<u8> {
    let sample = |n: usize| (6000.0 * (n as f64 * 0.3 + (n as f64 * 0.002).sin()).sin()) as i16;
    (0..frames).flat_map(|n| sample(n).to_le_bytes()).collect()
}

fn measured(path: &Path) -> MeasuredAudio {
    let bytes = fs::read(path).expect("a file");
    let found = container::parse(&bytes).expect("a header");
    let container = found.shape.format.container();
    let Measure::Scan(mut scan) = container.measure(&found, bytes.len() as u64) else {
        panic!("pages must be scanned");
    };
    scan.take(&bytes[HEADER_MAX..]);
    let measured = scan.measured();
    assert_eq!(
        measured.length.bytes as usize,
        bytes.len() - HEADER_MAX,
        "whole pages"
    );
    measured
}

/// Opens a directory, and returns the length of the recovered recording in frames.
fn recover(directory: ScratchDir, id: Uuid) -> u64 {
    let fixture = StorageFixture::open_in(directory);
    let (published, _) = fixture.published(id);
    assert!(published.state_is(RecordingState::Finished), "{published:?}");
    let path = fixture.path(&published.file);
    let found = measured(&path);
    assert!(found.ended || found.output == 0);
    assert_eq!(published.samples, found.length.frames);
    assert_eq!(published.bytes, fs::metadata(&path).expect("there").len());
    fixture.settle(id);
    assert_eq!(fixture.control_names(), ["lock"]);
    published.samples
}

/// What a kill leaves, at any time and with any part of the last write to the file.
#[test]
fn a_killed_recording_keeps_every_frame() {
    for frames in [1, 100, PAGE - 52, PAGE, 3 * PAGE + 77] {
        for settled in [0, frames / 2, frames] {
            let fixture = fixture();
            let snapshots = snapshots_at(&fixture, |step| {
                matches!(step, FaultPoint::Seal | FaultPoint::Digest)
            });
            let id = Uuid::new_v4();
            let mut file = begin(&fixture, id);
            file.write(tone(frames)).expect("backlog space");
            file.settled((settled * FRAME) as u64);
            fixture.wait_until_idle();
            let written = measured(&fixture.part_path("call"));
            assert_eq!(
                written.output as usize,
                settled / PAGE * PAGE,
                "{frames}, {settled}"
            );
            assert!(!written.ended);
            file.finish(ended(id, EndReason::Stopped), true);
            let (published, _) = fixture.published(id);
            assert_eq!(published.samples as usize, frames);
            let whole = measured(&fixture.audio_path("call"));
            assert!(whole.ended && whole.length.frames as usize == frames);
            fixture.clear_faults();
            let snapshots = snapshots.lock();
            let [before, after] =
                [0, 1].map(|n| fs::read(snapshots[n].join("call.opus.part")).expect("there"));
            for cut in (before.len()..=after.len()).step_by(211).chain([after.len() - 1]) {
                let torn = ScratchDir::new();
                copy_tree(&snapshots[0], &torn);
                fs::write(torn.join("call.opus.part"), &after[..cut]).expect("write");
                assert_eq!(
                    recover(torn, id) as usize,
                    frames,
                    "{settled} settled, cut at {cut}"
                );
            }
        }
    }
}

/// Without its tail, a file ends with its last page.
#[test]
fn a_file_without_its_tail_is_ended() {
    let fixture = fixture();
    let id = Uuid::new_v4();
    let mut file = begin(&fixture, id);
    file.write(tone(3 * PAGE + 77)).expect("backlog space");
    file.settled((3 * PAGE * FRAME) as u64);
    fixture.wait_until_idle();
    let copy = ScratchDir::new();
    copy_tree(&fixture.directory, &copy);
    assert_eq!(tail_count(&copy), 1);
    fs::remove_file(copy.join(format!(".callrec/{id}.tail"))).expect("there");
    assert_eq!(recover(copy, id) as usize, 3 * PAGE - 52);
    file.finish(ended(id, EndReason::Stopped), true);
    fixture.published(id);
}

/// The tail is compacted while frames wait for their page.
#[test]
fn a_long_recording_loses_nothing_when_its_tail_is_compacted() {
    let fixture = fixture();
    let snapshots = snapshots_at(&fixture, |step| {
        matches!(step, FaultPoint::CompactTail | FaultPoint::RenameTail)
    });
    let id = Uuid::new_v4();
    let mut file = begin(&fixture, id);
    let (mut frames, mut compacted) = (0, Vec::new());
    for _ in 0..13 {
        file.write(tone(50_001)).expect("backlog space");
        frames += 50_001;
        file.settled((frames * FRAME) as u64);
        fixture.wait_until_idle();
        compacted.resize(snapshots.lock().len(), frames);
    }
    file.finish(ended(id, EndReason::Stopped), true);
    assert_eq!(fixture.published(id).0.samples as usize, frames);
    fixture.clear_faults();
    let snapshots = std::mem::take(&mut *snapshots.lock());
    assert_eq!(snapshots.len(), 2, "the tail was compacted once");
    for (snapshot, frames) in snapshots.into_iter().zip(compacted) {
        assert_eq!(recover(snapshot, id) as usize, frames);
    }
}
