//! Uploads to Google Cloud Storage, as far as a translation of its API to S3 can show them.

use callrec_core::events::EventKind;
use callrec_core::types::Status;
use callrec_testkit::child::child_test;
use callrec_testkit::fault_proxy::{FaultProxy, ProxyFault};
use callrec_testkit::http::HttpClient;
use callrec_testkit::wait;

use super::fixture::{MadeRecording, UploadEngine, files_below};
use super::google_server::GoogleStore;
use super::s3::assert_stored;

/// The seconds of audio that one request and two parts have.
const LENGTHS: [usize; 2] = [1, 50];

/// Checks that the engine reads any part of the audio from the store.
#[track_caller]
fn assert_readable(store: &GoogleStore, engine: &UploadEngine, made: &MadeRecording) {
    let (audio, _) = store
        .bucket
        .get(&format!("calls/{}.wav", made.id))
        .expect("audio");
    let remote = engine.engine.remote_audio(&engine.manifest(made));
    let remote = remote.expect("uploaded");
    assert_eq!(remote.bytes(), audio.len() as u64);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime");
    let last = audio.len() - 10;
    for (at, most) in [(0, 44), (100_000, 70_001), (last, 1000), (audio.len(), 5)] {
        let read = runtime.block_on(remote.read(at as u64, most)).expect("readable");
        let expected = &audio[at..(at + most).min(audio.len())];
        assert_eq!(read, expected, "from {at}, {most} bytes");
    }
}

#[test]
fn recordings_are_stored_in_one_request_and_in_parts_read_and_deleted() {
    let Some(store) = GoogleStore::new("bucket-") else {
        return;
    };
    let engine = store.try_open(&[("upload.verify", "content")]).expect("open");
    for seconds in LENGTHS {
        let made = engine.record(seconds);
        let event = engine.wait_until_uploaded(made.id);
        let url = format!("{}/{}.wav", store.url(), made.id);
        assert_eq!(event.object_url, url);
        assert_stored(&store.bucket, &made, seconds * 192_000);
        let header = |name: &str| store.bucket.head(&format!("calls/{}.wav", made.id), name);
        assert_eq!(header("content-type"), "audio/wav");
        assert_eq!(header("x-amz-meta-callrecid"), made.id.to_string());
        assert!(!engine.path(&made.file).exists());
        assert!(engine.manifest(&made).is_only_uploaded());
        assert_readable(&store, &engine, &made);
        assert_eq!(engine.delete(made.id), Ok(()));
        wait::until("the objects are removed", || store.bucket.keys().is_empty());
        wait::until("the job is done", || engine.counts().removals_pending == 0);
    }
    assert_eq!(store.bucket.unfinished(), 0);
    engine.close();
    for name in files_below(store.local.path()) {
        let bytes = std::fs::read(store.local.path().join(&name)).expect("readable");
        let found = bytes.windows(11).any(|window| window == b"PRIVATE KEY");
        assert!(!found, "{name}");
    }
}

/// `prefix` decides whether the other client creates the object before callrec asks for it, or
/// directly after that.
#[track_caller]
fn assert_not_overwritten(prefix: &str) {
    for seconds in LENGTHS {
        let Some(store) = GoogleStore::new(prefix) else {
            return;
        };
        store.bucket.put("calls/same.wav", "somebody's");
        let engine = store.try_open(&[("upload.key", "same")]).expect("open");
        let made = engine.record(seconds);
        let event = engine.wait_for(made.id);
        assert_eq!(event.kind, EventKind::UploadFailed, "{}", event.json);
        let json = event.json.to_string();
        assert!(json.contains("another object has the key"), "{json}");
        // The first attempt has found out.
        assert!(!engine.has_retried());
        assert!(engine.path(&made.file).exists());
        let (content, _) = store.bucket.get("calls/same.wav").expect("it stays");
        assert_eq!(content, b"somebody's");
        assert_eq!(store.bucket.keys(), ["calls/same.wav"]);
        assert_eq!(store.bucket.unfinished(), 0);
    }
}

#[test]
fn another_object_is_not_overwritten() {
    assert_not_overwritten("bucket-");
}

#[test]
fn an_object_that_was_created_after_the_question_is_not_overwritten() {
    assert_not_overwritten("late-");
}

#[test]
fn an_upload_in_parts_goes_on_after_a_restart() {
    let Some(store) = GoogleStore::new("bucket-") else {
        return;
    };
    let proxy = FaultProxy::new(store.address);
    // In the second part of two.
    proxy.set(ProxyFault::StallAt(9_000_000));
    let endpoint = proxy.url();
    let open = || store.try_open(&[("upload.endpoint", &endpoint)]).expect("open");
    let engine = open();
    let made = engine.record(50);
    wait::until("the first part", || proxy.sent() >= 9_000_000);
    engine.close();
    let before = proxy.sent();
    assert_eq!(store.bucket.unfinished(), 1);
    proxy.set(ProxyFault::None);
    let engine = open();
    engine.wait_until_uploaded(made.id);
    assert_stored(&store.bucket, &made, 50 * 192_000);
    let again = proxy.sent() - before;
    assert!(again < 4_000_000, "{again} bytes: the first part was sent again");
    assert_eq!(store.bucket.unfinished(), 0);
}

