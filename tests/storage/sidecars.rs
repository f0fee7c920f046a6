//! The job that writes a vCon, on real directories.

use super::jobs::StoreJobs;
use super::*;
use callrec::clock::SystemClock;
use callrec::storage::{DeletionResult, Sidecar, SidecarResult, VCON};
use callrec::task::block_on;
use std::path::PathBuf;
use std::pin::pin;
use std::task::{Context, Waker};

const TASK: &str = "sidecar";

fn with_sidecars(durability: Durability) -> StorageConfig {
    StorageConfig {
        sidecars: vec![Sidecar::Json, Sidecar::Vcon],
        durability,
        ..config()
    }
}

fn open(directory: ScratchDir) -> StorageFixture {
    StorageFixture::open_with(directory, with_sidecars(Durability::Process))
}

fn record(fixture: &StorageFixture, id: Uuid, path: &str, reason: EndReason) {
    let mut file = fixture.begin(id, path);
    file.shape(fixture.format, 8000, 1);
    file.write(pattern(0, 800)).expect("backlog space");
    file.finish(ended(id, reason), reason == EndReason::Stopped);
    fixture.published(id);
}

fn vcons(fixture: &StorageFixture) -> StoreJobs<'_> {
    StoreJobs(fixture, VCON)
}

/// One attempt at the job of a recording, which the engine's runner would begin.
fn attempt(fixture: &StorageFixture, id: Uuid) -> io::Result<SidecarResult> {
    let job = vcons(fixture).read(id)?.expect("a job");
    let writer = fixture.store.sidecars().expect("it writes sidecars");
    block_on(writer.write_vcon(&job), &SystemClock)
}

fn perform(fixture: &StorageFixture, id: Uuid) {
    assert_eq!(attempt(fixture, id).expect("written"), SidecarResult::Written);
    vcons(fixture).finish(id);
}

fn reason(result: io::Result<SidecarResult>) -> String {
    match result.expect("no error") {
        SidecarResult::Impossible(reason) => reason,
        SidecarResult::Written => panic!("it was written"),
    }
}

fn json(path: PathBuf) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")
}

#[test]
fn a_published_recording_gets_one_vcon_and_a_discarded_one_none() {
    for durability in [Durability::Process, Durability::Finish, Durability::Power] {
        let fixture = StorageFixture::open_with(ScratchDir::new(), with_sidecars(durability));
        let (kept, gone) = (Uuid::from_u128(1), Uuid::from_u128(2));
        record(&fixture, kept, "sub/kept", EndReason::Stopped);
        record(&fixture, gone, "sub/gone", EndReason::Discarded);
        fixture.wait_until_idle();
        assert_eq!(vcons(&fixture).list(), [kept]);
        assert!(!fixture.path("sub/kept.vcon").exists(), "only the job writes it");
        perform(&fixture, kept);
        assert_eq!(fixture.names_below("sub"), ["kept.json", "kept.vcon", "kept.wav"]);
        let vcon = json(fixture.path("sub/kept.vcon"));
        assert_eq!(vcon["dialog"][0]["filename"], "kept.wav");
        fixture.settle(kept);
        assert!(fixture.names_below(".callrec/jobs/vcon").is_empty());
        assert!(vcons(&fixture).list().is_empty());
    }
}

#[test]
fn without_the_key_there_is_no_job_and_no_file() {
    let fixture = StorageFixture::new();
    record(&fixture, Uuid::from_u128(1), "sub/call", EndReason::Stopped);
    fixture.wait_until_idle();
    assert!(fixture.store.sidecars().is_none());
    assert!(!fixture.path(".callrec/jobs").exists());
    assert_eq!(fixture.names_below("sub"), ["call.json", "call.wav"]);
    let mut only_json = config();
    only_json.sidecars = vec![Sidecar::Json];
    let fixture = StorageFixture::open_with(fixture.close(), only_json);
    assert!(fixture.store.sidecars().is_none(), "the manifest needs no job");
}

#[test]
fn a_second_attempt_changes_nothing() {
    let fixture = open(ScratchDir::new());
    let id = Uuid::from_u128(1);
    record(&fixture, id, "call", EndReason::Stopped);
    assert_eq!(attempt(&fixture, id).expect("written"), SidecarResult::Written);
    let first = fs::read(fixture.path("call.vcon")).expect("a file");
    let modified =
        |fixture: &StorageFixture| fs::metadata(fixture.path("call.vcon")).and_then(|data| data.modified());
    let before = modified(&fixture).expect("a time");
    assert_eq!(attempt(&fixture, id).expect("found"), SidecarResult::Written);
    // The next process has another configuration, and still finishes the job.
    let fixture = StorageFixture::open_in(fixture.close());
    fixture.published(id);
    perform(&fixture, id);
    assert_eq!(fs::read(fixture.path("call.vcon")).expect("a file"), first);
    assert_eq!(modified(&fixture).expect("a time"), before);
}

