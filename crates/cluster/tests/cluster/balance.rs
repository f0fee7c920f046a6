//! The recordings of all nodes balance with their ends: whatever is killed, stopped or wiped meanwhile, each accepted
//! recording has one manifest, and each consumer group acts on its end exactly once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

use callrec_core::calls::{Caller, ControlOperation, Filter};
use callrec_core::events::EventKind;
use callrec_core::recorder::Recorder;
use callrec_core::types::Status;
use callrec_testkit::child::{ChildProcess, child_test};
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::tree::files_with_extension;
use callrec_testkit::wait::{PATIENCE, until};
use nix::unistd::Pid;

use super::child::ChildNode;
use super::consumers::{Consumer, compiled, python};
use super::server::{RedisServer, RunCommand, has_redis};
use super::test_node::{TestNode, call, record};

const URL: &str = "CALLREC_TEST_BALANCE_URL";
const NAME: &str = "CALLREC_TEST_BALANCE_NODE";
const DIRECTORY: &str = "CALLREC_TEST_BALANCE_DIRECTORY";
/// The children start no more recordings once this file exists.
const CLOSING: &str = "CALLREC_TEST_BALANCE_CLOSING";

const STOP: ControlOperation = ControlOperation::Stop;
const GRACE: (&str, &str) = ("cluster.grace_ms", "4000");
/// The test waits for the end of one, and after a loss of the data for half of one.
const LEASE: (&str, &str) = ("cluster.lease_ms", "3000");
/// How many recordings a child keeps live.
const LIVE: usize = 4;
/// The pace of a child, so that a slow disk keeps up with it.
const PACE: Duration = Duration::from_millis(40);

fn given(name: &str) -> String {
    std::env::var(name).expect("a value")
}

/// Stops a recording of the child. Another node may have stopped it already.
fn stop_own(node: &TestNode, id: &str) {
    let status = node
        .engine
        .control_by_id(&Caller::Host, STOP, id)
        .map_err(|error| error.status);
    assert!(
        matches!(status, Ok(()) | Err(Status::NotLive)),
        "{id}: {status:?}"
    );
}

#[test]
#[ignore = "runs in a child process"]
fn child_of_the_balance() {
    let (directory, name) = (given(DIRECTORY), given(NAME));
    let node = TestNode::start_in(directory.as_ref(), &given(URL), &name, &[GRACE, LEASE]);
    let closing = PathBuf::from(given(CLOSING));
    let process = std::process::id();
    println!("\n@process {process}");
    let (mut live, mut begun) = (VecDeque::new(), Vec::new());
    for number in 1.. {
        if closing.exists() {
            break;
        }
        let call_id = format!("{name}-{process}-{number}");
        println!("\n@attempt {call_id}");
        let (call, id) = record(&node.engine, call(&call_id, "SEP1", "101", "ann")).expect("accepted");
        println!("\n@accepted {call_id} {id}");
        // A recording whose file is not created yet has no end if the process is killed.
        node.events.wait_for(EventKind::Started, number);
        println!("\n@begun {id}");
        begun.push(id.clone());
        live.push_back((call, id));
        if live.len() > LIVE {
            let (call, id) = live.pop_front().expect("a recording");
            stop_own(&node, &id);
            call.end().expect("an end");
        }
        std::thread::sleep(PACE);
    }
    for (call, id) in live {
        stop_own(&node, &id);
        call.end().expect("an end");
    }
    // The job of an end is written before the event, and done when all groups acknowledged it.
    until("all ends", || {
        let ends = [EventKind::Finished, EventKind::Failed].map(|kind| node.events.of(kind).concat());
        begun.iter().all(|id| ends.iter().any(|end| end.contains(id)))
    });
    until("all acknowledgements", || {
        node.node.statistics().pending_ends == 0
    });
    println!("\n@settled");
    std::thread::sleep(PATIENCE);
}

