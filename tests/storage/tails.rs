//! Files that keep what they have, and the tail that holds what is not settled yet.

use super::*;
use callrec::codec::paged::decode_whole_pages;

/// Behind this a tail has frames.
const TAIL_HEADER: usize = 24;
/// Of one channel.
pub const FRAME: usize = 2;
/// Of a packet, without the last one.
const PADDING: usize = 159 * FRAME;

pub fn fixture() -> StorageFixture {
    StorageFixture::new().with_format(PAGED)
}

pub fn begin(fixture: &StorageFixture, id: Uuid) -> ByteFile {
    let mut file = fixture.begin(id, "call");
    file.shape(PAGED, 8000, 1);
    file
}

/// What the file in progress holds of the recording.
fn encoded(fixture: &StorageFixture) -> Vec<u8> {
    let bytes = fs::read(fixture.part_path("call")).expect("a file in progress");
    let (decoded, whole) = decode_whole_pages(&bytes).expect("a header");
    assert_eq!(whole, bytes.len(), "whole pages alone");
    decoded.samples
}

/// The directory as a kill would leave it now.
fn killed_now(fixture: &StorageFixture) -> ScratchDir {
    let left = ScratchDir::new();
    copy_tree(&fixture.directory, &left);
    left
}

/// As a kill would leave the directory at each step of a kind from here on.
pub fn kills(
    fixture: &StorageFixture,
    of: impl Fn(FaultPoint) -> bool + Send + Sync + 'static,
) -> Arc<parking_lot::Mutex<Vec<ScratchDir>>> {
    let left = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let (from, to) = (fixture.directory.0.clone(), Arc::clone(&left));
    fixture.set_fault(move |step| {
        if of(step) {
            let copy = ScratchDir::new();
            copy_tree(&from, &copy);
            to.lock().push(copy);
        }
        Ok(())
    });
    left
}

/// What the next open makes of a directory. Nothing of it may be left in `.callrec`.
pub fn recovered(left: ScratchDir, id: Uuid) -> (Manifest, Vec<u8>) {
    recovered_by(&StorageFixture::open_in(left).with_format(PAGED), id)
}

fn recovered_by(fixture: &StorageFixture, id: Uuid) -> (Manifest, Vec<u8>) {
    let (told, _) = fixture.published(id);
    assert!(told.state_is(RecordingState::Finished), "{told:?}");
    expect_honest(fixture, &told);
    let said = audio(&fixture.path(&told.file));
    fixture.settle(id);
    assert_eq!(fixture.control_names(), ["lock"]);
    assert_eq!(fixture.names().len(), 3, "{:?}", fixture.names());
    (told, said)
}

#[test]
fn the_length_is_exact_to_the_frame() {
    for frames in [0, 1, 119, 120, 121, 159, 160, 161, 1000] {
        for settled in [0, frames / 2, frames] {
            let fixture = fixture();
            let id = Uuid::new_v4();
            let said = pattern(3, frames * FRAME);
            let mut file = begin(&fixture, id);
            file.write(said.clone()).expect("room");
            file.settled((settled * FRAME) as u64);
            fixture.wait_until_idle();
            let (told, left) = recovered(killed_now(&fixture), id);
            let seen = (told.samples as usize, told.duration_ms as usize);
            assert_eq!(seen, (frames, (frames + 4) / 8), "killed, {settled} settled");
            assert!(left == said, "killed, {frames} frames, {settled} settled");
            file.finish(ended(id, EndReason::Stopped), true);
            let (told, _) = fixture.published(id);
            assert_eq!((told.samples as usize, told.recovered), (frames, false));
            assert!(
                audio(&fixture.audio_path("call")) == said,
                "{frames} frames, {settled} settled"
            );
            expect_honest(&fixture, &told);
            fixture.settle(id);
            assert_eq!(fixture.control_names(), ["lock"]);
        }
    }
}

