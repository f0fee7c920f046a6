//! With `storage.durability=power`: what was told as started is found again after a power cut,
//! and so is the audio of a recording in progress.

use super::durability::{NotedSteps, all, expect_order, noted};
use super::*;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

fn power(directory: ScratchDir, format: Format) -> StorageFixture {
    let mut config = config();
    config.durability = Durability::Power;
    // Audio is synced as soon as it is written.
    config.sync_interval_ms = 100;
    StorageFixture::open_with(directory, config).with_format(format)
}

/// A recording without audio, whose start was told.
fn started(fixture: &StorageFixture, id: Uuid) -> ByteFile {
    let file = fixture.begin(id, "2026/11/call");
    fixture.report.wait_until(|seen| seen.created.contains(&id));
    fixture.wait_until_idle();
    file
}

fn write_audio(fixture: &StorageFixture, file: &mut ByteFile) {
    file.shape(fixture.format, 8000, 1);
    file.write(pattern(0, 1600)).expect("room");
}

/// What is said goes on into the file, and the end says that the disk has refused a sync.
fn goes_on_and_fails(fixture: &StorageFixture, mut file: ByteFile, id: Uuid, status: Status) {
    file.write(pattern(1, 800)).expect("room");
    file.finish(ended(id, EndReason::Stopped), true);
    let (told, _) = fixture.published(id);
    assert!(told.state_is(RecordingState::Failed), "{told:?}");
    assert_eq!(told.failure(), status, "{told:?}");
    let all = [pattern(0, 1600), pattern(1, 800)].concat();
    assert_eq!(audio(&fixture.path(&told.file)), all);
    assert_eq!(fixture.report.read(|seen| seen.write_failed.len()), 0);
}

/// The steps from now on until something was told.
fn noted_before(
    fixture: &StorageFixture,
    is_told: impl Fn(&StorageReports) -> bool + Send + Sync + 'static,
) -> NotedSteps {
    let steps = NotedSteps::default();
    let (noted, report) = (Arc::clone(&steps), Arc::clone(&fixture.report));
    fixture.set_fault(move |step| {
        if !report.read(&is_told) {
            noted.lock().push(step);
        }
        Ok(())
    });
    steps
}

/// Until these steps have come, in this order.
fn until_order(fixture: &StorageFixture, steps: &NotedSteps, order: &[FaultPoint]) {
    fixture.wait_until(|_| {
        let steps = steps.lock();
        let mut rest = steps.iter();
        order.iter().all(|step| rest.any(|came| came == step))
    });
}

#[test]
fn what_is_told_as_started_is_on_the_disk() {
    for_each_format(|format| {
        let fixture = power(ScratchDir::new(), format);
        let id = Uuid::new_v4();
        let steps = noted_before(&fixture, move |seen| seen.created.contains(&id));
        let file = started(&fixture, id);
        let made = [
            FaultPoint::CreateManifest,
            FaultPoint::CreateAudio,
            FaultPoint::WriteHeader,
        ];
        // The file, the root and two folders, then the manifest that says that it is there.
        let audio = [
            FaultPoint::Sync,
            FaultPoint::SyncFolder,
            FaultPoint::SyncFolder,
            FaultPoint::SyncFolder,
        ];
        let manifest = [
            FaultPoint::WriteLiveManifest,
            FaultPoint::SyncFile,
            FaultPoint::RenameLiveManifest,
            FaultPoint::SyncFolder,
        ];
        expect_order(&steps, &[&made[..], &audio, &manifest].concat());
        assert!(fixture.live_manifest(id).started);
        file.finish(ended(id, EndReason::Stopped), true);
    });
}

