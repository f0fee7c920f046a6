//! A disk that fails, is full, or stands still for ever.

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

/// Of two recordings of one call, and one of another, one cannot be written.
#[test]
fn a_write_error_stays_with_its_recording() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[("storage.flush_ms", "100")]);
    let (mut one, mut two) = (RecordedLine::begin(&engine, 1), RecordedLine::begin(&engine, 2));
    let again = record(&engine, "line-1").unwrap();
    // A leg waits two seconds for the other.
    one.feed(40_000);
    two.feed(40_000);
    let written = |bytes| until("nothing is written", || engine.stats().bytes_out >= bytes);
    written(66_000);
    disk_faults::fail_times(&dir, FaultPoint::WriteAudio, 1, disk_full);
    one.feed(16_000);
    // At once, while the call goes on.
    let told = engine
        .events
        .wait(|told| told.is_terminal() || told.kind == REC_EVENT_FAILED);
    assert_eq!(told.kind, REC_EVENT_FAILED);
    let failed = told.recording.unwrap();
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
        let (seen, wav) = finished(&engine, id);
        line.assert_whole(&wav);
        assert_eq!(seen.lost_ms, 0);
    }
    // What is on disk is published, and true.
    let part = WavFile::read(&failed.path).g711(0);
    assert!(part.len() >= 8000, "{}", part.len());
    assert!(part == bytes(1, 0, part.len()));
    let manifest = manifest_beside(&failed.path);
    assert_eq!(manifest["state"], "failed");
    assert_eq!(manifest["samples"].as_u64(), Some(part.len() as u64));
    checked(|e| unsafe { rec_verify(CText::from(failed.path.as_str()).ptr(), e) }).unwrap();
    let ends = engine.events.of(&failed.id);
    assert_eq!(ends.iter().filter(|told| told.is_terminal()).count(), 1);
    disk_faults::clear(&dir.0);
    engine.close();
    assert_settled(&dir.0);
}

#[test]
fn a_disk_without_room_starts_nothing() {
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
    let told = engine.events.wait(|told| told.kind == REC_EVENT_START_FAILED);
    assert_eq!(
        told.json["status"].as_i64(),
        Some(REC_ERR_NO_SPACE.into()),
        "{told:?}"
    );
    let refusal = record(&engine, "a").unwrap_err();
    assert_eq!(refusal.status, REC_ERR_NO_SPACE);
    assert!(
        refusal.message.contains("storage.min_free_bytes"),
        "{}",
        refusal.message
    );
    engine.events.wait(|told| told.kind == REC_EVENT_DISK_LOW);
    // Each round of the watch ends a forgotten call, and tries the automatic one again.
    for round in 0..2 {
        let idle = begin(&format!("idle-{round}"), "other");
        until("it is never ended", || {
            // What is fed is not forgotten.
            let _ = write(local, &[1; 160]);
            let mut text = [0; 1024];
            let asked = unsafe { rec_call_id(idle, text.as_mut_ptr(), text.len(), std::ptr::null_mut()) };
            asked == REC_ERR_BAD_HANDLE
        });
    }
    let idle = |told: &ReceivedEvent| told.kind == REC_EVENT_CALL_IDLE;
    let (ended, others): (Vec<_>, Vec<_>) = engine.events.all().into_iter().partition(idle);
    let kinds: Vec<i32> = others.iter().map(|told| told.kind).collect();
    for kind in [REC_EVENT_START_FAILED, REC_EVENT_DISK_LOW] {
        assert_eq!(kinds.iter().filter(|told| **told == kind).count(), 1, "{kinds:?}");
    }
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    let fed = |told: &&ReceivedEvent| told.json["call"]["call_id"] == "a";
    assert_eq!(
        ended.iter().filter(fed).count(),
        0,
        "what is fed is not forgotten"
    );
    engine.close();
    assert_settled(&dir.0);
}

