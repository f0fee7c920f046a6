//! Deleting recordings that are uploaded.

use std::fs;

use callrec_core::calls::Caller;
use callrec_core::events::EventKind;
use callrec_core::recorder::Recorder;
use callrec_core::types::Status;
use callrec_testkit::wait;

use super::fixture::{FAST, UploadEngine, files_below};

#[test]
fn a_deletion_removes_the_uploaded_copy_and_a_hold_refuses_it() {
    let both = tempfile::tempdir().expect("a directory");
    let (local, archive) = (both.path().join("local"), both.path().join("archive"));
    fs::create_dir(&archive).expect("a directory");
    let url = format!("file://{}", archive.display());
    let keys = [("upload.url", url.as_str()), ("upload.delete_local", "true")];
    let keys = [&keys[..], &FAST[..]].concat();
    let engine = UploadEngine::open(&local, &keys);
    let (deleted, other) = (engine.record(1), engine.record(1));
    engine.wait_until_uploaded(deleted.id);
    engine.wait_until_uploaded(other.id);
    let id = deleted.id.to_string();
    engine.engine.hold(&Caller::Host, &id, true).expect("held");
    assert_eq!(engine.delete(deleted.id), Err(Status::Held));
    assert_eq!(files_below(&archive).len(), 4);
    engine.engine.hold(&Caller::Host, &id, false).expect("released");
    let call = engine.manifest(&deleted).call;
    let call: serde_json::Value = serde_json::from_str(call.text()).expect("JSON");
    let call_id = call["call_id"].as_str().expect("a call id").to_owned();
    // The store is away, and the process ends before it is back.
    fs::rename(&archive, both.path().join("away")).expect("moved");
    assert_eq!(engine.delete(deleted.id), Ok(()));
    assert!(!engine.path(&deleted.file).with_extension("json").exists());
    wait::until("the job is known", || engine.counts().removals_pending == 1);
    engine.wait_for_line(&["upload-removal failed", "there is no directory"]);
    engine.close();
    let job = fs::read_to_string(local.join(format!(".callrec/jobs/upload-removal/{id}.json")));
    let job = job.expect("a job");
    assert!(job.contains(&id) && !job.contains(&call_id), "{job}");
    fs::rename(both.path().join("away"), &archive).expect("moved back");
    assert_eq!(files_below(&archive).len(), 4);
    let engine = UploadEngine::open(&local, &keys);
    wait::until("the objects are removed", || files_below(&archive).len() == 2);
    wait::until("the job is done", || engine.counts().removals_pending == 0);
    let left = files_below(&archive);
    assert!(
        left.iter().all(|name| name.contains(&other.id.to_string())),
        "{left:?}"
    );
}

#[test]
fn a_foreign_object_is_not_removed() {
    let both = tempfile::tempdir().expect("a directory");
    let (local, archive) = (both.path().join("local"), both.path().join("archive"));
    fs::create_dir(&archive).expect("a directory");
    let url = format!("file://{}", archive.display());
    let keys = [("upload.url", url.as_str()), ("upload.key", "{id}")];
    let engine = UploadEngine::open(&local, &[&keys[..], &FAST[..]].concat());
    let made = engine.record(1);
    engine.wait_until_uploaded(made.id);
    let audio = archive.join(format!("{}.wav", made.id));
    fs::write(&audio, "somebody's").expect("written");
    assert_eq!(engine.delete(made.id), Ok(()));
    engine.wait_for_line(&["is not its own, so it stays"]);
    wait::until("the job is done", || engine.counts().removals_pending == 0);
    assert_eq!(fs::read(&audio).expect("it stays"), b"somebody's");
    assert_eq!(files_below(&archive).len(), 1);
}

#[test]
fn a_deletion_after_a_given_up_upload_removes_what_was_uploaded() {
    let both = tempfile::tempdir().expect("a directory");
    let (local, archive) = (both.path().join("local"), both.path().join("archive"));
    fs::create_dir(&archive).expect("a directory");
    // The audio is uploaded, and then the manifest is not.
    fs::write(archive.join("same.json"), "somebody's").expect("written");
    let url = format!("file://{}", archive.display());
    let keys = [("upload.url", url.as_str()), ("upload.key", "same")];
    let engine = UploadEngine::open(&local, &[&keys[..], &FAST[..]].concat());
    let made = engine.record(1);
    let event = engine.wait_for(made.id);
    assert_eq!(event.kind, EventKind::UploadFailed, "{}", event.json);
    assert_eq!(files_below(&archive), ["same.json", "same.wav"]);
    assert_eq!(engine.delete(made.id), Ok(()));
    wait::until("the audio is removed", || files_below(&archive) == ["same.json"]);
    let left = fs::read(archive.join("same.json")).expect("it stays");
    assert_eq!(left, b"somebody's");
}

#[test]
fn a_deletion_removes_what_was_uploaded_under_an_earlier_key() {
    let both = tempfile::tempdir().expect("a directory");
    let (local, archive) = (both.path().join("local"), both.path().join("archive"));
    let url = format!("file://{}", archive.display());
    let open = |key: &str| {
        let keys = [("upload.url", url.as_str()), ("upload.key", key)];
        UploadEngine::open(&local, &[&keys[..], &FAST[..]].concat())
    };
    let engine = open("first-{id}");
    let made = engine.record(1);
    engine.wait_for_line(&["there is no directory"]);
    engine.close();
    // The audio can be written, and the manifest cannot.
    let id = made.id;
    let blocked = archive.join(format!(".first-{id}.json.{id}.part"));
    fs::create_dir_all(&blocked).expect("a directory");
    let engine = open("first-{id}");
    engine.wait_for_line(&["the directory cannot be written"]);
    engine.close();
    fs::remove_dir(&blocked).expect("removed");
    let engine = open("second-{id}");
    engine.wait_until_uploaded(id);
    let second = ["json", "wav"].map(|suffix| format!("second-{id}.{suffix}"));
    let first = format!("first-{id}.wav");
    assert_eq!(files_below(&archive), [&[first][..], &second].concat());
    let uploaded = engine.manifest(&made).uploaded.expect("noted").objects;
    assert!(uploaded.iter().all(|object| second.contains(&object.key)));
    engine.close();
    let engine = open("third-{id}");
    assert_eq!(engine.delete(id), Ok(()));
    wait::until("all objects are removed", || files_below(&archive).is_empty());
}