#[test]
fn a_start_that_cannot_be_synced_is_none() {
    for_each_format(|format| {
        for refused in [
            FaultPoint::Sync,
            FaultPoint::SyncFolder,
            FaultPoint::WriteLiveManifest,
            FaultPoint::SyncFile,
            FaultPoint::RenameLiveManifest,
        ] {
            let fixture = power(ScratchDir::new(), format);
            let id = Uuid::new_v4();
            fixture.set_fault(move |step| match step == refused {
                true => Err(io::ErrorKind::StorageFull.into()),
                false => Ok(()),
            });
            let mut file = fixture.begin(id, "call");
            write_audio(&fixture, &mut file);
            let error = fixture
                .report
                .wait_for(|seen| seen.create_failed.get(&id).cloned());
            assert_eq!(error.status, Status::NoSpace, "{refused:?}: {error:?}");
            file.finish(ended(id, EndReason::Stopped), true);
            fixture.wait_until_idle();
            assert!(
                fixture
                    .report
                    .read(|seen| seen.created.is_empty() && seen.published.is_empty())
            );
            assert_eq!(fixture.names(), [".callrec"], "{refused:?}");
            assert_eq!(fixture.control_names(), ["lock"], "{refused:?}");
        }
    });
}

/// No power cut brings it back, either.
#[test]
fn what_was_made_of_a_start_that_failed_is_gone_before_that_is_told() {
    for_each_format(|format| {
        let fixture = power(ScratchDir::new(), format);
        let id = Uuid::new_v4();
        let (steps, refused) = (NotedSteps::default(), AtomicBool::new(false));
        let (noted, report) = (Arc::clone(&steps), Arc::clone(&fixture.report));
        fixture.set_fault(move |step| {
            if !report.read(|seen| seen.create_failed.contains_key(&id)) {
                noted.lock().push(step);
            }
            match step == FaultPoint::SyncFile && !refused.swap(true, Ordering::SeqCst) {
                true => Err(io::ErrorKind::StorageFull.into()),
                false => Ok(()),
            }
        });
        let mut file = fixture.begin(id, "call");
        write_audio(&fixture, &mut file);
        fixture
            .report
            .wait_until(|seen| seen.create_failed.contains_key(&id));
        // Its folder, and then the one of its manifest.
        let gone = [
            FaultPoint::RemoveAudio,
            FaultPoint::SyncFolder,
            FaultPoint::SyncFolder,
        ];
        expect_order(&steps, &[&[FaultPoint::SyncFile][..], &gone].concat());
    });
}

#[test]
fn a_failed_start_whose_file_cannot_be_removed_leaves_no_audio() {
    let fixture = power(ScratchDir::new(), Format::WAV);
    let id = Uuid::new_v4();
    let gate = Arc::new(Gate::default());
    gate.shut();
    let at = Arc::clone(&gate);
    fixture.set_fault(move |step| match step {
        FaultPoint::SyncFile => {
            at.pass();
            Err(io::ErrorKind::StorageFull.into())
        }
        FaultPoint::RemoveAudio => Err(io::ErrorKind::PermissionDenied.into()),
        _ => Ok(()),
    });
    let mut file = fixture.begin(id, "call");
    gate.wait_for_arrivals(1);
    write_audio(&fixture, &mut file);
    gate.open();
    fixture
        .report
        .wait_until(|seen| seen.create_failed.contains_key(&id));
    assert_eq!(fs::read(fixture.path("call.wav.part")).expect("left"), b"");
}

/// What could not be made must not come back after a power cut.
#[test]
fn what_was_not_begun_is_gone_from_the_disk_before_that_is_told() {
    for_each_format(|format| {
        let fixture = power(ScratchDir::new(), format);
        let id = Uuid::new_v4();
        let (steps, report) = (NotedSteps::default(), Arc::clone(&fixture.report));
        let noted = Arc::clone(&steps);
        fixture.set_fault(move |step| {
            if report.read(|seen| seen.create_failed.is_empty()) {
                noted.lock().push(step);
            }
            match step {
                FaultPoint::WriteHeader => Err(io::ErrorKind::StorageFull.into()),
                _ => Ok(()),
            }
        });
        let mut file = fixture.begin(id, "call");
        write_audio(&fixture, &mut file);
        fixture
            .report
            .wait_until(|seen| seen.create_failed.contains_key(&id));
        let made = [
            FaultPoint::CreateManifest,
            FaultPoint::CreateAudio,
            FaultPoint::WriteHeader,
        ];
        expect_order(&steps, &[&made[..], &[FaultPoint::SyncFolder; 2]].concat());
        file.finish(ended(id, EndReason::Stopped), true);
        fixture.wait_until_idle();
        assert_eq!(fixture.names(), [".callrec"]);
    });
}

