//! kill -9 while a recording is uploaded: the next process goes on, the store has the recording
//! once and whole, and the local copy is removed only after that.

use std::path::PathBuf;

use callrec_testkit::child::{ChildProcess, child_test};
use callrec_testkit::fault_proxy::{FaultProxy, ProxyFault};
use callrec_testkit::wait;
use uuid::Uuid;

use super::fixture::{MadeRecording, UploadEngine};
use super::s3::assert_stored;
use super::s3_server::{S3Bucket, keys};

const DIRECTORY: &str = "CALLREC_UPLOAD_DIRECTORY";
const URL: &str = "CALLREC_UPLOAD_URL";
const ENDPOINT: &str = "CALLREC_UPLOAD_ENDPOINT";
const SECONDS: usize = 50;

/// Makes a recording and uploads it, until its parent kills it.
#[test]
#[ignore = "a child process of the other tests"]
fn child_uploads() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else {
        return;
    };
    println!();
    let text = |name| std::env::var(name).expect("set");
    let (url, endpoint) = (text(URL), text(ENDPOINT));
    let engine = UploadEngine::open(&directory, &keys(&url, &endpoint));
    let made = engine.record(SECONDS);
    println!("@made {} {}", made.id, made.file);
    let event = engine.wait_until_uploaded(made.id);
    println!("@uploaded {}", event.id);
    loop {
        std::thread::park();
    }
}

/// Kills the child when `is_time`, reopens its directory, and checks the outcome.
fn kill_when(fault: ProxyFault, is_time: impl Fn(&FaultProxy, &mut ChildProcess)) {
    let Some(bucket) = S3Bucket::new() else { return };
    let proxy = FaultProxy::new(bucket.server.address);
    proxy.set(fault.clone());
    let directory = tempfile::tempdir().expect("a directory");
    let (url, endpoint) = (bucket.url(), proxy.url());
    let mut command = child_test("killed::child_uploads");
    command
        .env(DIRECTORY, directory.path())
        .env(URL, &url)
        .env(ENDPOINT, &endpoint);
    let mut child = ChildProcess::spawn(&mut command);
    let report = child.wait_for_report(|report| report.starts_with("made "));
    let mut words = report.split(' ').skip(1);
    let made = MadeRecording {
        id: Uuid::try_parse(words.next().expect("an id")).expect("valid"),
        file: words.next().expect("a file").to_owned(),
    };
    is_time(&proxy, &mut child);
    child.kill();
    let is_there = bucket.get(&format!("calls/{}.json", made.id)).is_some();
    let local = directory.path().join(&made.file);
    assert!(
        is_there || local.exists(),
        "{fault:?}: the local copy is gone too early"
    );
    proxy.set(ProxyFault::None);
    let engine = UploadEngine::open(directory.path(), &keys(&url, &endpoint));
    wait::until("nothing is pending", || {
        !local.exists() && engine.counts().pending == 0
    });
    assert_stored(&bucket, &made, SECONDS * 192_000);
    assert!(engine.manifest(&made).is_only_uploaded());
    assert!(engine.events().len() <= 1, "{:?}", engine.events());
    // The parts of an upload whose id was not noted are left to the bucket's rules.
    assert!(bucket.unfinished() <= 1);
}

fn sent(bytes: u64) -> impl Fn(&FaultProxy, &mut ChildProcess) {
    move |proxy, _| wait::until("the bytes are sent", || proxy.sent() >= bytes)
}

#[test]
fn killed_before_the_first_request() {
    kill_when(ProxyFault::Stall, |_, _| {});
}

#[test]
fn killed_in_the_first_part() {
    kill_when(ProxyFault::StallAt(4_000_000), sent(4_000_000));
}

#[test]
fn killed_in_the_second_part() {
    kill_when(ProxyFault::StallAt(9_000_000), sent(9_000_000));
}

/// Where the object is completed, verified, and followed by the manifest.
#[test]
fn killed_between_the_audio_and_the_end() {
    // The audio's header, content and requests take 9,602,xxx bytes.
    for more in [500, 1500, 2500, 4000] {
        let limit = SECONDS as u64 * 192_000 + 3000 + more;
        kill_when(ProxyFault::StallAt(limit), move |proxy, child| {
            // The last requests may be fewer bytes than that.
            wait::until("the bytes are sent, or the end", || {
                proxy.sent() >= limit || child.has_reported("uploaded ")
            });
        });
    }
}

#[test]
fn killed_when_the_responses_are_lost() {
    kill_when(ProxyFault::LoseResponses, |proxy, _| {
        wait::until("lost responses", || proxy.disturbed() > 0);
    });
}

#[test]
fn killed_after_the_event() {
    kill_when(ProxyFault::None, |_, child| {
        child.wait_for_report(|report| report.starts_with("uploaded "));
    });
}
