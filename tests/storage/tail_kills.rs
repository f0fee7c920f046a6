//! Kills while the content of a tail is appended to its file: at each step, and within a write.

use super::tails::{FRAME, begin, fixture, half_settled_recording, recover, snapshots_at, tail_count};
use super::*;

/// A kill or an error within the last write to the file, which may cut a page at any byte.
#[test]
fn a_file_torn_at_any_byte_of_its_last_write_is_recovered() {
    for frames in [1, 120, 125, 279, 280, 281, 2000] {
        let fixture = fixture();
        let snapshots = snapshots_at(&fixture, |step| {
            matches!(step, FaultPoint::Seal | FaultPoint::Digest)
        });
        let id = Uuid::new_v4();
        let expected = pattern(1, frames * FRAME);
        let mut file = begin(&fixture, id);
        file.write(expected.clone()).expect("backlog space");
        file.settled((frames / 2 * FRAME) as u64);
        fixture.wait_until_idle();
        file.finish(ended(id, EndReason::Stopped), true);
        fixture.published(id);
        fixture.clear_faults();
        let snapshots = snapshots.lock();
        let [before, after] = [0, 1].map(|n| fs::read(snapshots[n].join("call.paged.part")).expect("there"));
        assert!(before.len() < after.len());
        // Each page header, and some positions between them.
        for cut in (before.len()..=after.len())
            .rev()
            .step_by(29)
            .chain([before.len()])
        {
            for header in [&before, &after] {
                let torn = ScratchDir::new();
                copy_tree(&snapshots[0], &torn);
                let bytes = [&header[..64], &after[64..cut]].concat();
                fs::write(torn.join("call.paged.part"), bytes).expect("write");
                let (published, found) = recover(torn, id);
                assert!(
                    found == expected,
                    "{frames} frames, cut at {cut}: {}",
                    published.samples
                );
            }
        }
        // Only the end marker and its last, padded frames are missing.
        let torn = ScratchDir::new();
        copy_tree(&snapshots[0], &torn);
        fs::write(torn.join("call.paged.part"), &after[..after.len() - 20]).expect("write");
        assert!(
            recover(torn, id).1 == expected,
            "{frames} frames, without the end marker"
        );
    }
}

/// From the end of the audio to the report of the end.
#[test]
fn a_kill_at_any_step_of_publishing_loses_no_audio() {
    let fixture = fixture();
    let id = Uuid::new_v4();
    let expected = pattern(2, 5000);
    let mut file = begin(&fixture, id);
    file.write(expected.clone()).expect("backlog space");
    fixture.wait_until_idle();
    let steps = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let noted = Arc::clone(&steps);
    let snapshots = snapshots_at(&fixture, move |step| {
        noted.lock().push(step);
        true
    });
    file.finish(ended(id, EndReason::Stopped), true);
    fixture.published(id);
    fixture.wait_until_idle();
    fixture.clear_faults();
    let steps = steps.lock();
    for step in [
        FaultPoint::Seal,
        FaultPoint::WriteAudio,
        FaultPoint::Digest,
        FaultPoint::RenameManifest,
        FaultPoint::RemoveTail,
    ] {
        assert!(steps.contains(&step), "{steps:?}");
    }
    for (n, snapshot) in std::mem::take(&mut *snapshots.lock()).into_iter().enumerate() {
        let tails = tail_count(&snapshot);
        assert_eq!(
            tails,
            usize::from(steps[n] != FaultPoint::Report),
            "{:?}",
            steps[n]
        );
        let (published, found) = recover(snapshot, id);
        assert!(found == expected, "{:?}", steps[n]);
        assert_eq!(published.samples, 2500);
    }
}

/// Two kills in a row, each at any step of appending the tail to the file.
#[test]
fn kills_at_any_step_of_recovery_lose_no_audio() {
    let (directory, id, expected) = half_settled_recording();
    let mut generation = vec![directory];
    for round in 0..2 {
        let mut next = Vec::new();
        for directory in generation {
            let (from, snapshots) = (directory.0.clone(), Arc::new(parking_lot::Mutex::new(Vec::new())));
            let to = Arc::clone(&snapshots);
            faults::set(
                &directory.0,
                Arc::new(move |_| {
                    let copy = ScratchDir::new();
                    copy_tree(&from, &copy);
                    to.lock().push(copy);
                    Ok(())
                }),
            );
            let path = directory.0.clone();
            let (_, found) = recover(directory, id);
            assert!(found == expected, "round {round}");
            faults::clear(&path);
            let mut snapshots = std::mem::take(&mut *snapshots.lock());
            // After the end is reported and settled, no live manifest is left.
            snapshots.retain(|snapshot| snapshot.join(format!(".callrec/{id}.json")).exists());
            next.extend(snapshots);
        }
        assert!(next.len() > 5);
        generation = next;
    }
}