#[test]
fn audio_in_progress_is_synced_each_time_it_was_written() {
    for_each_format(|format| {
        let fixture = power(ScratchDir::new(), format);
        let mut file = started(&fixture, Uuid::new_v4());
        for _ in 0..3 {
            let steps = noted(&fixture.directory.0, all);
            write_audio(&fixture, &mut file);
            until_order(&fixture, &steps, &[fixture.write_step(), FaultPoint::Sync]);
        }
    });
}

/// A tail that is made, or made anew, is found by its name, and what it does not hold any more
/// is in the file.
#[test]
fn the_name_of_a_tail_is_synced_too() {
    let fixture = power(ScratchDir::new(), PAGED);
    let mut file = started(&fixture, Uuid::new_v4());
    let steps = noted(&fixture.directory.0, all);
    write_audio(&fixture, &mut file);
    until_order(
        &fixture,
        &steps,
        &[FaultPoint::WriteTail, FaultPoint::Sync, FaultPoint::SyncFolder],
    );
    let steps = noted(&fixture.directory.0, all);
    let much = 3 << 20;
    file.write(pattern(1, much)).expect("room");
    file.settled(much as u64);
    let compacted = [
        FaultPoint::WriteAudio,
        FaultPoint::Sync,
        FaultPoint::CompactTail,
        FaultPoint::RenameTail,
    ];
    let synced = [FaultPoint::Sync, FaultPoint::SyncFolder];
    until_order(&fixture, &steps, &[&compacted[..], &synced].concat());
}

#[test]
fn a_mark_is_on_the_disk_before_it_is_told() {
    let fixture = power(ScratchDir::new(), Format::WAV);
    let id = Uuid::new_v4();
    let mut file = started(&fixture, id);
    let steps = noted_before(&fixture, move |seen| seen.marked.contains(&(id, 1)));
    file.update_manifest(fixed(manifest(id)), 1);
    fixture.report.wait_until(|seen| seen.marked.contains(&(id, 1)));
    expect_order(&steps, &durability::NOTE);
    // And its end comes after it, whatever waits for the disk.
    file.update_manifest(fixed(manifest(id)), 2);
    file.finish(ended(id, EndReason::Stopped), true);
    fixture.published(id);
    assert!(fixture.report.read(|seen| seen.marked.contains(&(id, 2))));
}

/// Two recordings of one writer: while the disk syncs the one, the other is written and ends.
#[test]
fn a_sync_that_takes_long_holds_up_no_other_recording() {
    let fixture = power(ScratchDir::new(), Format::WAV);
    let [slow, quick] = [2, 4].map(Uuid::from_u128);
    let [mut slow_file, mut quick_file] = [slow, quick].map(|id| started(&fixture, id));
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
    slow_file.write(pattern(1, 800)).expect("room");
    slow_file.finish(ended(slow, EndReason::Stopped), true);
    write_audio(&fixture, &mut quick_file);
    quick_file.finish(ended(quick, EndReason::Stopped), true);
    let (told, _) = fixture.published(quick);
    assert_eq!(audio(&fixture.path(&told.file)), pattern(0, 1600));
    assert!(fixture.report.read(|seen| !seen.published.contains_key(&slow)));
    gate.open();
    let (told, _) = fixture.published(slow);
    let all = [pattern(0, 1600), pattern(1, 800)].concat();
    assert_eq!(audio(&fixture.path(&told.file)), all);
}

