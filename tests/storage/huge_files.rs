//! Closing does not wait for the digest of a very large file.

use super::*;
use callrec_testkit::disk_faults::DiskGate;

/// Hashing this many bytes takes longer than any test.
const HUGE: u64 = 1 << 38;

fn set_length(path: &Path, bytes: u64) {
    let file = fs::OpenOptions::new().write(true).open(path).expect("there");
    file.set_len(bytes).expect("a sparse file");
}

/// Records, makes the file huge, and waits until it is being hashed. Returns the real length.
fn begin_huge_digest(fixture: &StorageFixture, id: Uuid, reached: &Gate) -> u64 {
    let mut file = fixture.begin(id, "call");
    file.shape(Format::WAV, 8000, 1);
    file.write(pattern(0, 1000)).expect("backlog space");
    fixture.wait_until(|store| store.bytes_written() == 1000);
    fixture.wait_until_idle();
    let part = fixture.path("call.wav.part");
    let length = fs::metadata(&part).expect("there").len();
    set_length(&part, HUGE);
    file.finish(ended(id, EndReason::Stopped), true);
    reached.wait_for_arrivals(1);
    length
}

#[test]
fn a_huge_digest_is_left_for_the_next_open() {
    let fixture = StorageFixture::new();
    let id = Uuid::new_v4();
    let gate = DiskGate::at(&fixture.directory.0, FaultPoint::Digest);
    let length = begin_huge_digest(&fixture, id, &gate);
    fixture.store.give_up();
    fixture
        .report
        .wait_until(|reports| reports.deferred.contains(&id));
    assert!(fixture.live_path(id).exists(), "the end is still pending");
    let directory = fixture.close();
    // Recovery stops at once, too.
    let gate = DiskGate::at(&directory.0, FaultPoint::Digest);
    let fixture = StorageFixture::open_in(directory);
    gate.wait_for_arrivals(1);
    let report = Arc::clone(&fixture.report);
    let directory = fixture.close();
    assert!(report.read(|reports| reports.published.is_empty()));
    let part = directory.0.join("call.wav.part");
    assert!(part.exists());
    set_length(&part, length);
    let fixture = StorageFixture::open_in(directory);
    let (published, repeated) = fixture.published(id);
    assert!(!repeated && published.recovered);
    assert_eq!(audio(&fixture.path("call.wav")), pattern(0, 1000));
    assert_manifest_matches_file(&fixture, &published);
}
