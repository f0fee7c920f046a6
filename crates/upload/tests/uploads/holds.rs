//! Legal holds of uploaded copies in S3.

use std::path::Path;

use callrec_core::calls::Caller;
use callrec_core::recorder::Recorder;
use callrec_testkit::wait;

use super::fixture::{MadeRecording, UploadEngine};
use super::s3_server::{S3Bucket, keys};

/// Where nothing listens, for a store that is away.
const AWAY: &str = "http://127.0.0.1:9";

/// An engine that holds objects in this bucket, which it reaches by `endpoint`.
fn open(directory: &Path, bucket: &S3Bucket, endpoint: &str) -> UploadEngine {
    let url = bucket.url();
    let mut keys = keys(&url, endpoint);
    keys.push(("upload.hold_objects", "true"));
    UploadEngine::open(directory, &keys)
}

fn held(bucket: &S3Bucket, made: &MadeRecording) -> Vec<String> {
    let key = |suffix: &str| format!("calls/{}{suffix}", made.id);
    [".json", ".wav"]
        .map(|suffix| bucket.legal_hold(&key(suffix)))
        .to_vec()
}

fn hold(engine: &UploadEngine, made: &MadeRecording, is_held: bool) {
    let held = engine.engine.hold(&Caller::Host, &made.id.to_string(), is_held);
    held.expect("stored");
}

/// Before the upload and after it, across a restart, and released again.
#[test]
fn a_hold_of_a_recording_holds_its_objects() {
    let Some(bucket) = S3Bucket::with_object_lock() else {
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    let endpoint = format!("http://{}", bucket.server.address);
    let engine = open(directory.path(), &bucket, AWAY);
    let early = engine.record(1);
    hold(&engine, &early, true);
    engine.close();

    let engine = open(directory.path(), &bucket, &endpoint);
    engine.wait_until_uploaded(early.id);
    wait::until("the objects are held", || held(&bucket, &early) == ["ON", "ON"]);
    let late = engine.record(1);
    engine.wait_until_uploaded(late.id);
    assert_eq!(held(&bucket, &late), ["", ""]);
    hold(&engine, &late, true);
    wait::until("the objects are held", || held(&bucket, &late) == ["ON", "ON"]);
    hold(&engine, &early, false);
    wait::until("the objects are released", || {
        held(&bucket, &early) == ["OFF", "OFF"]
    });
    assert_eq!(held(&bucket, &late), ["ON", "ON"]);
    engine.close();

    // The job survives a process that cannot reach the store.
    let engine = open(directory.path(), &bucket, AWAY);
    hold(&engine, &late, false);
    engine.wait_for_line(&[&late.id.to_string(), "upload-hold failed"]);
    engine.close();
    let engine = open(directory.path(), &bucket, &endpoint);
    wait::until("the objects are released", || {
        held(&bucket, &late) == ["OFF", "OFF"]
    });
    engine.close();
}

/// A version of an object that stays behind is not held, even if the recording was released and
/// deleted while the store was away.
#[test]
fn a_released_and_deleted_recording_leaves_no_hold() {
    let Some(bucket) = S3Bucket::with_object_lock() else {
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    let endpoint = format!("http://{}", bucket.server.address);
    let engine = open(directory.path(), &bucket, &endpoint);
    let made = engine.record(1);
    engine.wait_until_uploaded(made.id);
    hold(&engine, &made, true);
    wait::until("the objects are held", || held(&bucket, &made) == ["ON", "ON"]);
    engine.close();
    let engine = open(directory.path(), &bucket, AWAY);
    hold(&engine, &made, false);
    assert_eq!(engine.delete(made.id), Ok(()));
    engine.close();
    let engine = open(directory.path(), &bucket, &endpoint);
    wait::until("the objects are removed", || bucket.keys().is_empty());
    let versions = bucket.versions();
    assert_eq!(versions.len(), 2, "{versions:?}");
    for (key, version) in versions {
        let hold = bucket.legal_hold(&format!("{key}?versionId={version}"));
        assert_eq!(hold, "OFF", "{key}");
    }
    engine.close();
}

/// The last of many changes is the one that lasts.
#[test]
fn holds_and_releases_in_quick_succession_end_as_the_last() {
    let Some(bucket) = S3Bucket::with_object_lock() else {
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    let endpoint = format!("http://{}", bucket.server.address);
    let engine = open(directory.path(), &bucket, &endpoint);
    let made = engine.record(1);
    engine.wait_until_uploaded(made.id);
    for turn in 0..20 {
        hold(&engine, &made, turn % 2 == 0);
    }
    hold(&engine, &made, true);
    let folder = directory.path().join(".callrec/jobs/upload-hold");
    wait::until("all jobs are done", || {
        std::fs::read_dir(&folder).is_ok_and(|names| names.count() == 0)
    });
    assert_eq!(held(&bucket, &made), ["ON", "ON"]);
    engine.close();
}

#[test]
fn a_bucket_without_object_lock_is_named_in_the_log_and_the_recording_stays_held() {
    let Some(bucket) = S3Bucket::new() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let endpoint = format!("http://{}", bucket.server.address);
    let engine = open(directory.path(), &bucket, &endpoint);
    let made = engine.record(1);
    engine.wait_until_uploaded(made.id);
    hold(&engine, &made, true);
    let line = engine.wait_for_line(&[&made.id.to_string(), "needs a bucket with object lock"]);
    assert!(
        !line.contains("kept-secret") && !line.contains("X-Amz-Signature"),
        "{line}"
    );
    assert!(engine.manifest(&made).held);
    assert_eq!(engine.delete(made.id), Err(callrec_core::types::Status::Held));
    engine.close();
}