/// Neither does one that a tail waits for before what the file holds is dropped from it.
#[test]
fn a_tail_that_becomes_shorter_holds_up_no_other_recording() {
    let fixture = power(ScratchDir::new(), PAGED);
    let [slow, quick] = [2, 4].map(Uuid::from_u128);
    let [mut slow_file, mut quick_file] = [slow, quick].map(|id| started(&fixture, id));
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
    let much = 3 << 20;
    slow_file.write(pattern(1, much)).expect("room");
    slow_file.settled(much as u64);
    gate.wait_for_arrivals(1);
    write_audio(&fixture, &mut quick_file);
    quick_file.finish(ended(quick, EndReason::Stopped), true);
    let (told, _) = fixture.published(quick);
    assert_eq!(audio(&fixture.path(&told.file)), pattern(0, 1600));
    gate.open();
    slow_file.finish(ended(slow, EndReason::Stopped), true);
    let (told, _) = fixture.published(slow);
    assert_eq!(audio(&fixture.path(&told.file)), pattern(1, much));
}

/// What such a sync has lost nobody knows, but what is said goes on into the file.
#[test]
fn a_recording_that_cannot_be_synced_goes_on_and_ends_as_failed() {
    for_each_format(|format| {
        let fixture = power(ScratchDir::new(), format);
        let id = Uuid::new_v4();
        let mut file = started(&fixture, id);
        let refused = AtomicBool::new(false);
        fixture.set_fault(move |step| match step {
            FaultPoint::Sync if !refused.swap(true, Ordering::SeqCst) => {
                Err(io::Error::from_raw_os_error(libc::EIO))
            }
            _ => Ok(()),
        });
        write_audio(&fixture, &mut file);
        let tells = |line: &String| line.contains("the recording continues, and ends as failed");
        fixture.report.wait_until(|seen| seen.logged.iter().any(tells));
        goes_on_and_fails(&fixture, file, id, Status::Io);
    });
}

/// The writer comes to a recording while a syncer is at work on it, and panics.
#[test]
fn a_writer_that_panics_beside_a_syncer_leaves_no_recording_without_an_end() {
    let mut config = config();
    (config.durability, config.sync_interval_ms) = (Durability::Power, 100);
    config.syncers = 1;
    let fixture = StorageFixture::open_with(ScratchDir::new(), config);
    let ids = [2, 4, 6].map(Uuid::from_u128);
    let [mut first, mut awaited, mut other] = ids.map(|id| started(&fixture, id));
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
    // The writer is told of it before the syncer comes to it.
    awaited.write(pattern(1, 800)).expect("room");
    gates[0].open();
    gates[1].wait_for_arrivals(1);
    is_set.store(true, Ordering::SeqCst);
    other.write(pattern(1, 800)).expect("room");
    gates[2].open();
    // Either of the two that the writer comes to.
    let panicked = |seen: &StorageReports| !seen.write_failed.is_empty() || !seen.logged.is_empty();
    fixture.report.wait_until(panicked);
    gates[1].open();
    for (id, file) in ids.into_iter().zip([first, awaited, other]) {
        file.finish(ended(id, EndReason::Stopped), true);
        fixture.published(id);
    }
}

#[test]
fn what_runs_short_for_a_moment_costs_a_sync_nothing() {
    let fixture = power(ScratchDir::new(), Format::WAV);
    let id = Uuid::new_v4();
    let mut file = started(&fixture, id);
    let asked = AtomicUsize::new(0);
    let steps = noted(&fixture.directory.0, move |step| {
        match step == FaultPoint::Sync && asked.fetch_add(1, Ordering::SeqCst) < 2 {
            true => Err(io::Error::from_raw_os_error(libc::EMFILE)),
            false => Ok(()),
        }
    });
    write_audio(&fixture, &mut file);
    until_order(&fixture, &steps, &[FaultPoint::Sync; 3]);
    file.finish(ended(id, EndReason::Stopped), true);
    assert!(fixture.published(id).0.state_is(RecordingState::Finished));
}

