//! Uploads to S3.

use callrec_core::storage::Manifest;
use callrec_testkit::wait;

use super::fixture::{MadeRecording, UploadEngine};
use super::s3_server::{S3Bucket, keys};

/// Checks that the store has the whole recording, once, and that its digests are right.
#[track_caller]
pub fn assert_stored(bucket: &S3Bucket, made: &MadeRecording, bytes: usize) {
    let key = |suffix: &str| format!("calls/{}{suffix}", made.id);
    let expected = [".json", ".wav"].map(key);
    let mine: Vec<_> = bucket
        .keys()
        .into_iter()
        .filter(|key| key.contains(&made.id.to_string()))
        .collect();
    assert_eq!(mine, expected);
    let (manifest, _) = bucket.get(&expected[0]).expect("a manifest");
    let manifest = Manifest::from_bytes(&manifest).expect("valid");
    let (audio, digest) = bucket.get(&expected[1]).expect("audio");
    assert_eq!(audio.len() as u64, manifest.bytes);
    assert!(audio.len() >= bytes, "{} bytes", audio.len());
    assert_eq!(manifest.digest, format!("sha256:{digest}"));
    assert_eq!(callrec_testkit::manifest::digest(&audio), manifest.digest);
}

#[test]
fn recordings_are_stored_whole_in_one_request_and_in_parts() {
    let Some(bucket) = S3Bucket::new() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let (url, endpoint) = (bucket.url(), format!("http://{}", bucket.server.address));
    let mut keys = keys(&url, &endpoint);
    keys.push(("upload.verify", "content"));
    let engine = UploadEngine::open(directory.path(), &keys);
    let (short, long) = (engine.record(1), engine.record(50));
    for (made, seconds) in [(&short, 1), (&long, 50)] {
        let event = engine.wait_until_uploaded(made.id);
        assert_eq!(event.object_url, format!("{url}/{}.wav", made.id));
        assert_stored(&bucket, made, seconds * 192_000);
        assert!(!engine.path(&made.file).exists());
        assert!(engine.manifest(made).is_only_uploaded());
    }
    assert_eq!(
        bucket.head(&format!("calls/{}.wav", short.id), "content-type"),
        "audio/wav"
    );
    assert_eq!(bucket.unfinished(), 0);
    engine.close();
    // Neither the log nor a file has the credentials.
    for name in super::fixture::files_below(directory.path()) {
        let bytes = std::fs::read(directory.path().join(&name)).expect("readable");
        let found = bytes.windows(11).any(|window| window == b"kept-secret");
        assert!(!found, "{name}");
    }
}

#[test]
fn encryption_and_object_lock_are_requested() {
    let Some(bucket) = S3Bucket::with_object_lock() else {
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    let (url, endpoint) = (bucket.url(), format!("http://{}", bucket.server.address));
    let mut keys = keys(&url, &endpoint);
    keys.extend([
        ("upload.encryption", "AES256"),
        ("upload.lock_mode", "GOVERNANCE"),
        ("upload.lock_days", "2"),
    ]);
    let engine = UploadEngine::open(directory.path(), &keys);
    for seconds in [1, 50] {
        let made = engine.record(seconds);
        engine.wait_until_uploaded(made.id);
        assert_stored(&bucket, &made, seconds * 192_000);
        let header = |name: &str| bucket.head(&format!("calls/{}.wav", made.id), name);
        assert_eq!(header("x-amz-server-side-encryption"), "AES256");
        // Moto forgets the lock of an object that is uploaded in parts.
        if seconds == 1 {
            assert_eq!(header("x-amz-object-lock-mode"), "GOVERNANCE");
            assert!(header("x-amz-object-lock-retain-until-date").starts_with("20"));
        }
    }
}

#[test]
fn wrong_credentials_and_a_missing_bucket_are_clear_errors_and_lose_nothing() {
    let Some(bucket) = S3Bucket::refusing() else {
        return;
    };
    let endpoint = format!("http://{}", bucket.server.address);
    let directory = tempfile::tempdir().expect("a directory");
    let engine = UploadEngine::open(directory.path(), &keys(&bucket.url(), &endpoint));
    let made = engine.record(1);
    let line = engine.wait_for_line(&[&made.id.to_string(), "the store refuses the credentials"]);
    assert!(!line.contains("kept-secret"), "{line}");
    assert!(engine.path(&made.file).exists());
    assert_eq!(engine.counts().pending, 1);
    assert_eq!(engine.events().len(), 0);
    engine.close();

    let Some(bucket) = S3Bucket::new() else { return };
    let endpoint = format!("http://{}", bucket.server.address);
    let missing = keys("s3://no-such-bucket/calls", &endpoint);
    let engine = UploadEngine::open(directory.path(), &missing);
    engine.wait_for_line(&["there is no bucket or container \"no-such-bucket\""]);
    assert!(engine.path(&made.file).exists());
    engine.close();
    // The same recording is uploaded once the configuration is right.
    let url = bucket.url();
    let engine = UploadEngine::open(directory.path(), &keys(&url, &endpoint));
    engine.wait_until_uploaded(made.id);
    assert_stored(&bucket, &made, 192_000);
}

#[test]
fn an_object_has_exactly_the_key_that_its_event_names() {
    let Some(bucket) = S3Bucket::new() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let (url, endpoint) = (bucket.url(), format!("http://{}", bucket.server.address));
    let mut keys = keys(&url, &endpoint);
    keys.push(("upload.key", "101#5~[x]^%23/{id}"));
    let engine = UploadEngine::open(directory.path(), &keys);
    let made = engine.record(1);
    let event = engine.wait_until_uploaded(made.id);
    let uploaded = engine.manifest(&made).uploaded.expect("noted");
    let key = format!("101#5~[x]^%23/{}.wav", made.id);
    assert_eq!(uploaded.objects[0].key, key);
    assert_eq!(event.object_url, format!("{url}/{key}"));
    let stored = [".json", ".wav"].map(|suffix| format!("calls/101#5~[x]^%23/{}{suffix}", made.id));
    assert_eq!(bucket.keys(), stored);
    let in_url = format!("calls/101%235~%5Bx%5D%5E%2523/{}.wav", made.id);
    let (audio, _) = bucket.get(&in_url).expect("audio");
    assert_eq!(
        callrec_testkit::manifest::digest(&audio),
        uploaded.objects[0].digest
    );
    assert_eq!(engine.delete(made.id), Ok(()));
    wait::until("the objects are removed", || bucket.keys().is_empty());
}
