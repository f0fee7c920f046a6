//! Nodes that adopt the directories of dead nodes.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use callrec_core::calls::{Caller, ControlOperation, Filter};
use callrec_core::engine::{Adoption, Engine};
use callrec_core::events::{Event, EventKind, Listener, SubscriptionOptions};
use callrec_core::recorder::Recorder;
use callrec_core::storage::Platform;
use callrec_core::sync::Mutex;
use callrec_core::types::{Result, Status};
use callrec_testkit::child::{ChildProcess, child_test};
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::{PATIENCE, until};

use super::child::{ChildNode, ChildPlan};
use super::server::{RedisServer, RunCommand, has_redis};
use super::test_node::{TestNode, call};

const STREAM: &str = "{callrec}:events";
/// So long that no recording of a dead node is forgotten in a test.
const GRACE_MS: u32 = 600_000;
const URL: &str = "CALLREC_TEST_ADOPTER_URL";
const DIRECTORY: &str = "CALLREC_TEST_ADOPTER_DIRECTORY";

/// A node with three recordings.
fn recording_node(server: &RedisServer, directory: &ScratchDir) -> ChildNode {
    ChildNode::start(&ChildPlan {
        url: &server.url(),
        name: "n1",
        directory,
        calls: 3,
        lease_ms: 1500,
        grace_ms: GRACE_MS,
        network_of: None,
    })
}

/// A node that lives.
fn adopter(server: &RedisServer, name: &str) -> TestNode {
    let grace = GRACE_MS.to_string();
    let node = TestNode::start(&server.url(), name, &[("cluster.grace_ms", &grace)]);
    node.wait_until_connected();
    node
}

fn adopt(engine: &Arc<Engine>, directory: &Path, timeout: Duration) -> Result<Adoption> {
    engine.adopt(Platform::system(), directory.to_str().expect("UTF-8"), timeout)
}

/// Adopts on a thread of its own.
fn begin_adoption(engine: &Arc<Engine>, directory: &Path) -> Receiver<Result<Adoption>> {
    let (engine, directory) = (engine.clone(), directory.to_owned());
    let (send, receive) = channel();
    std::thread::spawn(move || send.send(adopt(&engine, &directory, PATIENCE)));
    receive
}

/// The ends in the stream: id, node and directory.
fn ends(server: &RedisServer) -> Vec<(String, String, String)> {
    let entries: Vec<(String, Vec<String>)> = server.run(&["XRANGE", STREAM, "-", "+"]);
    let ends = entries.into_iter().filter(|(_, fields)| fields[1] == "finished");
    let mut ends: Vec<_> = ends
        .map(|(_, fields)| {
            let directory = fields.get(9).cloned().unwrap_or_default();
            (fields[3].clone(), fields[5].clone(), directory)
        })
        .collect();
    ends.sort();
    ends
}

fn sorted(ids: &[String]) -> Vec<String> {
    let mut sorted = ids.to_vec();
    sorted.sort();
    sorted
}

fn ids_in_stream(server: &RedisServer) -> Vec<String> {
    ends(server).into_iter().map(|(id, ..)| id).collect()
}

/// A group that has not acknowledged an end, so that its job is not done.
fn create_group(server: &RedisServer) {
    let _: String = server.run(&["XGROUP", "CREATE", STREAM, "billing", "0", "MKSTREAM"]);
}

/// The group waits for nothing any more.
fn destroy_group(server: &RedisServer) {
    let _: u32 = server.run(&["XGROUP", "DESTROY", STREAM, "billing"]);
}

