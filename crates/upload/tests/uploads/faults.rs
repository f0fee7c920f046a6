//! A store behind a proxy that cuts, answers 503, stalls, or loses responses.

use std::os::unix::fs::MetadataExt;

use callrec_core::events::EventKind;
use callrec_testkit::fault_proxy::{FaultProxy, ProxyFault};
use callrec_testkit::wait;

use super::fixture::{UploadEngine, change_last_byte};
use super::s3::assert_stored;
use super::s3_server::{S3Bucket, keys};

struct DisturbedStore {
    bucket: S3Bucket,
    proxy: FaultProxy,
    directory: tempfile::TempDir,
}

impl DisturbedStore {
    fn new(fault: ProxyFault) -> Option<DisturbedStore> {
        let bucket = S3Bucket::new()?;
        let proxy = FaultProxy::new(bucket.server.address);
        proxy.set(fault);
        Some(DisturbedStore {
            bucket,
            proxy,
            directory: tempfile::tempdir().expect("a directory"),
        })
    }

    fn open(&self) -> UploadEngine {
        self.open_with(&[])
    }

    fn open_with(&self, more: &[(&str, &str)]) -> UploadEngine {
        let (url, endpoint) = (self.bucket.url(), self.proxy.url());
        let mut keys = keys(&url, &endpoint);
        keys.extend_from_slice(more);
        UploadEngine::open(self.directory.path(), &keys)
    }
}

fn answer(status: &str, code: &str) -> ProxyFault {
    let body = format!("<Error><Code>{code}</Code><Message>full</Message></Error>");
    ProxyFault::Answer(format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    ))
}

/// A limit that a server on a busy machine may exceed, so an upload may need several attempts.
const SHORT: (&str, &str) = ("upload.timeout_ms", "500");

/// Whatever the store does, a recording ends at once, and is uploaded once the store is well.
fn assert_survives(fault: ProxyFault, line: &[&str]) {
    let Some(store) = DisturbedStore::new(fault.clone()) else {
        return;
    };
    let stalls = fault == ProxyFault::Stall;
    let engine = store.open_with(if stalls { &[SHORT] } else { &[] });
    let made = engine.record(2);
    let id = made.id.to_string();
    engine.wait_for_line(&[&[id.as_str(), "will be tried again"][..], line].concat());
    assert!(engine.path(&made.file).exists(), "{fault:?}");
    assert_eq!((engine.counts().pending, engine.counts().done), (1, 0));
    wait::until("the age of the oldest", || engine.counts().oldest_ms > 0);
    let engine = match stalls {
        true => {
            engine.close();
            store.open()
        }
        false => engine,
    };
    store.proxy.set(ProxyFault::None);
    engine.wait_until_uploaded(made.id);
    assert_stored(&store.bucket, &made, 2 * 192_000);
    assert!(!engine.path(&made.file).exists());
}

#[test]
fn a_store_that_answers_503_is_tried_again() {
    assert_survives(answer("503 Slow Down", "SlowDown"), &["503"]);
}

#[test]
fn a_full_bucket_is_a_clear_error() {
    assert_survives(answer("507 Insufficient Storage", "QuotaExceeded"), &["507"]);
}

#[test]
fn a_store_that_stalls_is_tried_again() {
    assert_survives(ProxyFault::Stall, &["no progress within upload.timeout_ms"]);
}

#[test]
fn a_connection_that_is_cut_is_tried_again() {
    assert_survives(ProxyFault::CutAfter(100_000), &["the store failed"]);
}

#[test]
fn an_object_whose_response_was_lost_is_found_and_not_uploaded_again() {
    let Some(store) = DisturbedStore::new(ProxyFault::LoseResponses) else {
        return;
    };
    let engine = store.open();
    let made = engine.record(2);
    wait::until("lost responses", || store.proxy.disturbed() > 1);
    assert_eq!(engine.events().len(), 0);
    store.proxy.set(ProxyFault::None);
    engine.wait_until_uploaded(made.id);
    assert_stored(&store.bucket, &made, 2 * 192_000);
}

#[test]
fn an_upload_in_parts_goes_on_after_a_restart() {
    // In the second part of two.
    let Some(store) = DisturbedStore::new(ProxyFault::StallAt(9_000_000)) else {
        return;
    };
    let engine = store.open();
    let made = engine.record(50);
    engine.wait_for_part(&made);
    engine.close();
    let before = store.proxy.sent();
    assert_eq!(store.bucket.unfinished(), 1);
    store.proxy.set(ProxyFault::None);
    let engine = store.open();
    engine.wait_until_uploaded(made.id);
    assert_stored(&store.bucket, &made, 50 * 192_000);
    let again = store.proxy.sent() - before;
    assert!(again < 4_000_000, "{again} bytes: the first part was sent again");
    assert_eq!(store.bucket.unfinished(), 0);
}

