//! With `storage.durability=power`, a power cut loses no recording whose start was reported, and
//! none of the audio that was synced while it was in progress.

use super::durability::{NotedSteps, allow_all, expect_order, note_steps};
use super::*;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

pub(super) fn open_with_power(directory: ScratchDir, format: Format) -> StorageFixture {
    let mut config = config();
    config.durability = Durability::Power;
    // Audio is synced as soon as it is written.
    config.sync_interval_ms = 100;
    StorageFixture::open_with(directory, config).with_format(format)
}

/// Begins a recording without audio and waits for the report of its start.
pub(super) fn start_recording(fixture: &StorageFixture, id: Uuid) -> ByteFile {
    let file = fixture.begin(id, "2026/11/call");
    fixture.report.wait_until(|reports| reports.created.contains(&id));
    fixture.wait_until_idle();
    file
}

pub(super) fn write_audio(fixture: &StorageFixture, file: &mut ByteFile) {
    file.shape(fixture.format, 8000, 1);
    file.write(pattern(0, 1600)).expect("backlog space");
}

/// Writes more audio, ends the recording, and checks that it failed with the status of the sync.
fn expect_failed_with_all_audio(fixture: &StorageFixture, mut file: ByteFile, id: Uuid, status: Status) {
    file.write(pattern(1, 800)).expect("backlog space");
    file.finish(ended(id, EndReason::Stopped), true);
    let (published, _) = fixture.published(id);
    assert!(published.state_is(RecordingState::Failed), "{published:?}");
    assert_eq!(published.failure(), status, "{published:?}");
    let all = [pattern(0, 1600), pattern(1, 800)].concat();
    assert_eq!(audio(&fixture.path(&published.file)), all);
    assert_eq!(fixture.report.read(|reports| reports.write_failed.len()), 0);
}

/// Collects the steps from now on until `is_reported` returns true.
pub(super) fn note_steps_until(
    fixture: &StorageFixture,
    is_reported: impl Fn(&StorageReports) -> bool + Send + Sync + 'static,
) -> NotedSteps {
    let steps = NotedSteps::default();
    let (noted, report) = (Arc::clone(&steps), Arc::clone(&fixture.report));
    fixture.set_fault(move |step| {
        if !report.read(&is_reported) {
            noted.lock().push(step);
        }
        Ok(())
    });
    steps
}

/// Waits until these steps have happened in this order.
fn wait_for_order(fixture: &StorageFixture, steps: &NotedSteps, order: &[FaultPoint]) {
    fixture.wait_until(|_| {
        let steps = steps.lock();
        let mut rest = steps.iter();
        order.iter().all(|step| rest.any(|noted| noted == step))
    });
}

#[test]
fn audio_in_progress_is_synced_after_each_write() {
    for_each_format(|format| {
        let fixture = open_with_power(ScratchDir::new(), format);
        let mut file = start_recording(&fixture, Uuid::new_v4());
        for _ in 0..3 {
            let steps = note_steps(&fixture.directory.0, allow_all);
            write_audio(&fixture, &mut file);
            wait_for_order(&fixture, &steps, &[fixture.write_step(), FaultPoint::Sync]);
        }
    });
}

/// The folder is synced when a tail is created or replaced. The file is synced before frames are
/// dropped from the tail.
#[test]
fn the_directory_entry_of_a_tail_is_synced() {
    let fixture = open_with_power(ScratchDir::new(), PAGED);
    let mut file = start_recording(&fixture, Uuid::new_v4());
    let steps = note_steps(&fixture.directory.0, allow_all);
    write_audio(&fixture, &mut file);
    wait_for_order(
        &fixture,
        &steps,
        &[FaultPoint::WriteTail, FaultPoint::Sync, FaultPoint::SyncFolder],
    );
    let steps = note_steps(&fixture.directory.0, allow_all);
    let length = 3 << 20;
    file.write(pattern(1, length)).expect("backlog space");
    file.settled(length as u64);
    let compacted = [
        FaultPoint::WriteAudio,
        FaultPoint::Sync,
        FaultPoint::CompactTail,
        FaultPoint::RenameTail,
    ];
    // An earlier sync may have covered the frames of the tail, but not its new name.
    wait_for_order(
        &fixture,
        &steps,
        &[&compacted[..], &[FaultPoint::SyncFolder]].concat(),
    );
}

#[test]
fn a_manifest_update_is_on_the_disk_before_it_is_reported() {
    let fixture = open_with_power(ScratchDir::new(), Format::WAV);
    let id = Uuid::new_v4();
    let mut file = start_recording(&fixture, id);
    let steps = note_steps_until(&fixture, move |reports| reports.updated.contains(&(id, 1)));
    file.update_manifest(fixed(manifest(id)), 1);
    fixture
        .report
        .wait_until(|reports| reports.updated.contains(&(id, 1)));
    expect_order(&steps, &durability::MANIFEST_UPDATE);
    // The end is reported after the update, whatever waits for the disk.
    file.update_manifest(fixed(manifest(id)), 2);
    file.finish(ended(id, EndReason::Stopped), true);
    fixture.published(id);
    assert!(fixture.report.read(|reports| reports.updated.contains(&(id, 2))));
}

