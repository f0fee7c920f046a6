//! Kills while a file gets what its tail holds: at each step, and within a write.

use super::tails::{FRAME, begin, fixture, half_settled, kills, recovered, tails_left};
use super::*;

/// Killed or failed within the last write to the file, whose pages then end anywhere.
#[test]
fn the_end_of_a_file_may_be_torn_anywhere() {
    for frames in [1, 120, 125, 279, 280, 281, 2000] {
        let fixture = fixture();
        let left = kills(&fixture, |step| {
            matches!(step, FaultPoint::Seal | FaultPoint::Digest)
        });
        let id = Uuid::new_v4();
        let said = pattern(1, frames * FRAME);
        let mut file = begin(&fixture, id);
        file.write(said.clone()).expect("room");
        file.settled((frames / 2 * FRAME) as u64);
        fixture.wait_until_idle();
        file.finish(ended(id, EndReason::Stopped), true);
        fixture.published(id);
        fixture.clear_faults();
        let left = left.lock();
        let [before, after] = [0, 1].map(|n| fs::read(left[n].join("call.paged.part")).expect("there"));
        assert!(before.len() < after.len());
        // Each page header, and some of what is between.
        for cut in (before.len()..=after.len())
            .rev()
            .step_by(29)
            .chain([before.len()])
        {
            for header in [&before, &after] {
                let torn = ScratchDir::new();
                copy_tree(&left[0], &torn);
                let bytes = [&header[..64], &after[64..cut]].concat();
                fs::write(torn.join("call.paged.part"), bytes).expect("write");
                let (told, found) = recovered(torn, id);
                assert!(found == said, "{frames} frames, cut at {cut}: {}", told.samples);
            }
        }
        // The end mark alone is missing, which takes the frames that were filled up with it.
        let torn = ScratchDir::new();
        copy_tree(&left[0], &torn);
        fs::write(torn.join("call.paged.part"), &after[..after.len() - 20]).expect("write");
        assert!(recovered(torn, id).1 == said, "{frames} frames, without its end");
    }
}

/// From the end of the audio to what is told of it.
#[test]
fn a_kill_at_any_step_of_publishing_costs_nothing() {
    let fixture = fixture();
    let id = Uuid::new_v4();
    let said = pattern(2, 5000);
    let mut file = begin(&fixture, id);
    file.write(said.clone()).expect("room");
    fixture.wait_until_idle();
    let steps = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let noted = Arc::clone(&steps);
    let left = kills(&fixture, move |step| {
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
    for (n, left) in std::mem::take(&mut *left.lock()).into_iter().enumerate() {
        let tails = tails_left(&left);
        assert_eq!(
            tails,
            usize::from(steps[n] != FaultPoint::Report),
            "{:?}",
            steps[n]
        );
        let (told, found) = recovered(left, id);
        assert!(found == said, "{:?}", steps[n]);
        assert_eq!(told.samples, 2500);
    }
}

/// What recovery appends from the tail may be cut off anywhere, again and again.
#[test]
fn a_kill_at_any_step_of_recovery_costs_nothing() {
    let (directory, id, said) = half_settled();
    let mut generation = vec![directory];
    for round in 0..2 {
        let mut next = Vec::new();
        for directory in generation {
            let (from, left) = (directory.0.clone(), Arc::new(parking_lot::Mutex::new(Vec::new())));
            let to = Arc::clone(&left);
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
            let (_, found) = recovered(directory, id);
            assert!(found == said, "round {round}");
            faults::clear(&path);
            let mut left = std::mem::take(&mut *left.lock());
            // After it was told and settled, nothing is owed.
            left.retain(|left| left.join(format!(".callrec/{id}.json")).exists());
            next.extend(left);
        }
        assert!(next.len() > 5);
        generation = next;
    }
}
