//! The storage directory is moved away while recordings are in progress, for example by an
//! administrator who wants to continue with an empty one.

use super::*;
use callrec_testkit::disk_faults::DiskGate;
use callrec_testkit::wait::until;

const GONE: &str = "no longer names the open directory";

/// A directory that has been moved to another path.
struct MovedDirectory {
    from: std::path::PathBuf,
    to: ScratchDir,
}

impl MovedDirectory {
    /// With `is_replaced`, an empty directory takes its place.
    fn move_away(fixture: &StorageFixture, is_replaced: bool) -> MovedDirectory {
        let (from, to) = (fixture.directory.0.clone(), ScratchDir::new());
        fs::rename(&from, &to.0).expect("moved");
        if is_replaced {
            fs::create_dir(&from).expect("made");
        }
        MovedDirectory { from, to }
    }

    /// Moves the directory back. The one in its place must be empty.
    fn move_back(self) {
        if self.from.exists() {
            fs::remove_dir(&self.from).expect("an empty directory");
        }
        fs::rename(&self.to.0, &self.from).expect("moved");
    }
}

/// Begins a recording, which stays live, and writes one block.
fn begin_recording(fixture: &StorageFixture, path: &str) -> (Uuid, ByteFile) {
    let id = Uuid::new_v4();
    let mut file = fixture.begin(id, path);
    file.shape(fixture.format, 8000, 1);
    file.write(pattern(0, 1600)).expect("backlog space");
    fixture.wait_until_idle();
    (id, file)
}

fn stop_recording(fixture: &StorageFixture, (id, file): (Uuid, ByteFile)) -> (Manifest, bool) {
    file.finish(ended(id, EndReason::Stopped), true);
    fixture.published(id)
}

fn expect_failed(published: &Manifest) {
    assert!(published.state_is(RecordingState::Failed), "{published:?}");
    assert_eq!(published.failure(), Status::Io, "{published:?}");
    assert_eq!(published.file, "", "there must be no path: {published:?}");
    assert!(published.error.contains(GONE), "{published:?}");
}

/// The number of log lines about a directory that is gone or back.
fn count_path_changes(fixture: &StorageFixture) -> usize {
    let is_change = |line: &&String| line.starts_with("storage.directory");
    fixture
        .report
        .read(|reports| reports.logged.iter().filter(is_change).count())
}

/// Checks that the open which publishes a recording repeats the end that was reported.
fn expect_published_again(fixture: &StorageFixture, id: Uuid, published: &Manifest, path: &str) {
    let (again, repeated) = fixture.published(id);
    assert!(repeated, "{again:?}");
    assert_eq!(again.state, published.state);
    assert_eq!(again.error, published.error);
    assert_eq!(again.end_reason, published.end_reason);
    assert_eq!(again.lost_ms, published.lost_ms);
    assert_eq!(again.file, fixture.audio_name(path));
    assert_eq!(audio(&fixture.audio_path(path)), pattern(0, 1600));
}

#[test]
fn a_recording_that_ends_in_a_moved_directory_fails_and_keeps_its_audio() {
    for_each_format(recording_ends_in_moved_directory);
}

fn recording_ends_in_moved_directory(format: Format) {
    for is_replaced in [true, false] {
        let fixture = StorageFixture::new().with_format(format);
        let (first, second) = (
            begin_recording(&fixture, "first"),
            begin_recording(&fixture, "second"),
        );
        let ids = [first.0, second.0];
        let moved = MovedDirectory::move_away(&fixture, is_replaced);
        let published = [first, second].map(|recording| stop_recording(&fixture, recording).0);
        published.iter().for_each(expect_failed);
        assert_eq!(
            count_path_changes(&fixture),
            1,
            "logged once, not for each recording"
        );
        ids.iter().for_each(|id| fixture.settle(*id));
        let elsewhere = StorageFixture::open_in(fixture.close_moved(moved.to)).with_format(format);
        for ((id, published), path) in ids.iter().zip(&published).zip(["first", "second"]) {
            expect_published_again(&elsewhere, *id, published, path);
            elsewhere.settle(*id);
        }
        assert_eq!(elsewhere.control_names(), ["lock"]);
        let _ = fs::remove_dir(&moved.from);
    }
}

