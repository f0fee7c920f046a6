//! Temporary and permanent errors of the disk.

use super::*;

/// The discard is queued behind the write that fails, or has been accepted before.
#[test]
fn a_failed_write_does_not_publish_a_discarded_recording() {
    for_each_format(discarded_is_not_published);
}

fn discarded_is_not_published(format: Format) {
    for queued in [true, false] {
        let fixture = StorageFixture::new().with_format(format);
        let gate = Arc::new(Gate::default());
        gate.shut();
        let at = Arc::clone(&gate);
        let write = fixture.write_step();
        fixture.set_fault(move |step| {
            if step == write {
                at.pass();
                return Err(io::ErrorKind::StorageFull.into());
            }
            Ok(())
        });
        let id = Uuid::new_v4();
        let mut file = fixture.begin(id, "call");
        file.shape(format, 8000, 1);
        file.write(pattern(0, 1000)).expect("backlog space");
        gate.wait_for_arrivals(1);
        let mut open_file = Some(file);
        if queued {
            let file = open_file.take().expect("there");
            file.finish(ended(id, EndReason::Discarded), false);
        } else {
            fixture.report.discard(id);
        }
        gate.open();
        if let Some(file) = open_file {
            fixture
                .report
                .wait_until(|reports| reports.write_failed.contains_key(&id));
            file.finish(ended(id, EndReason::Discarded), false);
        }
        let (published, _) = fixture.published(id);
        assert!(
            published.state_is(RecordingState::Finished) && published.end_reason_is(EndReason::Discarded)
        );
        assert_eq!((published.file.as_str(), published.error.as_str()), ("", ""));
        fixture.wait_until_idle();
        assert_eq!(fixture.names(), [".callrec"], "queued: {queued}");
    }
}

/// Audio that the recording took after the write failed counts as lost.
#[test]
fn audio_after_a_failed_write_is_reported_as_lost() {
    for_each_format(|format| {
        let fixture = StorageFixture::new().with_format(format);
        let id = Uuid::new_v4();
        let mut file = fixture.begin(id, "call");
        file.shape(format, 8000, 1);
        file.write(pattern(0, 1600)).expect("backlog space");
        fixture.wait_until_written(1600);
        let write = fixture.write_step();
        fixture.set_fault(move |step| match step == write {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        });
        file.set_manifest_source(fixed(consistent_ends::manifest_with_audio(id, 3200)));
        file.write(pattern(1, 1600)).expect("backlog space");
        fixture
            .report
            .wait_until(|reports| reports.write_failed.contains_key(&id));
        fixture.clear_faults();
        file.write(pattern(2, 800)).expect("backlog space");
        file.finish(Box::new(consistent_ends::manifest_with_audio(id, 4000)), true);
        let (published, _) = fixture.published(id);
        assert!(published.state_is(RecordingState::Failed) && published.end_reason_is(EndReason::WriteError));
        assert_eq!((published.samples, published.lost_ms), (800, 150));
        assert_eq!(audio(&fixture.path(&published.file)), pattern(0, 1600));
        assert_manifest_matches_file(&fixture, &published);
    });
}

/// The manifest cannot be updated, and a file that cannot be removed is emptied. The end is
/// reported once the disk accepts the discard.
#[test]
fn a_discard_on_a_bad_disk_leaves_no_audio() {
    for_each_format(discard_on_a_bad_disk);
}

fn discard_on_a_bad_disk(format: Format) {
    for broken in [
        &[FaultPoint::NoteDiscard][..],
        &[FaultPoint::NoteDiscard, FaultPoint::RemoveAudio],
        &[FaultPoint::NoteDiscard, FaultPoint::RemoveTail],
    ] {
        let fixture = StorageFixture::new().with_format(format);
        let id = Uuid::new_v4();
        let mut file = fixture.begin(id, "call");
        file.shape(format, 8000, 1);
        file.write(pattern(0, 1000)).expect("backlog space");
        fixture.wait_until_written(1000);
        fixture.set_fault(move |step| {
            if broken.contains(&step) {
                Err(io::ErrorKind::StorageFull.into())
            } else {
                Ok(())
            }
        });
        file.finish(ended(id, EndReason::Discarded), false);
        fixture.report.wait_until(|reports| {
            reports
                .logged
                .iter()
                .any(|line| line.contains("the disk refuses to store its end"))
        });
        assert!(fixture.report.read(|reports| reports.published.is_empty()));
        let part = fs::metadata(fixture.part_path("call"))
            .map(|part| part.len())
            .ok();
        let is_left = |step| broken.contains(&step);
        assert_eq!(part, is_left(FaultPoint::RemoveAudio).then_some(0));
        let tail = fs::metadata(fixture.tail_path(id)).map(|tail| tail.len()).ok();
        assert_eq!(
            tail,
            (format.is_compressed() && is_left(FaultPoint::RemoveTail)).then_some(0)
        );
        fixture.clear_faults();
        let (published, _) = fixture.published(id);
        assert!(
            published.state_is(RecordingState::Finished) && published.end_reason_is(EndReason::Discarded)
        );
        assert_eq!(fixture.names(), [".callrec"]);
        fixture.settle(id);
        assert_eq!(fixture.control_names(), ["lock"]);
    }
}

