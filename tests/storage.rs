//! The storage layer on real directories.
#![cfg(feature = "faults")]

#[path = "storage/audio.rs"]
mod audio;
#[path = "storage/child_tasks.rs"]
mod child_tasks;
#[path = "storage/consistent_ends.rs"]
mod consistent_ends;
#[path = "storage/disk_errors.rs"]
mod disk_errors;
#[path = "storage/durability.rs"]
mod durability;
#[path = "storage/fixture.rs"]
mod fixture;
#[path = "storage/huge_files.rs"]
mod huge_files;
#[path = "storage/jobs.rs"]
mod jobs;
#[path = "storage/kills.rs"]
mod kills;
#[path = "storage/leg_entries.rs"]
mod leg_entries;
#[path = "storage/lock.rs"]
mod lock;
#[path = "storage/moved_directory.rs"]
mod moved_directory;
#[path = "storage/names.rs"]
mod names;
#[path = "storage/outbox_migration.rs"]
mod outbox_migration;
#[path = "storage/patches.rs"]
mod patches;
#[path = "storage/power.rs"]
mod power;
#[path = "storage/raw_files.rs"]
mod raw_files;
#[path = "storage/recovery.rs"]
mod recovery;
#[path = "storage/tail_kills.rs"]
mod tail_kills;
#[path = "storage/tails.rs"]
mod tails;
#[path = "storage/versions.rs"]
mod versions;

use audio::*;
use callrec::storage::faults::{self, FaultPoint};
use callrec::storage::{
    DEFAULT_TEMPLATE, Digest, Durability, LegEntry, Manifest, NameFields, Platform, Reasons, SpanEntry,
    StorageConfig, Store, Template,
};
use callrec::types::{EndReason, Error, Format, RecordingState, Status};
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::gate::Gate;
use callrec_testkit::tree::copy_tree;
use child_tasks::*;
use consistent_ends::is_end_reported_or_deferred;
use fixture::*;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use uuid::Uuid;

#[test]
fn a_recording_is_written_published_and_settled() {
    for_each_format(written_published_and_settled);
}

fn written_published_and_settled(format: Format) {
    let fixture = StorageFixture::new().with_format(format);
    let id = Uuid::new_v4();
    let mut file = fixture.begin(id, "2026/call");
    fixture.report.wait_until(|reports| reports.created.contains(&id));
    assert!(fixture.part_path("2026/call").exists());
    assert!(fixture.live_manifest(id).started);
    file.shape(format, 16_000, 2);
    let mut expected = Vec::new();
    for block in 0..5 {
        let audio = pattern(block, 1600);
        expected.extend_from_slice(&audio);
        file.write(audio).expect("backlog space");
        file.fill(400);
        expected.resize(expected.len() + 400, 0);
    }
    let paused = Manifest {
        state: RecordingState::Paused.text().to_owned(),
        paused_ms: 7,
        ..manifest(id)
    };
    file.update_manifest(fixed(paused), 1);
    fixture
        .report
        .wait_until(|reports| reports.updated.contains(&(id, 1)));
    let marked = fixture.live_manifest(id);
    assert_eq!(
        (marked.paused_ms, marked.sample_rate, marked.channels),
        (7, 16_000, 2)
    );
    assert_eq!(marked.part, format!("{}.part", fixture.audio_name("2026/call")));
    file.finish(ended(id, EndReason::Stopped), true);
    let (published, repeated) = fixture.published(id);
    assert!(
        !repeated
            && published.state_is(RecordingState::Finished)
            && published.end_reason_is(EndReason::Stopped)
    );
    assert_eq!(
        (&published.file, published.samples),
        (&fixture.audio_name("2026/call"), 2500)
    );
    assert_eq!((published.duration_ms, published.sample_rate), (156, 16_000));
    assert_eq!(audio(&fixture.path(&published.file)), expected);
    assert_manifest_matches_file(&fixture, &published);
    assert!(!fixture.part_path("2026/call").exists());
    assert!(
        fixture.live_path(id).exists(),
        "the live manifest stays until the end is settled"
    );
    fixture.settle(id);
    assert!(!fixture.live_path(id).exists());
    assert_eq!(fixture.control_names(), ["lock"]);
}

