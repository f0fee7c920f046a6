//! Late audio: a patch replaces audio that was written before, and the file holds the last
//! version.

use super::*;
use callrec_testkit::random::SeededRng;

const ENOSPC: i32 = 28;
const EMFILE: i32 = 24;

/// A recording file, and the content that it must have.
struct CheckedFile {
    file: ByteFile,
    expected: Vec<u8>,
    blocks: usize,
    /// Audio before this byte is no longer patched.
    settled: usize,
}

impl CheckedFile {
    fn begin(fixture: &StorageFixture, id: Uuid) -> CheckedFile {
        let mut file = fixture.begin(id, "call");
        file.shape(fixture.format, 8000, 1);
        CheckedFile {
            file,
            expected: Vec::new(),
            blocks: 0,
            settled: 0,
        }
    }

    fn next(&mut self, bytes: usize) -> Vec<u8> {
        self.blocks += 1;
        pattern(self.blocks, bytes)
    }

    fn write(&mut self, bytes: usize) {
        let block = self.next(bytes);
        self.expected.extend_from_slice(&block);
        assert!(self.file.write(block).is_ok(), "backlog space");
    }

    fn fill(&mut self, bytes: usize) {
        self.file.fill(bytes as u64);
        self.expected.resize(self.expected.len() + bytes, 0);
    }

    fn patch(&mut self, at: usize, bytes: usize) {
        let block = self.next(bytes);
        self.expected[at..at + bytes].copy_from_slice(&block);
        assert!(self.file.patch(at as u64, block).is_ok(), "backlog space");
    }

    /// Settles one of `1 + parts` equal parts of the unsettled audio.
    fn settle(&mut self, parts: usize) {
        self.settled += (self.expected.len() - self.settled) / (1 + parts) / 2 * 2;
        self.file.settled(self.settled as u64);
    }

    /// Ends the recording and checks its file, its manifest and its digest.
    fn expect(self, fixture: &StorageFixture, id: Uuid) {
        self.file.finish(ended(id, EndReason::Stopped), true);
        let (published, _) = fixture.published(id);
        assert!(published.state_is(RecordingState::Finished), "{published:?}");
        assert!(audio(&fixture.path(&published.file)) == self.expected);
        assert!(published.digest.starts_with("sha256:"));
        assert_manifest_matches_file(fixture, &published);
        fixture.wait_until_idle();
        assert_eq!(fixture.store.backlog_bytes(), 0);
        assert_eq!(fixture.store.open_files(), 0);
    }
}

