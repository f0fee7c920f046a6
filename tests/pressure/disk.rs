//! A disk that fails, is full, or blocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::disk_faults::{self, DiskGate, FaultPoint, disk_full};
use callrec_testkit::manifest::manifest_beside;
use callrec_testkit::tree::{assert_settled, files_with_extension};
use callrec_testkit::wait::{PATIENCE, until};
use callrec_testkit::wav::WavFile;

use crate::line::*;
use crate::support::*;

/// One call has two recordings and another call has one; one of the three cannot be written.
#[test]
fn a_write_error_fails_one_recording() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[("storage.flush_ms", "100")]);
    let (mut one, mut two) = (RecordedLine::begin(&engine, 1), RecordedLine::begin(&engine, 2));
    let again = record(&engine, "line-1").unwrap();
    // The media engine waits up to two seconds for the other leg.
    one.feed(40_000);
    two.feed(40_000);
    let written = |bytes| until("audio is written", || engine.stats().bytes_out >= bytes);
    written(66_000);
    disk_faults::fail_times(&dir, FaultPoint::WriteAudio, 1, disk_full);
    one.feed(16_000);
    // The failure is reported while the call continues.
    let event = engine
        .events
        .wait(|event| event.is_terminal() || event.kind == REC_EVENT_FAILED);
    assert_eq!(event.kind, REC_EVENT_FAILED);
    let failed = event.recording.unwrap();
    assert_eq!(
        (failed.error, failed.end_reason),
        (REC_ERR_NO_SPACE, REC_END_WRITE_ERROR)
    );
    let other = if failed.id == one.id {
        again.clone()
    } else {
        one.id.clone()
    };
    assert!(failed.id == one.id || failed.id == again);
    one.feed(16_000);
    two.feed(16_000);
    end(one.call).unwrap();
    end(two.call).unwrap();
    for (id, line) in [(&other, &one), (&two.id, &two)] {
        let (recording, wav) = finished(&engine, id);
        line.assert_whole(&wav);
        assert_eq!(recording.lost_ms, 0);
    }
    // The audio that reached the disk is published and correct.
    let part = WavFile::read(&failed.path).g711(0);
    assert!(part.len() >= 8000, "{}", part.len());
    assert!(part == bytes(1, 0, part.len()));
    let manifest = manifest_beside(&failed.path);
    assert_eq!(manifest["state"], "failed");
    assert_eq!(manifest["samples"].as_u64(), Some(part.len() as u64));
    checked(|e| unsafe { rec_verify(CText::from(failed.path.as_str()).ptr(), e) }).unwrap();
    let ends = engine.events.of(&failed.id);
    assert_eq!(ends.iter().filter(|event| event.is_terminal()).count(), 1);
    disk_faults::clear(&dir.0);
    engine.close();
    assert_settled(&dir.0);
}

#[test]
fn no_recording_starts_on_a_full_disk() {
    let dir = ScratchDir::new();
    let most = u64::MAX.to_string();
    let settings = [
        ("storage.min_free_bytes", most.as_str()),
        ("calls.idle_ms", "4000"),
        ("media.clock", "real"),
    ];
    let engine = TestEngine::open(&dir.0, &settings);
    engine.line(None, Some("auto"), REC_LINE_AUTOMATIC).unwrap();
    let begin = |name: &str, number: &str| {
        engine
            .begin(&CallFields {
                call_id: Some(name),
                number: Some(number),
                ..CallFields::default()
            })
            .unwrap()
    };
    let automatic = begin("a", "auto");
    let local = feed(automatic, REC_LEG_LOCAL, REC_CODEC_PCMU, 8000).unwrap();
    let event = engine.events.wait(|event| event.kind == REC_EVENT_START_FAILED);
    assert_eq!(
        event.json["status"].as_i64(),
        Some(REC_ERR_NO_SPACE.into()),
        "{event:?}"
    );
    let error = record(&engine, "a").unwrap_err();
    assert_eq!(error.status, REC_ERR_NO_SPACE);
    assert!(
        error.message.contains("storage.min_free_bytes"),
        "{}",
        error.message
    );
    engine.events.wait(|event| event.kind == REC_EVENT_DISK_LOW);
    // Each check for idle calls ends one and retries the automatic start of the other.
    for round in 0..2 {
        let idle = begin(&format!("idle-{round}"), "other");
        until("the idle call is ended", || {
            // A call that is fed is not idle.
            let _ = write(local, &[1; 160]);
            let mut text = [0; 1024];
            let status = unsafe { rec_call_id(idle, text.as_mut_ptr(), text.len(), std::ptr::null_mut()) };
            status == REC_ERR_BAD_HANDLE
        });
    }
    let idle = |event: &ReceivedEvent| event.kind == REC_EVENT_CALL_IDLE;
    let (ended, others): (Vec<_>, Vec<_>) = engine.events.all().into_iter().partition(idle);
    let kinds: Vec<i32> = others.iter().map(|event| event.kind).collect();
    for kind in [REC_EVENT_START_FAILED, REC_EVENT_DISK_LOW] {
        assert_eq!(
            kinds.iter().filter(|other| **other == kind).count(),
            1,
            "{kinds:?}"
        );
    }
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    let is_of_fed_call = |event: &&ReceivedEvent| event.json["call"]["call_id"] == "a";
    assert_eq!(
        ended.iter().filter(is_of_fed_call).count(),
        0,
        "a call that is fed is not idle"
    );
    engine.close();
    assert_settled(&dir.0);
}