#[test]
fn every_format_is_padded_with_its_silence() {
    for (format, silence) in [
        (Format::WAV, 0u8),
        (Format::WAV_ULAW, 0xff),
        (Format::WAV_ALAW, 0xd5),
        (PAGED, 0),
    ] {
        let fixture = StorageFixture::new().with_format(format);
        let id = Uuid::new_v4();
        let mut file = fixture.begin(id, "x");
        file.shape(format, 8000, 1);
        file.write(vec![1; 3 * format.samples().bytes()])
            .expect("backlog space");
        file.fill(600_000);
        file.finish(ended(id, EndReason::Limit), true);
        let (published, _) = fixture.published(id);
        assert_manifest_matches_file(&fixture, &published);
        let audio = audio(&fixture.audio_path("x"));
        assert_eq!(audio.len(), 3 * format.samples().bytes() + 600_000);
        assert!(
            audio[3 * format.samples().bytes()..]
                .iter()
                .all(|byte| *byte == silence)
        );
        let length = fs::metadata(fixture.audio_path("x")).expect("there").len();
        assert!(format == PAGED || length.is_multiple_of(2));
    }
}

#[test]
fn a_write_error_fails_one_recording() {
    for_each_format(write_error_fails_one_recording);
}

fn write_error_fails_one_recording(format: Format) {
    let fixture = StorageFixture::new().with_format(format);
    let (bad, good) = (Uuid::new_v4(), Uuid::new_v4());
    let mut one = fixture.begin(bad, "bad");
    one.shape(format, 8000, 1);
    one.write(pattern(0, 1000)).expect("backlog space");
    fixture.wait_until_written(1000);
    let write = fixture.write_step();
    fixture.set_fault(move |step| {
        if step == write {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            Ok(())
        }
    });
    one.write(pattern(1, 1000)).expect("backlog space");
    let error = fixture
        .report
        .wait_for(|reports| reports.write_failed.get(&bad).cloned());
    assert_eq!(error.status, Status::NoSpace);
    one.finish(ended(bad, EndReason::Stopped), true);
    let (published, _) = fixture.published(bad);
    assert!(published.state_is(RecordingState::Failed) && published.end_reason_is(EndReason::WriteError));
    assert!(!published.error.is_empty());
    assert_eq!(audio(&fixture.audio_path("bad")), pattern(0, 1000));
    assert_manifest_matches_file(&fixture, &published);
    fixture.clear_faults();
    let mut two = fixture.begin(good, "good");
    two.shape(format, 8000, 1);
    two.write(pattern(2, 1000)).expect("backlog space");
    two.finish(ended(good, EndReason::Stopped), true);
    assert!(fixture.published(good).0.state_is(RecordingState::Finished));
    fixture.wait_until_idle();
    assert_eq!(
        fixture.report.read(|reports| reports.published.len()),
        2,
        "each end is reported once"
    );
}

#[test]
fn a_recording_that_cannot_be_created_leaves_no_file() {
    for_each_format(failed_create_leaves_no_file);
}

fn failed_create_leaves_no_file(format: Format) {
    for step in [
        FaultPoint::CreateManifest,
        FaultPoint::CreateAudio,
        FaultPoint::WriteHeader,
        FaultPoint::NoteStarted,
    ] {
        for panics in [false, true] {
            let fixture = StorageFixture::new().with_format(format);
            fixture.set_fault(move |at| match (at == step, panics) {
                (true, true) => panic!("a forced panic"),
                (true, false) => Err(io::Error::other("forced")),
                _ => Ok(()),
            });
            let id = Uuid::new_v4();
            let file = fixture.begin(id, "call");
            fixture
                .report
                .wait_until(|reports| reports.create_failed.contains_key(&id));
            file.finish(ended(id, EndReason::Stopped), true);
            fixture.wait_until_idle();
            assert_eq!(fixture.names(), [".callrec"], "{step:?}");
            assert_eq!(fixture.control_names(), ["lock"]);
            assert!(
                fixture
                    .report
                    .read(|reports| reports.published.is_empty() && reports.created.is_empty())
            );
        }
    }
}

