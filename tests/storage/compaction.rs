//! Compaction: a tail without the frames that its file already has.

use super::tails::{TAIL_HEADER, begin, fixture, recover, snapshots_at};
use super::*;

/// A tail is compacted when more than a mebibyte of it is in the file. A kill at any step of that
/// loses no audio.
#[test]
fn compacting_a_tail_loses_no_audio() {
    const BLOCK: usize = 200_000;
    let fixture = fixture();
    let snapshots = snapshots_at(&fixture, |step| {
        matches!(step, FaultPoint::CompactTail | FaultPoint::RenameTail)
    });
    let id = Uuid::new_v4();
    let mut file = begin(&fixture, id);
    let (mut expected, mut longest) = (Vec::new(), 0);
    let (mut kills_before, mut compacted) = (0, Vec::new());
    for block in 0..20 {
        let more = pattern(block, BLOCK);
        expected.extend_from_slice(&more);
        file.write(more).expect("backlog space");
        fixture.wait_until_idle();
        let late = pattern(70 + block, 5000);
        let at = expected.len() - BLOCK / 2;
        expected[at..at + 5000].copy_from_slice(&late);
        file.patch(at as u64, late).expect("backlog space");
        fixture.wait_until_idle();
        file.settled((expected.len() - 1000) as u64);
        fixture.wait_until_idle();
        longest = longest.max(fs::metadata(fixture.tail_path(id)).expect("a tail").len());
        let kills = snapshots.lock().len();
        if kills > kills_before {
            (kills_before, compacted) = (kills, [compacted, vec![expected.len()]].concat());
        }
    }
    assert!(longest < (1 << 20) + 2 * BLOCK as u64, "{longest}");
    assert_eq!(compacted.len(), 3, "{compacted:?}");
    // A patch does not change audio in the file, even if it extends beyond it.
    let settled = expected.len() - 1000;
    file.patch(0, vec![9; 100]).expect("backlog space");
    expected[settled..].fill(9);
    file.patch((settled - 500) as u64, vec![9; 1500])
        .expect("backlog space");
    file.finish(ended(id, EndReason::Stopped), true);
    fixture.published(id);
    assert!(audio(&fixture.audio_path("call")) == expected);
    fixture.clear_faults();
    let snapshots = std::mem::take(&mut *snapshots.lock());
    assert_eq!(snapshots.len(), 2 * compacted.len());
    for (n, snapshot) in snapshots.into_iter().enumerate() {
        let (_, found) = recover(snapshot, id);
        assert!(found == expected[..compacted[n / 2]], "kill {n}");
    }
}

/// A failed compaction does not fail the recording, and is retried after one more mebibyte.
#[test]
fn a_tail_that_cannot_be_compacted_grows() {
    const BLOCK: usize = 400_000;
    let fixture = fixture();
    let attempts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&attempts);
    fixture.set_fault(move |step| match step {
        FaultPoint::CompactTail if count.fetch_add(1, Ordering::SeqCst) == 0 => {
            Err(io::ErrorKind::StorageFull.into())
        }
        _ => Ok(()),
    });
    let id = Uuid::new_v4();
    let mut file = begin(&fixture, id);
    let mut expected = Vec::new();
    for block in 0..8 {
        let more = pattern(block, BLOCK);
        expected.extend_from_slice(&more);
        file.write(more).expect("backlog space");
        file.settled(expected.len() as u64);
        fixture.wait_until_idle();
    }
    // After one mebibyte, after two, and after three.
    assert_eq!(attempts.load(Ordering::SeqCst), 3);
    let longest = fs::metadata(fixture.tail_path(id)).expect("a tail").len();
    assert!(longest < expected.len() as u64 / 2, "{longest}");
    file.finish(ended(id, EndReason::Stopped), true);
    let (published, _) = fixture.published(id);
    assert!(published.state_is(RecordingState::Finished));
    assert!(audio(&fixture.audio_path("call")) == expected);
    let warned = |line: &&String| line.contains("cannot be shortened");
    assert_eq!(
        fixture
            .report
            .read(|reports| reports.logged.iter().filter(warned).count()),
        1
    );
}

/// A copy that cannot replace the tail takes no space that recordings need.
#[test]
fn a_failed_compaction_leaves_no_copy() {
    let fixture = fixture();
    fixture.set_fault(|step| match step {
        FaultPoint::RenameTail => Err(io::ErrorKind::StorageFull.into()),
        _ => Ok(()),
    });
    let id = Uuid::new_v4();
    let mut file = begin(&fixture, id);
    let expected = pattern(4, 3 << 20);
    file.write(expected.clone()).expect("backlog space");
    file.settled(expected.len() as u64);
    fixture.wait_until_idle();
    assert_eq!(
        fixture.control_names(),
        [format!("{id}.json"), format!("{id}.tail"), "lock".to_owned()]
    );
    file.finish(ended(id, EndReason::Stopped), true);
    fixture.published(id);
    assert!(audio(&fixture.audio_path("call")) == expected);
}

/// A look-back of ten minutes, or an encoder that was too slow for a while, leaves a long tail.
#[test]
fn a_long_tail_is_not_copied_again_and_again() {
    const LENGTH: usize = 32 << 20;
    let fixture = fixture();
    let id = Uuid::new_v4();
    let copies = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let (to, next) = (
        Arc::clone(&copies),
        fixture.tail_path(id).with_extension("tail.tmp"),
    );
    fixture.set_fault(move |step| {
        if step == FaultPoint::RenameTail {
            to.lock().push(fs::metadata(&next).expect("the next tail").len());
        }
        Ok(())
    });
    let mut file = begin(&fixture, id);
    file.write(vec![1; LENGTH]).expect("backlog space");
    file.settled(LENGTH as u64);
    fixture.wait_until_idle();
    let copies = copies.lock();
    // The writer has nothing else to do during a copy.
    assert!(
        copies
            .iter()
            .all(|copied| *copied <= (8 << 20) + TAIL_HEADER as u64),
        "{copies:?}"
    );
    assert!(copies.iter().sum::<u64>() <= LENGTH as u64, "{copies:?}");
    let tail = fs::metadata(fixture.tail_path(id)).expect("a tail").len();
    assert!(tail < 2 << 20, "{tail} bytes are left");
}
