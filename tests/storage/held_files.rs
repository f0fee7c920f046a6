//! Files that another process holds open, such as a virus scanner on Windows. `EBUSY` stands for it here.

use super::power::{start_recording, write_audio};
use super::*;
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
        fixture.set_fault(move |step| {
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
        file.write(pattern(1, 1600)).expect("backlog space");
        fixture.wait_until_written(3200);
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
        let told = lines
            .iter()
            .filter(|line| line.contains("another process"))
            .count();
        assert_eq!(told, 1, "{lines:?}");
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
