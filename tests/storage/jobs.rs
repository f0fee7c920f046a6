//! A job is on the disk from before the end is reported until it is performed.

use super::*;
use callrec::clock::SystemClock;
use callrec::storage::{CALLBACK, Fragment, Job, JobSpec};
use callrec::task::block_on;

const URL: &str = "http://127.0.0.1/hook";

pub fn with_job(id: Uuid, reason: EndReason) -> Box<Manifest> {
    let mut manifest = ended(id, reason);
    manifest.callback = Some(Fragment::of(&URL));
    manifest
}

/// Blocking access to the store's jobs of one kind.
pub struct StoreJobs<'a>(pub &'a StorageFixture, pub &'a str);

impl StoreJobs<'_> {
    pub fn list(&self) -> Vec<Uuid> {
        let listed = block_on(self.0.store.jobs().list(self.1), &SystemClock);
        listed.expect("the jobs")
    }

    pub fn read(&self, id: Uuid) -> io::Result<Option<Job>> {
        block_on(self.0.store.jobs().read(self.1, id), &SystemClock)
    }

    pub fn finish(&self, id: Uuid) {
        block_on(self.0.store.jobs().finish(self.1, id), &SystemClock).expect("removed");
    }
}

pub fn callbacks(fixture: &StorageFixture) -> StoreJobs<'_> {
    StoreJobs(fixture, CALLBACK)
}

/// Begins a recording whose first manifest has the callback, as after a start.
fn begin(fixture: &StorageFixture, id: Uuid) -> ByteFile {
    let mut first = with_job(id, EndReason::Stopped);
    first.end_reason = String::new();
    let mut file = ByteFile::new(fixture.store.begin(
        id,
        Format::WAV,
        Box::new(move || (*first, name("call"))),
    ));
    file.shape(Format::WAV, 8000, 1);
    file.write(pattern(0, 800)).expect("backlog space");
    file
}

