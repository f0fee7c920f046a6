//! Append-only files, and the tails that hold their unsettled audio.

use super::*;
use callrec::codec::paged::decode_whole_pages;

/// Bytes before the frames of a tail.
pub const TAIL_HEADER: usize = 24;
/// Bytes of a frame with one channel.
pub const FRAME: usize = 2;
/// The last packet in the file may lack up to this many bytes.
const PADDING: usize = 159 * FRAME;

pub fn fixture() -> StorageFixture {
    StorageFixture::new().with_format(PAGED)
}

pub fn begin(fixture: &StorageFixture, id: Uuid) -> ByteFile {
    let mut file = fixture.begin(id, "call");
    file.shape(PAGED, 8000, 1);
    file
}

/// The audio in the file in progress.
fn encoded(fixture: &StorageFixture) -> Vec<u8> {
    let bytes = fs::read(fixture.part_path("call")).expect("a file in progress");
    let (decoded, whole) = decode_whole_pages(&bytes).expect("a header");
    assert_eq!(whole, bytes.len(), "the file ends with a whole page");
    decoded.samples
}

/// A copy of the directory: what a kill would leave now.
fn snapshot(fixture: &StorageFixture) -> ScratchDir {
    let copy = ScratchDir::new();
    copy_tree(&fixture.directory, &copy);
    copy
}

/// Copies the directory at each step that `of` selects: what a kill at that step would leave.
pub fn snapshots_at(
    fixture: &StorageFixture,
    of: impl Fn(FaultPoint) -> bool + Send + Sync + 'static,
) -> Arc<parking_lot::Mutex<Vec<ScratchDir>>> {
    let snapshots = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let (from, to) = (fixture.directory.0.clone(), Arc::clone(&snapshots));
    fixture.set_fault(move |step| {
        if of(step) {
            let copy = ScratchDir::new();
            copy_tree(&from, &copy);
            to.lock().push(copy);
        }
        Ok(())
    });
    snapshots
}

/// Opens a directory and returns the recovered recording. No file of it may be left in
/// `.callrec`.
pub fn recover(copy: ScratchDir, id: Uuid) -> (Manifest, Vec<u8>) {
    recover_in(&StorageFixture::open_in(copy).with_format(PAGED), id)
}

fn recover_in(fixture: &StorageFixture, id: Uuid) -> (Manifest, Vec<u8>) {
    let (published, _) = fixture.published(id);
    assert!(published.state_is(RecordingState::Finished), "{published:?}");
    assert_manifest_matches_file(fixture, &published);
    let expected = audio(&fixture.path(&published.file));
    fixture.settle(id);
    assert_eq!(fixture.control_names(), ["lock"]);
    assert_eq!(fixture.names().len(), 3, "{:?}", fixture.names());
    (published, expected)
}

#[test]
fn the_recovered_length_is_exact_to_the_frame() {
    for frames in [0, 1, 119, 120, 121, 159, 160, 161, 1000] {
        for settled in [0, frames / 2, frames] {
            let fixture = fixture();
            let id = Uuid::new_v4();
            let expected = pattern(3, frames * FRAME);
            let mut file = begin(&fixture, id);
            file.write(expected.clone()).expect("backlog space");
            file.settled((settled * FRAME) as u64);
            fixture.wait_until_idle();
            let (published, found) = recover(snapshot(&fixture), id);
            let lengths = (published.samples as usize, published.duration_ms as usize);
            assert_eq!(lengths, (frames, (frames + 4) / 8), "killed, {settled} settled");
            assert!(found == expected, "killed, {frames} frames, {settled} settled");
            file.finish(ended(id, EndReason::Stopped), true);
            let (published, _) = fixture.published(id);
            assert_eq!((published.samples as usize, published.recovered), (frames, false));
            assert!(
                audio(&fixture.audio_path("call")) == expected,
                "{frames} frames, {settled} settled"
            );
            assert_manifest_matches_file(&fixture, &published);
            fixture.settle(id);
            assert_eq!(fixture.control_names(), ["lock"]);
        }
    }
}

#[test]
fn settled_audio_moves_from_the_tail_to_the_file() {
    let fixture = fixture();
    let id = Uuid::new_v4();
    let mut file = begin(&fixture, id);
    let mut expected = Vec::new();
    for block in 0..10 {
        let more = pattern(block, 2000);
        expected.extend_from_slice(&more);
        file.write(more).expect("backlog space");
        fixture.wait_until_idle();
        let before = encoded(&fixture);
        assert!(expected.starts_with(&before) && before.len() <= 2000 * block);
        // Settled audio stays; a patch replaces audio after it.
        let settled = expected.len() - 900;
        file.settled(settled as u64);
        fixture.wait_until_idle();
        let held = encoded(&fixture);
        assert!(expected.starts_with(&held) && held.len() <= settled);
        assert!(held.len() + PADDING >= settled, "{} of {settled}", held.len());
        let late = pattern(50 + block, 700);
        expected[settled + 100..][..700].copy_from_slice(&late);
        file.patch((settled + 100) as u64, late).expect("backlog space");
    }
    file.finish(ended(id, EndReason::Stopped), true);
    let (published, _) = fixture.published(id);
    assert!(audio(&fixture.audio_path("call")) == expected);
    assert_manifest_matches_file(&fixture, &published);
}