#[test]
fn the_file_follows_what_is_settled() {
    let fixture = fixture();
    let id = Uuid::new_v4();
    let mut file = begin(&fixture, id);
    let mut said = Vec::new();
    for block in 0..10 {
        let more = pattern(block, 2000);
        said.extend_from_slice(&more);
        file.write(more).expect("room");
        fixture.wait_until_idle();
        let before = encoded(&fixture);
        assert!(said.starts_with(&before) && before.len() <= 2000 * block);
        // What was said before the frontier stays, what was said behind it is replaced.
        let settled = said.len() - 900;
        file.settled(settled as u64);
        fixture.wait_until_idle();
        let held = encoded(&fixture);
        assert!(said.starts_with(&held) && held.len() <= settled);
        assert!(held.len() + PADDING >= settled, "{} of {settled}", held.len());
        let late = pattern(50 + block, 700);
        said[settled + 100..][..700].copy_from_slice(&late);
        file.patch((settled + 100) as u64, late).expect("room");
    }
    file.finish(ended(id, EndReason::Stopped), true);
    let (told, _) = fixture.published(id);
    assert!(audio(&fixture.audio_path("call")) == said);
    expect_honest(&fixture, &told);
}

/// The first block, and what is settled of it, come to the writer at once.
#[test]
fn what_is_settled_with_the_first_block_is_not_forgotten() {
    let fixture = fixture();
    let gate = Arc::new(Gate::default());
    gate.shut();
    let at = Arc::clone(&gate);
    fixture.set_fault(move |step| {
        if step == FaultPoint::CreateAudio {
            at.pass();
        }
        Ok(())
    });
    let id = Uuid::new_v4();
    let mut file = fixture.begin(id, "call");
    gate.wait_for_arrivals(1);
    file.shape(PAGED, 8000, 1);
    file.write(pattern(0, 2000)).expect("room");
    file.write(pattern(1, 2000)).expect("room");
    file.settled(4000);
    gate.open();
    fixture.wait_until_idle();
    assert!(encoded(&fixture).len() + PADDING >= 4000);
    file.finish(ended(id, EndReason::Stopped), true);
    fixture.published(id);
}

#[test]
fn another_shape_after_the_first_block_is_ignored() {
    let fixture = fixture();
    let id = Uuid::new_v4();
    let mut file = begin(&fixture, id);
    file.write(pattern(0, 1000)).expect("room");
    fixture.wait_until_idle();
    file.shape(PAGED, 16_000, 2);
    file.shape(PAGED, 8000, 1);
    file.write(pattern(1, 1000)).expect("room");
    file.finish(ended(id, EndReason::Stopped), true);
    let (told, _) = fixture.published(id);
    assert_eq!((told.samples, told.sample_rate, told.channels), (1000, 8000, 1));
    assert_eq!(
        audio(&fixture.audio_path("call")),
        [pattern(0, 1000), pattern(1, 1000)].concat()
    );
    let ignored = |line: &&String| line.contains("was set after the first audio");
    assert_eq!(
        fixture
            .report
            .read(|seen| seen.logged.iter().filter(ignored).count()),
        1
    );
}

