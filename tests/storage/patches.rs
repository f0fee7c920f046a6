//! Late audio: what was given before is given again, and the file holds the latest.

use super::*;
use callrec_testkit::random::Dice;

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
    fn begin(rig: &Rig, id: Uuid) -> Twin {
        let mut file = rig.begin(id, "call");
        file.shape(rig.format, 8000, 1);
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
    fn expect(self, rig: &Rig, id: Uuid) {
        self.file.finish(ended(id, EndReason::Stopped), true);
        let (published, _) = rig.published(id);
        assert!(published.state_is(State::Finished), "{published:?}");
        assert!(audio(&rig.path(&published.file)) == self.expected);
        assert!(published.digest.starts_with("sha256:"));
        expect_honest(rig, &published);
        rig.idle();
        assert_eq!(rig.store.backlog_bytes(), 0);
        assert_eq!(rig.store.open_files(), 0);
    }
}

/// Holds the writer at the next write of audio, so that what follows is one batch.
fn held(rig: &Rig, twin: &mut Twin, bytes: usize, patches: &Arc<AtomicUsize>) -> Arc<Gate> {
    let gate = Arc::new(Gate::default());
    gate.set(true);
    let (at, count) = (Arc::clone(&gate), Arc::clone(patches));
    let (write, patch) = (rig.write_step(), rig.patch_step());
    rig.fault(move |step| {
        if step == write {
            at.pass();
        } else if step == patch {
            count.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    });
    twin.write(bytes);
    gate.reached(1);
    gate
}

#[test]
fn patches_land_in_what_is_written_and_in_what_is_gathered() {
    for_each_format(patches_land);
}

fn patches_land(format: Format) {
    let rig = Rig::new().of(format);
    let id = Uuid::new_v4();
    let mut twin = Twin::begin(&rig, id);
    let patches = Arc::default();
    let gate = held(&rig, &mut twin, 1000, &patches);
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
    gate.set(false);
    rig.idle();
    twin.expect(&rig, id);
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
    let rig = Rig::new().of(format);
    let id = Uuid::new_v4();
    let mut twin = Twin::begin(&rig, id);
    twin.write(100_000);
    rig.written(100_000);
    let patches = Arc::default();
    let gate = held(&rig, &mut twin, 160, &patches);
    for frame in 0..200 {
        twin.patch(10_000 + frame * 320, 320);
    }
    // The other leg's, for the same frames.
    for frame in 0..200 {
        twin.patch(10_000 + frame * 320, 320);
    }
    gate.set(false);
    twin.expect(&rig, id);
    assert_eq!(patches.load(Ordering::SeqCst), 1);
    if format == Format::WAV {
        assert_eq!(rig.store.bytes_written(), 100_160 + 64_000);
    }
}

#[test]
fn a_patch_adds_nothing_to_the_file() {
    for_each_format(patch_adds_nothing);
}

fn patch_adds_nothing(format: Format) {
    let rig = Rig::new().of(format);
    let id = Uuid::new_v4();
    let mut twin = Twin::begin(&rig, id);
    twin.write(1000);
    rig.written(1000);
    let beyond = pattern(7, 400);
    twin.expected[800..].copy_from_slice(&beyond[..200]);
    assert!(twin.file.patch(800, beyond).is_ok(), "room");
    assert!(twin.file.patch(5000, vec![9; 10]).is_ok(), "room");
    assert!(twin.file.patch(0, Vec::new()).is_ok(), "nothing is no patch");
    twin.expect(&rig, id);
    let told = rig.report.seen(|seen| {
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
        let rig = Rig::with(ScratchDir::new(), config).of(format);
        // Takes the only handle, so that ours is closed after each batch.
        let other = Uuid::new_v4();
        let holder = rig.begin(other, "other");
        rig.report.wait(|seen| seen.created.contains(&other));
        let id = Uuid::new_v4();
        let mut twin = Twin::begin(&rig, id);
        let mut dice = Dice::scattered(seed);
        let mut roll = move |sides: usize| dice.index(sides);
        twin.write(2 * (1 + roll(1000)));
        let asked = AtomicUsize::new(roll(3));
        rig.fault(move |step| {
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
                3 => rig.store.wake_writers(),
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
        rig.published(other);
        twin.expect(&rig, id);
    }
}

#[test]
fn a_patch_that_cannot_be_written_ends_the_recording() {
    for_each_format(unwritten_patch_ends_the_recording);
}

fn unwritten_patch_ends_the_recording(format: Format) {
    for passing in [true, false] {
        let rig = Rig::new().of(format);
        let id = Uuid::new_v4();
        let mut twin = Twin::begin(&rig, id);
        twin.write(1000);
        rig.written(1000);
        let patches = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&patches);
        let patch = rig.patch_step();
        rig.fault(move |step| {
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
            twin.expect(&rig, id);
            assert_eq!(patches.load(Ordering::SeqCst), 3);
        } else {
            assert!(twin.file.patch(100, vec![1; 200]).is_ok(), "room");
            let error = rig.report.wait_for(|seen| seen.write_failed.get(&id).cloned());
            assert_eq!(error.status, Status::NoSpace);
            twin.file.finish(ended(id, EndReason::Stopped), true);
            let (published, _) = rig.published(id);
            assert!(published.state_is(State::Failed));
            assert_eq!(audio(&rig.audio_path("call")), twin.expected);
            expect_honest(&rig, &published);
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
    let rig = Rig::with(ScratchDir::new(), config).of(format);
    let id = Uuid::new_v4();
    let mut twin = Twin::begin(&rig, id);
    let patches = Arc::default();
    let gate = held(&rig, &mut twin, 8000, &patches);
    twin.patch(0, 6000);
    assert_eq!(rig.store.backlog_bytes(), 14_000, "patches wait like audio");
    twin.patch(6000, 2000);
    let late = pattern(99, 2000);
    assert_eq!(
        twin.file.patch(2000, late.clone()),
        Err(late),
        "nothing was taken"
    );
    assert_eq!(rig.store.dropped_bytes(), 2000);
    gate.set(false);
    rig.until(|store| store.backlog_bytes() == 0);
    twin.patch(2000, 2000);
    twin.expect(&rig, id);
}

#[test]
fn a_discarded_recording_needs_no_patch() {
    for_each_format(discarded_needs_no_patch);
}

fn discarded_needs_no_patch(format: Format) {
    let rig = Rig::new().of(format);
    let id = Uuid::new_v4();
    let mut twin = Twin::begin(&rig, id);
    let patches = Arc::default();
    let gate = held(&rig, &mut twin, 1000, &patches);
    twin.patch(0, 500);
    twin.file.finish(ended(id, EndReason::Discarded), false);
    gate.set(false);
    assert!(rig.published(id).0.end_reason_is(EndReason::Discarded));
    rig.idle();
    assert_eq!(patches.load(Ordering::SeqCst), 0);
    assert_eq!(rig.store.backlog_bytes(), 0);
    assert_eq!(rig.names(), [".callrec"]);
}

/// Each patch waits until the one before is on the disk, so that each is a step.
fn patch_one_by_one(rig: &Rig, id: Uuid, gate: &Gate) -> ByteFile {
    gate.set(true);
    let mut file = rig.begin(id, "sub/call");
    file.shape(rig.format, 8000, 1);
    file.write(pattern(0, 800)).expect("room");
    file.fill(800);
    file.write(pattern(2, 800)).expect("room");
    gate.set(false);
    for at in 0..PATCHES {
        rig.idle();
        let from = 800 + at as u64 * 200;
        file.settled(from);
        file.patch(from, pattern(10 + at, 200)).expect("room");
    }
    rig.idle();
    file
}

const PATCHES: usize = 4;

/// One that ends, and one that is live.
pub fn child_patches(directory: &Path, format: Format, kill: usize) {
    let gate = Arc::new(Gate::default());
    abort_at_behind(&gate, directory, kill, System::RenamesExclusively);
    let rig = Rig::talking(ScratchDir(directory.to_owned())).of(format);
    let [ends, lives] = [1, 2].map(Uuid::from_u128);
    patch_one_by_one(&rig, ends, &gate).finish(ended(ends, EndReason::Stopped), true);
    rig.published(ends);
    rig.settle(ends);
    std::mem::forget(patch_one_by_one(&rig, lives, &gate));
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
        let rig = Rig::on(directory).of(format);
        rig.idle();
        for id in [1, 2].map(Uuid::from_u128) {
            let Some((published, _)) = rig.report.seen(|seen| seen.published.get(&id).cloned()) else {
                continue;
            };
            expect_honest(&rig, &published);
            let said = audio(&rig.path(&published.file));
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