/// The first block and its settled length reach the writer in one batch.
#[test]
fn audio_settled_with_the_first_block_is_appended() {
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
    file.write(pattern(0, 2000)).expect("backlog space");
    file.write(pattern(1, 2000)).expect("backlog space");
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
    file.write(pattern(0, 1000)).expect("backlog space");
    fixture.wait_until_idle();
    file.shape(PAGED, 16_000, 2);
    file.shape(PAGED, 8000, 1);
    file.write(pattern(1, 1000)).expect("backlog space");
    file.finish(ended(id, EndReason::Stopped), true);
    let (published, _) = fixture.published(id);
    assert_eq!(
        (published.samples, published.sample_rate, published.channels),
        (1000, 8000, 1)
    );
    assert_eq!(
        audio(&fixture.audio_path("call")),
        [pattern(0, 1000), pattern(1, 1000)].concat()
    );
    let ignored = |line: &&String| line.contains("was set after the first audio");
    assert_eq!(
        fixture
            .report
            .read(|reports| reports.logged.iter().filter(ignored).count()),
        1
    );
}

/// What a kill leaves of a recording whose first half is settled; its id; and its audio.
pub fn half_settled_recording() -> (ScratchDir, Uuid, Vec<u8>) {
    let fixture = fixture();
    let id = Uuid::new_v4();
    let mut file = begin(&fixture, id);
    let expected = pattern(5, 6000);
    file.write(expected.clone()).expect("backlog space");
    file.settled(3000);
    fixture.wait_until_idle();
    let copy = snapshot(&fixture);
    file.finish(ended(id, EndReason::Discarded), false);
    fixture.published(id);
    (copy, id, expected)
}

pub fn tail_count(directory: &ScratchDir) -> usize {
    let entries = fs::read_dir(directory.join(".callrec")).expect("there");
    entries
        .filter(|entry| {
            let name = entry.as_ref().expect("an entry").file_name();
            name.to_string_lossy().ends_with(".tail")
        })
        .count()
}

/// At most the audio in the tail is lost, and the file is complete.
#[test]
fn a_damaged_tail_loses_only_its_own_audio() {
    let (directory, id, expected) = half_settled_recording();
    let tail = fs::read(directory.join(format!(".callrec/{id}.tail"))).expect("a tail");
    let part = fs::read(directory.join("call.paged.part")).expect("a file in progress");
    let held = decode_whole_pages(&part).expect("a header").0.samples;
    assert!(!held.is_empty() && held.len() < expected.len());
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut tail = tail.clone();
        change(&mut tail);
        tail
    };
    let with_field = |at: usize, value: u64| {
        with(&move |tail: &mut Vec<u8>| tail[at..at + 8].copy_from_slice(&value.to_le_bytes()))
    };
    let unusable = [
        ("no magic number", with_field(0, 7)),
        ("a base beyond the file", with_field(8, 100_000)),
        ("the largest base", with_field(8, u64::MAX)),
        ("frames of another size", with_field(16, 4)),
        ("frames without a size", with_field(16, 0)),
        ("empty", Vec::new()),
        ("a torn header", tail[..TAIL_HEADER - 1].to_vec()),
        ("no frames", tail[..TAIL_HEADER].to_vec()),
    ];
    let path = |copy: &ScratchDir| copy.join(format!(".callrec/{id}.tail"));
    let copy_directory = || {
        let copy = ScratchDir::new();
        copy_tree(&directory, &copy);
        copy
    };
    for (why, tail) in unusable {
        let copy = copy_directory();
        fs::write(path(&copy), tail).expect("write");
        let fixture = StorageFixture::open_in(copy).with_format(PAGED);
        let (published, found) = recover_in(&fixture, id);
        assert!(found == held, "{why}: {} bytes", found.len());
        assert!(published.recovered);
        let is_warning = |line: &String| line.contains("its audio is lost");
        let is_logged = fixture
            .report
            .read(|reports| reports.logged.iter().any(is_warning));
        assert_eq!(is_logged, why != "no frames", "{why}");
    }
    let copy = copy_directory();
    fs::remove_file(path(&copy)).expect("there");
    assert!(recover(copy, id).1 == held, "missing");
    for cut in (TAIL_HEADER..tail.len()).step_by(97) {
        let copy = copy_directory();
        fs::write(path(&copy), &tail[..cut]).expect("write");
        let (_, found) = recover(copy, id);
        assert!(expected.starts_with(&found), "cut at {cut}");
        let here = (cut - TAIL_HEADER) / FRAME * FRAME;
        let least = here.max(held.len() - PADDING.min(held.len()));
        assert!(found.len() >= least, "{} bytes of {least}", found.len());
    }
}