#[test]
fn parts_that_the_store_does_not_have_are_uploaded_again() {
    let Some(store) = DisturbedStore::new(ProxyFault::StallAt(9_000_000)) else {
        return;
    };
    let engine = store.open();
    let made = engine.record(50);
    let noted = engine.wait_for_part(&made);
    engine.close();
    // The store has another part than the one that was noted.
    let path = store.directory.path().join(&noted);
    let text = std::fs::read_to_string(&path).expect("noted");
    let mut progress: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    progress["objects"][0]["parts"]["parts"][0] = "00000000000000000000000000000000".into();
    std::fs::write(&path, progress.to_string()).expect("written");
    store.proxy.set(ProxyFault::None);
    let engine = store.open();
    engine.wait_for_line(&["the store has forgotten the parts of the object"]);
    engine.wait_until_uploaded(made.id);
    assert_stored(&store.bucket, &made, 50 * 192_000);
    assert_eq!(store.bucket.unfinished(), 0);
}

#[test]
fn a_file_that_changes_during_an_upload_in_parts_is_given_up() {
    let Some(store) = DisturbedStore::new(ProxyFault::StallAt(9_000_000)) else {
        return;
    };
    let engine = store.open();
    let made = engine.record(50);
    engine.wait_for_part(&made);
    engine.close();
    change_last_byte(&store.directory.path().join(&made.file));
    store.proxy.set(ProxyFault::None);
    let engine = store.open();
    let event = engine.wait_for(made.id);
    assert_eq!(event.kind, EventKind::UploadFailed, "{}", event.json);
    assert_eq!(event.json["error"], "its file has changed");
    assert_eq!(store.bucket.keys(), Vec::<String>::new());
    assert_eq!(store.bucket.unfinished(), 0);
}

#[test]
fn an_attempt_that_changes_nothing_writes_no_progress() {
    let Some(store) = DisturbedStore::new(answer("503 Slow Down", "SlowDown")) else {
        return;
    };
    let engine = store.open();
    let made = engine.record(1);
    let path = engine.path(&format!(".callrec/jobs/upload/{}.progress", made.id));
    let after_another_attempt = || {
        let before = store.proxy.disturbed();
        wait::until("two more attempts", || store.proxy.disturbed() >= before + 2);
        let found = std::fs::metadata(&path).expect("noted before the first request");
        (found.ino(), found.modified().expect("a time"))
    };
    let noted = after_another_attempt();
    assert_eq!(after_another_attempt(), noted);
}

#[test]
fn a_deletion_during_an_upload_leaves_nothing() {
    let Some(store) = DisturbedStore::new(ProxyFault::StallAt(9_000_000)) else {
        return;
    };
    let engine = store.open();
    let made = engine.record(50);
    engine.wait_for_part(&made);
    assert_eq!(engine.delete(made.id), Ok(()));
    store.proxy.set(ProxyFault::None);
    wait::until("nothing is pending", || {
        let counts = engine.counts();
        (counts.pending, counts.removals_pending) == (0, 0)
    });
    assert_eq!(store.bucket.keys(), Vec::<String>::new());
    assert_eq!(store.bucket.unfinished(), 0);
    assert_eq!(engine.events().len(), 0, "it was neither uploaded nor given up");
}

#[test]
fn a_deletion_after_a_given_up_upload_leaves_no_parts() {
    let Some(store) = DisturbedStore::new(ProxyFault::StallAt(9_000_000)) else {
        return;
    };
    let engine = store.open();
    let made = engine.record(50);
    engine.wait_for_part(&made);
    engine.close();
    let engine = store.open_with(&[("upload.give_up_ms", "1"), SHORT]);
    let event = engine.wait_for(made.id);
    assert_eq!(event.kind, EventKind::UploadFailed, "{}", event.json);
    assert_eq!(store.bucket.unfinished(), 1);
    store.proxy.set(ProxyFault::None);
    assert_eq!(engine.delete(made.id), Ok(()));
    wait::until("the parts are gone", || store.bucket.unfinished() == 0);
    assert_eq!(store.bucket.keys(), Vec::<String>::new());
}

#[test]
fn an_upload_in_parts_under_a_key_that_has_changed_is_aborted() {
    let Some(store) = DisturbedStore::new(ProxyFault::StallAt(9_000_000)) else {
        return;
    };
    let engine = store.open();
    let made = engine.record(50);
    engine.wait_for_part(&made);
    engine.close();
    assert_eq!(store.bucket.unfinished(), 1);
    store.proxy.set(ProxyFault::None);
    let engine = store.open_with(&[("upload.key", "later/{id}")]);
    engine.wait_until_uploaded(made.id);
    let stored = ["json", "wav"].map(|suffix| format!("calls/later/{}.{suffix}", made.id));
    assert_eq!(store.bucket.keys(), stored);
    assert_eq!(store.bucket.unfinished(), 0);
}
