//! Every callback arrives although SIGKILL ends the process before it is delivered.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use callrec::capi::*;
use callrec_testkit::child::{ChildProcess, child_test};
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::manifest::{live_manifests, published_manifests};
use callrec_testkit::wait::until;

use crate::callbacks::{ALLOW, RETRY_MAX_MS, RETRY_MS, queued_jobs};
use crate::receiver::{Behavior, CallbackRequest, Receiver};
use crate::server::start_gateway;
use crate::support::{CallFields, StartFields, TestEngine, open_with};

const DIRECTORY: &str = "CALLREC_CALLBACK_DIRECTORY";
const URL: &str = "CALLREC_CALLBACK_URL";
const GATEWAY: &str = "CALLREC_CALLBACK_GATEWAY";

/// Makes recordings with callbacks until the process is killed. Without a subscription, the next
/// process reports the end of every recording again.
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
    // Ends the process if its parent is gone.
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
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
    let mut command = child_test("callbacks_after_kill::child_records");
    command.env(DIRECTORY, directory).env(URL, url);
    if gateway {
        command.env(GATEWAY, "1");
    }
    ChildProcess::spawn(&mut command)
}

/// After the kill, the receiver gets each callback that it had not answered, with the same key,
/// and no other.
fn expect_callbacks_after_kill(
    gateway: bool,
    behavior: Behavior,
    is_killable: impl Fn(&Path, &Receiver) -> bool,
) {
    let dir = ScratchDir::new();
    let receiver = Receiver::new(behavior);
    let child = spawn_child(&dir.0, &receiver.url("/hook"), gateway);
    until("the moment of the kill", || is_killable(&dir.0, &receiver));
    let started = child.kill();
    let before = receiver.received();
    // Ends the connections of the dead process that the receiver still holds.
    receiver.set_behavior(Behavior::Answers(200));
    receiver.release();
    let answered: HashSet<String> = queued_jobs(&dir.0)
        .into_iter()
        .filter_map(|name| name.strip_suffix(".done").map(str::to_owned))
        .collect();
    let engine = TestEngine::open(&dir.0, &[ALLOW, RETRY_MS, RETRY_MAX_MS]);
    start_gateway(&engine);
    // A start that the kill interrupted leaves no recording. Every other recording is published.
    until("every recording is recovered", || live_manifests(&dir).is_empty());
    let mut owed: HashSet<String> = published_manifests(&dir).into_keys().collect();
    owed.retain(|id| !answered.contains(id));
    let after = || -> Vec<String> {
        receiver.received()[before.len()..]
            .iter()
            .map(CallbackRequest::key)
            .collect()
    };
    until("every callback has arrived", || {
        owed.iter().all(|id| after().contains(id))
            && queued_jobs(&dir.0).iter().all(|name| !name.ends_with("json"))
    });
    let after = after();
    assert_eq!(after.len(), owed.len(), "each pending callback arrives once");
    println!(
        "{} started, {} received before, {} answered, {} after",
        started.len(),
        before.len(),
        answered.len(),
        after.len()
    );
    assert!(!after.is_empty() || !answered.is_empty());
    engine.close();
    assert!(queued_jobs(&dir.0).is_empty());
}

#[test]
fn a_kill_before_any_callback_loses_none() {
    expect_callbacks_after_kill(false, Behavior::Answers(200), |directory, _| {
        queued_jobs(directory).len() > 10
    });
}

#[test]
fn a_kill_while_the_receiver_is_blocked_loses_no_callback() {
    expect_callbacks_after_kill(true, Behavior::Holds, |directory, receiver| {
        !receiver.received().is_empty() && queued_jobs(directory).len() > 10
    });
}

#[test]
fn a_kill_while_callbacks_are_answered_loses_and_repeats_none() {
    expect_callbacks_after_kill(true, Behavior::Answers(200), |_, receiver| {
        receiver.received().len() > 20
    });
}