/// More than a mebibyte that is encoded goes; a kill at any moment of it costs nothing.
#[test]
fn a_tail_that_is_compacted_keeps_everything() {
    const BLOCK: usize = 200_000;
    let fixture = fixture();
    let left = kills(&fixture, |step| {
        matches!(step, FaultPoint::CompactTail | FaultPoint::RenameTail)
    });
    let id = Uuid::new_v4();
    let mut file = begin(&fixture, id);
    let (mut said, mut longest) = (Vec::new(), 0);
    let (mut seen, mut compacted) = (0, Vec::new());
    for block in 0..20 {
        let more = pattern(block, BLOCK);
        said.extend_from_slice(&more);
        file.write(more).expect("room");
        fixture.wait_until_idle();
        let late = pattern(70 + block, 5000);
        let at = said.len() - BLOCK / 2;
        said[at..at + 5000].copy_from_slice(&late);
        file.patch(at as u64, late).expect("room");
        fixture.wait_until_idle();
        file.settled((said.len() - 1000) as u64);
        fixture.wait_until_idle();
        longest = longest.max(fs::metadata(fixture.tail_path(id)).expect("a tail").len());
        let kills = left.lock().len();
        if kills > seen {
            (seen, compacted) = (kills, [compacted, vec![said.len()]].concat());
        }
    }
    assert!(longest < (1 << 20) + 2 * BLOCK as u64, "{longest}");
    assert_eq!(compacted.len(), 3, "{compacted:?}");
    // What is encoded stays, also of a patch that goes beyond it.
    let settled = said.len() - 1000;
    file.patch(0, vec![9; 100]).expect("room");
    said[settled..].fill(9);
    file.patch((settled - 500) as u64, vec![9; 1500]).expect("room");
    file.finish(ended(id, EndReason::Stopped), true);
    fixture.published(id);
    assert!(audio(&fixture.audio_path("call")) == said);
    fixture.clear_faults();
    let left = std::mem::take(&mut *left.lock());
    assert_eq!(left.len(), 2 * compacted.len());
    for (n, left) in left.into_iter().enumerate() {
        let (_, found) = recovered(left, id);
        assert!(found == said[..compacted[n / 2]], "kill {n}");
    }
}

/// A disk that refuses it does not end the recording, and is asked again a mebibyte later.
#[test]
fn a_tail_that_cannot_be_compacted_is_only_longer() {
    const BLOCK: usize = 400_000;
    let fixture = fixture();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    fixture.set_fault(move |step| match step {
        FaultPoint::CompactTail if count.fetch_add(1, Ordering::SeqCst) == 0 => {
            Err(io::ErrorKind::StorageFull.into())
        }
        _ => Ok(()),
    });
    let id = Uuid::new_v4();
    let mut file = begin(&fixture, id);
    let mut said = Vec::new();
    for block in 0..8 {
        let more = pattern(block, BLOCK);
        said.extend_from_slice(&more);
        file.write(more).expect("room");
        file.settled(said.len() as u64);
        fixture.wait_until_idle();
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    let longest = fs::metadata(fixture.tail_path(id)).expect("a tail").len();
    assert!(longest < said.len() as u64 / 2, "{longest}");
    file.finish(ended(id, EndReason::Stopped), true);
    let (told, _) = fixture.published(id);
    assert!(told.state_is(RecordingState::Finished));
    assert!(audio(&fixture.audio_path("call")) == said);
    let warned = |line: &&String| line.contains("cannot be shortened");
    assert_eq!(
        fixture
            .report
            .read(|seen| seen.logged.iter().filter(warned).count()),
        1
    );
}

/// A recording of which a part is settled, as a kill leaves it; and what was said.
pub fn half_settled() -> (ScratchDir, Uuid, Vec<u8>) {
    let fixture = fixture();
    let id = Uuid::new_v4();
    let mut file = begin(&fixture, id);
    let said = pattern(5, 6000);
    file.write(said.clone()).expect("room");
    file.settled(3000);
    fixture.wait_until_idle();
    let left = killed_now(&fixture);
    file.finish(ended(id, EndReason::Discarded), false);
    fixture.published(id);
    (left, id, said)
}

pub fn tails_left(directory: &ScratchDir) -> usize {
    let entries = fs::read_dir(directory.join(".callrec")).expect("there");
    entries
        .filter(|entry| {
            let name = entry.as_ref().expect("an entry").file_name();
            name.to_string_lossy().ends_with(".tail")
        })
        .count()
}

/// It costs at most what it held, and the file is whole all the same.
#[test]
fn a_tail_that_is_damaged_costs_what_it_held() {
    let (directory, id, said) = half_settled();
    let tail = fs::read(directory.join(format!(".callrec/{id}.tail"))).expect("a tail");
    let part = fs::read(directory.join("call.paged.part")).expect("a file in progress");
    let held = decode_whole_pages(&part).expect("a header").0.samples;
    assert!(!held.is_empty() && held.len() < said.len());
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut tail = tail.clone();
        change(&mut tail);
        tail
    };
    let with_field = |at: usize, value: u64| {
        with(&move |tail: &mut Vec<u8>| tail[at..at + 8].copy_from_slice(&value.to_le_bytes()))
    };
    let unusable = [
        ("no mark", with_field(0, 7)),
        ("a base beyond the file", with_field(8, 100_000)),
        ("the largest base", with_field(8, u64::MAX)),
        ("frames of another size", with_field(16, 4)),
        ("frames without a size", with_field(16, 0)),
        ("empty", Vec::new()),
        ("a torn header", tail[..TAIL_HEADER - 1].to_vec()),
        ("no frames", tail[..TAIL_HEADER].to_vec()),
    ];
    let path = |left: &ScratchDir| left.join(format!(".callrec/{id}.tail"));
    let again = || {
        let left = ScratchDir::new();
        copy_tree(&directory, &left);
        left
    };
    for (why, tail) in unusable {
        let left = again();
        fs::write(path(&left), tail).expect("write");
        let fixture = StorageFixture::open_in(left).with_format(PAGED);
        let (told, found) = recovered_by(&fixture, id);
        assert!(found == held, "{why}: {} bytes", found.len());
        assert!(told.recovered);
        let said_so = |line: &String| line.contains("its audio is lost");
        let said_so = fixture.report.read(|seen| seen.logged.iter().any(said_so));
        assert_eq!(said_so, why != "no frames", "{why}");
    }
    let left = again();
    fs::remove_file(path(&left)).expect("there");
    assert!(recovered(left, id).1 == held, "missing");
    for cut in (TAIL_HEADER..tail.len()).step_by(97) {
        let left = again();
        fs::write(path(&left), &tail[..cut]).expect("write");
        let (_, found) = recovered(left, id);
        assert!(said.starts_with(&found), "cut at {cut}");
        let here = (cut - TAIL_HEADER) / FRAME * FRAME;
        let least = here.max(held.len() - PADDING.min(held.len()));
        assert!(found.len() >= least, "{} bytes of {least}", found.len());
    }
}

