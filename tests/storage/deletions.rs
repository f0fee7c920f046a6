//! Deletions of published recordings: the order of their syncs, and processes that are killed at each step.

use super::durability::{allow_all, expect_order, note_steps};
use super::jobs::{StoreJobs, with_job};
use super::*;
use callrec::storage::{CALLBACK, DeletionResult, RawEntry, Sidecar};

const NAME: &str = "sub/call-of-user1";

fn durable() -> StorageConfig {
    StorageConfig {
        sidecars: vec![Sidecar::Json, Sidecar::Vcon],
        durability: Durability::Finish,
        ..config()
    }
}

pub fn open(directory: ScratchDir) -> StorageFixture {
    StorageFixture::open_with(directory, durable())
}

/// Publishes a recording with pending jobs, and with a file of kept packets. Its end stays owed.
pub fn publish(fixture: &StorageFixture, id: Uuid) {
    let mut first = with_job(id, EndReason::Stopped);
    first.end_reason = String::new();
    let begun = fixture
        .store
        .begin(id, Format::WAV, Box::new(move || (*first, name(NAME))));
    let mut file = ByteFile::new(begun);
    file.shape(Format::WAV, 8000, 1);
    file.write(pattern(0, 800)).expect("backlog space");
    file.finish(with_job(id, EndReason::Stopped), true);
    fixture.published(id);
    fixture.wait_until_idle();
    let path = fixture.path(&format!("{NAME}.json"));
    let mut manifest: Manifest =
        serde_json::from_slice(&fs::read(&path).expect("there")).expect("a manifest");
    manifest.raw = Some(RawEntry {
        file: format!("{NAME}.pcapng"),
        ..RawEntry::default()
    });
    fs::write(&path, manifest.to_bytes().expect("bytes")).expect("written");
    fs::write(fixture.path(&format!("{NAME}.pcapng")), "packets").expect("written");
}

pub fn delete(fixture: &StorageFixture, id: Uuid) -> io::Result<DeletionResult> {
    let file = format!("{NAME}.wav");
    fixture
        .store
        .delete(id, Some(&file), false, "\"line\":1".to_owned())
}

/// The files of the directory that belong to the recording.
pub fn files_of(fixture: &StorageFixture, id: Uuid) -> Vec<String> {
    let mut names = fixture.names_below("sub");
    for folder in ["", "/jobs/callback", "/jobs/vcon", "/deletions"] {
        let here = fixture.names_below(&format!(".callrec{folder}"));
        let own = here.into_iter().filter(|name| name.contains(&id.to_string()));
        names.extend(own.map(|name| format!(".callrec{folder}/{name}")));
    }
    names
}