#[test]
fn a_panic_in_any_thread_fails_one_recording() {
    for_each_format(panic_fails_one_recording);
}

fn panic_fails_one_recording(format: Format) {
    let steps = [
        FaultPoint::WriteAudio,
        FaultPoint::WriteTail,
        FaultPoint::Seal,
        FaultPoint::Digest,
        FaultPoint::RenameAudio,
        FaultPoint::RenameManifest,
    ];
    // Only a file that is never overwritten has a tail.
    for step in steps
        .into_iter()
        .filter(|step| *step != FaultPoint::WriteTail || format == PAGED)
    {
        let fixture = StorageFixture::new().with_format(format);
        fixture.set_fault(move |at| {
            if at == step {
                panic!("a forced panic")
            } else {
                Ok(())
            }
        });
        let id = Uuid::new_v4();
        let mut file = fixture.begin(id, "call");
        file.shape(format, 8000, 1);
        file.write(pattern(0, 100)).expect("backlog space");
        file.finish(ended(id, EndReason::Stopped), true);
        assert!(
            fixture.published(id).0.state_is(RecordingState::Failed),
            "{step:?}"
        );
        fixture.clear_faults();
        fixture.settle(id);
        let other = Uuid::new_v4();
        fixture
            .begin(other, "other")
            .finish(ended(other, EndReason::Stopped), true);
        assert!(fixture.published(other).0.state_is(RecordingState::Finished));
        fixture.settle(other);
        // A recording that could not be published is published at the next open.
        let fails_in_finisher = step == FaultPoint::WriteAudio && format == PAGED;
        if fails_in_finisher
            || matches!(
                step,
                FaultPoint::RenameAudio | FaultPoint::RenameManifest | FaultPoint::Seal
            )
        {
            let fixture = fixture.reopen();
            let (published, repeated) = fixture.published(id);
            assert!(published.recovered && repeated, "{step:?}");
            assert!(published.state_is(RecordingState::Failed), "{step:?}");
            assert_eq!(audio(&fixture.path(&published.file)), pattern(0, 100));
        }
    }
}

#[test]
fn a_discarded_recording_keeps_no_audio() {
    for_each_format(discarded_keeps_no_audio);
}

fn discarded_keeps_no_audio(format: Format) {
    let fixture = StorageFixture::new().with_format(format);
    let id = Uuid::new_v4();
    let mut file = fixture.begin(id, "call");
    file.shape(format, 8000, 1);
    file.write(pattern(0, 1000)).expect("backlog space");
    fixture.wait_until_written(1000);
    assert_eq!(fixture.tail_path(id).exists(), format == PAGED);
    file.finish(ended(id, EndReason::Discarded), false);
    let (published, _) = fixture.published(id);
    assert!(published.state_is(RecordingState::Finished) && published.end_reason_is(EndReason::Discarded));
    assert_eq!((published.file.as_str(), published.error.as_str()), ("", ""));
    assert_eq!(fixture.names(), [".callrec"]);
    assert_eq!(fixture.control_names(), [format!("{id}.json"), "lock".to_owned()]);
    // The end is not settled yet, so it is reported again, as repeated.
    let fixture = StorageFixture::open_in(fixture.close());
    let (again, repeated) = fixture.published(id);
    assert!(repeated && again.end_reason_is(EndReason::Discarded));
    fixture.settle(id);
    assert_eq!(fixture.control_names(), ["lock"]);
}