/// Nothing is waited for; the directory is held until the stuck writer has returned.
#[test]
fn closing_while_the_disk_stands_still() {
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
        let asked = std::time::Instant::now();
        let closed = checked(|e| unsafe { rec_close(engine.handle, timeout, e) });
        assert_eq!(closed.unwrap_err().status, REC_ERR_TIMEOUT);
        // Only one that waits for the disk takes so long.
        assert!(asked.elapsed() < PATIENCE, "it waits");
        // Consumed, and all that was in it.
        let again = checked(|e| unsafe { rec_close(engine.handle, 0, e) });
        assert_eq!(again.unwrap_err().status, REC_ERR_BAD_HANDLE);
        until("feeds live on", || {
            lines
                .iter()
                .all(|line| unsafe { rec_feed_wait(line.feed, 0) } == REC_ERR_BAD_HANDLE)
        });
        let told = engine.events.all().len();
        for _ in 0..20 {
            let held = open_with(&dir.0, &[]).unwrap_err();
            assert_eq!(held.status, REC_ERR_UNAVAILABLE, "{held:?}");
        }
        disk.open();
        // From here on it may be had at any time.
        let opened = AtomicU64::new(0);
        until("never let go", || match open_with(&dir.0, &[]) {
            Ok(handle) => {
                opened.store(handle.id, Ordering::Relaxed);
                true
            }
            Err(refusal) => {
                assert_eq!(refusal.status, REC_ERR_UNAVAILABLE, "{refusal:?}");
                false
            }
        });
        let first = rec_engine {
            id: opened.into_inner(),
        };
        assert_eq!(engine.events.all().len(), told, "nothing is told after a close");
        checked(|e| unsafe { rec_close(first, 60_000, e) }).unwrap();
        // Nobody has listened to it: what is owed is told here.
        let next = TestEngine::open(&dir.0, &[]);
        for line in &lines {
            let (_, wav) = finished(&next, &line.id);
            line.assert_whole(&wav);
        }
        next.close();
        assert_settled(&dir.0);
    }
}

/// The discard was accepted while the write that then fails was under way.
#[test]
fn a_discard_behind_a_write_that_fails() {
    let dir = ScratchDir::new();
    let disk = DiskGate::at(&dir, FaultPoint::WriteAudio);
    let engine = TestEngine::open(&dir.0, &[("storage.flush_ms", "100")]);
    let mut line = RecordedLine::begin(&engine, 1);
    line.feed(40_000);
    until("nothing is written", || engine.stats().bytes_out > 0);
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
    let told = engine.events.wait_terminal(&line.id);
    let seen = told.recording.unwrap();
    assert_eq!(
        (told.kind, seen.end_reason, seen.error, seen.path.as_str()),
        (REC_EVENT_FINISHED, REC_END_DISCARDED, REC_OK, "")
    );
    disk_faults::clear(&dir.0);
    end(line.call).unwrap();
    engine.close();
    assert_settled(&dir.0);
    let left: Vec<_> = std::fs::read_dir(&dir.0).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing but .callrec: {left:?}");
}

/// A panic of ours in a writer or a finisher fails one recording, and no more.
#[test]
fn a_panic_beside_the_disk_fails_one_recording() {
    for (place, told) in [("writer", REC_EVENT_START_FAILED), ("finisher", REC_EVENT_FAILED)] {
        let dir = ScratchDir::new();
        let settings = [("storage.flush_ms", "100"), ("faults.panic", place)];
        let engine = TestEngine::open(&dir.0, &settings);
        let first = RecordedLine::begin(&engine, 1);
        if place == "writer" {
            engine.events.wait_kind(&first.id, told);
        }
        end(first.call).unwrap();
        engine.events.wait_kind(&first.id, told);
        let mut second = RecordedLine::begin(&engine, 2);
        second.feed(40_000);
        end(second.call).unwrap();
        let (_, wav) = finished(&engine, &second.id);
        second.assert_whole(&wav);
        engine.close();
    }
}

/// Who gave up waiting for a huge file finds the directory free, and the file whole.
#[test]
fn closing_while_a_huge_file_is_hashed() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[("storage.flush_ms", "100")]);
    let mut line = RecordedLine::begin(&engine, 1);
    engine.events.wait_kind(&line.id, REC_EVENT_STARTED);
    line.feed(40_000);
    until("nothing is written", || engine.stats().bytes_out > 0);
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
    until("it is never hashed", || hashing.load(Ordering::SeqCst));
    let closed = checked(|e| unsafe { rec_close(engine.handle, 0, e) });
    assert_eq!(closed.unwrap_err().status, REC_ERR_TIMEOUT);
    disk_faults::clear(&dir.0);
    until("never let go", || match open_with(&dir.0, &[]) {
        Ok(handle) => {
            checked(|e| unsafe { rec_close(handle, 60_000, e) }).unwrap();
            true
        }
        Err(refusal) => {
            assert_eq!(refusal.status, REC_ERR_UNAVAILABLE, "{refusal:?}");
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

/// A dead server answers nobody who asks for the free room; the watch goes on.
#[test]
fn a_file_system_that_does_not_answer_holds_nobody_up() {
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
        until("it is never ended", || {
            let mut text = [0; 1024];
            let asked = unsafe { rec_call_id(idle, text.as_mut_ptr(), text.len(), std::ptr::null_mut()) };
            asked == REC_ERR_BAD_HANDLE
        });
    }
    assert_eq!(engine.stats().free_bytes, free, "the last that was told");
    disk.open();
    disk_faults::clear(&dir.0);
    engine.close();
}