/// Blocks the writer at the next write of audio, so that everything after it is one batch.
fn block_writer(
    fixture: &StorageFixture,
    checked: &mut CheckedFile,
    bytes: usize,
    patches: &Arc<AtomicUsize>,
) -> Arc<Gate> {
    let gate = Arc::new(Gate::default());
    gate.shut();
    let (at, count) = (Arc::clone(&gate), Arc::clone(patches));
    let (write, patch) = (fixture.write_step(), fixture.patch_step());
    fixture.set_fault(move |step| {
        if step == write {
            at.pass();
        } else if step == patch {
            count.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    });
    checked.write(bytes);
    gate.wait_for_arrivals(1);
    gate
}

#[test]
fn patches_change_written_and_queued_audio() {
    for_each_format(patches_change_audio);
}

fn patches_change_audio(format: Format) {
    let fixture = StorageFixture::new().with_format(format);
    let id = Uuid::new_v4();
    let mut checked = CheckedFile::begin(&fixture, id);
    let patches = Arc::default();
    let gate = block_writer(&fixture, &mut checked, 1000, &patches);
    checked.fill(500);
    checked.write(300);
    checked.patch(100, 200);
    checked.patch(1200, 400);
    checked.patch(900, 300);
    checked.write(100);
    checked.patch(1800, 100);
    checked.patch(0, 1900);
    checked.write(50);
    checked.patch(1850, 100);
    gate.open();
    fixture.wait_until_idle();
    checked.expect(&fixture, id);
    assert_eq!(
        patches.load(Ordering::SeqCst),
        3,
        "the other patches only change queued audio"
    );
}

#[test]
fn adjacent_patches_are_one_write() {
    for_each_format(adjacent_patches_are_combined);
}

fn adjacent_patches_are_combined(format: Format) {
    let fixture = StorageFixture::new().with_format(format);
    let id = Uuid::new_v4();
    let mut checked = CheckedFile::begin(&fixture, id);
    checked.write(100_000);
    fixture.wait_until_written(100_000);
    let patches = Arc::default();
    let gate = block_writer(&fixture, &mut checked, 160, &patches);
    for frame in 0..200 {
        checked.patch(10_000 + frame * 320, 320);
    }
    // The patches of the other leg, for the same frames.
    for frame in 0..200 {
        checked.patch(10_000 + frame * 320, 320);
    }
    gate.open();
    checked.expect(&fixture, id);
    assert_eq!(patches.load(Ordering::SeqCst), 1);
    if format == Format::WAV {
        assert_eq!(fixture.store.bytes_written(), 100_160 + 64_000);
    }
}

#[test]
fn a_patch_does_not_extend_the_file() {
    for_each_format(patch_does_not_extend);
}

fn patch_does_not_extend(format: Format) {
    let fixture = StorageFixture::new().with_format(format);
    let id = Uuid::new_v4();
    let mut checked = CheckedFile::begin(&fixture, id);
    checked.write(1000);
    fixture.wait_until_written(1000);
    let beyond = pattern(7, 400);
    checked.expected[800..].copy_from_slice(&beyond[..200]);
    assert!(checked.file.patch(800, beyond).is_ok(), "backlog space");
    assert!(checked.file.patch(5000, vec![9; 10]).is_ok(), "backlog space");
    assert!(
        checked.file.patch(0, Vec::new()).is_ok(),
        "an empty patch is ignored"
    );
    checked.expect(&fixture, id);
    let warnings = fixture.report.read(|reports| {
        let beyond = |line: &&String| line.contains("beyond the end");
        reports.logged.iter().filter(beyond).count()
    });
    assert_eq!(warnings, 2);
}

/// Writes, patches and silence in any order, while every third write fails temporarily.
#[test]
fn temporary_write_errors_change_no_audio_in_any_order() {
    // Both tests mostly wait for the disk.
    std::thread::scope(|scope| {
        for_each_format(|format| {
            scope.spawn(move || temporary_errors_change_no_audio(format));
        });
    });
}

fn temporary_errors_change_no_audio(format: Format) {
    for seed in 0..12u64 {
        let mut config = config();
        config.max_open_files = if seed % 3 == 0 { 1 } else { 0 };
        config.backlog_ms = 600_000;
        let fixture = StorageFixture::open_with(ScratchDir::new(), config).with_format(format);
        // Uses the only handle, so that the file under test is closed after each batch.
        let other = Uuid::new_v4();
        let holder = fixture.begin(other, "other");
        fixture
            .report
            .wait_until(|reports| reports.created.contains(&other));
        let id = Uuid::new_v4();
        let mut checked = CheckedFile::begin(&fixture, id);
        let mut rng = SeededRng::scattered(seed);
        let mut roll = move |sides: usize| rng.index(sides);
        checked.write(2 * (1 + roll(1000)));
        let writes_begun = AtomicUsize::new(roll(3));
        fixture.set_fault(move |step| {
            let writes = [
                FaultPoint::WriteAudio,
                FaultPoint::PatchAudio,
                FaultPoint::WriteTail,
                FaultPoint::PatchTail,
                FaultPoint::CompactTail,
                FaultPoint::RenameTail,
            ];
            if writes.contains(&step) && writes_begun.fetch_add(1, Ordering::SeqCst) % 3 == 1 {
                return Err(io::Error::from_raw_os_error(EMFILE));
            }
            Ok(())
        });
        for _ in 0..40 {
            match roll(9) {
                8 => checked.settle(roll(4)),
                0 => checked.write(2 * (1 + roll(100_000))),
                1 => checked.write(2 * (1 + roll(800))),
                2 => checked.fill(2 * roll(150_000)),
                3 => fixture.store.wake_writers(),
                _ => {
                    let length = checked.expected.len() - checked.settled;
                    let at = length.saturating_sub((length / (1 + roll(20))).max(1)) / 2 * 2;
                    let bytes = (2 * (1 + roll(1500))).min(length - at);
                    if bytes > 0 {
                        checked.patch(checked.settled + at, bytes);
                    }
                }
            }
        }
        drop(holder);
        fixture.published(other);
        checked.expect(&fixture, id);
    }
}

#[test]
fn a_patch_that_cannot_be_written_fails_the_recording() {
    for_each_format(unwritten_patch_fails_the_recording);
}

fn unwritten_patch_fails_the_recording(format: Format) {
    for is_temporary in [true, false] {
        let fixture = StorageFixture::new().with_format(format);
        let id = Uuid::new_v4();
        let mut checked = CheckedFile::begin(&fixture, id);
        checked.write(1000);
        fixture.wait_until_written(1000);
        let patches = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&patches);
        let patch = fixture.patch_step();
        fixture.set_fault(move |step| {
            if step != patch {
                return Ok(());
            }
            let error = if is_temporary { EMFILE } else { ENOSPC };
            match count.fetch_add(1, Ordering::SeqCst) {
                2.. if is_temporary => Ok(()),
                _ => Err(io::Error::from_raw_os_error(error)),
            }
        });
        if is_temporary {
            checked.patch(100, 200);
            checked.write(100);
            checked.expect(&fixture, id);
            assert_eq!(patches.load(Ordering::SeqCst), 3);
        } else {
            assert!(checked.file.patch(100, vec![1; 200]).is_ok(), "backlog space");
            let error = fixture
                .report
                .wait_for(|reports| reports.write_failed.get(&id).cloned());
            assert_eq!(error.status, Status::NoSpace);
            checked.file.finish(ended(id, EndReason::Stopped), true);
            let (published, _) = fixture.published(id);
            assert!(published.state_is(RecordingState::Failed));
            assert_eq!(audio(&fixture.audio_path("call")), checked.expected);
            assert_manifest_matches_file(&fixture, &published);
            assert_eq!(patches.load(Ordering::SeqCst), 1);
        }
    }
}