#[test]
fn a_job_is_on_the_disk_before_the_end_is_reported() {
    let fixture = StorageFixture::new();
    let id = Uuid::new_v4();
    let file = fixture.path(&format!(".callrec/jobs/callback/{id}.json"));
    let (job_path, writes) = (file.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = writes.clone();
    fixture.set_fault(move |step| {
        if step == FaultPoint::WriteJob || step == FaultPoint::RenameJob {
            assert!(!job_path.exists());
            counted.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    });
    begin(&fixture, id).finish(with_job(id, EndReason::Stopped), true);
    let (published, _) = fixture.published(id);
    assert!(file.exists(), "the job is written before `published`");
    assert_eq!(writes.load(Ordering::SeqCst), 2);
    fixture
        .report
        .wait_until(|reports| reports.queued.contains(&(CALLBACK.to_owned(), id)));
    let job = callbacks(&fixture).read(id).expect("read").expect("there");
    assert_eq!(job.recording, published);
    assert_eq!((job.kind.as_str(), job.key), (CALLBACK, id.to_string()));
    assert_eq!(job.payload, Fragment::of(&URL));
    assert!(job.queued_at_ms > 0);
    fixture.settle(id);
    assert_eq!(
        callbacks(&fixture).list(),
        [id],
        "settling the end leaves the job"
    );
    callbacks(&fixture).finish(id);
    assert_eq!(
        (
            callbacks(&fixture).list(),
            fixture.names_below(".callrec/jobs/callback").len()
        ),
        (vec![], 0)
    );
    assert_eq!(callbacks(&fixture).read(id).expect("read"), None);
    callbacks(&fixture).finish(id);
}

#[test]
fn a_performed_job_is_not_queued_again_with_a_repeated_end() {
    let fixture = StorageFixture::new();
    let ids = [Uuid::new_v4(), Uuid::new_v4()];
    for id in ids {
        begin(&fixture, id).finish(with_job(id, EndReason::Stopped), true);
        fixture.published(id);
    }
    callbacks(&fixture).finish(ids[0]);
    assert_eq!(callbacks(&fixture).list(), [ids[1]]);
    // No end was settled, so the next open reports both again.
    let fixture = StorageFixture::open_in(fixture.close());
    for id in ids {
        assert!(fixture.published(id).1, "repeated");
    }
    fixture.wait_until_idle();
    assert_eq!(callbacks(&fixture).list(), [ids[1]]);
    fixture.settle(ids[0]);
    fixture.settle(ids[1]);
    assert_eq!(callbacks(&fixture).list(), [ids[1]]);
    assert_eq!(
        fixture.names_below(".callrec/jobs/callback"),
        [format!("{}.json", ids[1])]
    );
}

#[test]
fn a_job_that_cannot_be_written_is_written_at_the_next_open() {
    for step in [FaultPoint::WriteJob, FaultPoint::RenameJob] {
        let fixture = StorageFixture::new();
        fixture.set_fault(move |at| if at == step { Err(full()) } else { Ok(()) });
        let id = Uuid::new_v4();
        begin(&fixture, id).finish(with_job(id, EndReason::Stopped), true);
        assert!(
            fixture.published(id).0.state_is(RecordingState::Finished),
            "{step:?}"
        );
        fixture.settle(id);
        assert!(
            fixture.live_path(id).exists(),
            "the live manifest stays for the next open"
        );
        fixture.clear_faults();
        let fixture = StorageFixture::open_in(fixture.close());
        assert!(fixture.published(id).1);
        fixture
            .report
            .wait_until(|reports| reports.queued.contains(&(CALLBACK.to_owned(), id)));
        assert_eq!(callbacks(&fixture).list(), [id], "{step:?}");
    }
}

/// Each job is written, performed and removed independently.
#[test]
fn a_recording_has_jobs_of_several_kinds() {
    let fixture = StorageFixture::new();
    let id = Uuid::new_v4();
    let mut manifest = with_job(id, EndReason::Stopped);
    manifest.jobs = ["upload", "sidecar"]
        .map(|kind| JobSpec::new(kind, &kind))
        .to_vec();
    // A job with an invalid kind must not affect the others.
    manifest.jobs.push(JobSpec::new("../outside", &1));
    let mut first = manifest.clone();
    first.end_reason = String::new();
    let mut file = ByteFile::new(fixture.store.begin(
        id,
        Format::WAV,
        Box::new(move || (*first, name("call"))),
    ));
    file.shape(Format::WAV, 8000, 1);
    file.write(pattern(0, 800)).expect("backlog space");
    file.finish(manifest, true);
    fixture.published(id);
    let kinds = ["upload", "sidecar", CALLBACK];
    for kind in kinds {
        fixture
            .report
            .wait_until(|reports| reports.queued.contains(&(kind.to_owned(), id)));
        assert_eq!(StoreJobs(&fixture, kind).list(), [id]);
    }
    let job = StoreJobs(&fixture, "upload")
        .read(id)
        .expect("read")
        .expect("there");
    assert_eq!((job.kind.as_str(), job.payload.text()), ("upload", "\"upload\""));
    StoreJobs(&fixture, "upload").finish(id);
    // The end was not settled; a performed job is not queued again.
    let fixture = StorageFixture::open_in(fixture.close());
    fixture.published(id);
    fixture.wait_until_idle();
    let counts = kinds.map(|kind| StoreJobs(&fixture, kind).list().len());
    assert_eq!(counts, [0, 1, 1]);
    fixture.settle(id);
    assert!(fixture.names_below(".callrec/jobs/upload").is_empty());
    assert!(StoreJobs(&fixture, "other").list().is_empty());
    assert!(!fixture.path(".callrec/jobs/other").exists());
}

fn full() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

#[test]
fn a_discarded_recording_leaves_no_job_and_a_failed_one_does() {
    let fixture = StorageFixture::new();
    let (gone, failed) = (Uuid::new_v4(), Uuid::new_v4());
    begin(&fixture, gone).finish(with_job(gone, EndReason::Discarded), false);
    fixture.published(gone);
    let error = callrec::types::Error::new(callrec::types::Status::Io, "broken");
    begin(&fixture, failed).fail(with_job(failed, EndReason::WriteError), error);
    fixture.published(failed);
    fixture.wait_until_idle();
    assert_eq!(callbacks(&fixture).list(), [failed]);
}

/// Records, performs the job and settles, until it is killed at step `kill`.
pub fn child_performs_job(directory: &Path, kill: usize) {
    abort_at(directory, kill, FileSystemKind::RenamesExclusively);
    let fixture = StorageFixture::printing(ScratchDir(directory.to_owned()));
    let id = Uuid::from_u128(1);
    begin(&fixture, id).finish(with_job(id, EndReason::Stopped), true);
    fixture.published(id);
    callbacks(&fixture).finish(id);
    print_line("answered");
    fixture.settle(id);
    std::process::exit(0);
}

#[test]
fn a_kill_at_any_step_keeps_a_job_until_it_is_performed() {
    let id = Uuid::from_u128(1);
    for kill in 0.. {
        let directory = ScratchDir::new();
        let (output, ended) = child(Format::WAV, "job", &directory.0, kill);
        let fixture = StorageFixture::open_in(directory);
        fixture.wait_until(|store| store.is_idle());
        let answered = output.contains("answered");
        let found = callbacks(&fixture).list();
        if answered {
            assert_eq!(found, Vec::<Uuid>::new(), "killed at step {kill}: {output}");
        } else if output.contains("created") {
            assert_eq!(found, [id], "killed at step {kill}: {output}");
        }
        if ended {
            assert!(answered && kill > 10, "{kill}: {output}");
            return;
        }
    }
}

/// Otherwise a user with write access to the directory could choose whom the library calls.
#[cfg(unix)]
#[test]
fn a_job_of_another_user_is_refused() {
    use std::os::unix::fs::chown;
    const OTHER_USER: Option<u32> = Some(54_321);
    let fixture = StorageFixture::new();
    let id = Uuid::new_v4();
    begin(&fixture, id).finish(with_job(id, EndReason::Stopped), true);
    fixture.published(id);
    let file = fixture.path(&format!(".callrec/jobs/callback/{id}.json"));
    if chown(&file, OTHER_USER, None).is_err() {
        // Only root can change the owner of a file.
        return;
    }
    let assert_refused = |fixture: &StorageFixture| {
        let error = callbacks(fixture).read(id).expect_err("another user's job");
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("another user"), "{error}");
    };
    assert_refused(&fixture);
    assert!(file.exists(), "the file is left alone");
    chown(&file, Some(0), None).expect("root");
    assert!(callbacks(&fixture).read(id).expect("read").is_some());
    let outbox = fixture.path(".callrec/jobs/callback");
    chown(&outbox, OTHER_USER, None).expect("root");
    let fixture = StorageFixture::open_in(fixture.close());
    assert_refused(&fixture);
    chown(&outbox, Some(0), None).expect("root");
    assert_eq!(callbacks(&fixture).list(), [id]);
}

/// Each thread creates a file of the same name, to find the owner of new files.
#[cfg(unix)]
#[test]
fn many_threads_can_refuse_a_job_at_once() {
    let fixture = StorageFixture::new();
    let id = Uuid::new_v4();
    begin(&fixture, id).finish(with_job(id, EndReason::Stopped), true);
    fixture.published(id);
    let file = fixture.path(&format!(".callrec/jobs/callback/{id}.json"));
    if std::os::unix::fs::chown(&file, Some(54_321), None).is_err() {
        // Only root can change the owner of a file.
        return;
    }
    let read_refused = || {
        for _ in 0..200 {
            let error = callbacks(&fixture).read(id).expect_err("another user's job");
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}");
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(read_refused);
        }
    });
}