/// Error numbers of Linux. Other systems share all of them except EAGAIN and ENOBUFS.
const EINTR: i32 = 4;
const EIO: i32 = 5;
const EBADF: i32 = 9;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const EFBIG: i32 = 27;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;

/// Makes the first `times` calls of a step fail. Returns a counter of all calls.
fn fail_step(fixture: &StorageFixture, at: FaultPoint, error: i32, times: usize) -> Arc<AtomicUsize> {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    fixture.set_fault(move |step| {
        if step == at && count.fetch_add(1, Ordering::SeqCst) < times {
            return Err(io::Error::from_raw_os_error(error));
        }
        Ok(())
    });
    calls
}

/// Records audio, silence and late audio in turn, and a manifest update. Returns the expected
/// audio.
fn record_all(fixture: &StorageFixture, id: Uuid) -> Vec<u8> {
    let mut file = fixture.begin(id, "call");
    file.shape(fixture.format, 48_000, 2);
    let mut expected = Vec::new();
    for block in 0..4 {
        for bytes in [1600, 300_000] {
            let audio = pattern(block, bytes);
            expected.extend_from_slice(&audio);
            assert!(file.write(audio).is_ok(), "backlog space");
        }
        file.fill(400_000);
        expected.resize(expected.len() + 400_000, 0);
        let (late, at) = (pattern(9 + block, 700), expected.len() - 701_600);
        expected[at..at + late.len()].copy_from_slice(&late);
        assert!(file.patch(at as u64, late).is_ok(), "backlog space");
        file.settled(expected.len() as u64);
        if fixture.format.is_compressed() {
            // Each block is then a batch of its own, and the tail is compacted.
            fixture.wait_until_idle();
        }
    }
    file.update_manifest(fixed(manifest(id)), 1);
    file.finish(ended(id, EndReason::Stopped), true);
    expected
}

#[test]
fn temporary_errors_lose_no_audio() {
    for_each_format(temporary_errors_are_retried);
}

fn temporary_errors_are_retried(format: Format) {
    let temporary = [EINTR, ENFILE, EMFILE, libc::EAGAIN, libc::ENOBUFS];
    let fixture = StorageFixture::new().with_format(format);
    let steps = [
        FaultPoint::CreateManifest,
        FaultPoint::CreateAudio,
        FaultPoint::WriteHeader,
        fixture.write_step(),
        fixture.patch_step(),
        FaultPoint::WriteLiveManifest,
        FaultPoint::Seal,
        FaultPoint::WriteManifest,
        FaultPoint::RenameAudio,
        FaultPoint::RenameManifest,
    ];
    // A failed compaction is retried after one more mebibyte: twice in this recording.
    let more = [
        (FaultPoint::WriteAudio, EMFILE, 3),
        (FaultPoint::CompactTail, EMFILE, 1),
        (FaultPoint::RenameTail, EMFILE, 1),
        (FaultPoint::RemoveTail, EMFILE, 3),
    ];
    let more = more.into_iter().filter(|_| format.is_compressed());
    let any = temporary.map(|error| (fixture.write_step(), error, 3));
    let everywhere = steps.map(|step| (step, EMFILE, 3));
    let short = any.into_iter().chain(everywhere);
    let brief = steps.into_iter().take(6).map(|step| (step, EIO, 1));
    for (step, error, times) in short.chain(brief).chain(more) {
        let fixture = StorageFixture::new().with_format(format);
        let calls = fail_step(&fixture, step, error, times);
        let id = Uuid::new_v4();
        let expected = record_all(&fixture, id);
        let (published, _) = fixture.published(id);
        assert!(
            published.state_is(RecordingState::Finished),
            "{step:?} {error}: {published:?}"
        );
        assert!(audio(&fixture.audio_path("call")) == expected, "{step:?} {error}");
        assert_manifest_matches_file(&fixture, &published);
        fixture.wait_until_idle();
        assert!(calls.load(Ordering::SeqCst) > times, "{step:?} {error}");
        assert_eq!(fixture.store.backlog_bytes(), 0);
        assert!(fixture.report.read(|reports| {
            reports.create_failed.is_empty()
                && reports.write_failed.is_empty()
                && reports.updated.contains(&(id, 1))
        }));
    }
}

