//! The process dies by SIGKILL between a file and its callback: each callback arrives.

use std::collections::HashSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::manifest::{live_manifests, published_manifests};
use callrec_testkit::wait::until;

use crate::callbacks::{ALLOW, OFTEN, SOON, queued_jobs};
use crate::kit::start_gateway;
use crate::receiver::{CallbackRequest, Manner, Receiver};
use crate::support::{Call, Engine, Start, open_with};

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
    let handle = open_with(Path::new(&directory), &[ALLOW, SOON, OFTEN]).unwrap();
    let engine = Engine::unheard(handle);
    if std::env::var_os(GATEWAY).is_some() {
        start_gateway(&engine);
    }
    let call = Call {
        call_id: Some("killed"),
        device: Some("SEP1"),
        ..Call::default()
    };
    engine.begin(&call).unwrap();
    // No orphan lives longer.
    let over = Instant::now() + Duration::from_secs(60);
    while Instant::now() < over {
        let start = Start {
            call_id: Some("killed"),
            callback_url: Some(&url),
            ..Start::default()
        };
        let id = engine.start(None, &start).unwrap();
        println!("@{id}");
        engine.by_id(rec_stop_by_id, None, &id).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
}

struct Victim(Child);

impl Victim {
    fn begin(directory: &Path, url: &str, gateway: bool) -> Victim {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "killed::child_records", "--ignored", "--nocapture"])
            .env(DIRECTORY, directory)
            .env(URL, url)
            .stdout(Stdio::piped());
        if gateway {
            command.env(GATEWAY, "1");
        }
        Victim(command.spawn().unwrap())
    }

    /// The ids of the recordings that it had begun, in their order.
    fn kill(mut self) -> Vec<String> {
        self.0.kill().unwrap();
        let output = self.0.wait_with_output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let whole = said.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let ids = whole.filter_map(|line| line.trim_end().split_once('@'));
        ids.map(|(_, id)| id.to_owned()).collect()
    }
}

/// What was not answered before the kill comes after it, under the same keys; what was
/// answered does not come again.
fn killed(gateway: bool, manner: Manner, killable: impl Fn(&Path, &Receiver) -> bool) {
    let dir = ScratchDir::new();
    let receiver = Receiver::new(manner);
    let victim = Victim::begin(&dir.0, &receiver.url("/hook"), gateway);
    until("nothing to kill for", || killable(&dir.0, &receiver));
    let begun = victim.kill();
    let before = receiver.heard();
    // What it still has open it must not answer to the dead.
    receiver.become_(Manner::Answers(200));
    receiver.release();
    let done: HashSet<String> = queued_jobs(&dir.0)
        .into_iter()
        .filter_map(|name| name.strip_suffix(".done").map(str::to_owned))
        .collect();
    let engine = Engine::open(&dir.0, &[ALLOW, SOON, OFTEN]);
    start_gateway(&engine);
    // What was begun, but not yet made, is not there; all else has been told by then.
    until("not all are recovered", || live_manifests(&dir).is_empty());
    let mut owed: HashSet<String> = published_manifests(&dir).into_keys().collect();
    owed.retain(|id| !done.contains(id));
    let after = || -> Vec<String> {
        receiver.heard()[before.len()..]
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
        !receiver.heard().is_empty() && queued_jobs(directory).len() > 10
    });
}

#[test]
fn killed_while_callbacks_are_answered() {
    killed(true, Manner::Answers(200), |_, receiver| {
        receiver.heard().len() > 20
    });
}