#[test]
fn a_file_dropped_without_an_end_is_published_as_failed() {
    let fixture = StorageFixture::new();
    let id = Uuid::new_v4();
    drop(fixture.begin(id, "call"));
    assert!(fixture.published(id).0.state_is(RecordingState::Failed));
    let id = Uuid::new_v4();
    fixture
        .begin(id, "stuck")
        .fail(ended(id, EndReason::WriteError), Error::new(Status::Io, "stuck"));
    let (published, _) = fixture.published(id);
    assert_eq!(published.error, "stuck");
}

#[test]
fn a_stalled_disk_fills_the_backlog_up_to_its_limit() {
    for_each_format(stalled_disk_fills_the_backlog);
}

fn stalled_disk_fills_the_backlog(format: Format) {
    let mut config = config();
    config.backlog_ms = 1000;
    config.backlog_bytes = 40_000;
    let fixture = StorageFixture::open_with(ScratchDir::new(), config).with_format(format);
    let gate = Arc::new(Gate::default());
    gate.shut();
    let at = Arc::clone(&gate);
    let write = fixture.write_step();
    fixture.set_fault(move |step| {
        if step == write {
            at.pass();
        }
        Ok(())
    });
    let ids = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
    let mut files = ids.map(|id| fixture.begin(id, "call"));
    let mut expected = [Vec::new(), Vec::new(), Vec::new()];
    let mut refused = 0;
    for (file, expected) in files.iter_mut().zip(&mut expected) {
        file.shape(format, 8000, 1);
        for block in 0..20 {
            let audio = pattern(block, 1600);
            match file.write(audio.clone()) {
                Ok(()) => expected.extend_from_slice(&audio),
                Err(back) => {
                    assert_eq!(back, audio, "the whole block comes back");
                    file.fill(1600);
                    expected.resize(expected.len() + 1600, 0);
                    refused += 1600;
                }
            }
        }
    }
    assert_eq!(
        expected[0]
            .chunks(1600)
            .position(|block| block.iter().all(|byte| *byte == 0)),
        Some(10)
    );
    assert_eq!(fixture.store.backlog_bytes(), 40_000);
    assert_eq!(fixture.store.dropped_bytes(), refused);
    gate.open();
    for ((file, id), expected) in files.into_iter().zip(ids).zip(expected) {
        file.finish(ended(id, EndReason::Stopped), true);
        let (published, _) = fixture.published(id);
        assert_eq!(audio(&fixture.path(&published.file)), expected);
    }
    fixture.wait_until_idle();
    assert_eq!(fixture.store.backlog_bytes(), 0);
}

#[test]
fn few_handles_serve_many_recordings() {
    [Format::WAV_ULAW, PAGED]
        .into_iter()
        .for_each(few_handles_serve_many);
}

fn few_handles_serve_many(format: Format) {
    let mut config = config();
    config.max_open_files = 2;
    let fixture = StorageFixture::open_with(ScratchDir::new(), config).with_format(format);
    let ids: Vec<Uuid> = (0..20).map(|_| Uuid::new_v4()).collect();
    let mut files: Vec<ByteFile> = ids.iter().map(|id| fixture.begin(*id, "a/call")).collect();
    for round in 0..3u64 {
        for file in &mut files {
            if round == 0 {
                file.shape(format, 8000, 1);
            }
            file.write(pattern(round as usize, 500)).expect("backlog space");
        }
        fixture.wait_until_written((round + 1) * 500 * 20);
        assert!(fixture.store.open_files() <= 2);
    }
    for (file, id) in files.into_iter().zip(&ids) {
        file.finish(ended(*id, EndReason::CallEnded), true);
        let (published, _) = fixture.published(*id);
        assert_eq!(
            audio(&fixture.path(&published.file)),
            [pattern(0, 500), pattern(1, 500), pattern(2, 500)].concat()
        );
        assert_manifest_matches_file(&fixture, &published);
    }
    fixture.wait_until_idle();
    assert_eq!(fixture.store.open_files(), 0);
}