/// Two recordings of one writer: while the disk syncs one, the other is written and ends.
#[test]
fn a_slow_sync_delays_no_other_recording() {
    let fixture = open_with_power(ScratchDir::new(), Format::WAV);
    let [slow, quick] = [2, 4].map(Uuid::from_u128);
    let [mut slow_file, mut quick_file] = [slow, quick].map(|id| start_recording(&fixture, id));
    let (gate, first) = (Arc::new(Gate::default()), AtomicBool::new(true));
    gate.shut();
    let at = Arc::clone(&gate);
    fixture.set_fault(move |step| {
        if step == FaultPoint::Sync && first.swap(false, Ordering::SeqCst) {
            at.pass();
        }
        Ok(())
    });
    write_audio(&fixture, &mut slow_file);
    gate.wait_for_arrivals(1);
    slow_file.write(pattern(1, 800)).expect("backlog space");
    slow_file.finish(ended(slow, EndReason::Stopped), true);
    write_audio(&fixture, &mut quick_file);
    quick_file.finish(ended(quick, EndReason::Stopped), true);
    let (published, _) = fixture.published(quick);
    assert_eq!(audio(&fixture.path(&published.file)), pattern(0, 1600));
    assert!(
        fixture
            .report
            .read(|reports| !reports.published.contains_key(&slow))
    );
    gate.open();
    let (published, _) = fixture.published(slow);
    let all = [pattern(0, 1600), pattern(1, 800)].concat();
    assert_eq!(audio(&fixture.path(&published.file)), all);
}

/// The writer compacts a tail only after a sync of the file.
#[test]
fn compacting_a_tail_delays_no_other_recording() {
    let fixture = open_with_power(ScratchDir::new(), PAGED);
    let [slow, quick] = [2, 4].map(Uuid::from_u128);
    let [mut slow_file, mut quick_file] = [slow, quick].map(|id| start_recording(&fixture, id));
    let (gate, first) = (Arc::new(Gate::default()), AtomicBool::new(true));
    gate.shut();
    let at = Arc::clone(&gate);
    fixture.set_fault(move |step| {
        if step == FaultPoint::CompactTail && first.swap(false, Ordering::SeqCst) {
            at.pass();
        }
        Ok(())
    });
    slow_file.shape(PAGED, 8000, 1);
    let length = 3 << 20;
    slow_file.write(pattern(1, length)).expect("backlog space");
    slow_file.settled(length as u64);
    gate.wait_for_arrivals(1);
    write_audio(&fixture, &mut quick_file);
    quick_file.finish(ended(quick, EndReason::Stopped), true);
    let (published, _) = fixture.published(quick);
    assert_eq!(audio(&fixture.path(&published.file)), pattern(0, 1600));
    gate.open();
    slow_file.finish(ended(slow, EndReason::Stopped), true);
    let (published, _) = fixture.published(slow);
    assert_eq!(audio(&fixture.path(&published.file)), pattern(1, length));
}

/// The failed sync may have lost audio, but later audio is still written.
#[test]
fn a_recording_whose_audio_cannot_be_synced_continues_and_ends_as_failed() {
    for_each_format(|format| {
        let fixture = open_with_power(ScratchDir::new(), format);
        let id = Uuid::new_v4();
        let mut file = start_recording(&fixture, id);
        let refused = AtomicBool::new(false);
        fixture.set_fault(move |step| match step {
            FaultPoint::Sync if !refused.swap(true, Ordering::SeqCst) => {
                Err(io::Error::from_raw_os_error(libc::EIO))
            }
            _ => Ok(()),
        });
        write_audio(&fixture, &mut file);
        let is_logged = |line: &String| line.contains("the recording continues, and ends as failed");
        fixture
            .report
            .wait_until(|reports| reports.logged.iter().any(is_logged));
        expect_failed_with_all_audio(&fixture, file, id, Status::Io);
    });
}

