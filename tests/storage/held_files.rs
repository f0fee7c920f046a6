//! Files that another process holds open, such as a virus scanner on Windows. `EBUSY` stands for it here.

use super::power::{start_recording, write_audio};
use super::*;
use callrec::storage::DeletionResult;
use std::sync::atomic::AtomicBool;

const DURABILITIES: [Durability; 2] = [Durability::Process, Durability::Power];

fn held() -> io::Error {
    io::Error::from_raw_os_error(libc::EBUSY)
}

fn open(durability: Durability) -> StorageFixture {
    let mut config = config();
    config.durability = durability;
    // Nothing passes because callrec has given up waiting.
    config.backlog_ms = 1000;
    StorageFixture::open_with(ScratchDir::new(), config)
}

/// The audio does not wait for an update of a manifest that is held.
#[test]
fn an_update_of_a_held_manifest_is_put_off() {
    for durability in DURABILITIES {
        let fixture = open(durability);
        let id = Uuid::new_v4();
        let mut file = start_recording(&fixture, id);
        let (is_held, refusals) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
        let (held_yet, counted) = (Arc::clone(&is_held), Arc::clone(&refusals));
        let syncs = Arc::new(AtomicUsize::new(0));
        let synced = Arc::clone(&syncs);
        fixture.set_fault(move |step| {
            synced.fetch_add(usize::from(step == FaultPoint::Sync), Ordering::SeqCst);
            if step == FaultPoint::RenameLiveManifest && held_yet.load(Ordering::SeqCst) {
                counted.fetch_add(1, Ordering::SeqCst);
                return Err(held());
            }
            Ok(())
        });
        file.update_manifest(fixed(manifest(id)), 1);
        fixture.wait_until(|_| refusals.load(Ordering::SeqCst) > 0);
        write_audio(&fixture, &mut file);
        fixture.wait_until_written(1600);
        // Beyond the second that a shortage may last.
        fixture.wait_until(|_| refusals.load(Ordering::SeqCst) > 4);
        let synced_before = syncs.load(Ordering::SeqCst);
        file.write(pattern(1, 1600)).expect("backlog space");
        fixture.wait_until_written(3200);
        if durability == Durability::Power {
            fixture.wait_until(|_| syncs.load(Ordering::SeqCst) > synced_before);
        }
        assert!(is_held.load(Ordering::SeqCst));
        assert!(
            fixture
                .report
                .read(|reports| reports.write_failed.is_empty() && reports.updated.is_empty())
        );
        is_held.store(false, Ordering::SeqCst);
        fixture
            .report
            .wait_until(|reports| reports.updated.contains(&(id, 1)));
        file.finish(ended(id, EndReason::Stopped), true);
        let (published, _) = fixture.published(id);
        assert!(published.state_is(RecordingState::Finished), "{published:?}");
        let lines = fixture.report.read(|reports| reports.logged.clone());
        let warnings = lines
            .iter()
            .filter(|line| line.contains("another process"))
            .count();
        assert_eq!(warnings, 1, "{lines:?}");
    }
}

/// The end has all that the update says.
#[test]
fn the_end_does_not_wait_for_an_update_of_a_held_manifest() {
    for durability in DURABILITIES {
        let fixture = open(durability);
        let id = Uuid::new_v4();
        let mut file = start_recording(&fixture, id);
        fixture.set_fault(|step| match step {
            FaultPoint::RenameLiveManifest => Err(held()),
            _ => Ok(()),
        });
        file.update_manifest(fixed(manifest(id)), 1);
        file.finish(ended(id, EndReason::Stopped), true);
        let (published, _) = fixture.published(id);
        assert!(published.state_is(RecordingState::Finished), "{published:?}");
        assert!(fixture.report.read(|reports| reports.updated.contains(&(id, 1))));
    }
}

