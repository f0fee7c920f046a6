//! Uploads to s3s-fs (crates.io), an S3 that checks every signature, keeps its objects in a
//! directory, and survives its own restart. Moto does none of that.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use callrec_testkit::fault_proxy::{FaultProxy, ProxyFault};
use callrec_testkit::wait;

use super::fixture::{MadeRecording, UploadEngine, files_below};
use super::s3_server::keys;

const URL: &str = "s3://recordings/calls";
/// The bytes of [`SECONDS`] of audio.
const SECONDS: usize = 50;
const AUDIO: u64 = 192_000 * SECONDS as u64;
/// Where a second attempt begins: behind the first part.
const PART: u64 = 8 << 20;

/// A server with one bucket. It ends with this value, and keeps the directory.
struct ObjectServer {
    process: Child,
    address: SocketAddr,
}

impl Drop for ObjectServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The program that `.ci/clients` has installed, or another one.
fn programs() -> [PathBuf; 2] {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target =
        target.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target")));
    [target.join("tools/bin/s3s-fs"), PathBuf::from("s3s-fs")]
}

impl ObjectServer {
    /// `None` if the program is not installed.
    fn start(directory: &Path) -> Option<ObjectServer> {
        std::fs::create_dir_all(directory.join("recordings")).expect("a bucket");
        let spawn = |program: PathBuf| {
            Command::new(program)
                .args(["--host", "127.0.0.1", "--port", "0"])
                .args(["--access-key", "AKIDTEST", "--secret-key", "kept-secret"])
                .arg(directory)
                .env("RUST_LOG", "s3s_fs=info")
                .env("NO_COLOR", "1")
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
        };
        let Some(mut process) = programs().into_iter().find_map(|program| spawn(program).ok()) else {
            assert!(
                std::env::var_os("CALLREC_NEEDS_TOOLS").is_none(),
                "s3s-fs is not installed: .ci/clients installs it"
            );
            return None;
        };
        let mut output = BufReader::new(process.stdout.take().expect("a pipe"));
        let address = loop {
            let mut line = String::new();
            assert!(output.read_line(&mut line).expect("readable") > 0, "it has ended");
            if let Some((_, address)) = line.trim_end().split_once("running at http://") {
                break address.parse().expect("an address");
            }
        };
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Some(ObjectServer { process, address })
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Checks that the bucket has the whole recording, and that the engine reads any part of it.
#[track_caller]
fn assert_whole(bucket: &Path, engine: &UploadEngine, made: &MadeRecording) {
    let names = ["json", "wav"].map(|suffix| format!("{}.{suffix}", made.id));
    assert_eq!(
        own_files(bucket, made),
        names.each_ref().map(|name| format!("calls/{name}"))
    );
    let audio = std::fs::read(bucket.join("calls").join(&names[1])).expect("audio");
    let manifest = engine.manifest(made);
    assert_eq!(callrec_testkit::manifest::digest(&audio), manifest.digest);
    assert!(!engine.path(&made.file).exists());
    let remote = engine.engine.remote_audio(&manifest).expect("uploaded");
    assert_eq!(remote.bytes(), audio.len() as u64);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime");
    let last = audio.len() - 10;
    for (at, most) in [
        (0, 44),
        (100_000, 70_001),
        (last, 10),
        (last, 1000),
        (audio.len(), 5),
    ] {
        let read = runtime.block_on(remote.read(at as u64, most)).expect("readable");
        assert_eq!(
            read,
            audio[at..(at + most).min(audio.len())],
            "from {at}, {most} bytes"
        );
    }
}

fn own_files(bucket: &Path, made: &MadeRecording) -> Vec<String> {
    let mut files = files_below(bucket);
    files.retain(|name| name.contains(&made.id.to_string()));
    files
}

#[test]
fn recordings_are_uploaded_read_and_removed() {
    let (store, local) = (scratch(), scratch());
    let Some(server) = ObjectServer::start(store.path()) else {
        return;
    };
    let bucket = store.path().join("recordings");
    let endpoint = server.url();
    let mut keys = keys(URL, &endpoint);
    keys.push(("upload.verify", "content"));
    let engine = UploadEngine::open(local.path(), &keys);
    for seconds in [1, SECONDS] {
        let made = engine.record(seconds);
        let event = engine.wait_until_uploaded(made.id);
        assert_eq!(event.object_url, format!("{URL}/{}.wav", made.id));
        assert_whole(&bucket, &engine, &made);
        assert_eq!(engine.delete(made.id), Ok(()));
        wait::until("the objects are removed", || own_files(&bucket, &made).is_empty());
    }
}

#[test]
fn a_wrong_signature_is_a_clear_error_and_loses_nothing() {
    let (store, local) = (scratch(), scratch());
    let Some(server) = ObjectServer::start(store.path()) else {
        return;
    };
    let endpoint = server.url();
    let right = keys(URL, &endpoint);
    let wrong: Vec<_> = right
        .iter()
        .map(|(key, value)| (*key, value.replace("kept-secret", "other-secret")))
        .collect();
    let wrong: Vec<(&str, &str)> = wrong.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let engine = UploadEngine::open(local.path(), &wrong);
    let made = engine.record(1);
    let line = engine.wait_for_line(&[&made.id.to_string(), "the store refuses the credentials"]);
    assert!(!line.contains("other-secret"), "{line}");
    assert!(engine.path(&made.file).exists());
    engine.close();
    let engine = UploadEngine::open(local.path(), &right);
    engine.wait_until_uploaded(made.id);
    assert_whole(&store.path().join("recordings"), &engine, &made);
}

/// The store and the uploading process end in the second part. The next upload goes on behind the
/// first one.
#[test]
fn an_upload_goes_on_after_a_restart_of_the_store() {
    let (store, local) = (scratch(), scratch());
    let Some(server) = ObjectServer::start(store.path()) else {
        return;
    };
    let proxy = FaultProxy::new(server.address);
    proxy.set(ProxyFault::StallAt(PART + 500_000));
    let endpoint = proxy.url();
    let engine = UploadEngine::open(local.path(), &keys(URL, &endpoint));
    let made = engine.record(SECONDS);
    engine.wait_for_part(&made);
    engine.close();
    drop(server);
    assert!(local.path().join(&made.file).exists());
    assert!(own_files(&store.path().join("recordings"), &made).is_empty());
    let server = ObjectServer::start(store.path()).expect("it was there before");
    proxy.redirect(server.address);
    let sent = proxy.sent();
    proxy.set(ProxyFault::None);
    let engine = UploadEngine::open(local.path(), &keys(URL, &endpoint));
    engine.wait_until_uploaded(made.id);
    let again = proxy.sent() - sent;
    assert!(
        again < AUDIO - PART / 2,
        "{again} bytes, so not only the second part"
    );
    assert_whole(&store.path().join("recordings"), &engine, &made);
    drop(server);
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}
