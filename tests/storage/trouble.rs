//! Errors of the disk that pass, or come at a bad moment.

use super::*;

/// A write fails while a discard waits behind it, or has been accepted.
#[test]
fn what_was_discarded_is_not_published_by_a_failed_write() {
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
        file.write(pattern(0, 1000)).expect("room");
        gate.wait_for_arrivals(1);
        let mut kept = Some(file);
        if queued {
            let file = kept.take().expect("there");
            file.finish(ended(id, EndReason::Discarded), false);
        } else {
            fixture.report.discard(id);
        }
        gate.open();
        if let Some(file) = kept {
            fixture
                .report
                .wait_until(|seen| seen.write_failed.contains_key(&id));
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

/// What was handed in while it failed, and came to its file only later, is told as lost.
#[test]
fn what_comes_after_a_failed_write_is_told_as_lost() {
    for_each_format(|format| {
        let fixture = StorageFixture::new().with_format(format);
        let id = Uuid::new_v4();
        let mut file = fixture.begin(id, "call");
        file.shape(format, 8000, 1);
        file.write(pattern(0, 1600)).expect("room");
        fixture.wait_until_written(1600);
        let write = fixture.write_step();
        fixture.set_fault(move |step| match step == write {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        });
        file.set_manifest_source(fixed(stories::recorded(id, 3200)));
        file.write(pattern(1, 1600)).expect("room");
        fixture
            .report
            .wait_until(|seen| seen.write_failed.contains_key(&id));
        fixture.clear_faults();
        file.write(pattern(2, 800)).expect("room");
        file.finish(Box::new(stories::recorded(id, 4000)), true);
        let (told, _) = fixture.published(id);
        assert!(told.state_is(RecordingState::Failed) && told.end_reason_is(EndReason::WriteError));
        assert_eq!((told.samples, told.lost_ms), (800, 150));
        assert_eq!(audio(&fixture.path(&told.file)), pattern(0, 1600));
        expect_honest(&fixture, &told);
    });
}

/// On a full disk the note may fail, and what cannot be removed has no audio. It is told
/// once the disk has taken all of it.
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
        file.write(pattern(0, 1000)).expect("room");
        fixture.wait_until_written(1000);
        fixture.set_fault(move |step| {
            if broken.contains(&step) {
                Err(io::ErrorKind::StorageFull.into())
            } else {
                Ok(())
            }
        });
        file.finish(ended(id, EndReason::Discarded), false);
        fixture.report.wait_until(|seen| {
            seen.logged
                .iter()
                .any(|line| line.contains("the disk refuses to store its end"))
        });
        assert!(fixture.report.read(|seen| seen.published.is_empty()));
        let part = fs::metadata(fixture.part_path("call"))
            .map(|part| part.len())
            .ok();
        let keeps = |step| broken.contains(&step);
        assert_eq!(part, keeps(FaultPoint::RemoveAudio).then_some(0));
        let tail = fs::metadata(fixture.tail_path(id)).map(|tail| tail.len()).ok();
        assert_eq!(
            tail,
            (format == PAGED && keeps(FaultPoint::RemoveTail)).then_some(0)
        );
        fixture.clear_faults();
        let (told, _) = fixture.published(id);
        assert!(told.state_is(RecordingState::Finished) && told.end_reason_is(EndReason::Discarded));
        assert_eq!(fixture.names(), [".callrec"]);
        fixture.settle(id);
        assert_eq!(fixture.control_names(), ["lock"]);
    }
}

/// Numbers of Linux, which other systems share but for EAGAIN and ENOBUFS.
const EINTR: i32 = 4;
const EIO: i32 = 5;
const EBADF: i32 = 9;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const EFBIG: i32 = 27;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;

/// Fails at a step the first so many times; tells how often it was asked there.
fn failing(fixture: &StorageFixture, at: FaultPoint, error: i32, times: usize) -> Arc<AtomicUsize> {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    fixture.set_fault(move |step| {
        if step == at && count.fetch_add(1, Ordering::SeqCst) < times {
            return Err(io::Error::from_raw_os_error(error));
        }
        Ok(())
    });
    asked
}