/// What the children have reported.
#[derive(Default)]
struct StartedRecordings {
    /// The directory of each call whose recording a child has tried to start.
    attempts: BTreeMap<String, PathBuf>,
    /// The call of each accepted recording.
    accepted: BTreeMap<String, String>,
    /// The recordings that have begun, which must have an end.
    begun: BTreeSet<String>,
}

impl StartedRecordings {
    fn enter(&mut self, reports: &[String], directory: &Path) {
        for report in reports {
            let words: Vec<&str> = report.split(' ').collect();
            match words[..] {
                ["attempt", call] => drop(self.attempts.insert(call.to_owned(), directory.to_owned())),
                ["accepted", call, id] => {
                    let known = self.accepted.insert(id.to_owned(), call.to_owned());
                    assert_eq!(known, None, "{id} is accepted twice");
                }
                ["begun", id] => assert!(self.begun.insert(id.to_owned())),
                _ => {}
            }
        }
    }

    /// Checks the manifests, and returns the ids of all of them.
    fn check_manifests(&self, directories: &[ScratchDir]) -> BTreeSet<String> {
        let mut found = BTreeMap::new();
        for directory in directories {
            for file in files_with_extension(directory, "json") {
                if file.starts_with(directory.join(".callrec")) {
                    continue;
                }
                let text = std::fs::read(&file).expect("a manifest");
                let manifest: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
                let [id, call] = [&manifest["id"], &manifest["call"]["call_id"]]
                    .map(|value| value.as_str().expect("text"));
                assert_eq!(
                    found.insert(id.to_owned(), file.clone()),
                    None,
                    "{id} has two manifests"
                );
                let home = self.attempts.get(call).map(PathBuf::as_path);
                assert_eq!(home, Some(&**directory), "{id} is on the disk of its node");
                // The kill may have come between the start and its report.
                let accepted = self.accepted.get(id);
                let is_reported = self.accepted.values().any(|known| known == call);
                assert!(
                    accepted.map_or(!is_reported, |known| known == call),
                    "{id} {call}"
                );
            }
        }
        let found: BTreeSet<String> = found.into_keys().collect();
        let missing: Vec<_> = self.begun.difference(&found).collect();
        assert!(missing.is_empty(), "without a manifest: {missing:?}");
        found
    }
}

/// The cluster under test: a node here that sends stops, three in processes of their own,
/// and two consumer groups.
struct WatchedCluster {
    server: RedisServer,
    near: TestNode,
    consumers: [Consumer; 2],
    scratch: ScratchDir,
}

impl WatchedCluster {
    fn start() -> WatchedCluster {
        let server = RedisServer::start(&[]);
        let scratch = ScratchDir::new();
        let ledger = |name: &str| scratch.join(name);
        let consumers = [
            Consumer::new(compiled(&scratch), &server, "in-c", ledger("c.ledger")),
            Consumer::new(python(), &server, "in-python", ledger("python.ledger")),
        ];
        let near = TestNode::start(&server.url(), "near", &[GRACE, LEASE]);
        near.wait_until_connected();
        WatchedCluster {
            server,
            near,
            consumers,
            scratch,
        }
    }

    fn start_child(&self, name: &str, directory: &Path) -> ChildNode {
        let mut command = child_test("balance::child_of_the_balance");
        command
            .env(URL, self.server.url())
            .env(NAME, name)
            .env(DIRECTORY, directory)
            .env(CLOSING, self.scratch.join("closing"));
        let mut process = ChildProcess::spawn(&mut command);
        let report = process.wait_for_report(|line| line.starts_with("process "));
        let pid = report.split(' ').nth(1).and_then(|pid| pid.parse().ok());
        ChildNode {
            process,
            ids: Vec::new(),
            pid: Pid::from_raw(pid.expect("a process id")),
        }
    }

    /// The live recordings that the cluster lists for a node. None while it cannot be listed.
    fn live_of(&self, name: &str) -> Option<usize> {
        let views = self.near.list(&Filter::default()).ok()?;
        let live = views.iter().filter(|view| !view.is_unreachable);
        Some(live.filter(|view| view.node.as_str() == name).count())
    }