/// The close returns at its timeout. The directory stays locked until the blocked writer returns.
#[test]
fn a_close_with_a_blocked_disk_ends_at_its_timeout() {
    for timeout in [0, 300] {
        let dir = ScratchDir::new();
        let disk = DiskGate::at(&dir, FaultPoint::WriteAudio);
        let engine = TestEngine::open(&dir.0, &[("storage.flush_ms", "100")]);
        let mut lines = [1, 2, 3, 4].map(|n| RecordedLine::begin(&engine, n));
        for line in &lines {
            engine.events.wait_kind(&line.id, REC_EVENT_STARTED);
        }
        disk.shut();
        for line in &mut lines {
            line.feed(40_000);
        }
        disk.wait_for_blocked(1);
        let begun = std::time::Instant::now();
        let closed = checked(|e| unsafe { rec_close(engine.handle, timeout, e) });
        assert_eq!(closed.unwrap_err().status, REC_ERR_TIMEOUT);
        // Only a close that waits for the disk takes so long.
        assert!(begun.elapsed() < PATIENCE, "the close waits for the disk");
        // The handle of the engine and the handles of its feeds are invalid.
        let again = checked(|e| unsafe { rec_close(engine.handle, 0, e) });
        assert_eq!(again.unwrap_err().status, REC_ERR_BAD_HANDLE);
        until("the feeds are closed", || {
            lines
                .iter()
                .all(|line| unsafe { rec_feed_wait(line.feed, 0) } == REC_ERR_BAD_HANDLE)
        });
        let event_count = engine.events.all().len();
        for _ in 0..20 {
            let held = open_with(&dir.0, &[]).unwrap_err();
            assert_eq!(held.status, REC_ERR_UNAVAILABLE, "{held:?}");
        }
        disk.open();
        // From here on the lock may be released at any time.
        let opened = AtomicU64::new(0);
        until("the directory is unlocked", || match open_with(&dir.0, &[]) {
            Ok(handle) => {
                opened.store(handle.id, Ordering::Relaxed);
                true
            }
            Err(error) => {
                assert_eq!(error.status, REC_ERR_UNAVAILABLE, "{error:?}");
                false
            }
        });
        let first = rec_engine {
            id: opened.into_inner(),
        };
        assert_eq!(engine.events.all().len(), event_count, "no event follows a close");
        checked(|e| unsafe { rec_close(first, 60_000, e) }).unwrap();
        // That engine had no subscriber, so the pending ends are reported here.
        let next = TestEngine::open(&dir.0, &[]);
        for line in &lines {
            let (_, wav) = finished(&next, &line.id);
            line.assert_whole(&wav);
        }
        next.close();
        assert_settled(&dir.0);
    }
}

/// The discard is accepted while the write that will fail is in progress.
#[test]
fn a_discard_wins_over_a_failing_write() {
    let dir = ScratchDir::new();
    let disk = DiskGate::at(&dir, FaultPoint::WriteAudio);
    let engine = TestEngine::open(&dir.0, &[("storage.flush_ms", "100")]);
    let mut line = RecordedLine::begin(&engine, 1);
    line.feed(40_000);
    until("audio is written", || engine.stats().bytes_out > 0);
    disk.shut();
    line.feed(40_000);
    disk.wait_for_blocked(1);
    checked(|e| unsafe {
        rec_discard_by_id(
            engine.handle,
            std::ptr::null(),
            CText::from(line.id.as_str()).ptr(),
            e,
        )
    })
    .unwrap();
    disk.fail_with(disk_full);
    disk.open();
    let event = engine.events.wait_terminal(&line.id);
    let recording = event.recording.unwrap();
    assert_eq!(
        (
            event.kind,
            recording.end_reason,
            recording.error,
            recording.path.as_str()
        ),
        (REC_EVENT_FINISHED, REC_END_DISCARDED, REC_OK, "")
    );
    disk_faults::clear(&dir.0);
    end(line.call).unwrap();
    engine.close();
    assert_settled(&dir.0);
    let left: Vec<_> = std::fs::read_dir(&dir.0).unwrap().collect();
    assert_eq!(left.len(), 1, "only .callrec: {left:?}");
}