#[test]
fn a_full_backlog_refuses_a_patch() {
    for_each_format(full_backlog_refuses_patch);
}

fn full_backlog_refuses_patch(format: Format) {
    let mut config = config();
    config.backlog_ms = 1000;
    let fixture = StorageFixture::open_with(ScratchDir::new(), config).with_format(format);
    let id = Uuid::new_v4();
    let mut checked = CheckedFile::begin(&fixture, id);
    let patches = Arc::default();
    let gate = block_writer(&fixture, &mut checked, 8000, &patches);
    checked.patch(0, 6000);
    assert_eq!(
        fixture.store.backlog_bytes(),
        14_000,
        "queued patches count like audio"
    );
    checked.patch(6000, 2000);
    let late = pattern(99, 2000);
    assert_eq!(
        checked.file.patch(2000, late.clone()),
        Err(late),
        "the whole patch comes back"
    );
    assert_eq!(fixture.store.dropped_bytes(), 2000);
    gate.open();
    fixture.wait_until(|store| store.backlog_bytes() == 0);
    checked.patch(2000, 2000);
    checked.expect(&fixture, id);
}

#[test]
fn a_discarded_recording_is_not_patched() {
    for_each_format(discarded_is_not_patched);
}

fn discarded_is_not_patched(format: Format) {
    let fixture = StorageFixture::new().with_format(format);
    let id = Uuid::new_v4();
    let mut checked = CheckedFile::begin(&fixture, id);
    let patches = Arc::default();
    let gate = block_writer(&fixture, &mut checked, 1000, &patches);
    checked.patch(0, 500);
    checked.file.finish(ended(id, EndReason::Discarded), false);
    gate.open();
    assert!(fixture.published(id).0.end_reason_is(EndReason::Discarded));
    fixture.wait_until_idle();
    assert_eq!(patches.load(Ordering::SeqCst), 0);
    assert_eq!(fixture.store.backlog_bytes(), 0);
    assert_eq!(fixture.names(), [".callrec"]);
}