/// Somebody has removed the file in progress.
#[test]
fn removing_a_tail_whose_file_is_gone_is_logged() {
    let (directory, id, _) = half_settled_recording();
    fs::remove_file(directory.join("call.paged.part")).expect("there");
    let fixture = StorageFixture::open_in(directory).with_format(PAGED);
    let (published, _) = fixture.published(id);
    assert!(published.state_is(RecordingState::Failed) && published.recovered);
    let is_logged = |line: &String| line.contains("tail is removed");
    assert!(
        fixture
            .report
            .read(|reports| reports.logged.iter().any(is_logged))
    );
    fixture.settle(id);
    assert_eq!(fixture.control_names(), ["lock"]);
}

/// On a full disk the audio of the tail cannot be appended to the file, so the tail stays.
#[test]
fn a_tail_that_cannot_be_appended_is_appended_at_the_next_open() {
    for is_settled in [false, true] {
        let fixture = fixture();
        let id = Uuid::new_v4();
        let expected = pattern(4, 5000);
        let mut file = begin(&fixture, id);
        file.write(expected.clone()).expect("backlog space");
        fixture.wait_until_idle();
        fixture.set_fault(|step| match step {
            FaultPoint::WriteAudio => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        });
        if is_settled {
            file.settled(4000);
            let error = fixture
                .report
                .wait_for(|reports| reports.write_failed.get(&id).cloned());
            assert_eq!(error.status, Status::NoSpace);
        }
        file.finish(ended(id, EndReason::Stopped), true);
        let (published, _) = fixture.published(id);
        assert!(published.state_is(RecordingState::Failed) && published.failure() == Status::NoSpace);
        assert_eq!(published.file, "call.paged.part");
        fixture.settle(id);
        assert!(fixture.live_path(id).exists() && fixture.tail_path(id).exists());
        fixture.clear_faults();
        let fixture = StorageFixture::open_in(fixture.close()).with_format(PAGED);
        let (again, repeated) = fixture.published(id);
        assert!(repeated && again.state_is(RecordingState::Failed) && again.failure() == Status::NoSpace);
        assert_eq!(again.error, published.error);
        assert!(audio(&fixture.path(&again.file)) == expected && again.recovered);
        assert_manifest_matches_file(&fixture, &again);
        fixture.settle(id);
        assert_eq!(fixture.control_names(), ["lock"]);
    }
}

#[test]
fn only_tails_without_a_recording_are_removed() {
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
        fs::write(control.join(name), "foreign").expect("write");
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
    assert!(report.read(|reports| reports.logged.is_empty()));
}

#[test]
fn a_stale_tail_that_cannot_be_removed_does_not_keep_the_others() {
    let directory = ScratchDir::new();
    fs::create_dir(directory.join(".callrec")).expect("make");
    let ids = [1, 2, 3].map(Uuid::from_u128);
    for id in ids {
        fs::write(directory.join(format!(".callrec/{id}.tail")), "stale").expect("write");
    }
    let attempts = AtomicUsize::new(0);
    faults::set(
        &directory.0,
        Arc::new(move |step| match step {
            FaultPoint::RemoveTail if attempts.fetch_add(1, Ordering::SeqCst) == 0 => {
                Err(io::Error::other("forced"))
            }
            _ => Ok(()),
        }),
    );
    let fixture = StorageFixture::open_in(directory);
    let report = Arc::clone(&fixture.report);
    let directory = fixture.close();
    assert_eq!(tail_count(&directory), 1, "one is left");
    assert_eq!(report.read(|reports| reports.logged.len()), 1);
    let fixture = StorageFixture::open_in(directory);
    let directory = fixture.close();
    assert_eq!(tail_count(&directory), 0);
}

/// A power cut has undone the manifest update that states that the audio has begun.
#[test]
fn a_tail_shows_that_a_recording_has_begun() {
    let (directory, id, expected) = half_settled_recording();
    let part = directory.join("call.paged.part");
    let header = fs::read(&part).expect("there")[..64].to_vec();
    fs::write(&part, header).expect("write");
    let live = directory.join(format!(".callrec/{id}.json"));
    let text = fs::read_to_string(&live).expect("there");
    let unbegun = text.replace("\"started\":true", "\"started\":false");
    assert_ne!(text, unbegun);
    fs::write(&live, unbegun).expect("write");
    assert!(recover(directory, id).1 == expected);
}
