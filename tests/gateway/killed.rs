//! The process dies by SIGKILL between a file and its callback: each callback arrives.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use callrec::capi::*;
use callrec_testkit::child::{ChildProcess, child_test};
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::manifest::{live_manifests, published_manifests};
use callrec_testkit::wait::until;

use crate::callbacks::{ALLOW, RETRY_MAX_MS, RETRY_MS, queued_jobs};
use crate::receiver::{CallbackRequest, Manner, Receiver};
use crate::server::start_gateway;
use crate::support::{CallFields, StartFields, TestEngine, open_with};

const DIRECTORY: &str = "CALLREC_CALLBACK_DIRECTORY";
const URL: &str = "CALLREC_CALLBACK_URL";
const GATEWAY: &str = "CALLREC_CALLBACK_GATEWAY";

/// Records one after the other, each with a callback, until it is killed. Nobody
/// subscribes: every end is told again by the next process.
#[test]
#[ignore = "runs in a process of its own, to be killed"]
fn child_records() {
    let (Ok(directory), Ok(url)) = (std::env::var(DIRECTORY), std::env::var(URL)) else {
        return;
    };
    let handle = open_with(Path::new(&directory), &[ALLOW, RETRY_MS, RETRY_MAX_MS]).unwrap();
    let engine = TestEngine::unsubscribed(handle);
    if std::env::var_os(GATEWAY).is_some() {
        start_gateway(&engine);
    }
    let call = CallFields {
        call_id: Some("killed"),
        device: Some("SEP1"),
        ..CallFields::default()
    };
    engine.begin(&call).unwrap();
    // No orphan lives longer.
    let over = Instant::now() + Duration::from_secs(60);
    while Instant::now() < over {
        let start = StartFields {
            call_id: Some("killed"),
            callback_url: Some(&url),
            ..StartFields::default()
        };
        let id = engine.start(None, &start).unwrap();
        println!("@{id}");
        engine.by_id(rec_stop_by_id, None, &id).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn spawn_child(directory: &Path, url: &str, gateway: bool) -> ChildProcess {
    let mut command = child_test("killed::child_records");
    command.env(DIRECTORY, directory).env(URL, url);
    if gateway {
        command.env(GATEWAY, "1");
    }
    ChildProcess::spawn(&mut command)
}

/// What was not answered before the kill comes after it, under the same keys; what was
/// answered does not come again.
fn killed(gateway: bool, manner: Manner, killable: impl Fn(&Path, &Receiver) -> bool) {
    let dir = ScratchDir::new();
    let receiver = Receiver::new(manner);
    let child_process = spawn_child(&dir.0, &receiver.url("/hook"), gateway);
    until("nothing to kill for", || killable(&dir.0, &receiver));
    let begun = child_process.kill();
    let before = receiver.received();
    // What it still has open it must not answer to the dead.
    receiver.become_(Manner::Answers(200));
    receiver.release();
    let done: HashSet<String> = queued_jobs(&dir.0)
        .into_iter()
        .filter_map(|name| name.strip_suffix(".done").map(str::to_owned))
        .collect();
    let engine = TestEngine::open(&dir.0, &[ALLOW, RETRY_MS, RETRY_MAX_MS]);
    start_gateway(&engine);
    // What was begun, but not yet made, is not there; all else has been told by then.
    until("not all are recovered", || live_manifests(&dir).is_empty());
    let mut owed: HashSet<String> = published_manifests(&dir).into_keys().collect();
    owed.retain(|id| !done.contains(id));
    let after = || -> Vec<String> {
        receiver.received()[before.len()..]
            .iter()
            .map(CallbackRequest::key)
            .collect()
    };
    until("not all have come", || {
        owed.iter().all(|id| after().contains(id))
            && queued_jobs(&dir.0).iter().all(|name| !name.ends_with("json"))
    });
    let after = after();
    assert_eq!(after.len(), owed.len(), "each once, and none that was answered");
    println!(
        "{} begun, {} heard before, {} answered, {} after",
        begun.len(),
        before.len(),
        done.len(),
        after.len()
    );
    assert!(!after.is_empty() || !done.is_empty());
    engine.close();
    assert!(queued_jobs(&dir.0).is_empty());
}

#[test]
fn killed_between_the_file_and_the_callback() {
    killed(false, Manner::Answers(200), |directory, _| {
        queued_jobs(directory).len() > 10
    });
}

#[test]
fn killed_while_the_receiver_does_not_answer() {
    killed(true, Manner::Holds, |directory, receiver| {
        !receiver.received().is_empty() && queued_jobs(directory).len() > 10
    });
}

#[test]
fn killed_while_callbacks_are_answered() {
    killed(true, Manner::Answers(200), |_, receiver| {
        receiver.received().len() > 20
    });
}