#[test]
fn an_attempt_that_the_disk_refuses_leaves_no_part_and_is_repeated() {
    for step in [
        FaultPoint::WriteSidecar,
        FaultPoint::RenameSidecar,
        FaultPoint::ReadJob,
    ] {
        let fixture = open(ScratchDir::new());
        let id = Uuid::from_u128(1);
        record(&fixture, id, "sub/call", EndReason::Stopped);
        fixture.set_fault(move |at| match at == step {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        });
        attempt(&fixture, id).expect_err("refused");
        fixture.clear_faults();
        assert_eq!(fixture.names_below("sub"), ["call.json", "call.wav"], "{step:?}");
        assert_eq!(vcons(&fixture).list(), [id]);
        perform(&fixture, id);
        assert_eq!(fixture.names_below("sub"), ["call.json", "call.vcon", "call.wav"]);
    }
}

/// A process that dies between the rename and its check for a deletion leaves such a sidecar.
#[test]
fn the_sidecar_of_a_deleted_recording_is_removed() {
    let fixture = open(ScratchDir::new());
    let id = Uuid::from_u128(1);
    record(&fixture, id, "sub/call", EndReason::Stopped);
    assert_eq!(attempt(&fixture, id).expect("written"), SidecarResult::Written);
    fs::remove_file(fixture.path("sub/call.wav")).expect("removed");
    assert!(reason(attempt(&fixture, id)).contains("not where"));
    assert_eq!(
        fixture.names_below("sub"),
        ["call.json", "call.vcon"],
        "the host has moved the audio away"
    );
    fs::remove_file(fixture.path("sub/call.json")).expect("removed");
    assert!(reason(attempt(&fixture, id)).contains("not where"));
    assert!(fixture.names_below("sub").is_empty());
}

/// Another recording has got the name by the time when the sidecar is there.
#[test]
fn the_sidecar_of_a_recording_whose_name_another_one_has_is_removed() {
    let fixture = open(ScratchDir::new());
    let id = Uuid::from_u128(1);
    record(&fixture, id, "sub/call", EndReason::Stopped);
    let manifest = fixture.path("sub/call.json");
    let other = fs::read_to_string(&manifest)
        .expect("there")
        .replace(&id.to_string(), &Uuid::from_u128(2).to_string());
    fixture.set_fault(move |step| match step {
        FaultPoint::RenameSidecar => fs::write(&manifest, &other),
        _ => Ok(()),
    });
    assert!(reason(attempt(&fixture, id)).contains("not where"));
    fixture.clear_faults();
    assert_eq!(fixture.names_below("sub"), ["call.json", "call.wav"]);
}

/// While a sidecar is written, its recording is not deleted: otherwise a process that dies then would leave it.
#[test]
fn a_deletion_waits_for_a_sidecar_that_is_written() {
    let fixture = Arc::new(open(ScratchDir::new()));
    let id = Uuid::from_u128(1);
    record(&fixture, id, "sub/call", EndReason::Stopped);
    let directory = fixture.directory.0.clone();
    let deletes = fixture.clone();
    let (begun, may_end) = (Arc::new(AtomicUsize::new(0)), std::sync::Mutex::new(None));
    let seen = begun.clone();
    let deletion = Arc::new(may_end);
    let started = deletion.clone();
    fixture.set_fault(move |step| {
        if step == FaultPoint::RenameSidecar {
            let deletes = deletes.clone();
            let thread =
                std::thread::spawn(move || deletes.store.delete(id, None, true, "\"line\":1".to_owned()));
            *started.lock().expect("a lock") = Some(thread);
        }
        if step == FaultPoint::WriteDeletion {
            seen.fetch_add(
                usize::from(directory.join("sub/call.vcon").exists()),
                Ordering::SeqCst,
            );
        }
        Ok(())
    });
    let written = attempt(&fixture, id);
    let thread = deletion.lock().expect("a lock").take().expect("it was begun");
    let deleted = thread.join().expect("no panic").expect("deleted");
    fixture.clear_faults();
    assert_eq!(written.expect("no error"), SidecarResult::Written);
    assert_eq!(deleted, DeletionResult::Deleted);
    assert_eq!(
        begun.load(Ordering::SeqCst),
        1,
        "the sidecar was there when the deletion began"
    );
    assert!(fixture.names_below("sub").is_empty());
}