#[test]
fn no_recording_begins_in_a_moved_directory_until_it_is_back() {
    let fixture = StorageFixture::new();
    let recording = begin_recording(&fixture, "first");
    fixture.store.check_path().expect("the path is valid");
    let moved = MovedDirectory::move_away(&fixture, true);
    let refused = Uuid::new_v4();
    let file = fixture.begin(refused, "refused");
    let error = fixture
        .report
        .wait_for(|reports| reports.create_failed.get(&refused).cloned());
    assert_eq!(error.status, Status::Io, "{error:?}");
    assert!(error.message.contains(GONE), "{error:?}");
    drop(file);
    assert_eq!(
        fixture.store.check_path().map_err(|error| error.status),
        Err(Status::Io)
    );
    assert!(!moved.to.0.join("refused.wav.part").exists());
    moved.move_back();
    let (published, _) = stop_recording(&fixture, recording);
    assert!(published.state_is(RecordingState::Finished), "{published:?}");
    let (published, _) = stop_recording(&fixture, begin_recording(&fixture, "second"));
    assert!(published.state_is(RecordingState::Finished), "{published:?}");
    fixture.store.check_path().expect("the path is valid");
    assert_eq!(count_path_changes(&fixture), 2, "one line for gone, one for back");
    assert_eq!(audio(&fixture.path("first.wav")), pattern(0, 1600));
}

/// The store notices a moved directory even while no recording begins or ends.
#[test]
fn the_path_is_checked_repeatedly() {
    let fixture = StorageFixture::new();
    let store = Arc::clone(&fixture.store);
    let monitor = std::thread::spawn(move || store.free_space_monitor().run(&callrec::clock::SystemClock));
    let moved = MovedDirectory::move_away(&fixture, true);
    until("the directory is missed", || fixture.store.check_path().is_err());
    moved.move_back();
    until("the directory is found", || fixture.store.check_path().is_ok());
    fixture.store.shutdown();
    monitor.join().expect("no panic");
}

/// A process may lose access to the path after it has opened the directory.
#[test]
fn a_path_that_cannot_be_read_does_not_count_as_moved() {
    let fixture = StorageFixture::new();
    fixture.set_fault(|step| match step {
        FaultPoint::CheckRoot => Err(io::ErrorKind::PermissionDenied.into()),
        _ => Ok(()),
    });
    let (published, _) = stop_recording(&fixture, begin_recording(&fixture, "call"));
    assert!(published.state_is(RecordingState::Finished), "{published:?}");
    assert_eq!(count_path_changes(&fixture), 0);
}

/// The end has not been reported yet, so the open that publishes the recording reports it as new.
#[test]
fn recovery_in_a_moved_directory_is_left_for_the_next_open() {
    let (directory, ids) = recovery::crash_recordings(Format::WAV, 1);
    let id = ids[0];
    let gate = DiskGate::at(&directory.0, FaultPoint::Digest);
    gate.shut();
    let fixture = StorageFixture::open_in(directory);
    gate.wait_for_arrivals(1);
    let moved = MovedDirectory::move_away(&fixture, true);
    gate.open();
    fixture.report.wait_until(|reports| {
        reports
            .logged
            .iter()
            .any(|line| line.contains("cannot be recovered, and the next open tries again"))
    });
    assert!(fixture.report.read(|reports| reports.published.is_empty()));
    fs::remove_dir(&moved.from).expect("empty");
    let fixture = StorageFixture::open_in(fixture.close_moved(moved.to));
    let (published, repeated) = fixture.published(id);
    assert!(
        published.state_is(RecordingState::Finished) && published.recovered && !repeated,
        "{published:?}"
    );
}
