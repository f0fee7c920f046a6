//! A file that is so large that closing does not wait for its digest.

use super::*;

/// So large that nobody could wait for its digest.
const HUGE: u64 = 1 << 38;

fn set_length(path: &Path, bytes: u64) {
    let file = fs::OpenOptions::new().write(true).open(path).expect("there");
    file.set_len(bytes).expect("a sparse file");
}

/// A recording whose file has become huge, while it is being hashed.
fn hashing_hugely(rig: &Rig, id: Uuid, reached: &Gate) -> u64 {
    let mut file = rig.begin(id, "call");
    file.shape(Format::WAV, 8000, 1);
    file.write(pattern(0, 1000)).expect("room");
    rig.until(|store| store.bytes_written() == 1000);
    rig.idle();
    let part = rig.path("call.wav.part");
    let length = fs::metadata(&part).expect("there").len();
    set_length(&part, HUGE);
    file.finish(ended(id, EndReason::Stopped), true);
    reached.reached(1);
    length
}

#[test]
fn a_huge_digest_is_left_to_the_next_open() {
    let rig = Rig::new();
    let id = Uuid::new_v4();
    let gate = Gate::at(&rig.directory.0, FaultPoint::Digest);
    let length = hashing_hugely(&rig, id, &gate);
    rig.store.give_up();
    rig.report.wait(|seen| seen.left.contains(&id));
    assert!(rig.live_path(id).exists(), "still owed");
    let directory = rig.close();
    // Recovery, too, stops at once.
    let gate = Gate::at(&directory.0, FaultPoint::Digest);
    let rig = Rig::on(directory);
    gate.reached(1);
    let report = Arc::clone(&rig.report);
    let directory = rig.close();
    assert!(report.seen(|seen| seen.published.is_empty()));
    let part = directory.0.join("call.wav.part");
    assert!(part.exists());
    set_length(&part, length);
    let rig = Rig::on(directory);
    let (published, repeated) = rig.published(id);
    assert!(!repeated && published.recovered);
    assert_eq!(audio(&rig.path("call.wav")), pattern(0, 1000));
    expect_honest(&rig, &published);
}