/// Audio, silence and late audio in turn, a mark, and what the file must then hold.
fn record_all(fixture: &StorageFixture, id: Uuid) -> Vec<u8> {
    let mut file = fixture.begin(id, "call");
    file.shape(fixture.format, 48_000, 2);
    let mut expected = Vec::new();
    for block in 0..4 {
        for bytes in [1600, 300_000] {
            let audio = pattern(block, bytes);
            expected.extend_from_slice(&audio);
            assert!(file.write(audio).is_ok(), "room");
        }
        file.fill(400_000);
        expected.resize(expected.len() + 400_000, 0);
        let (late, at) = (pattern(9 + block, 700), expected.len() - 701_600);
        expected[at..at + late.len()].copy_from_slice(&late);
        assert!(file.patch(at as u64, late).is_ok(), "room");
        file.settled(expected.len() as u64);
        if fixture.format == PAGED {
            // So that each is a batch, and a tail is compacted.
            fixture.wait_until_idle();
        }
    }
    file.update_manifest(fixed(manifest(id)), 1);
    file.finish(ended(id, EndReason::Stopped), true);
    expected
}

#[test]
fn errors_that_pass_cost_nothing() {
    for_each_format(passing_errors_cost_nothing);
}

fn passing_errors_cost_nothing(format: Format) {
    let passing = [EINTR, ENFILE, EMFILE, libc::EAGAIN, libc::ENOBUFS];
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
    // Compacting that failed is tried again a mebibyte later: twice in this recording.
    let more = [
        (FaultPoint::WriteAudio, EMFILE, 3),
        (FaultPoint::CompactTail, EMFILE, 1),
        (FaultPoint::RenameTail, EMFILE, 1),
        (FaultPoint::RemoveTail, EMFILE, 3),
    ];
    let more = more.into_iter().filter(|_| format == PAGED);
    let any = passing.map(|error| (fixture.write_step(), error, 3));
    let everywhere = steps.map(|step| (step, EMFILE, 3));
    let short = any.into_iter().chain(everywhere);
    let brief = steps.into_iter().take(6).map(|step| (step, EIO, 1));
    for (step, error, times) in short.chain(brief).chain(more) {
        let fixture = StorageFixture::new().with_format(format);
        let asked = failing(&fixture, step, error, times);
        let id = Uuid::new_v4();
        let expected = record_all(&fixture, id);
        let (published, _) = fixture.published(id);
        assert!(
            published.state_is(RecordingState::Finished),
            "{step:?} {error}: {published:?}"
        );
        assert!(audio(&fixture.audio_path("call")) == expected, "{step:?} {error}");
        expect_honest(&fixture, &published);
        fixture.wait_until_idle();
        assert!(asked.load(Ordering::SeqCst) > times, "{step:?} {error}");
        assert_eq!(fixture.store.backlog_bytes(), 0);
        assert!(fixture.report.read(|seen| {
            seen.create_failed.is_empty() && seen.write_failed.is_empty() && seen.marked.contains(&(id, 1))
        }));
    }
}

/// Silence that was gathered with audio and could not be written is not counted twice.
#[test]
fn what_is_put_back_counts_in_the_backlog() {
    for_each_format(put_back_counts);
}

fn put_back_counts(format: Format) {
    let fixture = StorageFixture::new().with_format(format);
    let id = Uuid::new_v4();
    let asked = failing(&fixture, fixture.write_step(), EMFILE, 10);
    let mut file = fixture.begin(id, "call");
    file.shape(format, 8000, 1);
    file.write(pattern(0, 1000)).expect("room");
    file.fill(500);
    fixture.wait_until(|_| asked.load(Ordering::SeqCst) > 2);
    assert!(fixture.store.backlog_bytes() >= 1000);
    fixture.wait_until_written(1500);
    fixture.wait_until_idle();
    assert_eq!(fixture.store.backlog_bytes(), 0);
    file.finish(ended(id, EndReason::Stopped), true);
    fixture.published(id);
}

#[test]
fn errors_that_last_end_the_recording() {
    for_each_format(lasting_errors_end_it);
}

fn lasting_errors_end_it(format: Format) {
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
            let asked = failing(&fixture, step, error, usize::MAX);
            let id = Uuid::new_v4();
            let mut file = fixture.begin(id, "call");
            file.shape(format, 48_000, 2);
            file.write(pattern(0, 1000)).expect("room");
            if creates {
                fixture
                    .report
                    .wait_until(|seen| seen.create_failed.contains_key(&id));
            } else {
                fixture
                    .report
                    .wait_until(|seen| seen.write_failed.contains_key(&id));
            }
            drop(file);
            if !creates {
                assert!(fixture.published(id).0.state_is(RecordingState::Failed));
            }
            fixture.wait_until_idle();
            let tries = asked.load(Ordering::SeqCst);
            assert_eq!(tries == 1, at_once, "{error} at {step:?}: tried {tries} times");
            assert_eq!(fixture.store.backlog_bytes(), 0);
            assert_eq!(fixture.store.open_files(), 0);
        }
    }
}