#[test]
fn a_panic_in_a_writer_or_finisher_fails_one_recording() {
    for (place, kind) in [("writer", REC_EVENT_START_FAILED), ("finisher", REC_EVENT_FAILED)] {
        let dir = ScratchDir::new();
        let settings = [("storage.flush_ms", "100"), ("faults.panic", place)];
        let engine = TestEngine::open(&dir.0, &settings);
        let first = RecordedLine::begin(&engine, 1);
        if place == "writer" {
            engine.events.wait_kind(&first.id, kind);
        }
        end(first.call).unwrap();
        engine.events.wait_kind(&first.id, kind);
        let mut second = RecordedLine::begin(&engine, 2);
        second.feed(40_000);
        end(second.call).unwrap();
        let (_, wav) = finished(&engine, &second.id);
        second.assert_whole(&wav);
        engine.close();
    }
}

/// After the timeout the directory is unlocked soon, and the next open publishes the whole file.
#[test]
fn a_close_while_a_huge_file_is_hashed_ends_at_its_timeout() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[("storage.flush_ms", "100")]);
    let mut line = RecordedLine::begin(&engine, 1);
    engine.events.wait_kind(&line.id, REC_EVENT_STARTED);
    line.feed(40_000);
    until("audio is written", || engine.stats().bytes_out > 0);
    let (hashing, sealed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (began, length, root) = (Arc::clone(&hashing), Arc::clone(&sealed), dir.0.clone());
    disk_faults::set(&dir, move |step| {
        if step == FaultPoint::Digest {
            let part = part_in(&root);
            length.store(std::fs::metadata(&part)?.len(), Ordering::SeqCst);
            std::fs::OpenOptions::new()
                .write(true)
                .open(&part)?
                .set_len(1 << 38)?;
            began.store(true, Ordering::SeqCst);
        }
        Ok(())
    });
    end(line.call).unwrap();
    until("the file is hashed", || hashing.load(Ordering::SeqCst));
    let closed = checked(|e| unsafe { rec_close(engine.handle, 0, e) });
    assert_eq!(closed.unwrap_err().status, REC_ERR_TIMEOUT);
    disk_faults::clear(&dir.0);
    until("the directory is unlocked", || match open_with(&dir.0, &[]) {
        Ok(handle) => {
            checked(|e| unsafe { rec_close(handle, 60_000, e) }).unwrap();
            true
        }
        Err(error) => {
            assert_eq!(error.status, REC_ERR_UNAVAILABLE, "{error:?}");
            false
        }
    });
    let part = std::fs::OpenOptions::new().write(true).open(part_in(&dir.0));
    part.unwrap().set_len(sealed.load(Ordering::SeqCst)).unwrap();
    let next = TestEngine::open(&dir.0, &[]);
    let (_, wav) = finished(&next, &line.id);
    line.assert_whole(&wav);
    next.close();
    assert_settled(&dir.0);
}

fn part_in(directory: &std::path::Path) -> std::path::PathBuf {
    files_with_extension(directory, "part").remove(0)
}

/// The call for the free space blocks, as on a dead server; idle calls are still ended.
#[test]
fn a_blocked_free_space_query_delays_nothing_else() {
    let dir = ScratchDir::new();
    let settings = [("calls.idle_ms", "1"), ("media.clock", "real")];
    let engine = TestEngine::open(&dir.0, &settings);
    let free = engine.stats().free_bytes;
    let disk = DiskGate::shut_at(&dir, FaultPoint::FreeSpace);
    disk.wait_for_blocked(1);
    for round in 0..2 {
        let idle = engine
            .begin(&CallFields {
                call_id: Some(&format!("idle-{round}")),
                number: Some("101"),
                ..CallFields::default()
            })
            .unwrap();
        until("the idle call is ended", || {
            let mut text = [0; 1024];
            let status = unsafe { rec_call_id(idle, text.as_mut_ptr(), text.len(), std::ptr::null_mut()) };
            status == REC_ERR_BAD_HANDLE
        });
    }
    assert_eq!(engine.stats().free_bytes, free, "the last known value");
    disk.open();
    disk_faults::clear(&dir.0);
    engine.close();
}
