//! Late audio: what was given before is given again, and the file holds the latest.

use super::*;
use callrec_testkit::random::SeededRng;

const ENOSPC: i32 = 28;
const EMFILE: i32 = 24;

/// What a file must hold, beside the file that is asked to hold it.
struct Twin {
    file: ByteFile,
    expected: Vec<u8>,
    given: usize,
    /// What is before this is not patched any more.
    settled: usize,
}

impl Twin {
    fn begin(fixture: &StorageFixture, id: Uuid) -> Twin {
        let mut file = fixture.begin(id, "call");
        file.shape(fixture.format, 8000, 1);
        Twin {
            file,
            expected: Vec::new(),
            given: 0,
            settled: 0,
        }
    }

    fn next(&mut self, bytes: usize) -> Vec<u8> {
        self.given += 1;
        pattern(self.given, bytes)
    }

    fn write(&mut self, bytes: usize) {
        let block = self.next(bytes);
        self.expected.extend_from_slice(&block);
        assert!(self.file.write(block).is_ok(), "room");
    }

    fn fill(&mut self, bytes: usize) {
        self.file.fill(bytes as u64);
        self.expected.resize(self.expected.len() + bytes, 0);
    }

    fn patch(&mut self, at: usize, bytes: usize) {
        let block = self.next(bytes);
        self.expected[at..at + bytes].copy_from_slice(&block);
        assert!(self.file.patch(at as u64, block).is_ok(), "room");
    }

    /// Settles one part of so many of what is not settled.
    fn settle(&mut self, parts: usize) {
        self.settled += (self.expected.len() - self.settled) / (1 + parts) / 2 * 2;
        self.file.settled(self.settled as u64);
    }

    /// Ends it; the file, its manifest and its digest must be of what was given last.
    fn expect(self, fixture: &StorageFixture, id: Uuid) {
        self.file.finish(ended(id, EndReason::Stopped), true);
        let (published, _) = fixture.published(id);
        assert!(published.state_is(RecordingState::Finished), "{published:?}");
        assert!(audio(&fixture.path(&published.file)) == self.expected);
        assert!(published.digest.starts_with("sha256:"));
        expect_honest(fixture, &published);
        fixture.wait_until_idle();
        assert_eq!(fixture.store.backlog_bytes(), 0);
        assert_eq!(fixture.store.open_files(), 0);
    }
}

/// Holds the writer at the next write of audio, so that what follows is one batch.
fn held(fixture: &StorageFixture, twin: &mut Twin, bytes: usize, patches: &Arc<AtomicUsize>) -> Arc<Gate> {
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
    twin.write(bytes);
    gate.wait_for_arrivals(1);
    gate
}

#[test]
fn patches_land_in_what_is_written_and_in_what_is_gathered() {
    for_each_format(patches_land);
}

fn patches_land(format: Format) {
    let fixture = StorageFixture::new().with_format(format);
    let id = Uuid::new_v4();
    let mut twin = Twin::begin(&fixture, id);
    let patches = Arc::default();
    let gate = held(&fixture, &mut twin, 1000, &patches);
    twin.fill(500);
    twin.write(300);
    twin.patch(100, 200);
    twin.patch(1200, 400);
    twin.patch(900, 300);
    twin.write(100);
    twin.patch(1800, 100);
    twin.patch(0, 1900);
    twin.write(50);
    twin.patch(1850, 100);
    gate.open();
    fixture.wait_until_idle();
    twin.expect(&fixture, id);
    assert_eq!(
        patches.load(Ordering::SeqCst),
        3,
        "the others only changed what was yet to be written"
    );
}

#[test]
fn patches_that_touch_are_one_write() {
    for_each_format(touching_patches_are_one_write);
}

fn touching_patches_are_one_write(format: Format) {
    let fixture = StorageFixture::new().with_format(format);
    let id = Uuid::new_v4();
    let mut twin = Twin::begin(&fixture, id);
    twin.write(100_000);
    fixture.wait_until_written(100_000);
    let patches = Arc::default();
    let gate = held(&fixture, &mut twin, 160, &patches);
    for frame in 0..200 {
        twin.patch(10_000 + frame * 320, 320);
    }
    // The other leg's, for the same frames.
    for frame in 0..200 {
        twin.patch(10_000 + frame * 320, 320);
    }
    gate.open();
    twin.expect(&fixture, id);
    assert_eq!(patches.load(Ordering::SeqCst), 1);
    if format == Format::WAV {
        assert_eq!(fixture.store.bytes_written(), 100_160 + 64_000);
    }
}

#[test]
fn a_patch_adds_nothing_to_the_file() {
    for_each_format(patch_adds_nothing);
}