/// A later version may have written the job.
#[test]
fn a_job_with_unknown_members_is_read() {
    let fixture = StorageFixture::new();
    let id = Uuid::new_v4();
    begin(&fixture, id).finish(with_job(id, EndReason::Stopped), true);
    fixture.published(id);
    let expected = callbacks(&fixture).read(id).expect("read").expect("there");
    let file = fixture.path(&format!(".callrec/jobs/callback/{id}.json"));
    let text = std::fs::read_to_string(&file).expect("there");
    let mut job: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    job["priority"] = 3.into();
    job["recording"]["colour"] = serde_json::json!({ "red": 1 });
    std::fs::write(&file, job.to_string()).expect("written");
    assert_eq!(callbacks(&fixture).read(id).expect("read"), Some(expected));
}

#[test]
fn a_damaged_job_is_renamed() {
    let fixture = StorageFixture::new();
    let id = Uuid::new_v4();
    begin(&fixture, id).finish(with_job(id, EndReason::Stopped), true);
    fixture.published(id);
    let file = fixture.path(&format!(".callrec/jobs/callback/{id}.json"));
    for name in ["json.bad", "json.bad-2"] {
        std::fs::write(&file, b"[").expect("written");
        assert_eq!(callbacks(&fixture).read(id).expect("read"), None);
        assert!(callbacks(&fixture).list().is_empty());
        assert!(
            fixture
                .path(&format!(".callrec/jobs/callback/{id}.{name}"))
                .exists()
        );
    }
    let logged = fixture.report.read(|reports| reports.logged.concat());
    assert!(logged.contains("put aside"), "{logged}");
}