#[test]
fn the_live_file_is_playable_at_every_step() {
    let fixture = StorageFixture::new();
    let part = fixture.path("call.wav.part");
    let checks = Arc::new(AtomicUsize::new(0));
    let (count, checked_path) = (Arc::clone(&checks), part.clone());
    fixture.set_fault(move |step| {
        let later = !matches!(
            step,
            FaultPoint::CreateManifest | FaultPoint::CreateAudio | FaultPoint::WriteHeader
        );
        if let (true, Ok(bytes)) = (later, fs::read(&checked_path)) {
            let header = callrec::codec::container::parse(&bytes).expect("a whole header");
            let lengths = header.claim.expect("a header with the length of the file");
            assert!(lengths.file_bytes <= bytes.len() as u64 + 1);
            assert!(
                bytes.len() as u64 - lengths.file_bytes.min(bytes.len() as u64) <= 3000,
                "the header is at most one batch behind"
            );
            count.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    });
    let id = Uuid::new_v4();
    let mut file = fixture.begin(id, "call");
    file.shape(Format::WAV_ALAW, 8000, 1);
    for block in 0..10u64 {
        file.write(pattern(block as usize, 1001)).expect("backlog space");
        fixture.wait_until(|store| store.bytes_written() == (block + 1) * 1001);
    }
    file.finish(ended(id, EndReason::Stopped), true);
    assert!(fixture.published(id).0.state_is(RecordingState::Finished));
    assert!(checks.load(Ordering::SeqCst) > 10);
}

#[test]
fn durability_and_digest_are_as_configured() {
    let mut config = config();
    config.durability = Durability::Finish;
    config.digest = Digest::None;
    let fixture = StorageFixture::open_with(ScratchDir::new(), config);
    let synced = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&synced);
    fixture.set_fault(move |step| {
        count.fetch_add(usize::from(step == FaultPoint::Sync), Ordering::SeqCst);
        Ok(())
    });
    let id = Uuid::new_v4();
    fixture
        .begin(id, "a/b/call")
        .finish(ended(id, EndReason::Stopped), true);
    let (published, _) = fixture.published(id);
    assert_eq!(published.digest, "");
    assert_eq!(synced.load(Ordering::SeqCst), 1);
    assert!(fixture.store.free_bytes() < u64::MAX && !fixture.store.is_low_on_space());
}

/// The body of the child processes that other tests start.
#[test]
#[ignore = "the body of a process that other tests start"]
fn run_child_task() {
    let (Ok(format), Ok(task), Ok(directory), Ok(number)) = (
        std::env::var("STORAGE_FORMAT"),
        std::env::var("STORAGE_TASK"),
        std::env::var("STORAGE_DIRECTORY"),
        std::env::var("STORAGE_NUMBER"),
    ) else {
        return;
    };
    let number: usize = number.parse().expect("a number");
    let directory = Path::new(&directory);
    let format = Format::named(&format).expect("a format");
    let system = FileSystemKind::of(&task);
    match task.split(" by ").next().expect("a task") {
        "open" => {
            let opened = Store::open(
                StorageConfig::new(directory.to_str().expect("UTF-8")),
                &Platform::system(),
                Arc::new(StorageReport::default()),
            );
            print_line(&format!("{:?}", opened.err().map(|error| error.status)));
        }
        #[cfg(target_os = "linux")]
        "record lock" => child_locks_records(directory),
        "live" => child_aborts_while_live(directory, format, number),
        "recover" => {
            abort_at(directory, number, system);
            let fixture = StorageFixture::open_in(ScratchDir(directory.to_owned()));
            fixture.wait_until_idle();
            std::mem::forget(fixture.close());
        }
        "record" => child_record(directory, format, number, system),
        "patches" => patches::child_patches(directory, format, number),
        "job" => jobs::child_performs_job(directory, number),
        _ => panic!("no such task"),
    }
}