/// Silence in a batch that could not be written is not counted twice.
#[test]
fn a_batch_that_is_retried_counts_once_in_the_backlog() {
    for_each_format(retried_batch_counts_once);
}

fn retried_batch_counts_once(format: Format) {
    let fixture = StorageFixture::new().with_format(format);
    let id = Uuid::new_v4();
    let calls = fail_step(&fixture, fixture.write_step(), EMFILE, 10);
    let mut file = fixture.begin(id, "call");
    file.shape(format, 8000, 1);
    file.write(pattern(0, 1000)).expect("backlog space");
    file.fill(500);
    fixture.wait_until(|_| calls.load(Ordering::SeqCst) > 2);
    assert!(fixture.store.backlog_bytes() >= 1000);
    fixture.wait_until_written(1500);
    fixture.wait_until_idle();
    assert_eq!(fixture.store.backlog_bytes(), 0);
    file.finish(ended(id, EndReason::Stopped), true);
    fixture.published(id);
}

#[test]
fn permanent_errors_fail_the_recording() {
    for_each_format(permanent_errors_fail_it);
}

fn permanent_errors_fail_it(format: Format) {
    for (error, at_once) in [
        (ENOSPC, true),
        (EROFS, true),
        (EBADF, true),
        (EFBIG, true),
        (EIO, false),
        (EMFILE, false),
    ] {
        for creates in [true, false] {
            let mut config = config();
            config.backlog_ms = 300;
            let fixture = StorageFixture::open_with(ScratchDir::new(), config).with_format(format);
            let step = if creates {
                FaultPoint::CreateAudio
            } else {
                fixture.write_step()
            };
            let calls = fail_step(&fixture, step, error, usize::MAX);
            let id = Uuid::new_v4();
            let mut file = fixture.begin(id, "call");
            file.shape(format, 48_000, 2);
            file.write(pattern(0, 1000)).expect("backlog space");
            if creates {
                fixture
                    .report
                    .wait_until(|reports| reports.create_failed.contains_key(&id));
            } else {
                fixture
                    .report
                    .wait_until(|reports| reports.write_failed.contains_key(&id));
            }
            drop(file);
            if !creates {
                assert!(fixture.published(id).0.state_is(RecordingState::Failed));
            }
            fixture.wait_until_idle();
            let tries = calls.load(Ordering::SeqCst);
            assert_eq!(tries == 1, at_once, "{error} at {step:?}: tried {tries} times");
            assert_eq!(fixture.store.backlog_bytes(), 0);
            assert_eq!(fixture.store.open_files(), 0);
        }
    }
}

/// While the disk is blocked, only the latest manifest is kept.
#[test]
fn pending_manifest_updates_are_combined() {
    let fixture = StorageFixture::new();
    let gate = Arc::new(Gate::default());
    gate.shut();
    let (at, written) = (Arc::clone(&gate), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&written);
    fixture.set_fault(move |step| {
        if step == FaultPoint::WriteLiveManifest {
            count.fetch_add(1, Ordering::SeqCst);
            at.pass();
        }
        Ok(())
    });
    let id = Uuid::new_v4();
    let mut file = fixture.begin(id, "call");
    file.update_manifest(fixed(manifest(id)), 0);
    gate.wait_for_arrivals(1);
    let sources: Vec<_> = (1..=1000)
        .map(|number| {
            let mut later = manifest(id);
            later.lost_ms = number;
            let source = fixed(later);
            file.update_manifest(Arc::clone(&source), number);
            Arc::downgrade(&source)
        })
        .collect();
    let pending = sources.iter().filter(|source| source.strong_count() > 0).count();
    assert_eq!(pending, 1);
    gate.open();
    fixture.report.wait_until(|reports| reports.updated.len() == 1001);
    assert_eq!(written.load(Ordering::SeqCst), 2);
    assert_eq!(fixture.live_manifest(id).lost_ms, 1000);
}

#[test]
fn a_planted_panic_affects_one_recording() {
    for_each_format(planted_panic_affects_one);
}

