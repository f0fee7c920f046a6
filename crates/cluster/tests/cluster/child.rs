//! A node in a process of its own, which a test kills or stops.

use std::process::Command;

use callrec_core::events::EventKind;
use callrec_testkit::child::{ChildProcess, child_test};
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::{PATIENCE, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::test_node::{TestNode, call};

const URL: &str = "CALLREC_TEST_CLUSTER_URL";
const NAME: &str = "CALLREC_TEST_CLUSTER_NODE";
const DIRECTORY: &str = "CALLREC_TEST_CLUSTER_DIRECTORY";
const CALLS: &str = "CALLREC_TEST_CLUSTER_CALLS";
const LEASE: &str = "CALLREC_TEST_CLUSTER_LEASE";
const GRACE: &str = "CALLREC_TEST_CLUSTER_GRACE";

/// A node in a child process.
pub struct ChildNode {
    pub process: ChildProcess,
    pub ids: Vec<String>,
    pub pid: Pid,
}

/// How a child takes part.
pub struct ChildPlan<'a> {
    pub url: &'a str,
    pub name: &'a str,
    pub directory: &'a ScratchDir,
    pub calls: usize,
    pub lease_ms: u32,
    pub grace_ms: u32,
    /// The child uses the network of this process, instead of this one's.
    pub network_of: Option<u32>,
}

impl ChildNode {
    pub fn start(plan: &ChildPlan<'_>) -> ChildNode {
        let test = child_test("child::child_node");
        let mut command = match plan.network_of {
            Some(process) => {
                let mut inside = Command::new("nsenter");
                inside
                    .arg(format!("--net=/proc/{process}/ns/net"))
                    .arg(test.get_program())
                    .args(test.get_args());
                inside
            }
            None => test,
        };
        command
            .env(URL, plan.url)
            .env(NAME, plan.name)
            .env(DIRECTORY, plan.directory.as_os_str())
            .env(CALLS, plan.calls.to_string())
            .env(LEASE, plan.lease_ms.to_string())
            .env(GRACE, plan.grace_ms.to_string());
        let mut process = ChildProcess::spawn(&mut command);
        let ready = process.wait_for_report(|line| line.starts_with("ready "));
        let mut words = ready.split(' ').skip(1);
        let pid = words
            .next()
            .and_then(|pid| pid.parse().ok())
            .expect("a process id");
        ChildNode {
            process,
            ids: words.map(str::to_owned).collect(),
            pid: Pid::from_raw(pid),
        }
    }

    pub fn ids(&self) -> Vec<&str> {
        self.ids.iter().map(String::as_str).collect()
    }

    pub fn pause(&self) {
        kill(self.pid, Signal::SIGSTOP).expect("stopped");
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
        kill(self.pid, Signal::SIGCONT).expect("continued");
    }
}

fn given(name: &str) -> String {
    std::env::var(name).expect("a value")
}

#[test]
#[ignore = "runs in a child process"]
fn child_node() {
    let keys = [
        ("cluster.lease_ms", given(LEASE)),
        ("cluster.grace_ms", given(GRACE)),
    ];
    let keys: Vec<(&str, &str)> = keys.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let directory = given(DIRECTORY);
    let node = TestNode::start_in(directory.as_ref(), &given(URL), &given(NAME), &keys);
    let calls: usize = given(CALLS).parse().expect("a number");
    let ids: Vec<String> = (0..calls)
        .map(|number| node.record(call(&format!("{}-{number}", given(NAME)), "SEP1", "101", "ann")))
        .collect();
    // Recovery reports the end of what has begun.
    node.events.wait_for(EventKind::Started, calls);
    node.wait_until_connected();
    println!("\n@ready {} {}", std::process::id(), ids.join(" "));
    let mut reported = 0;
    let end = std::time::Instant::now() + PATIENCE;
    while std::time::Instant::now() < end {
        let lost = node.events.of(EventKind::NodeLost);
        for json in lost.iter().skip(reported) {
            println!("\n@node-lost {json}");
        }
        reported = lost.len();
        let late = node.node.statistics().late_commands;
        if late > 0 {
            println!("\n@late {late}");
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