/// Two recordings of one writer or encoder.
#[test]
fn another_recording_ends_while_an_update_is_put_off() {
    for_each_format(|format| {
        let fixture = open(Durability::Process).with_format(format);
        let [waiting, other] = [2, 4].map(Uuid::from_u128);
        let [mut waiting_file, mut other_file] = [waiting, other].map(|id| start_recording(&fixture, id));
        fixture.set_fault(|step| match step {
            FaultPoint::RenameLiveManifest => Err(held()),
            _ => Ok(()),
        });
        waiting_file.update_manifest(fixed(manifest(waiting)), 1);
        fixture.report.wait_until(|reports| {
            let mut lines = reports.logged.iter();
            lines.any(|line| line.contains("another process"))
        });
        write_audio(&fixture, &mut other_file);
        other_file.settled(800);
        other_file.finish(ended(other, EndReason::Stopped), true);
        fixture.published(other);
        assert!(fixture.report.read(|reports| reports.updated.is_empty()));
        waiting_file.finish(ended(waiting, EndReason::Stopped), true);
        fixture.published(waiting);
    });
}

/// Updates come before, at and after the time of the next attempt.
#[test]
fn no_update_is_lost_while_one_is_put_off() {
    for durability in DURABILITIES {
        let fixture = open(durability);
        let id = Uuid::new_v4();
        let mut file = start_recording(&fixture, id);
        let attempts = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&attempts);
        fixture.set_fault(move |step| match step {
            FaultPoint::RenameLiveManifest if counted.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) => {
                Err(held())
            }
            _ => Ok(()),
        });
        write_audio(&fixture, &mut file);
        let (mut updates, mut bytes) = (0, 1600);
        while attempts.load(Ordering::SeqCst) < 6 {
            updates += 1;
            file.update_manifest(fixed(manifest(id)), updates);
            file.write(pattern(0, 160)).expect("backlog space");
            bytes += 160;
            fixture.wait_until_written(bytes);
        }
        fixture
            .report
            .wait_until(|reports| (1..=updates).all(|number| reports.updated.contains(&(id, number))));
        file.finish(ended(id, EndReason::Stopped), true);
        fixture.published(id);
    }
}

/// However many files another process holds, opening a directory waits for them once.
#[test]
fn an_open_waits_once_for_all_deletions_that_it_completes() {
    let fixture = deletions::open(ScratchDir::new());
    let [with_packets, plain] = [1, 2].map(Uuid::from_u128);
    deletions::publish(&fixture, with_packets);
    emptied_directories::publish(&fixture, plain, "plain");
    let steps = [FaultPoint::DeleteRaw, FaultPoint::DeleteAudio];
    fixture.set_fault(move |step| match steps.contains(&step) {
        true => Err(io::Error::from_raw_os_error(libc::EIO)),
        false => Ok(()),
    });
    assert!(deletions::delete(&fixture, with_packets).is_err());
    assert!(emptied_directories::delete(&fixture, plain, "plain").is_err());
    let attempts: Arc<[AtomicUsize; 2]> = Arc::default();
    let counted = Arc::clone(&attempts);
    // The kept packets of one recording are held, and the audio of the other.
    fixture.set_fault(move |step| match steps.iter().position(|held| *held == step) {
        Some(index) => {
            counted[index].fetch_add(1, Ordering::SeqCst);
            Err(held())
        }
        None => Ok(()),
    });
    let fixture = deletions::open(fixture.close());
    let [one, other] = [0, 1].map(|index| attempts[index].load(Ordering::SeqCst));
    assert!(one.min(other) == 1 && one.max(other) > 1, "{one} and {other}");
    fixture.clear_faults();
    let fixture = deletions::open(fixture.close());
    fixture.report.wait_until(|reports| {
        [with_packets, plain]
            .iter()
            .all(|id| reports.deleted.contains_key(id))
    });
    let again = emptied_directories::delete(&fixture, plain, "plain");
    assert_eq!(again.expect("looked"), DeletionResult::NotFound);
}