fn planted_panic_affects_one(format: Format) {
    for place in ["writer", "finisher"] {
        for keep in [true, false] {
            let mut config = config();
            config.panic_at = place.to_owned();
            let fixture = StorageFixture::open_with(ScratchDir::new(), config).with_format(format);
            let [first, second] = [1, 2].map(|at| {
                let id = Uuid::new_v4();
                let mut file = fixture.begin(id, &format!("call{at}"));
                file.shape(format, 8000, 1);
                file.write(pattern(at, 1000)).expect("backlog space");
                if at == 1 {
                    file.finish(ended(id, EndReason::Stopped), keep);
                    fixture.report.wait_until(|reports| {
                        reports.published.contains_key(&id) || reports.create_failed.contains_key(&id)
                    });
                } else {
                    file.finish(ended(id, EndReason::Stopped), true);
                }
                id
            });
            assert!(fixture.published(second).0.state_is(RecordingState::Finished));
            assert_eq!(audio(&fixture.audio_path("call2")), pattern(2, 1000));
            fixture.wait_until_idle();
            assert_eq!(fixture.store.backlog_bytes(), 0);
            if place == "writer" {
                assert!(
                    fixture
                        .report
                        .read(|reports| reports.create_failed.contains_key(&first))
                );
                assert_eq!(fixture.control_names().len(), 2);
            } else if !keep {
                let mut names = [".callrec", "call2.json", &fixture.audio_name("call2")];
                names.sort_unstable();
                assert_eq!(fixture.names(), names);
            } else {
                assert!(fixture.published(first).0.state_is(RecordingState::Failed));
                let fixture = fixture.reopen();
                assert!(fixture.published(first).0.recovered);
                assert_eq!(audio(&fixture.audio_path("call1")), pattern(1, 1000));
            }
        }
    }
}

/// A recording that is published as failed, or not published, has a log line and a status.
#[test]
fn a_failure_to_finish_is_logged() {
    for_each_format(failed_finish_is_logged);
}

fn failed_finish_is_logged(format: Format) {
    let failures = [
        (FaultPoint::Seal, ENOSPC, Status::NoSpace),
        (FaultPoint::Digest, libc::EDQUOT, Status::NoSpace),
        (FaultPoint::RenameAudio, EROFS, Status::Io),
    ];
    for (step, error, status) in failures {
        let fixture = StorageFixture::new().with_format(format);
        fail_step(&fixture, step, error, 1);
        let id = Uuid::new_v4();
        record_all(&fixture, id);
        let (published, _) = fixture.published(id);
        assert!(
            published.state_is(RecordingState::Failed),
            "{step:?}: {published:?}"
        );
        assert_eq!(published.failure(), status, "{step:?}");
        let is_retried =
            step == FaultPoint::RenameAudio || (step == FaultPoint::Seal && format.is_compressed());
        let part = format!("{}.part", fixture.audio_name("call"));
        let is_expected = |line: &&String| {
            line.contains(&id.to_string())
                && line.contains(&part)
                && line.contains("and the next open tries") == is_retried
        };
        let lines = fixture
            .report
            .read(|reports| reports.logged.iter().filter(is_expected).count());
        assert_eq!(lines, 1, "{step:?}");
    }
}

#[test]
fn creating_a_file_on_a_full_disk_has_its_own_status() {
    for (error, status) in [
        (ENOSPC, Status::NoSpace),
        (libc::EDQUOT, Status::NoSpace),
        (EROFS, Status::Io),
    ] {
        let fixture = StorageFixture::new();
        fail_step(&fixture, FaultPoint::CreateAudio, error, usize::MAX);
        let id = Uuid::new_v4();
        let file = fixture.begin(id, "call");
        let failed = fixture
            .report
            .wait_for(|reports| reports.create_failed.get(&id).cloned());
        assert_eq!(failed.status, status, "{failed:?}");
        drop(file);
    }
}

/// The free space is read every second; only a change is logged.
#[test]
fn unknown_free_space_is_logged_once() {
    let fixture = StorageFixture::new();
    fail_step(&fixture, FaultPoint::FreeSpace, EIO, 3);
    for _ in 0..5 {
        fixture.store.refresh_free_space();
    }
    let lines = fixture.report.read(|reports| reports.logged.clone());
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].contains("free space of storage.directory cannot be read"),
        "{lines:?}"
    );
    assert_eq!(lines[1], "the free space of storage.directory can be read again");
}