/// Whoever removed the file in progress is told that the tail goes with it.
#[test]
fn a_tail_whose_audio_is_gone_is_removed_with_a_word() {
    let (directory, id, _) = half_settled();
    fs::remove_file(directory.join("call.paged.part")).expect("there");
    let fixture = StorageFixture::open_in(directory).with_format(PAGED);
    let (told, _) = fixture.published(id);
    assert!(told.state_is(RecordingState::Failed) && told.recovered);
    let said_so = |line: &String| line.contains("tail is removed");
    assert!(fixture.report.read(|seen| seen.logged.iter().any(said_so)));
    fixture.settle(id);
    assert_eq!(fixture.control_names(), ["lock"]);
}

/// On a full disk the rest of the tail does not fit into the file: it stays for the next open.
#[test]
fn what_cannot_be_encoded_now_is_at_the_next_open() {
    for settles in [false, true] {
        let fixture = fixture();
        let id = Uuid::new_v4();
        let said = pattern(4, 5000);
        let mut file = begin(&fixture, id);
        file.write(said.clone()).expect("room");
        fixture.wait_until_idle();
        fixture.set_fault(|step| match step {
            FaultPoint::WriteAudio => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        });
        if settles {
            file.settled(4000);
            let error = fixture
                .report
                .wait_for(|seen| seen.write_failed.get(&id).cloned());
            assert_eq!(error.status, Status::NoSpace);
        }
        file.finish(ended(id, EndReason::Stopped), true);
        let (told, _) = fixture.published(id);
        assert!(told.state_is(RecordingState::Failed) && told.failure() == Status::NoSpace);
        assert_eq!(told.file, "call.paged.part");
        fixture.settle(id);
        assert!(fixture.live_path(id).exists() && fixture.tail_path(id).exists());
        fixture.clear_faults();
        let fixture = StorageFixture::open_in(fixture.close()).with_format(PAGED);
        let (again, repeated) = fixture.published(id);
        assert!(repeated && again.state_is(RecordingState::Failed) && again.failure() == Status::NoSpace);
        assert_eq!(again.error, told.error);
        assert!(audio(&fixture.path(&again.file)) == said && again.recovered);
        expect_honest(&fixture, &again);
        fixture.settle(id);
        assert_eq!(fixture.control_names(), ["lock"]);
    }
}