fn patch_adds_nothing(format: Format) {
    let fixture = StorageFixture::new().with_format(format);
    let id = Uuid::new_v4();
    let mut twin = Twin::begin(&fixture, id);
    twin.write(1000);
    fixture.wait_until_written(1000);
    let beyond = pattern(7, 400);
    twin.expected[800..].copy_from_slice(&beyond[..200]);
    assert!(twin.file.patch(800, beyond).is_ok(), "room");
    assert!(twin.file.patch(5000, vec![9; 10]).is_ok(), "room");
    assert!(twin.file.patch(0, Vec::new()).is_ok(), "nothing is no patch");
    twin.expect(&fixture, id);
    let told = fixture.report.read(|seen| {
        let beyond = |line: &&String| line.contains("beyond the end");
        seen.logged.iter().filter(beyond).count()
    });
    assert_eq!(told, 2);
}

/// Whatever cannot be written for a moment, and in whatever order it was given.
#[test]
fn any_order_survives_a_disk_that_fails_for_a_moment() {
    // Both mostly wait for the disk.
    std::thread::scope(|scope| {
        for_each_format(|format| {
            scope.spawn(move || any_order_survives(format));
        });
    });
}

fn any_order_survives(format: Format) {
    for seed in 0..12u64 {
        let mut config = config();
        config.max_open_files = if seed % 3 == 0 { 1 } else { 0 };
        config.backlog_ms = 600_000;
        let fixture = StorageFixture::open_with(ScratchDir::new(), config).with_format(format);
        // Takes the only handle, so that ours is closed after each batch.
        let other = Uuid::new_v4();
        let holder = fixture.begin(other, "other");
        fixture.report.wait_until(|seen| seen.created.contains(&other));
        let id = Uuid::new_v4();
        let mut twin = Twin::begin(&fixture, id);
        let mut rng = SeededRng::scattered(seed);
        let mut roll = move |sides: usize| rng.index(sides);
        twin.write(2 * (1 + roll(1000)));
        let asked = AtomicUsize::new(roll(3));
        fixture.set_fault(move |step| {
            let writes = [
                FaultPoint::WriteAudio,
                FaultPoint::PatchAudio,
                FaultPoint::WriteTail,
                FaultPoint::PatchTail,
                FaultPoint::CompactTail,
                FaultPoint::RenameTail,
            ];
            if writes.contains(&step) && asked.fetch_add(1, Ordering::SeqCst) % 3 == 1 {
                return Err(io::Error::from_raw_os_error(EMFILE));
            }
            Ok(())
        });
        for _ in 0..40 {
            match roll(9) {
                8 => twin.settle(roll(4)),
                0 => twin.write(2 * (1 + roll(100_000))),
                1 => twin.write(2 * (1 + roll(800))),
                2 => twin.fill(2 * roll(150_000)),
                3 => fixture.store.wake_writers(),
                _ => {
                    let length = twin.expected.len() - twin.settled;
                    let at = length.saturating_sub((length / (1 + roll(20))).max(1)) / 2 * 2;
                    let bytes = (2 * (1 + roll(1500))).min(length - at);
                    if bytes > 0 {
                        twin.patch(twin.settled + at, bytes);
                    }
                }
            }
        }
        drop(holder);
        fixture.published(other);
        twin.expect(&fixture, id);
    }
}

#[test]
fn a_patch_that_cannot_be_written_ends_the_recording() {
    for_each_format(unwritten_patch_ends_the_recording);
}

fn unwritten_patch_ends_the_recording(format: Format) {
    for passing in [true, false] {
        let fixture = StorageFixture::new().with_format(format);
        let id = Uuid::new_v4();
        let mut twin = Twin::begin(&fixture, id);
        twin.write(1000);
        fixture.wait_until_written(1000);
        let patches = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&patches);
        let patch = fixture.patch_step();
        fixture.set_fault(move |step| {
            if step != patch {
                return Ok(());
            }
            let error = if passing { EMFILE } else { ENOSPC };
            match count.fetch_add(1, Ordering::SeqCst) {
                2.. if passing => Ok(()),
                _ => Err(io::Error::from_raw_os_error(error)),
            }
        });
        if passing {
            twin.patch(100, 200);
            twin.write(100);
            twin.expect(&fixture, id);
            assert_eq!(patches.load(Ordering::SeqCst), 3);
        } else {
            assert!(twin.file.patch(100, vec![1; 200]).is_ok(), "room");
            let error = fixture
                .report
                .wait_for(|seen| seen.write_failed.get(&id).cloned());
            assert_eq!(error.status, Status::NoSpace);
            twin.file.finish(ended(id, EndReason::Stopped), true);
            let (published, _) = fixture.published(id);
            assert!(published.state_is(RecordingState::Failed));
            assert_eq!(audio(&fixture.audio_path("call")), twin.expected);
            expect_honest(&fixture, &published);
            assert_eq!(patches.load(Ordering::SeqCst), 1);
        }
    }
}

#[test]
fn a_full_backlog_gives_a_patch_back() {
    for_each_format(full_backlog_gives_it_back);
}