#[test]
fn a_node_adopts_the_recordings_of_a_dead_one() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let n0 = adopter(&server, "n0");
    let own = n0.record(call("own", "SEP0", "100", "bob"));
    let directory = ScratchDir::new();
    let n1 = recording_node(&server, &directory);
    let dead = sorted(&n1.ids);
    let all: Vec<&str> = dead.iter().chain([&own]).map(String::as_str).collect();
    n0.wait_for_ids(&all);
    n1.process.kill();
    let adopted = adopt(&n0.engine, &directory, PATIENCE).expect("adopted");
    assert_eq!((adopted.recordings, adopted.outcome), (3, Ok(())));
    // Everything was done before the function returned.
    let path = directory.to_str().expect("UTF-8").to_owned();
    let expected: Vec<_> = dead
        .iter()
        .map(|id| (id.clone(), "n0".to_owned(), path.clone()))
        .collect();
    assert_eq!(ends(&server), expected);
    let listed = n0.list(&Filter::default()).expect("a list");
    let listed: Vec<String> = listed.iter().map(|view| view.id.to_string()).collect();
    assert_eq!(
        listed,
        std::slice::from_ref(&own),
        "the dead recordings are not listed any more"
    );
    let finished = n0.events.of(EventKind::Finished);
    assert_eq!(finished.len(), 3);
    for id in &dead {
        let json = finished.iter().find(|json| json.contains(id)).expect("its end");
        assert!(json.contains("\"recovered\":true"), "{json}");
    }
    // The recording of the adopting node goes on, and its end is as any other.
    n0.engine
        .control_by_id(&Caller::Host, ControlOperation::Stop, &own)
        .expect("live");
    until("the end of the own recording", || {
        ids_in_stream(&server).len() == 4
    });
    let own_end = ends(&server).into_iter().find(|(id, ..)| *id == own);
    assert_eq!(own_end, Some((own, "n0".to_owned(), String::new())));
    let again = adopt(&n0.engine, &directory, PATIENCE).expect("nothing to do");
    assert_eq!((again.recordings, again.outcome), (0, Ok(())));
    assert_eq!(ids_in_stream(&server).len(), 4);
}

#[test]
fn a_directory_that_is_in_use_or_foreign_is_refused() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let n0 = adopter(&server, "n0");
    let directory = ScratchDir::new();
    let n1 = recording_node(&server, &directory);
    n0.wait_for_ids(&n1.ids());
    let refusal = |directory: &Path| {
        let refused = adopt(&n0.engine, directory, PATIENCE).expect_err("refused");
        refused.status
    };
    assert_eq!(refusal(&directory), Status::Unavailable, "its node lives");
    n0.wait_for_ids(&n1.ids());
    let own = n0.directory.as_ref().expect("a directory");
    assert_eq!(refusal(own), Status::Unavailable);
    assert_eq!(refusal(&directory.join("missing")), Status::NotFound);
    let empty = ScratchDir::new();
    assert_eq!(refusal(&empty), Status::NotFound);
    let entries = std::fs::read_dir(&*empty).expect("a directory");
    assert_eq!(entries.count(), 0, "nothing was created");
    std::fs::write(empty.join("file"), "").expect("a file");
    assert_eq!(refusal(&empty.join("file")), Status::NotFound);
}

#[test]
fn one_of_two_nodes_adopts_a_directory() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    create_group(&server);
    let (n0, n2) = (adopter(&server, "n0"), adopter(&server, "n2"));
    let directory = ScratchDir::new();
    let n1 = recording_node(&server, &directory);
    let dead = sorted(&n1.ids);
    n1.process.kill();
    let both = [&n0, &n2].map(|node| begin_adoption(&node.engine, &directory));
    // The one that adopts waits for the group.
    let mut refused = None;
    until("the refusal", || {
        refused = both.iter().position(|result| {
            let result = result.try_recv();
            result.is_ok_and(|result| result.expect_err("refused").status == Status::Unavailable)
        });
        refused.is_some()
    });
    until("all ends", || ids_in_stream(&server) == dead);
    // Nothing of the adopting node waits for the adoption.
    let adopting = [&n2, &n0][refused.expect("one")];
    let id = adopting.record(call("own", "SEP0", "100", "bob"));
    adopting
        .engine
        .control_by_id(&Caller::Host, ControlOperation::Discard, &id)
        .expect("live");
    until("the own end", || ids_in_stream(&server).contains(&id));
    destroy_group(&server);
    let adopted = both[1 - refused.expect("one")].recv_timeout(PATIENCE);
    let adopted = adopted.expect("a result").expect("adopted");
    assert_eq!((adopted.recordings, adopted.outcome), (3, Ok(())));
    assert_eq!(ids_in_stream(&server).len(), 4, "each end is there once");
}