/// The writer panics on a recording that a syncer is syncing.
#[test]
fn every_recording_ends_after_a_writer_panics_during_a_sync() {
    let mut config = config();
    (config.durability, config.sync_interval_ms) = (Durability::Power, 100);
    config.syncers = 1;
    let fixture = StorageFixture::open_with(ScratchDir::new(), config);
    let ids = [2, 4, 6].map(Uuid::from_u128);
    let [mut first, mut awaited, mut other] = ids.map(|id| start_recording(&fixture, id));
    let gates: Vec<_> = (0..3).map(|_| Arc::new(Gate::default())).collect();
    let [sync, next_sync, write] = [0, 1, 2].map(|n| Arc::clone(&gates[n]));
    gates.iter().for_each(|gate| gate.shut());
    let (syncs, is_set) = (AtomicUsize::new(0), Arc::new(AtomicBool::new(false)));
    let (writes, panics) = (Arc::new(AtomicBool::new(false)), Arc::clone(&is_set));
    let stops = Arc::clone(&writes);
    fixture.set_fault(move |step| {
        let is_writer = std::thread::current().name() == Some("callrec-writer");
        match step {
            FaultPoint::Sync => match syncs.fetch_add(1, Ordering::SeqCst) {
                0 => sync.pass(),
                1 => next_sync.pass(),
                _ => {}
            },
            FaultPoint::WriteAudio if stops.swap(false, Ordering::SeqCst) => write.pass(),
            FaultPoint::Serve if is_writer && panics.swap(false, Ordering::SeqCst) => panic!("planted"),
            _ => {}
        }
        Ok(())
    });
    write_audio(&fixture, &mut first);
    gates[0].wait_for_arrivals(1);
    write_audio(&fixture, &mut awaited);
    fixture.wait_until_written(3200);
    writes.store(true, Ordering::SeqCst);
    write_audio(&fixture, &mut other);
    gates[2].wait_for_arrivals(1);
    // The writer is notified of this write before the syncer reaches the recording.
    awaited.write(pattern(1, 800)).expect("backlog space");
    gates[0].open();
    gates[1].wait_for_arrivals(1);
    is_set.store(true, Ordering::SeqCst);
    other.write(pattern(1, 800)).expect("backlog space");
    gates[2].open();
    // The panic hits either of the two recordings that the writer serves.
    let panicked = |reports: &StorageReports| !reports.write_failed.is_empty() || !reports.logged.is_empty();
    fixture.report.wait_until(panicked);
    gates[1].open();
    for (id, file) in ids.into_iter().zip([first, awaited, other]) {
        file.finish(ended(id, EndReason::Stopped), true);
        fixture.published(id);
    }
}

#[test]
fn a_temporary_shortage_of_handles_delays_a_sync() {
    let fixture = open_with_power(ScratchDir::new(), Format::WAV);
    let id = Uuid::new_v4();
    let mut file = start_recording(&fixture, id);
    let syncs = AtomicUsize::new(0);
    let steps = note_steps(&fixture.directory.0, move |step| {
        match step == FaultPoint::Sync && syncs.fetch_add(1, Ordering::SeqCst) < 2 {
            true => Err(io::Error::from_raw_os_error(libc::EMFILE)),
            false => Ok(()),
        }
    });
    write_audio(&fixture, &mut file);
    wait_for_order(&fixture, &steps, &[FaultPoint::Sync; 3]);
    file.finish(ended(id, EndReason::Stopped), true);
    assert!(fixture.published(id).0.state_is(RecordingState::Finished));
}

#[test]
fn a_disk_that_syncs_too_slowly_is_logged_once() {
    let fixture = open_with_power(ScratchDir::new(), Format::WAV);
    let (interval, flush) = (Duration::from_millis(100), Duration::from_millis(700));
    let mut file = start_recording(&fixture, Uuid::new_v4());
    let gate = Arc::new(Gate::default());
    let at = Arc::clone(&gate);
    fixture.set_fault(move |step| {
        if step == FaultPoint::Sync {
            at.pass();
        }
        Ok(())
    });
    for times in 1..=2 {
        gate.shut();
        write_audio(&fixture, &mut file);
        gate.wait_for_arrivals(times);
        let begun = Instant::now();
        fixture.wait_until(|_| begun.elapsed() > 2 * interval);
        gate.open();
        fixture.wait_until_idle();
    }
    let is_warning = |line: &&String| line.contains("the disk syncs too slowly");
    let lines: Vec<String> = fixture
        .report
        .read(|reports| reports.logged.iter().filter(is_warning).cloned().collect());
    let [line] = &lines[..] else {
        panic!("not one warning: {lines:?}");
    };
    // The logged delay includes the time before the write.
    let delay = line.rsplit(' ').nth(1).and_then(|ms| ms.parse().ok());
    let delay = Duration::from_millis(delay.expect("a number"));
    assert!(delay > 2 * interval + flush, "{line}");
}

