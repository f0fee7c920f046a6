//! The storage directory is moved away while recordings are in progress, as by somebody who
//! wants to begin with an empty one.

use super::*;
use callrec_testkit::disk_faults::DiskGate;
use callrec_testkit::wait::until;

const GONE: &str = "no longer names the open directory";

/// The directory elsewhere, and what is in its place.
struct Moved {
    from: std::path::PathBuf,
    to: ScratchDir,
}

impl Moved {
    /// `made_anew`: an empty directory takes its place.
    fn away(fixture: &StorageFixture, made_anew: bool) -> Moved {
        let (from, to) = (fixture.directory.0.clone(), ScratchDir::new());
        fs::rename(&from, &to.0).expect("moved");
        if made_anew {
            fs::create_dir(&from).expect("made");
        }
        Moved { from, to }
    }

    /// Whatever was made in its place is empty.
    fn back(self) {
        if self.from.exists() {
            fs::remove_dir(&self.from).expect("nothing was put there");
        }
        fs::rename(&self.to.0, &self.from).expect("moved");
    }
}

/// A recording of one block, which is still live.
fn begun(fixture: &StorageFixture, path: &str) -> (Uuid, ByteFile) {
    let id = Uuid::new_v4();
    let mut file = fixture.begin(id, path);
    file.shape(fixture.format, 8000, 1);
    file.write(pattern(0, 1600)).expect("room");
    fixture.wait_until_idle();
    (id, file)
}

fn stopped(fixture: &StorageFixture, (id, file): (Uuid, ByteFile)) -> (Manifest, bool) {
    file.finish(ended(id, EndReason::Stopped), true);
    fixture.published(id)
}

fn expect_failed(told: &Manifest) {
    assert!(told.state_is(RecordingState::Failed), "{told:?}");
    assert_eq!(told.failure(), Status::Io, "{told:?}");
    assert_eq!(told.file, "", "no path that leads nowhere: {told:?}");
    assert!(told.error.contains(GONE), "{told:?}");
}

/// How many lines tell that it is gone, or there again.
fn changes(fixture: &StorageFixture) -> usize {
    let tells = |line: &&String| line.starts_with("storage.directory");
    fixture
        .report
        .read(|seen| seen.logged.iter().filter(tells).count())
}

/// The end of one that could not be published is told once more by the open that publishes it.
fn expect_published_again(fixture: &StorageFixture, id: Uuid, told: &Manifest, path: &str) {
    let (again, repeated) = fixture.published(id);
    assert!(repeated, "{again:?}");
    assert_eq!(again.state, told.state);
    assert_eq!(again.error, told.error);
    assert_eq!(again.end_reason, told.end_reason);
    assert_eq!(again.lost_ms, told.lost_ms);
    assert_eq!(again.file, fixture.audio_name(path));
    assert_eq!(audio(&fixture.audio_path(path)), pattern(0, 1600));
}

#[test]
fn what_ends_in_a_directory_that_was_moved_is_kept_there_and_not_told_as_finished() {
    for_each_format(ends_in_a_moved_directory);
}

fn ends_in_a_moved_directory(format: Format) {
    for made_anew in [true, false] {
        let fixture = StorageFixture::new().with_format(format);
        let (first, second) = (begun(&fixture, "first"), begun(&fixture, "second"));
        let ids = [first.0, second.0];
        let moved = Moved::away(&fixture, made_anew);
        let told = [first, second].map(|recording| stopped(&fixture, recording).0);
        told.iter().for_each(expect_failed);
        assert_eq!(changes(&fixture), 1, "once, not for each recording");
        ids.iter().for_each(|id| fixture.settle(*id));
        let elsewhere = StorageFixture::open_in(fixture.close_moved(moved.to)).with_format(format);
        for ((id, told), path) in ids.iter().zip(&told).zip(["first", "second"]) {
            expect_published_again(&elsewhere, *id, told, path);
            elsewhere.settle(*id);
        }
        assert_eq!(elsewhere.control_names(), ["lock"]);
        let _ = fs::remove_dir(&moved.from);
    }
}

#[test]
fn nothing_begins_in_a_directory_that_was_moved_until_it_is_back() {
    let fixture = StorageFixture::new();
    let recording = begun(&fixture, "first");
    fixture.store.check_path().expect("it is there");
    let moved = Moved::away(&fixture, true);
    let refused = Uuid::new_v4();
    let file = fixture.begin(refused, "refused");
    let error = fixture
        .report
        .wait_for(|seen| seen.create_failed.get(&refused).cloned());
    assert_eq!(error.status, Status::Io, "{error:?}");
    assert!(error.message.contains(GONE), "{error:?}");
    drop(file);
    assert_eq!(
        fixture.store.check_path().map_err(|error| error.status),
        Err(Status::Io)
    );
    assert!(!moved.to.0.join("refused.wav.part").exists());
    moved.back();
    let (told, _) = stopped(&fixture, recording);
    assert!(told.state_is(RecordingState::Finished), "{told:?}");
    let (told, _) = stopped(&fixture, begun(&fixture, "second"));
    assert!(told.state_is(RecordingState::Finished), "{told:?}");
    fixture.store.check_path().expect("it is there");
    assert_eq!(changes(&fixture), 2, "gone, and there again");
    assert_eq!(audio(&fixture.path("first.wav")), pattern(0, 1600));
}

/// It is noticed also while nothing begins or ends.
#[test]
fn the_path_is_looked_at_again_and_again() {
    let fixture = StorageFixture::new();
    let store = Arc::clone(&fixture.store);
    let room = std::thread::spawn(move || store.free_space_monitor().run(&callrec::clock::SystemClock));
    let moved = Moved::away(&fixture, true);
    until("it is noticed", || fixture.store.check_path().is_err());
    moved.back();
    until("it is noticed", || fixture.store.check_path().is_ok());
    fixture.store.shutdown();
    room.join().expect("no panic");
}

/// As one who has given up the right to walk the path since it opened the directory.
#[test]
fn a_path_that_cannot_be_looked_at_is_not_gone() {
    let fixture = StorageFixture::new();
    fixture.set_fault(|step| match step {
        FaultPoint::CheckRoot => Err(io::ErrorKind::PermissionDenied.into()),
        _ => Ok(()),
    });
    let (told, _) = stopped(&fixture, begun(&fixture, "call"));
    assert!(told.state_is(RecordingState::Finished), "{told:?}");
    assert_eq!(changes(&fixture), 0);
}

/// Nobody has been told of it, so the open that can publish it tells it as usual.
#[test]
fn what_is_recovered_in_a_directory_that_was_moved_is_left_for_the_next_open() {
    let (directory, ids) = recovery::crashed(Format::WAV, 1);
    let id = ids[0];
    let gate = DiskGate::at(&directory.0, FaultPoint::Digest);
    gate.shut();
    let fixture = StorageFixture::open_in(directory);
    gate.wait_for_arrivals(1);
    let moved = Moved::away(&fixture, true);
    gate.open();
    fixture.report.wait_until(|seen| {
        seen.logged
            .iter()
            .any(|line| line.contains("cannot be recovered, and the next open tries again"))
    });
    assert!(fixture.report.read(|seen| seen.published.is_empty()));
    fs::remove_dir(&moved.from).expect("empty");
    let fixture = StorageFixture::open_in(fixture.close_moved(moved.to));
    let (told, repeated) = fixture.published(id);
    assert!(
        told.state_is(RecordingState::Finished) && told.recovered && !repeated,
        "{told:?}"
    );
}
