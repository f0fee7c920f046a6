//! More recordings than handles.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::tree::assert_settled;

use crate::line::*;
use crate::support::*;

const LINES: u64 = 500;
const HANDLES: usize = 64;
/// Each writer and finisher works on one file at a time.
const AT_WORK: usize = 4;

/// Descriptors of this process that lead to audio in a directory.
fn open_audio(directory: &Path) -> usize {
    let all = std::fs::read_dir("/proc/self/fd").unwrap();
    all.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|path| path.starts_with(directory) && path.to_string_lossy().contains(".wav"))
        .count()
}

#[test]
fn five_hundred_recordings_with_sixty_four_handles() {
    let dir = ScratchDir::new();
    let real = dir.0.canonicalize().unwrap();
    let handles = HANDLES.to_string();
    let settings = [
        ("storage.max_open_files", handles.as_str()),
        ("storage.flush_ms", "100"),
    ];
    let engine = TestEngine::open(&dir.0, &settings);
    let (most, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                most.fetch_max(open_audio(&real), Ordering::Relaxed);
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        });
        let mut lines: Vec<RecordedLine> = (0..LINES).map(|n| RecordedLine::begin(&engine, n)).collect();
        for round in 0..4 {
            for line in &mut lines {
                line.feed(4000 + round * 800);
            }
        }
        let seen = most.load(Ordering::Relaxed);
        assert!(seen >= HANDLES, "they are made use of: {seen}");
        assert!(
            seen <= HANDLES + AT_WORK,
            "{seen} files were open while they recorded"
        );
        // All at once.
        for line in &lines {
            end(line.call).unwrap();
        }
        for line in &lines {
            let (seen, wav) = finished(&engine, &line.id);
            line.assert_whole(&wav);
            assert_eq!((seen.lost_ms, seen.end_reason), (0, REC_END_CALL_ENDED));
            checked(|e| unsafe { rec_verify(CText::from(seen.path.as_str()).ptr(), e) }).unwrap();
        }
        over.store(true, Ordering::Relaxed);
    });
    let most = most.into_inner();
    assert!(most <= HANDLES + AT_WORK, "{most} files were open at the end");
    assert_eq!(open_audio(&real), 0);
    engine.close();
    assert_settled(&dir.0);
}
