//! Nodes in processes of their own that are killed, stopped, and come back.

use std::time::{Duration, Instant};

use callrec_core::calls::{Caller, ControlOperation, Filter};
use callrec_core::events::EventKind;
use callrec_core::recorder::Recorder;
use callrec_core::types::Status;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::until;

use super::child::{ChildNode, ChildPlan};
use super::server::{RedisServer, RunCommand, has_redis};
use super::test_node::{TestNode, WATCHER_LEASE};

const LEASE_MS: u32 = 1500;
const GRACE_MS: u32 = 4000;
/// The time for a command that gets no response. It is enough to send the command on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(3);

fn plan<'a>(url: &'a str, name: &'a str, directory: &'a ScratchDir, lease_ms: u32) -> ChildPlan<'a> {
    ChildPlan {
        url,
        name,
        directory,
        calls: 3,
        lease_ms,
        grace_ms: GRACE_MS,
        network_of: None,
    }
}

/// The time of Redis, in milliseconds.
fn redis_ms(server: &RedisServer) -> f64 {
    let (seconds, micros): (f64, f64) = server.run(&["TIME"]);
    seconds * 1000.0 + (micros / 1000.0).floor()
}

#[test]
fn a_killed_node_is_lost_once_and_leaves_no_ghosts() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let url = server.url();
    let grace = GRACE_MS.to_string();
    // The two that go on look for the dead, and are not found dead themselves.
    let keys = [("cluster.grace_ms", grace.as_str()), WATCHER_LEASE];
    let n0 = TestNode::start(&url, "n0", &keys);
    let directories = [ScratchDir::new(), ScratchDir::new()];
    let n1 = ChildNode::start(&plan(&url, "n1", &directories[0], LEASE_MS));
    let lease_ms = WATCHER_LEASE.1.parse().expect("a number");
    let mut n2 = ChildNode::start(&plan(&url, "n2", &directories[1], lease_ms));
    let both: Vec<&str> = n1.ids().into_iter().chain(n2.ids()).collect();
    n0.wait_for_ids(&both);
    let (lost_ids, left_ids) = (n1.ids.clone(), n2.ids.clone());
    n1.process.kill();
    let killed_ms = redis_ms(&server);
    // Not there any more if a busy machine took longer than the lease to come here.
    let lease: Option<f64> = server.run(&["ZSCORE", "{callrec}:leases", "n1"]);
    assert!(lease.is_none_or(|lease| lease <= killed_ms + f64::from(LEASE_MS)));
    // At once, nobody is there.
    let error = n0
        .recorder
        .control_by_id(&Caller::Host, ControlOperation::Stop, &lost_ids[0]);
    let error = error.expect_err("nobody is there");
    assert_eq!(error.status, Status::Unavailable, "{error}");
    // By the clock of Redis, no list shows them as live after the end of the lease.
    until("the end of the lease", || {
        let before_ms = redis_ms(&server);
        let live = n0.live_ids();
        let is_over = lease.is_none_or(|lease| before_ms >= lease);
        assert!(
            !is_over || lost_ids.iter().all(|id| !live.contains(id)),
            "{live:?}"
        );
        is_over
    });
    n0.wait_for_ids(&left_ids.iter().map(String::as_str).collect::<Vec<_>>());
    let views = n0.list(&Filter::default()).expect("a list");
    let flagged = views.iter().filter(|view| view.is_unreachable).count();
    let forgotten: Option<f64> = server.run(&["ZSCORE", "{callrec}:dead", "n1"]);
    // The node is in this set until its recordings are forgotten.
    assert!(flagged == lost_ids.len() || forgotten.is_none(), "{views:?}");
    until("the dead recordings are forgotten", || {
        n0.list(&Filter::default())
            .is_ok_and(|views| views.len() == left_ids.len())
    });
    let stream: Vec<(String, Vec<String>)> = server.run(&["XRANGE", "{callrec}:events", "-", "+"]);
    let lost: Vec<_> = stream
        .iter()
        .filter(|(_, fields)| fields[1] == "node-lost")
        .collect();
    assert_eq!(lost.len(), 1, "{lost:?}");
    for id in &lost_ids {
        assert!(lost[0].1[7].contains(id), "{lost:?}");
    }
    // One of the two others raises the event.
    until("the event", || {
        n2.process.has_reported("node-lost") || !n0.events.of(EventKind::NodeLost).is_empty()
    });
    let elsewhere = n2.process.kill();
    let elsewhere = elsewhere
        .iter()
        .filter(|line| line.starts_with("node-lost"))
        .count();
    assert_eq!(n0.events.of(EventKind::NodeLost).len() + elsewhere, 1);
}

#[test]
fn a_stopped_node_refuses_late_commands_when_it_goes_on() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let url = server.url();
    // The leases outlive the stop.
    let n0 = TestNode::start(&url, "n0", &[]);
    let directory = ScratchDir::new();
    let mut n1 = ChildNode::start(&plan(&url, "n1", &directory, 30_000));
    n0.wait_for_ids(&n1.ids());
    n1.pause();
    let begun = Instant::now();
    let recorder = n0.with_timeout(TIMEOUT);
    let error = recorder.control_by_id(&Caller::Host, ControlOperation::Stop, &n1.ids[0]);
    let error = error.expect_err("it is stopped");
    assert_eq!(error.status, Status::Timeout, "{error}");
    assert!(begun.elapsed() >= TIMEOUT);
    n1.go_on();
    n1.process.wait_for_report(|line| line == "late 1");
    // Its recording goes on.
    n0.wait_for_ids(&n1.ids());
    let done = n0
        .recorder
        .control_by_id(&Caller::Host, ControlOperation::Stop, &n1.ids[0]);
    assert_eq!(done, Ok(()));
}

#[test]
fn a_node_that_comes_back_late_registers_again() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let url = server.url();
    let n0 = TestNode::start(&url, "n0", &[WATCHER_LEASE]);
    let directory = ScratchDir::new();
    let n1 = ChildNode::start(&plan(&url, "n1", &directory, LEASE_MS));
    n0.wait_for_ids(&n1.ids());
    let epoch: String = server.run(&["HGET", "{callrec}:epochs", "n1"]);
    n1.pause();
    n0.events.wait_for(EventKind::NodeLost, 1);
    assert!(n0.live_ids().is_empty());
    n1.go_on();
    n0.wait_for_ids(&n1.ids());
    let stale: String = server.run(&["FCALL", "callrec_remove", "1", "{callrec}", "n1", &epoch, "x"]);
    assert_eq!(stale, "STALE", "nobody writes under the lost epoch");
}

#[test]
fn a_node_that_was_killed_takes_its_name_over_at_once() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let url = server.url();
    let n0 = TestNode::start(&url, "n0", &[]);
    let directory = ScratchDir::new();
    let n1 = ChildNode::start(&plan(&url, "n1", &directory, 30_000));
    n0.wait_for_ids(&n1.ids());
    n1.process.kill();
    // The old recordings are recovered by the new process, and are not live.
    let again = ChildNode::start(&plan(&url, "n1", &directory, 30_000));
    n0.wait_for_ids(&again.ids());
    assert!(n0.events.of(EventKind::NodeLost).is_empty());
}
