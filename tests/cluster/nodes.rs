//! Nodes of a cluster.

use std::path::Path;

use callrec_testkit::child::{ChildProcess, child_test};
use callrec_testkit::wait::{PATIENCE, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{CallFields, StartFields, TestEngine};

/// The settings of a node, whose lease outlives a test. It waits so long for a response that a busy
/// machine does not exceed the time.
pub fn settings<'a>(url: &'a str, name: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("cluster.url", url),
        ("cluster.node", name),
        ("cluster.lease_ms", "60000"),
        ("cluster.timeout_ms", "30000"),
    ]
}

const URL: &str = "CALLREC_TEST_CLUSTER_URL";
const DIRECTORY: &str = "CALLREC_TEST_CLUSTER_DIRECTORY";

/// The call ids of the child.
pub const CALLS: [&str; 3] = ["remote-1", "remote-2", "remote-3"];

/// The node "n1" in a process of its own, with a recording of each call in `CALLS`, on the line
/// SEP7, of user1.
pub struct RemoteNode {
    pub process: ChildProcess,
    pub ids: Vec<String>,
    pid: Pid,
}

impl RemoteNode {
    pub fn start(url: &str, directory: &Path) -> RemoteNode {
        let mut command = child_test("nodes::child_node");
        command.env(URL, url).env(DIRECTORY, directory);
        let mut process = ChildProcess::spawn(&mut command);
        let ready = process.wait_for_report(|line| line.starts_with("ready "));
        let mut words = ready.split(' ').skip(1);
        let pid = words.next().unwrap().parse().unwrap();
        RemoteNode {
            process,
            ids: words.map(str::to_owned).collect(),
            pid: Pid::from_raw(pid),
        }
    }

    pub fn pause(&self) {
        kill(self.pid, Signal::SIGSTOP).unwrap();
        // Each thread stops when it is scheduled.
        until("the stop", || {
            let threads = std::fs::read_dir(format!("/proc/{}/task", self.pid))
                .into_iter()
                .flatten();
            threads.flatten().all(|thread| {
                let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
                stat.rsplit(") ")
                    .next()
                    .is_some_and(|state| state.starts_with('T'))
            })
        });
    }

    pub fn go_on(&self) {
        kill(self.pid, Signal::SIGCONT).unwrap();
    }
}

#[test]
#[ignore = "runs in a child process"]
fn child_node() {
    let (url, directory) = (std::env::var(URL).unwrap(), std::env::var(DIRECTORY).unwrap());
    let engine = TestEngine::open(directory.as_ref(), &settings(&url, "n1"));
    let ids = CALLS.map(|id| {
        let call = CallFields {
            call_id: Some(id),
            device: Some("SEP7"),
            number: Some("707"),
            user: Some("user1"),
            ..CallFields::default()
        };
        engine.begin(&call).unwrap();
        let start = StartFields {
            call_id: Some(id),
            ..StartFields::default()
        };
        engine.start(None, &start).unwrap()
    });
    until("the recordings in Redis", || {
        engine.stats().cluster_recordings == 3
    });
    println!("\n@ready {} {}", std::process::id(), ids.join(" "));
    std::thread::sleep(PATIENCE);
}