#[test]
fn a_deletion_removes_everything_of_the_recording_but_the_end_that_it_owes() {
    let fixture = open(ScratchDir::new());
    let (id, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    publish(&fixture, id);
    assert_eq!(files_of(&fixture, id).len(), 6, "{:?}", files_of(&fixture, id));
    assert_eq!(delete(&fixture, id).expect("deleted"), DeletionResult::Deleted);
    assert_eq!(files_of(&fixture, id), [format!(".callrec/{id}.json")]);
    let owed = fixture.live_manifest(id);
    assert!(owed.deleted && owed.call == Manifest::default().call && owed.file.is_empty());
    assert!(StoreJobs(&fixture, CALLBACK).list().is_empty());
    assert_eq!(delete(&fixture, id).expect("looked"), DeletionResult::NotFound);
    assert_eq!(delete(&fixture, other).expect("looked"), DeletionResult::NotFound);
    // The next process reports the end, if nobody has taken it.
    let fixture = open(fixture.close());
    let (end, repeated) = fixture.published(id);
    assert!(repeated && end.state_is(RecordingState::Finished) && end.file.is_empty());
    fixture.settle(id);
    assert!(files_of(&fixture, id).is_empty());
    assert_eq!(delete(&fixture, id).expect("looked"), DeletionResult::NotFound);
}

#[test]
fn the_end_of_a_recording_is_settled_while_it_is_deleted() {
    for round in 0..20 {
        let fixture = open(ScratchDir::new());
        let id = Uuid::from_u128(round);
        publish(&fixture, id);
        fixture.store.settle(id);
        assert_eq!(delete(&fixture, id).expect("deleted"), DeletionResult::Deleted);
        fixture.wait_until_idle();
        assert!(files_of(&fixture, id).is_empty(), "{:?}", files_of(&fixture, id));
    }
}

#[test]
fn a_deletion_is_noted_and_synced_before_anything_is_removed() {
    let fixture = open(ScratchDir::new());
    let id = Uuid::from_u128(1);
    publish(&fixture, id);
    let steps = note_steps(&fixture.directory.0, allow_all);
    delete(&fixture, id).expect("deleted");
    let order = [
        FaultPoint::WriteDeletion,
        FaultPoint::SyncFile,
        FaultPoint::RenameDeletion,
        FaultPoint::SyncFolder,
        FaultPoint::WriteLiveManifest,
        FaultPoint::SyncFile,
        FaultPoint::RenameLiveManifest,
        FaultPoint::SyncFolder,
        FaultPoint::DeleteJobs,
        FaultPoint::SyncFolder,
        FaultPoint::DeleteRaw,
        FaultPoint::DeleteAudio,
        FaultPoint::SyncFolder,
        FaultPoint::DeleteManifest,
        FaultPoint::SyncFolder,
        FaultPoint::RemoveDeletion,
    ];
    expect_order(&steps, &order);
    let steps = steps.lock();
    let first_removal = steps.iter().position(|step| *step == FaultPoint::DeleteJobs);
    let before = &steps[..first_removal.expect("a removal")];
    assert!(before.contains(&FaultPoint::RenameDeletion) && !before.contains(&FaultPoint::DeleteAudio));
    assert_eq!(steps.last(), Some(&FaultPoint::RemoveDeletion));
}

#[test]
fn a_deletion_that_the_disk_refuses_is_completed_by_the_next_call_or_the_next_open() {
    let steps = [
        FaultPoint::RenameDeletion,
        FaultPoint::DeleteJobs,
        FaultPoint::DeleteRaw,
        FaultPoint::DeleteAudio,
        FaultPoint::DeleteManifest,
    ];
    for (refused, reopens) in steps.into_iter().flat_map(|step| [(step, false), (step, true)]) {
        let fixture = open(ScratchDir::new());
        let id = Uuid::from_u128(1);
        publish(&fixture, id);
        fixture.settle(id);
        fixture.set_fault(move |step| match step == refused {
            true => Err(io::Error::from_raw_os_error(libc::EIO)),
            false => Ok(()),
        });
        assert!(delete(&fixture, id).is_err(), "{refused:?}");
        assert_eq!(fixture.report.read(|reports| reports.deleted.len()), 0);
        fixture.clear_faults();
        if reopens && refused != FaultPoint::RenameDeletion {
            let fixture = open(fixture.close());
            fixture
                .report
                .wait_until(|reports| reports.deleted.get(&id) == Some(&true));
            fixture.wait_until_idle();
            assert!(files_of(&fixture, id).is_empty(), "{refused:?}");
        } else {
            assert_eq!(delete(&fixture, id).expect("deleted"), DeletionResult::Deleted);
            assert!(files_of(&fixture, id).is_empty(), "{refused:?}");
        }
    }
}

/// Deleting is what makes space.
#[test]
fn a_full_disk_does_not_prevent_a_deletion() {
    let fixture = open(ScratchDir::new());
    let id = Uuid::from_u128(1);
    publish(&fixture, id);
    let is_full = std::sync::atomic::AtomicBool::new(true);
    let steps = note_steps(&fixture.directory.0, move |step| {
        if step == FaultPoint::DeleteAudio {
            is_full.store(false, Ordering::SeqCst);
        }
        let writes = matches!(step, FaultPoint::WriteDeletion | FaultPoint::WriteLiveManifest);
        match writes && is_full.load(Ordering::SeqCst) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    });
    assert_eq!(delete(&fixture, id).expect("deleted"), DeletionResult::Deleted);
    assert_eq!(files_of(&fixture, id), [format!(".callrec/{id}.json")]);
    assert!(fixture.live_manifest(id).deleted, "overwritten in place");
    let order = [
        FaultPoint::MarkDeletion,
        FaultPoint::SyncFolder,
        FaultPoint::OverwriteLiveManifest,
        FaultPoint::DeleteAudio,
        FaultPoint::DeleteManifest,
        FaultPoint::SyncFolder,
        FaultPoint::RenameDeletion,
        FaultPoint::RemoveDeletion,
    ];
    expect_order(&steps, &order);
}

/// A disk that has space for no file of callrec. `inodes`: not even for an empty one.
fn refuse_on_full_disk(step: FaultPoint, inodes: bool) -> io::Result<()> {
    let refuses = match step {
        FaultPoint::WriteDeletion | FaultPoint::WriteLiveManifest => true,
        FaultPoint::MarkDeletion => !inodes,
        _ => false,
    };
    match refuses {
        true => Err(io::ErrorKind::StorageFull.into()),
        false => Ok(()),
    }
}

/// Others fill the disk as fast as the deletion frees it.
#[test]
fn a_disk_that_stays_full_does_not_prevent_a_deletion() {
    for inodes in [true, false] {
        let fixture = open(ScratchDir::new());
        let id = Uuid::from_u128(1);
        publish(&fixture, id);
        fixture.settle(id);
        fixture.set_fault(move |step| refuse_on_full_disk(step, inodes));
        assert_eq!(delete(&fixture, id).expect("deleted"), DeletionResult::Deleted);
        assert!(files_of(&fixture, id).is_empty(), "{:?}", files_of(&fixture, id));
    }
}

#[test]
fn a_deletion_without_any_space_is_refused_before_anything_is_removed() {
    let fixture = open(ScratchDir::new());
    let id = Uuid::from_u128(1);
    publish(&fixture, id);
    fixture.settle(id);
    let whole = files_of(&fixture, id);
    fixture.set_fault(|step| match step {
        FaultPoint::LinkDeletion => Err(io::ErrorKind::StorageFull.into()),
        step => refuse_on_full_disk(step, false),
    });
    let refused = delete(&fixture, id).expect_err("no space");
    assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
    fixture.clear_faults();
    assert_eq!(files_of(&fixture, id), whole);
    let fixture = open(fixture.close());
    fixture.wait_until_idle();
    assert_eq!(files_of(&fixture, id), whole);
}

/// Deletes the only recording, until it is killed at step `kill`.
pub fn child_deletes(directory: &Path, kill: usize, system: FileSystemKind) {
    let fixture = open(ScratchDir(directory.to_owned()));
    let id = Uuid::from_u128(1);
    fixture.wait_until_idle();
    abort_at(directory, kill, system);
    end_deletion(&fixture, id);
}

/// The same on a full disk. `inodes`: an empty file can be created.
pub fn child_deletes_on_full_disk(directory: &Path, kill: usize, inodes: bool) {
    let fixture = open(ScratchDir(directory.to_owned()));
    let id = Uuid::from_u128(1);
    fixture.wait_until_idle();
    let steps = AtomicUsize::new(0);
    fixture.set_fault(move |step| {
        if steps.fetch_add(1, Ordering::SeqCst) == kill {
            std::process::abort();
        }
        refuse_on_full_disk(step, inodes)
    });
    end_deletion(&fixture, id);
}

fn end_deletion(fixture: &StorageFixture, id: Uuid) {
    delete(fixture, id).expect("deleted");
    print_line("returned");
    std::process::exit(0);
}

#[test]
fn a_kill_at_any_step_leaves_a_whole_recording_or_none() {
    for task in ["delete", "delete on full disk", "delete without inodes"] {
        kill_at_each_step(task, false);
        kill_at_each_step(task, true);
    }
}

fn kill_at_each_step(task: &str, settles: bool) {
    let id = Uuid::from_u128(1);
    let fixture = open(ScratchDir::new());
    publish(&fixture, id);
    if settles {
        fixture.settle(id);
    }
    let whole = files_of(&fixture, id);
    let directory = fixture.close();
    for kill in 0.. {
        let copy = ScratchDir::new();
        copy_tree(&directory.0, &copy.0);
        let (output, ended) = child(Format::WAV, task, &copy.0, kill);
        let fixture = open(copy);
        fixture.wait_until_idle();
        let left = files_of(&fixture, id);
        let is_whole = left == whole;
        let owed = match settles {
            true => vec![],
            false => vec![format!(".callrec/{id}.json")],
        };
        assert!(is_whole || left == owed, "{task}, kill {kill}: {left:?}");
        assert!(!is_whole || !output.contains("returned"), "{task}, kill {kill}");
        // The end is reported once, and to nobody again who has taken it.
        let ends = fixture.report.read(|reports| reports.published.get(&id).cloned());
        assert_eq!(ends.is_some(), !settles, "{task}, kill {kill}");
        if let Some((end, repeated)) = ends {
            assert!(
                repeated && end.end_reason_is(EndReason::Stopped),
                "{task}, kill {kill}"
            );
            assert_eq!(end.file.is_empty(), !is_whole, "{task}, kill {kill}");
            fixture.settle(id);
        }
        // A deletion that has begun is reported, here or there.
        let reported = fixture.report.read(|reports| reports.deleted.contains_key(&id));
        assert!(
            is_whole || reported || output.contains("deleted") || ended,
            "{task}, kill {kill}"
        );
        if !is_whole {
            assert!(files_of(&fixture, id).is_empty(), "{task}, kill {kill}");
            // On a full disk, no note can say that the directory is needed no longer.
            assert!(
                task != "delete" || fixture.names() == [".callrec"],
                "{task}, kill {kill}"
            );
        }
        if ended {
            assert!(kill > 12, "only {kill} steps");
            break;
        }
    }
}

/// A hold that is accepted after a deletion has failed survives the next open.
#[test]
fn a_hold_after_a_failed_deletion_keeps_the_recording() {
    let fixture = open(ScratchDir::new());
    let id = Uuid::from_u128(1);
    publish(&fixture, id);
    fixture.settle(id);
    fixture.set_fault(|step| match step == FaultPoint::DeleteJobs {
        true => Err(io::Error::from_raw_os_error(libc::EIO)),
        false => Ok(()),
    });
    assert!(delete(&fixture, id).is_err());
    fixture.clear_faults();
    assert!(fixture.path(&format!("{NAME}.wav")).exists());
    let file = format!("{NAME}.wav");
    {
        let _turn = fixture.store.turn(id);
        assert!(
            fixture
                .store
                .hold_published(id, Some(&file), true)
                .expect("stored")
        );
    }
    assert_eq!(delete(&fixture, id).expect("looked"), DeletionResult::Held);
    let fixture = open(fixture.close());
    fixture.wait_until_idle();
    assert!(
        fixture.path(&format!("{NAME}.wav")).exists(),
        "the held audio is gone"
    );
}

/// A directory that the host has moved while the process was down.
#[test]
fn a_deletion_is_completed_although_its_directory_was_moved() {
    let fixture = open(ScratchDir::new());
    let id = Uuid::from_u128(1);
    publish(&fixture, id);
    fixture.settle(id);
    fixture.set_fault(|step| match step == FaultPoint::DeleteJobs {
        true => Err(io::Error::from_raw_os_error(libc::EIO)),
        false => Ok(()),
    });
    assert!(delete(&fixture, id).is_err());
    fixture.clear_faults();
    let directory = fixture.close();
    fs::rename(directory.0.join("sub"), directory.0.join("moved")).expect("moved");
    let fixture = open(directory);
    fixture.wait_until_idle();
    let reported = fixture.report.read(|reports| reports.deleted.contains_key(&id));
    let left = fixture.names_below("moved");
    assert!(
        !reported || left.is_empty(),
        "reported as deleted, but there are {left:?}"
    );
}

/// A job gets another name when it ends, here while the deletion removes jobs.
#[test]
fn a_job_that_ends_during_a_deletion_leaves_nothing() {
    let fixture = open(ScratchDir::new());
    let id = Uuid::from_u128(1);
    publish(&fixture, id);
    let jobs = fixture.path(".callrec/jobs");
    fixture.set_fault(move |step| {
        if step == FaultPoint::DeleteJobs {
            for kind in ["callback", "vcon"] {
                let name = |end: &str| jobs.join(format!("{kind}/{id}.{end}"));
                let _ = fs::rename(name("json"), name("done"));
            }
        }
        Ok(())
    });
    assert_eq!(delete(&fixture, id).expect("deleted"), DeletionResult::Deleted);
    fixture.clear_faults();
    assert_eq!(files_of(&fixture, id), [format!(".callrec/{id}.json")]);
}