#[test]
fn an_adoption_that_runs_out_of_time_is_continued_by_the_next_one() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    create_group(&server);
    let n0 = adopter(&server, "n0");
    let directory = ScratchDir::new();
    let n1 = recording_node(&server, &directory);
    let dead = sorted(&n1.ids);
    n1.process.kill();
    // However slow the machine is, the group never acknowledges the ends.
    let mut reported = 0;
    until("three reported ends", || {
        let adopted = adopt(&n0.engine, &directory, Duration::from_millis(300));
        let adopted = match adopted {
            Ok(adopted) => adopted,
            // The adoption before it is still releasing the directory.
            Err(error) if error.status == Status::Unavailable => return false,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(adopted.outcome.expect_err("no time").status, Status::Timeout);
        reported += adopted.recordings;
        reported >= 3 && ids_in_stream(&server) == dead
    });
    destroy_group(&server);
    until("the last adoption", || {
        adopt(&n0.engine, &directory, PATIENCE).is_ok_and(|adopted| adopted.outcome.is_ok())
    });
    assert_eq!(ids_in_stream(&server), dead, "each end is there once");
}

#[test]
fn closing_the_engine_ends_an_adoption() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    create_group(&server);
    let (n0, n2) = (adopter(&server, "n0"), adopter(&server, "n2"));
    let directory = ScratchDir::new();
    let n1 = recording_node(&server, &directory);
    let dead = sorted(&n1.ids);
    n1.process.kill();
    let running = begin_adoption(&n0.engine, &directory);
    until("all ends", || ids_in_stream(&server) == dead);
    n0.close();
    let ended = running.recv_timeout(PATIENCE).expect("a result");
    assert_eq!(ended.expect_err("it closes").status, Status::Unavailable);
    destroy_group(&server);
    // The adoption that has ended may still be releasing the directory.
    until("the directory is free", || {
        adopt(&n2.engine, &directory, PATIENCE).is_ok_and(|adopted| adopted.outcome.is_ok())
    });
    assert_eq!(ids_in_stream(&server), dead);
}

#[test]
fn another_node_completes_what_a_killed_one_has_adopted() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    create_group(&server);
    let n0 = adopter(&server, "n0");
    let directory = ScratchDir::new();
    let n1 = recording_node(&server, &directory);
    let dead = sorted(&n1.ids);
    n1.process.kill();
    let mut command = child_test("adoption::adopting_child");
    command
        .env(URL, server.url())
        .env(DIRECTORY, directory.as_os_str());
    let mut child = ChildProcess::spawn(&mut command);
    child.wait_for_report(|line| line == "an end");
    let lines = child.kill();
    assert!(
        !lines.iter().any(|line| line == "adopted"),
        "it waits for the group"
    );
    destroy_group(&server);
    let adopted = adopt(&n0.engine, &directory, PATIENCE).expect("adopted");
    assert_eq!(adopted.outcome, Ok(()));
    assert_eq!(ids_in_stream(&server), dead, "each end is there once");
    assert!(n0.list(&Filter::default()).expect("a list").is_empty());
}

#[test]
#[ignore = "runs in a child process"]
fn adopting_child() {
    let given = |name| std::env::var(name).expect("a value");
    let node = TestNode::start(&given(URL), "n2", &[]);
    let running = begin_adoption(&node.engine, given(DIRECTORY).as_ref());
    let mut is_reported = false;
    while running.try_recv().is_err() {
        if !is_reported && !node.events.of(EventKind::Finished).is_empty() {
            is_reported = true;
            println!("\n@an end");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    println!("\n@adopted");
}

/// Adopts in a callback.
struct AdoptingListener {
    engine: Mutex<Option<Arc<Engine>>>,
    status: Mutex<Option<Status>>,
}

impl Listener for AdoptingListener {
    fn event(&self, _: &Event, _: u64) {
        if let Some(engine) = self.engine.lock().take() {
            let refused = adopt(&engine, Path::new("anything"), PATIENCE).err();
            *self.status.lock() = refused.map(|error| error.status);
        }
    }
}

#[test]
fn an_adoption_is_refused_in_callbacks() {
    let directory = ScratchDir::new();
    let engine = super::test_node::open_engine(directory.to_str().expect("UTF-8"));
    let listener = Arc::new(AdoptingListener {
        engine: Mutex::new(Some(engine.clone())),
        status: Mutex::default(),
    });
    let subscribed = engine.subscribe(SubscriptionOptions::default(), listener.clone());
    assert!(subscribed.is_ok());
    super::test_node::record(&engine, call("own", "SEP0", "100", "bob")).expect("a recording");
    until("the refusal", || {
        *listener.status.lock() == Some(Status::InCallback)
    });
    engine.close(PATIENCE).expect("closed");
}