/// Writes each patch after the previous one is on the disk, so that each is a step of its own.
fn patch_one_by_one(fixture: &StorageFixture, id: Uuid, gate: &Gate) -> ByteFile {
    gate.shut();
    let mut file = fixture.begin(id, "sub/call");
    // The writer has taken the creation, so the audio that follows is one batch.
    gate.wait_for_blocked(1);
    file.shape(fixture.format, 8000, 1);
    file.write(pattern(0, 800)).expect("backlog space");
    file.fill(800);
    file.write(pattern(2, 800)).expect("backlog space");
    gate.open();
    for at in 0..PATCHES {
        fixture.wait_until_idle();
        let from = 800 + at as u64 * 200;
        file.settled(from);
        file.patch(from, pattern(10 + at, 200)).expect("backlog space");
    }
    fixture.wait_until_idle();
    file
}

const PATCHES: usize = 4;

/// Records one recording that ends and one that stays live.
pub fn child_patches(directory: &Path, format: Format, kill: usize) {
    let gate = Arc::new(Gate::default());
    abort_at_gated(&gate, directory, kill, FileSystemKind::RenamesExclusively);
    let fixture = StorageFixture::printing(ScratchDir(directory.to_owned())).with_format(format);
    let [ends, lives] = [1, 2].map(Uuid::from_u128);
    patch_one_by_one(&fixture, ends, &gate).finish(ended(ends, EndReason::Stopped), true);
    fixture.published(ends);
    fixture.settle(ends);
    std::mem::forget(patch_one_by_one(&fixture, lives, &gate));
    std::process::exit(0);
}

/// A process killed between patches leaves the earlier patches, and silence in place of the later
/// ones.
#[test]
fn a_kill_at_any_step_of_patching_keeps_the_earlier_patches() {
    for_each_format(killed_while_patching);
}

fn killed_while_patching(format: Format) {
    let mut found = std::collections::BTreeSet::new();
    for kill in 0.. {
        let directory = ScratchDir::new();
        let (output, ended) = child(format, "patches", &directory.0, kill);
        let fixture = StorageFixture::open_in(directory).with_format(format);
        fixture.wait_until_idle();
        for id in [1, 2].map(Uuid::from_u128) {
            let Some((published, _)) = fixture.report.read(|reports| reports.published.get(&id).cloned())
            else {
                continue;
            };
            assert_manifest_matches_file(&fixture, &published);
            let audio_bytes = audio(&fixture.path(&published.file));
            let patched = patches_in(&audio_bytes);
            found.insert((audio_bytes.len(), patched));
            let complete = output.contains(&format!("published {id}"));
            assert!(!complete || patched == PATCHES, "kill {kill}: {patched}");
        }
        if ended {
            break;
        }
    }
    let complete_files = (0..=PATCHES).map(|patches| (2400, patches));
    assert!(
        found.into_iter().eq([(0, 0)].into_iter().chain(complete_files)),
        "every number of patches occurs"
    );
}

/// The number of patches in the file. Panics if anything else differs.
fn patches_in(audio_bytes: &[u8]) -> usize {
    let patches = (0..=PATCHES).find(|patches| {
        let mut expected = [pattern(0, 800), vec![0; 800], pattern(2, 800)].concat();
        for at in 0..*patches {
            expected[800 + at * 200..][..200].copy_from_slice(&pattern(10 + at, 200));
        }
        audio_bytes.is_empty() || audio_bytes == expected
    });
    patches.expect("the audio, with patches in order")
}