#[test]
fn tails_without_a_recording_are_removed_and_nothing_else() {
    let directory = StorageFixture::new().close();
    let control = directory.join(".callrec");
    let [first, second, third] = [1, 2, 3].map(Uuid::from_u128);
    fs::write(control.join(format!("{first}.tail")), "stale").expect("write");
    fs::write(control.join(format!("{third}.tail.tmp")), "stale").expect("write");
    let upper = "00000000-0000-0000-0000-00000000000A.tail".to_owned();
    let foreign = [
        "notes.tail".to_owned(),
        upper,
        format!("{first}.tail~"),
        format!("{first}.tail.bad"),
        format!("{}.tail", first.simple()),
    ];
    for name in &foreign {
        fs::write(control.join(name), "theirs").expect("write");
    }
    let folder = format!("{second}.tail");
    fs::create_dir(control.join(&folder)).expect("make");
    let fixture = StorageFixture::open_in(directory);
    let report = Arc::clone(&fixture.report);
    let fixture = fixture.reopen();
    let mut expected = foreign.to_vec();
    expected.extend([folder, "lock".to_owned()]);
    expected.sort_unstable();
    assert_eq!(fixture.control_names(), expected);
    assert!(report.read(|seen| seen.logged.is_empty()));
}

/// One stale tail that cannot be removed does not keep the others.
#[test]
fn every_stale_tail_has_its_turn() {
    let directory = ScratchDir::new();
    fs::create_dir(directory.join(".callrec")).expect("make");
    let ids = [1, 2, 3].map(Uuid::from_u128);
    for id in ids {
        fs::write(directory.join(format!(".callrec/{id}.tail")), "stale").expect("write");
    }
    let asked = AtomicUsize::new(0);
    faults::set(
        &directory.0,
        Arc::new(move |step| match step {
            FaultPoint::RemoveTail if asked.fetch_add(1, Ordering::SeqCst) == 0 => {
                Err(io::Error::other("forced"))
            }
            _ => Ok(()),
        }),
    );
    let fixture = StorageFixture::open_in(directory);
    let report = Arc::clone(&fixture.report);
    let directory = fixture.close();
    assert_eq!(tails_left(&directory), 1, "one is left");
    assert_eq!(report.read(|seen| seen.logged.len()), 1);
    let fixture = StorageFixture::open_in(directory);
    let directory = fixture.close();
    assert_eq!(tails_left(&directory), 0);
}

/// The power went before the manifest's note that the audio has begun came to the disk.
#[test]
fn a_tail_shows_that_a_recording_was_begun() {
    let (directory, id, said) = half_settled();
    let part = directory.join("call.paged.part");
    let header = fs::read(&part).expect("there")[..64].to_vec();
    fs::write(&part, header).expect("write");
    let live = directory.join(format!(".callrec/{id}.json"));
    let text = fs::read_to_string(&live).expect("there");
    let unbegun = text.replace("\"started\":true", "\"started\":false");
    assert_ne!(text, unbegun);
    fs::write(&live, unbegun).expect("write");
    assert!(recovered(directory, id).1 == said);
}
