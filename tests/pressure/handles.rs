//! More recordings than file handles.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::tree::assert_settled;

use crate::line::*;
use crate::support::*;

const LINES: u64 = 500;
const HANDLES: usize = 64;
/// Each writer and each finisher holds one more file.
const WORKERS: usize = 4;

/// The number of descriptors of this process for audio files of a directory.
fn open_audio(directory: &Path) -> usize {
    let all = std::fs::read_dir("/proc/self/fd").unwrap();
    all.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|path| path.starts_with(directory) && path.to_string_lossy().contains(".wav"))
        .count()
}

#[test]
fn five_hundred_recordings_share_sixty_four_handles() {
    let dir = ScratchDir::new();
    let real = dir.0.canonicalize().unwrap();
    let handles = HANDLES.to_string();
    let settings = [
        ("storage.max_open_files", handles.as_str()),
        ("storage.flush_ms", "100"),
    ];
    let engine = TestEngine::open(&dir.0, &settings);
    let (most, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
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
        let open_files = most.load(Ordering::Relaxed);
        assert!(open_files >= HANDLES, "only {open_files} handles are used");
        assert!(
            open_files <= HANDLES + WORKERS,
            "{open_files} files were open while recording"
        );
        // All calls end at once.
        for line in &lines {
            end(line.call).unwrap();
        }
        for line in &lines {
            let (recording, wav) = finished(&engine, &line.id);
            line.assert_whole(&wav);
            assert_eq!((recording.lost_ms, recording.end_reason), (0, REC_END_CALL_ENDED));
            checked(|e| unsafe { rec_verify(CText::from(recording.path.as_str()).ptr(), e) }).unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let most = most.into_inner();
    assert!(most <= HANDLES + WORKERS, "{most} files were open at the end");
    assert_eq!(open_audio(&real), 0);
    engine.close();
    assert_settled(&dir.0);
}