/// On a disk that stands still, only the latest manifest waits.
#[test]
fn marks_that_wait_are_one() {
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
        .map(|mark| {
            let mut later = manifest(id);
            later.lost_ms = u64::from(mark);
            let source = fixed(later);
            file.update_manifest(Arc::clone(&source), mark);
            Arc::downgrade(&source)
        })
        .collect();
    let waiting = sources.iter().filter(|source| source.strong_count() > 0).count();
    assert_eq!(waiting, 1);
    gate.open();
    fixture.report.wait_until(|seen| seen.marked.len() == 1001);
    assert_eq!(written.load(Ordering::SeqCst), 2);
    assert_eq!(fixture.live_manifest(id).lost_ms, 1000);
}

#[test]
fn a_planted_panic_stays_with_its_recording() {
    for_each_format(planted_panic_stays);
}

fn planted_panic_stays(format: Format) {
    for place in ["writer", "finisher"] {
        for keep in [true, false] {
            let mut config = config();
            config.panic_at = place.to_owned();
            let fixture = StorageFixture::open_with(ScratchDir::new(), config).with_format(format);
            let [first, second] = [1, 2].map(|at| {
                let id = Uuid::new_v4();
                let mut file = fixture.begin(id, &format!("call{at}"));
                file.shape(format, 8000, 1);
                file.write(pattern(at, 1000)).expect("room");
                if at == 1 {
                    file.finish(ended(id, EndReason::Stopped), keep);
                    fixture.report.wait_until(|seen| {
                        seen.published.contains_key(&id) || seen.create_failed.contains_key(&id)
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
                        .read(|seen| seen.create_failed.contains_key(&first))
                );
                assert_eq!(fixture.control_names().len(), 2);
            } else if !keep {
                assert_eq!(
                    fixture.names(),
                    [".callrec", "call2.json", &fixture.audio_name("call2")]
                );
            } else {
                assert!(fixture.published(first).0.state_is(RecordingState::Failed));
                let fixture = fixture.reopen();
                assert!(fixture.published(first).0.recovered);
                assert_eq!(audio(&fixture.audio_path("call1")), pattern(1, 1000));
            }
        }
    }
}

/// What is published as failed, or not at all, has a line in the log and a status.
#[test]
fn what_fails_while_finishing_is_logged() {
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
        failing(&fixture, step, error, 1);
        let id = Uuid::new_v4();
        record_all(&fixture, id);
        let (published, _) = fixture.published(id);
        assert!(
            published.state_is(RecordingState::Failed),
            "{step:?}: {published:?}"
        );
        assert_eq!(published.failure(), status, "{step:?}");
        let again = step == FaultPoint::RenameAudio || (step == FaultPoint::Seal && format == PAGED);
        let part = format!("{}.part", fixture.audio_name("call"));
        let told = |line: &&String| {
            line.contains(&id.to_string())
                && line.contains(&part)
                && line.contains("the next open tries again") == again
        };
        let lines = fixture
            .report
            .read(|seen| seen.logged.iter().filter(told).count());
        assert_eq!(lines, 1, "{step:?}");
    }
}

#[test]
fn a_full_disk_is_told_apart_where_a_file_is_made() {
    for (error, status) in [
        (ENOSPC, Status::NoSpace),
        (libc::EDQUOT, Status::NoSpace),
        (EROFS, Status::Io),
    ] {
        let fixture = StorageFixture::new();
        failing(&fixture, FaultPoint::CreateAudio, error, usize::MAX);
        let id = Uuid::new_v4();
        let file = fixture.begin(id, "call");
        let failed = fixture
            .report
            .wait_for(|seen| seen.create_failed.get(&id).cloned());
        assert_eq!(failed.status, status, "{failed:?}");
        drop(file);
    }
}

/// A disk that is gone is asked each second, and each answer is no news.
#[test]
fn free_room_that_is_unknown_is_told_once() {
    let fixture = StorageFixture::new();
    failing(&fixture, FaultPoint::FreeSpace, EIO, 3);
    for _ in 0..5 {
        fixture.store.refresh_free_space();
    }
    let lines = fixture.report.read(|seen| seen.logged.clone());
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].contains("free space of storage.directory cannot be read"),
        "{lines:?}"
    );
    assert_eq!(lines[1], "the free space of storage.directory can be read again");
}