    /// Stops recordings of other nodes until so many stops have succeeded.
    fn stop_elsewhere(&self, count: usize) {
        let recorder = self.near.with_timeout(Duration::from_secs(2));
        let mut stopped = 0;
        until("the stops through another node", || {
            let ids = self.near.live_ids();
            // Its node may have stopped it meanwhile, or does not respond.
            let done = ids
                .last()
                .is_some_and(|id| recorder.control_by_id(&Caller::Host, STOP, id).is_ok());
            stopped += usize::from(done);
            stopped >= count
        });
    }

    /// Waits until both groups have acted on all these ends.
    fn wait_for_consumers(&self, ids: &BTreeSet<String>) {
        for consumer in &self.consumers {
            until("all ends", || {
                let acted: BTreeSet<String> = consumer.ids().into_iter().collect();
                ids.is_subset(&acted)
            });
        }
    }

    /// The recordings whose ends a consumer has acted on, in the order of the ids.
    fn acted(consumer: &Consumer) -> Vec<String> {
        let (text, mut ids) = (
            std::fs::read_to_string(&consumer.ledger).expect("a ledger"),
            Vec::new(),
        );
        // A lost node is no end of a recording.
        let ends = text.lines().filter(|line| !line.starts_with("node-lost "));
        for words in ends.map(|line| line.split(' ').collect::<Vec<_>>()) {
            assert!(["finished", "failed"].contains(&words[0]), "{words:?}");
            ids.push(words[1].to_owned());
        }
        ids.sort();
        ids
    }
}

#[test]
fn every_recording_of_all_nodes_has_one_end() {
    if !has_redis() {
        return;
    }
    let mut cluster = WatchedCluster::start();
    cluster.consumers.iter_mut().for_each(Consumer::restart);
    let directories = [(); 3].map(|()| ScratchDir::new());
    let mut started = StartedRecordings::default();
    let [mut n1, mut n2, mut n3] =
        [0, 1, 2].map(|index| cluster.start_child(["n1", "n2", "n3"][index], &directories[index]));
    for node in [&mut n1, &mut n2, &mut n3] {
        (0..=LIVE).for_each(|_| drop(node.process.wait_for_report(|line| line.starts_with("begun "))));
    }
    cluster.stop_elsewhere(3);
    // One is killed, and its next process recovers what was live.
    started.enter(&n2.process.kill(), &directories[1]);
    n2 = cluster.start_child("n2", &directories[1]);
    n2.process.wait_for_report(|line| line.starts_with("begun "));
    // Another stands still for longer than its lease.
    n3.pause();
    until("the end of the lease", || cluster.live_of("n3") == Some(0));
    cluster.stop_elsewhere(3);
    n3.go_on();
    until("the return", || {
        cluster.live_of("n3").is_some_and(|count| count > 0)
    });
    // Redis loses everything, also the groups.
    let _: String = cluster.server.run(&["FLUSHALL"]);
    cluster.consumers.iter_mut().for_each(Consumer::restart);
    cluster.stop_elsewhere(3);
    std::fs::write(cluster.scratch.join("closing"), "").expect("a file");
    for node in [&mut n1, &mut n2, &mut n3] {
        node.process.wait_for_report(|line| line == "settled");
    }
    until("an empty list", || {
        cluster
            .near
            .list(&Filter::default())
            .is_ok_and(|views| views.is_empty())
    });
    for (node, directory) in [n1, n2, n3].into_iter().zip(&directories) {
        started.enter(&node.process.kill(), directory);
    }
    let found = started.check_manifests(&directories);
    cluster.wait_for_consumers(&found);
    let expected: Vec<String> = found.into_iter().collect();
    for consumer in &cluster.consumers {
        assert_eq!(
            WatchedCluster::acted(consumer),
            expected,
            "{}",
            consumer.ledger.display()
        );
    }
}