#[test]
fn what_is_no_longer_the_published_recording_gets_none() {
    let fixture = open(ScratchDir::new());
    let ids = [1, 2, 3, 4].map(Uuid::from_u128);
    for id in ids {
        record(&fixture, id, &format!("sub/{}", id.as_u128()), EndReason::Stopped);
    }
    fs::remove_file(fixture.path("sub/1.wav")).expect("removed");
    fs::remove_file(fixture.path("sub/2.json")).expect("removed");
    fs::write(fixture.path("sub/3.wav"), "other audio").expect("written");
    fs::write(fixture.path("sub/4.vcon"), "a file of the host").expect("written");
    let reasons = ids.map(|id| reason(attempt(&fixture, id)));
    for (reason, part) in reasons
        .iter()
        .zip(["not where", "not where", "has changed", "another file"])
    {
        assert!(reason.contains(part), "{reason}");
    }
    let vcons: Vec<String> = fixture.names_below("sub");
    let vcons: Vec<&String> = vcons.iter().filter(|name| name.ends_with(".vcon")).collect();
    assert_eq!(vcons, ["4.vcon"]);
    assert_eq!(
        fs::read(fixture.path("sub/4.vcon")).expect("a file"),
        b"a file of the host"
    );
}

/// Otherwise the new recording would get no vCon.
#[test]
fn the_name_of_a_vcon_is_taken() {
    let fixture = open(ScratchDir::new());
    fs::write(fixture.path("call.vcon"), "of a recording that was moved away").expect("written");
    let ids = [1, 2].map(Uuid::from_u128);
    record(&fixture, ids[0], "call", EndReason::Stopped);
    record(&fixture, ids[1], "call.vcon", EndReason::Stopped);
    for id in ids {
        perform(&fixture, id);
    }
    for name in [
        "call-2.vcon",
        "call-2.wav",
        "call.vcon.json",
        "call.vcon.vcon",
        "call.vcon.wav",
    ] {
        assert!(fixture.path(name).exists(), "{name}");
    }
}

/// So that closing an engine does not wait for a long file.
#[test]
fn an_attempt_suspends_after_each_read() {
    let fixture = open(ScratchDir::new());
    let id = Uuid::from_u128(1);
    record(&fixture, id, "call", EndReason::Stopped);
    // The digest in the manifest would be another one.
    let manifest = fs::read_to_string(fixture.path("call.json")).expect("a manifest");
    let digest = manifest
        .split("sha256:")
        .nth(1)
        .and_then(|rest| rest.get(..64))
        .expect("a digest");
    fs::write(
        fixture.path("call.json"),
        manifest.replace(&format!("sha256:{digest}"), ""),
    )
    .expect("written");
    let audio = fs::OpenOptions::new()
        .write(true)
        .open(fixture.path("call.wav"))
        .expect("audio");
    audio.set_len(4 << 20).expect("longer");
    let job = vcons(&fixture).read(id).expect("read").expect("a job");
    let writer = fixture.store.sidecars().expect("it writes sidecars");
    let mut attempt = pin!(writer.write_vcon(&job));
    let mut context = Context::from_waker(Waker::noop());
    let mut suspensions = 0;
    while attempt.as_mut().poll(&mut context).is_pending() {
        suspensions += 1;
    }
    assert_eq!(suspensions, 16, "one for each 256 KiB");
    assert!(fixture.path("call.vcon").exists());
}

/// Records and performs the job, until it is killed at step `kill`.
pub fn child_writes_sidecar(directory: &Path, kill: usize, system: FileSystemKind) {
    abort_at(directory, kill, system);
    let mut config = with_sidecars(Durability::Finish);
    // One step follows the other, so that each number is the same step in each process.
    config.syncing_finishers = 1;
    let fixture = StorageFixture::printing_with(ScratchDir(directory.to_owned()), config);
    let id = Uuid::from_u128(1);
    record(&fixture, id, "sub/call", EndReason::Stopped);
    perform(&fixture, id);
    print_line("performed");
    fixture.settle(id);
    std::process::exit(0);
}

#[test]
fn a_kill_at_any_step_leaves_a_whole_vcon_or_its_job() {
    let id = Uuid::from_u128(1);
    for system in FILE_SYSTEMS {
        for kill in 0.. {
            let directory = ScratchDir::new();
            let (output, ended) = child(Format::WAV, &system.task(TASK), &directory.0, kill);
            let path = directory.0.join("sub/call.vcon");
            let found = fs::read(&path).ok().filter(|bytes| !bytes.is_empty());
            if let Some(found) = &found {
                serde_json::from_slice::<serde_json::Value>(found).expect("a whole vCon");
            }
            assert!(found.is_some() || !output.contains("performed"), "kill {kill}");
            let fixture = open(directory);
            fixture.wait_until_idle();
            for id in vcons(&fixture).list() {
                perform(&fixture, id);
            }
            if output.contains("created") {
                let names = fixture.names_below("sub");
                assert_eq!(
                    names,
                    ["call.json", "call.vcon", "call.wav"],
                    "kill {kill}: {output}"
                );
                let vcon = fs::read(&path).expect("a vCon");
                assert!(
                    found.is_none_or(|found| found == vcon),
                    "kill {kill}: it was rewritten"
                );
            }
            fixture.settle(id);
            let left = fixture.names_below(".callrec/jobs/vcon");
            assert!(left.is_empty(), "kill {kill}: {left:?}");
            if ended {
                assert!(output.contains("performed") && kill > 20, "{kill}: {output}");
                break;
            }
        }
    }
}