#[test]
fn a_disk_that_syncs_too_slowly_is_told_once() {
    let fixture = power(ScratchDir::new(), Format::WAV);
    let (interval, flush) = (Duration::from_millis(100), Duration::from_millis(700));
    let mut file = started(&fixture, Uuid::new_v4());
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
    let tells = |line: &&String| line.contains("the disk syncs too slowly");
    let lines: Vec<String> = fixture
        .report
        .read(|seen| seen.logged.iter().filter(tells).cloned().collect());
    let [line] = &lines[..] else {
        panic!("once: {lines:?}");
    };
    // What waits to be synced had waited to be written.
    let cost = line.rsplit(' ').nth(1).and_then(|ms| ms.parse().ok());
    let cost = Duration::from_millis(cost.expect("a number"));
    assert!(cost > 2 * interval + flush, "{line}");
}

/// As with audio: what is said from here on is worth keeping.
#[test]
fn a_recording_whose_mark_cannot_be_synced_goes_on_and_ends_as_failed() {
    let fixture = power(ScratchDir::new(), Format::WAV);
    let id = Uuid::new_v4();
    let mut file = started(&fixture, id);
    let refused = AtomicBool::new(false);
    fixture.set_fault(move |step| match step {
        FaultPoint::SyncFile if !refused.swap(true, Ordering::SeqCst) => {
            Err(io::ErrorKind::StorageFull.into())
        }
        _ => Ok(()),
    });
    write_audio(&fixture, &mut file);
    file.update_manifest(fixed(manifest(id)), 1);
    fixture.report.wait_until(|seen| seen.marked.contains(&(id, 1)));
    goes_on_and_fails(&fixture, file, id, Status::NoSpace);
}

/// Its audio has waited for long enough already.
#[test]
fn a_sync_that_was_refused_for_a_moment_does_not_wait_for_another_interval() {
    let mut config = config();
    config.durability = Durability::Power;
    // The mark has it synced, and nothing else would within this test.
    config.sync_interval_ms = 600_000;
    let fixture = StorageFixture::open_with(ScratchDir::new(), config);
    let id = Uuid::new_v4();
    let mut file = started(&fixture, id);
    let refused = AtomicBool::new(false);
    let steps = noted(&fixture.directory.0, move |step| {
        match step == FaultPoint::Sync && !refused.swap(true, Ordering::SeqCst) {
            true => Err(io::Error::from_raw_os_error(libc::EMFILE)),
            false => Ok(()),
        }
    });
    write_audio(&fixture, &mut file);
    fixture.wait_until_written(1600);
    file.update_manifest(fixed(manifest(id)), 1);
    until_order(
        &fixture,
        &steps,
        &[FaultPoint::SyncFile, FaultPoint::Sync, FaultPoint::Sync],
    );
}

#[test]
fn recordings_in_progress_are_recovered_with_this_durability_as_well() {
    for_each_format(|format| {
        let (directory, ids) = recovery::crashed(format, 2);
        let fixture = power(directory, format);
        for id in ids {
            let (told, repeated) = fixture.published(id);
            assert!(told.recovered && !repeated, "{told:?}");
            assert_eq!(audio(&fixture.path(&told.file)), recovery::whole());
        }
    });
}

#[test]
fn audio_in_progress_is_not_synced_unless_asked_for() {
    let mut config = config();
    config.durability = Durability::Finish;
    let fixture = StorageFixture::open_with(ScratchDir::new(), config);
    let steps = noted(&fixture.directory.0, all);
    let id = Uuid::new_v4();
    let mut file = started(&fixture, id);
    write_audio(&fixture, &mut file);
    fixture.wait_until_written(1600);
    file.update_manifest(fixed(manifest(id)), 1);
    fixture.report.wait_until(|seen| seen.marked.contains(&(id, 1)));
    let syncs = [FaultPoint::Sync, FaultPoint::SyncFile, FaultPoint::SyncFolder];
    assert!(!steps.lock().iter().any(|step| syncs.contains(step)));
}