fn full_backlog_gives_it_back(format: Format) {
    let mut config = config();
    config.backlog_ms = 1000;
    let fixture = StorageFixture::open_with(ScratchDir::new(), config).with_format(format);
    let id = Uuid::new_v4();
    let mut twin = Twin::begin(&fixture, id);
    let patches = Arc::default();
    let gate = held(&fixture, &mut twin, 8000, &patches);
    twin.patch(0, 6000);
    assert_eq!(fixture.store.backlog_bytes(), 14_000, "patches wait like audio");
    twin.patch(6000, 2000);
    let late = pattern(99, 2000);
    assert_eq!(
        twin.file.patch(2000, late.clone()),
        Err(late),
        "nothing was taken"
    );
    assert_eq!(fixture.store.dropped_bytes(), 2000);
    gate.open();
    fixture.wait_until(|store| store.backlog_bytes() == 0);
    twin.patch(2000, 2000);
    twin.expect(&fixture, id);
}

#[test]
fn a_discarded_recording_needs_no_patch() {
    for_each_format(discarded_needs_no_patch);
}

fn discarded_needs_no_patch(format: Format) {
    let fixture = StorageFixture::new().with_format(format);
    let id = Uuid::new_v4();
    let mut twin = Twin::begin(&fixture, id);
    let patches = Arc::default();
    let gate = held(&fixture, &mut twin, 1000, &patches);
    twin.patch(0, 500);
    twin.file.finish(ended(id, EndReason::Discarded), false);
    gate.open();
    assert!(fixture.published(id).0.end_reason_is(EndReason::Discarded));
    fixture.wait_until_idle();
    assert_eq!(patches.load(Ordering::SeqCst), 0);
    assert_eq!(fixture.store.backlog_bytes(), 0);
    assert_eq!(fixture.names(), [".callrec"]);
}

/// Each patch waits until the one before is on the disk, so that each is a step.
fn patch_one_by_one(fixture: &StorageFixture, id: Uuid, gate: &Gate) -> ByteFile {
    gate.shut();
    let mut file = fixture.begin(id, "sub/call");
    file.shape(fixture.format, 8000, 1);
    file.write(pattern(0, 800)).expect("room");
    file.fill(800);
    file.write(pattern(2, 800)).expect("room");
    gate.open();
    for at in 0..PATCHES {
        fixture.wait_until_idle();
        let from = 800 + at as u64 * 200;
        file.settled(from);
        file.patch(from, pattern(10 + at, 200)).expect("room");
    }
    fixture.wait_until_idle();
    file
}

const PATCHES: usize = 4;

/// One that ends, and one that is live.
pub fn child_patches(directory: &Path, format: Format, kill: usize) {
    let gate = Arc::new(Gate::default());
    abort_at_behind(&gate, directory, kill, System::RenamesExclusively);
    let fixture = StorageFixture::printing(ScratchDir(directory.to_owned())).with_format(format);
    let [ends, lives] = [1, 2].map(Uuid::from_u128);
    patch_one_by_one(&fixture, ends, &gate).finish(ended(ends, EndReason::Stopped), true);
    fixture.published(ends);
    fixture.settle(ends);
    std::mem::forget(patch_one_by_one(&fixture, lives, &gate));
    std::process::exit(0);
}

/// Killed between patches, a file has those before, and silence for those after.
#[test]
fn killed_at_every_step_of_patching() {
    for_each_format(killed_while_patching);
}

fn killed_while_patching(format: Format) {
    let mut found = std::collections::BTreeSet::new();
    for kill in 0.. {
        let directory = ScratchDir::new();
        let (told, ended) = child(format, "patches", &directory.0, kill);
        let fixture = StorageFixture::open_in(directory).with_format(format);
        fixture.wait_until_idle();
        for id in [1, 2].map(Uuid::from_u128) {
            let Some((published, _)) = fixture.report.read(|seen| seen.published.get(&id).cloned()) else {
                continue;
            };
            expect_honest(&fixture, &published);
            let said = audio(&fixture.path(&published.file));
            let patched = patches_in(&said);
            found.insert((said.len(), patched));
            let complete = told.contains(&format!("published {id}"));
            assert!(!complete || patched == PATCHES, "kill {kill}: {patched}");
        }
        if ended {
            break;
        }
    }
    let whole = (0..=PATCHES).map(|patches| (2400, patches));
    assert!(
        found.into_iter().eq([(0, 0)].into_iter().chain(whole)),
        "every state"
    );
}

/// How many of the patches are in the file, which holds nothing else that is strange.
fn patches_in(said: &[u8]) -> usize {
    let patches = (0..=PATCHES).find(|patches| {
        let mut expected = [pattern(0, 800), vec![0; 800], pattern(2, 800)].concat();
        for at in 0..*patches {
            expected[800 + at * 200..][..200].copy_from_slice(&pattern(10 + at, 200));
        }
        said.is_empty() || said == expected
    });
    patches.expect("audio and patches in order")
}