#[test]
fn a_recording_whose_manifest_cannot_be_synced_continues_and_ends_as_failed() {
    let fixture = open_with_power(ScratchDir::new(), Format::WAV);
    let id = Uuid::new_v4();
    let mut file = start_recording(&fixture, id);
    let refused = AtomicBool::new(false);
    fixture.set_fault(move |step| match step {
        FaultPoint::SyncFile if !refused.swap(true, Ordering::SeqCst) => {
            Err(io::ErrorKind::StorageFull.into())
        }
        _ => Ok(()),
    });
    write_audio(&fixture, &mut file);
    file.update_manifest(fixed(manifest(id)), 1);
    fixture
        .report
        .wait_until(|reports| reports.updated.contains(&(id, 1)));
    expect_failed_with_all_audio(&fixture, file, id, Status::NoSpace);
}

#[test]
fn a_sync_that_fails_temporarily_is_retried_before_the_next_interval() {
    let mut config = config();
    config.durability = Durability::Power;
    // Only the manifest update causes a sync within this test.
    config.sync_interval_ms = 600_000;
    let fixture = StorageFixture::open_with(ScratchDir::new(), config);
    let id = Uuid::new_v4();
    let mut file = start_recording(&fixture, id);
    let refused = AtomicBool::new(false);
    let steps = note_steps(&fixture.directory.0, move |step| {
        match step == FaultPoint::Sync && !refused.swap(true, Ordering::SeqCst) {
            true => Err(io::Error::from_raw_os_error(libc::EMFILE)),
            false => Ok(()),
        }
    });
    write_audio(&fixture, &mut file);
    fixture.wait_until_written(1600);
    file.update_manifest(fixed(manifest(id)), 1);
    wait_for_order(
        &fixture,
        &steps,
        &[FaultPoint::SyncFile, FaultPoint::Sync, FaultPoint::Sync],
    );
}

#[test]
fn recordings_in_progress_are_recovered() {
    for_each_format(|format| {
        let (directory, ids) = recovery::crash_recordings(format, 2);
        let fixture = open_with_power(directory, format);
        for id in ids {
            let (published, repeated) = fixture.published(id);
            assert!(published.recovered && !repeated, "{published:?}");
            assert_eq!(audio(&fixture.path(&published.file)), recovery::whole_audio());
        }
    });
}

#[test]
fn audio_in_progress_is_not_synced_with_durability_finish() {
    let mut config = config();
    config.durability = Durability::Finish;
    let fixture = StorageFixture::open_with(ScratchDir::new(), config);
    let steps = note_steps(&fixture.directory.0, allow_all);
    let id = Uuid::new_v4();
    let mut file = start_recording(&fixture, id);
    write_audio(&fixture, &mut file);
    fixture.wait_until_written(1600);
    file.update_manifest(fixed(manifest(id)), 1);
    fixture
        .report
        .wait_until(|reports| reports.updated.contains(&(id, 1)));
    let syncs = [FaultPoint::Sync, FaultPoint::SyncFile, FaultPoint::SyncFolder];
    assert!(!steps.lock().iter().any(|step| syncs.contains(step)));
}

/// A write to the file fails while the tail is due to be compacted, and the process is killed before
/// the write succeeds. Encoded audio that is not in the file yet must still be in the tail.
#[test]
fn a_tail_keeps_audio_whose_write_to_the_file_failed() {
    // A little less audio than a tail is compacted for.
    const LENGTH: usize = 65 * 16_000;
    let fixture = open_with_power(ScratchDir::new(), PAGED);
    let id = Uuid::new_v4();
    let mut file = start_recording(&fixture, id);
    file.shape(PAGED, 8000, 1);
    let mut expected = pattern(1, LENGTH);
    file.write(expected.clone()).expect("backlog space");
    file.settled(LENGTH as u64);
    fixture.wait_until_idle();
    let [refusals, syncs] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let (refused, synced) = (Arc::clone(&refusals), Arc::clone(&syncs));
    fixture.set_fault(move |step| match step {
        FaultPoint::WriteAudio => {
            refused.fetch_add(1, Ordering::SeqCst);
            // Too many open files, which callrec retries.
            Err(io::Error::from_raw_os_error(24))
        }
        FaultPoint::Sync => {
            synced.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
        _ => Ok(()),
    });
    // The first second is encoded and refused. A sync of each later one could compact the tail.
    for second in 0..3 {
        let more = pattern(2 + second, 16_000);
        expected.extend_from_slice(&more);
        let before = syncs.load(Ordering::SeqCst);
        file.write(more).expect("backlog space");
        file.settled(expected.len() as u64);
        fixture.wait_until(|_| match second {
            0 => refusals.load(Ordering::SeqCst) > 0,
            _ => syncs.load(Ordering::SeqCst) > before,
        });
    }
    let copy = ScratchDir::new();
    copy_tree(&fixture.directory, &copy);
    let recovered = StorageFixture::open_in(copy);
    let (published, _) = recovered.published(id);
    assert_eq!(published.samples as usize, expected.len() / 2);
    assert!(audio(&recovered.path(&published.file)) == expected);
}