/// A rule of the bucket may remove the parts before the object is completed.
#[test]
fn parts_that_are_removed_before_the_completion_are_uploaded_again() {
    let Some(store) = GoogleStore::new("forgetful-") else {
        return;
    };
    let engine = store.open();
    let made = engine.record(50);
    engine.wait_until_uploaded(made.id);
    engine.wait_for_line(&[&made.id.to_string(), "the store has forgotten the parts"]);
    assert_stored(&store.bucket, &made, 50 * 192_000);
    assert_eq!(store.bucket.unfinished(), 0);
}

#[test]
fn a_wrong_credentials_file_is_refused_when_the_engine_opens() {
    let Some(store) = GoogleStore::new("bucket-") else {
        return;
    };
    let no_key = r#"{"type": "service_account", "client_email": "a@b", "private_key_id": "1",
        "private_key": "no key"}"#;
    for (name, text, why) in [
        ("missing", None, "No such file"),
        ("broken", Some("{"), "EOF"),
        ("empty", Some("{}"), "missing field `private_key`"),
        ("no-key", Some(no_key), "key"),
    ] {
        let path = store.file(name);
        if let Some(text) = text {
            std::fs::write(&path, text).expect("written");
        }
        let path = path.to_string_lossy();
        let refused = store.try_open(&[("upload.google_credentials", &path)]).err();
        let refused = refused.expect("it is refused");
        assert_eq!(refused.status, Status::Config);
        let text = refused.message.as_str();
        assert!(text.contains("upload.google_credentials"), "{text}");
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn a_strangers_key_and_a_missing_bucket_are_clear_errors_and_lose_nothing() {
    let Some(store) = GoogleStore::new("bucket-") else {
        return;
    };
    let stranger = store.file("stranger");
    let stranger = stranger.to_string_lossy();
    let engine = store
        .try_open(&[("upload.google_credentials", &stranger)])
        .expect("open");
    let made = engine.record(1);
    let line = engine.wait_for_line(&[&made.id.to_string(), "the store refuses the credentials"]);
    assert!(
        !line.contains("PRIVATE KEY") && !line.contains("Bearer"),
        "{line}"
    );
    assert!(engine.path(&made.file).exists());
    assert_eq!(engine.counts().pending, 1);
    assert_eq!(engine.events().len(), 0);
    engine.close();
    let engine = store
        .try_open(&[("upload.url", "gs://no-such-bucket/calls")])
        .expect("open");
    engine.wait_for_line(&["there is no bucket or container \"no-such-bucket\""]);
    assert!(engine.path(&made.file).exists());
    engine.close();
    // The same recording is uploaded once the configuration is right.
    let engine = store.open();
    engine.wait_until_uploaded(made.id);
    assert_stored(&store.bucket, &made, 192_000);
}

/// With other credentials in the environment.
#[test]
#[ignore = "a child process of another test"]
fn child_uploads_with_its_key() {
    let Some(store) = GoogleStore::new("bucket-") else {
        return;
    };
    let engine = store.open();
    let made = engine.record(1);
    engine.wait_until_uploaded(made.id);
    assert_stored(&store.bucket, &made, 192_000);
}

#[test]
fn the_key_precedes_the_credentials_of_the_environment() {
    for (name, value) in [
        ("GOOGLE_SERVICE_ACCOUNT", "/no/file"),
        ("GOOGLE_SERVICE_ACCOUNT_KEY", "{}"),
        ("GOOGLE_BEARER_TOKEN", "another-token"),
    ] {
        let mut child = child_test("google::child_uploads_with_its_key");
        let output = child.env(name, value).output().expect("a child");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{name}: {text}"
        );
    }
}

/// Shows that the other tests would fail if callrec spoke to Google as it does to S3.
#[test]
fn the_proxy_accepts_only_the_form_of_google() {
    let Some(store) = GoogleStore::new("bucket-") else {
        return;
    };
    let url = format!("{}/{}/key", store.endpoint(), store.bucket.name);
    let status = |headers: &[(&str, &str)]| HttpClient::new().send("HEAD", &url, headers, "").status;
    assert_eq!(status(&[("authorization", "AWS reader:signature")]), 400);
    assert_eq!(status(&[]), 400);
    assert_eq!(status(&[("authorization", "Bearer a.b.c")]), 401);
    // Keys of S3 are of no use for it either.
    let keys = super::s3_server::keys("s3://no-google/calls", &url);
    let directory = tempfile::tempdir().expect("a directory");
    let engine = UploadEngine::open(directory.path(), &keys);
    let made = engine.record(1);
    engine.wait_for_line(&[&made.id.to_string(), "400"]);
}
