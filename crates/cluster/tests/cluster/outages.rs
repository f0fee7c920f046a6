//! Redis is away, slow, wiped or failed over, or a node is cut off from it: recordings go on, and
//! afterwards the list is complete again.

use std::time::Duration;

use callrec_core::calls::{Caller, ControlOperation, Filter};
use callrec_core::events::EventKind;
use callrec_core::recorder::Recorder;
use callrec_core::types::Status;
use callrec_testkit::wait::until;

use super::proxy::TcpProxy;
use super::server::{RedisServer, RunCommand, has_redis};
use super::test_node::{SHORT_LEASE, TestNode, WATCHER_LEASE, call};

const HOST: Caller = Caller::Host;

#[test]
fn while_redis_is_away_everything_local_goes_on() {
    if !has_redis() {
        return;
    }
    let mut server = RedisServer::start(&[]);
    let [n1, n2] = ["n1", "n2"].map(|name| TestNode::start(&server.url(), name, &[]));
    let a = n1.record(call("c-a", "SEP1", "101", "ann"));
    n2.wait_for_ids(&[&a]);
    server.kill();
    let lost = n1.events.wait_for(EventKind::ClusterLost, 1);
    assert!(lost[0].contains("\"error\":"), "{lost:?}");
    until("the loss", || !n1.node.statistics().is_connected);
    until("the other node's loss", || !n2.node.statistics().is_connected);
    let b = n1.record(call("c-b", "SEP2", "102", "ann"));
    assert_eq!(
        n1.recorder.control_by_id(&HOST, ControlOperation::Stop, &b),
        Ok(())
    );
    let error = n2.list(&Filter::default()).expect_err("no list");
    assert_eq!(error.status, Status::Unavailable, "{error}");
    let error = n2.recorder.control_by_id(&HOST, ControlOperation::Stop, &a);
    assert_eq!(error.map_err(|error| error.status), Err(Status::Unavailable));
    // Another node may record this line, and nobody can say.
    let stopped = n2
        .recorder
        .control_by_line(&HOST, ControlOperation::Stop, &"SEP1".into(), &"".into());
    assert_eq!(stopped.map_err(|error| error.status), Err(Status::Unavailable));
    let statistics = n1.engine.statistics().expect("statistics");
    assert_eq!(statistics.live_recordings, 1);
    assert!(n1.node.statistics().losses >= 1);
    server.restart();
    n1.events.wait_for(EventKind::ClusterRestored, 1);
    n2.wait_for_ids(&[&a]);
    assert_eq!(
        n2.recorder.control_by_id(&HOST, ControlOperation::Stop, &a),
        Ok(())
    );
    let events = n1.events.0.lock();
    let kinds = events.iter().map(|(kind, _)| *kind);
    let kinds: Vec<EventKind> = kinds
        .filter(|kind| [EventKind::ClusterLost, EventKind::ClusterRestored].contains(kind))
        .collect();
    // A busy machine may lose the connection again, but each loss is reported once, however many
    // attempts to connect have failed.
    let is_once = |pair: &[EventKind]| pair[0] != pair[1];
    assert!(kinds.windows(2).all(is_once), "{kinds:?}");
}

#[test]
fn redis_that_stands_still_delays_nothing_local() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let n1 = TestNode::start(&server.url(), "n1", &[SHORT_LEASE]);
    let a = n1.record(call("c-a", "SEP1", "101", "ann"));
    n1.wait_for_ids(&[&a]);
    server.signal("STOP");
    let error = n1
        .with_timeout(Duration::from_millis(200))
        .list(&HOST, &Filter::default());
    let error = error.expect_err("no list");
    assert!(
        matches!(error.status, Status::Timeout | Status::Unavailable),
        "{error}"
    );
    // A request to Redis would fail, so what succeeds now does not wait for it.
    let b = n1.record(call("c-b", "SEP2", "102", "ann"));
    assert_eq!(
        n1.recorder.control_by_id(&HOST, ControlOperation::Stop, &a),
        Ok(())
    );
    n1.events.wait_for(EventKind::ClusterLost, 1);
    server.signal("CONT");
    n1.events.wait_for(EventKind::ClusterRestored, 1);
    n1.wait_for_ids(&[&b]);
}

#[test]
fn redis_that_is_away_at_the_open_is_joined_later() {
    if !has_redis() {
        return;
    }
    let mut server = RedisServer::start(&[]);
    server.kill();
    let n1 = TestNode::start(&server.url(), "n1", &[]);
    let a = n1.record(call("c-a", "SEP1", "101", "ann"));
    n1.events.wait_for(EventKind::ClusterLost, 1);
    server.restart();
    n1.wait_for_ids(&[&a]);
    n1.events.wait_for(EventKind::ClusterRestored, 1);
}

#[test]
fn a_wiped_redis_is_filled_again() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    // The next renewal of each notices the wipe.
    let [n1, n2] = ["n1", "n2"].map(|name| TestNode::start(&server.url(), name, &[SHORT_LEASE]));
    let a = n1.record(call("c-a", "SEP1", "101", "ann"));
    let b = n2.record(call("c-b", "SEP2", "102", "bob"));
    n1.wait_for_ids(&[&a, &b]);
    let () = server.run(&["FLUSHALL"]);
    let () = server.run(&["FUNCTION", "FLUSH"]);
    // The list is complete on both nodes, and it is Redis that has it.
    let in_redis = || server.run::<usize>(&["ZCARD", "{callrec}:all"]) == 2;
    until("the recordings in Redis", in_redis);
    n1.wait_for_ids(&[&a, &b]);
    n2.wait_for_ids(&[&a, &b]);
}

#[test]
fn a_node_that_is_cut_off_is_unreachable_and_comes_back() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let proxy = TcpProxy::start(server.port);
    let n1 = TestNode::start(&proxy.url(), "n1", &[SHORT_LEASE]);
    let n2 = TestNode::start(&server.url(), "n2", &[WATCHER_LEASE]);
    let a = n1.record(call("c-a", "SEP1", "101", "ann"));
    n2.wait_for_ids(&[&a]);
    proxy.cut();
    n1.events.wait_for(EventKind::ClusterLost, 1);
    // The lease is still there, but nobody listens.
    let error = n2.recorder.control_by_id(&HOST, ControlOperation::Stop, &a);
    assert_eq!(error.map_err(|error| error.status), Err(Status::Unavailable));
    n2.events.wait_for(EventKind::NodeLost, 1);
    n2.wait_for_ids(&[]);
    assert_eq!(n1.engine.statistics().expect("statistics").live_recordings, 1);
    proxy.mend();
    n2.wait_for_ids(&[&a]);
    n2.stop_when_reachable(&a);
}

#[test]
fn a_node_that_messages_no_longer_reach_connects_again() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let proxy = TcpProxy::start(server.port);
    let n1 = TestNode::start(&proxy.url(), "n1", &[SHORT_LEASE]);
    let n2 = TestNode::start(&server.url(), "n2", &[]);
    let a = n1.record(call("c-a", "SEP1", "101", "ann"));
    n2.wait_for_ids(&[&a]);
    proxy.mute_messages();
    let lost = n1.events.wait_for(EventKind::ClusterLost, 1);
    assert!(lost[0].contains("messages of Redis no longer reach"), "{lost:?}");
    n1.events.wait_for(EventKind::ClusterRestored, 1);
    n2.stop_when_reachable(&a);
}

#[test]
fn recordings_that_end_during_a_short_loss_are_removed_after_it() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let proxy = TcpProxy::start(server.port);
    // The lease outlives the loss.
    let n1 = TestNode::start(&proxy.url(), "n1", &[("cluster.lease_ms", "120000")]);
    let n2 = TestNode::start(&server.url(), "n2", &[]);
    let [a, b] = ["c-a", "c-b"].map(|id| n1.record(call(id, "SEP1", "101", "ann")));
    n2.wait_for_ids(&[&a, &b]);
    proxy.cut();
    n1.events.wait_for(EventKind::ClusterLost, 1);
    let stopped = n1.engine.control_by_id(&HOST, ControlOperation::Stop, &a);
    assert_eq!(stopped, Ok(()));
    n2.wait_for_ids(&[&a, &b]);
    proxy.mend();
    n2.wait_for_ids(&[&b]);
}

/// While a node has not written its recordings again, nobody may conclude that they have ended.
#[test]
fn after_a_wipe_what_is_not_found_is_not_taken_for_ended() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let proxy = TcpProxy::start(server.port);
    // The other node is missing for half of it at least.
    let lease = ("cluster.lease_ms", "600000");
    let n1 = TestNode::start(&proxy.url(), "n1", &[lease]);
    let n2 = TestNode::start(&server.url(), "n2", &[lease]);
    let a = n1.record(call("c-a", "SEP1", "101", "ann"));
    n2.wait_for_ids(&[&a]);
    proxy.cut();
    n1.events.wait_for(EventKind::ClusterLost, 1);
    let () = server.run(&["FLUSHALL"]);
    let status = || {
        let stopped = n2.recorder.control_by_id(&HOST, ControlOperation::Stop, &a);
        stopped.map_err(|error| error.status)
    };
    let lists = || n2.list(&Filter::default()).map_err(|error| error.status);
    // Before the node knows of the wipe, and after it has written its own recordings again.
    assert_eq!(status(), Err(Status::Unavailable));
    n2.events.wait_for(EventKind::ClusterLost, 1);
    n2.events.wait_for(EventKind::ClusterRestored, 1);
    assert_eq!(status(), Err(Status::Unavailable));
    assert_eq!(lists().map(|list| list.len()), Err(Status::Unavailable));
    proxy.mend();
    until("the stop", || {
        let _ = status();
        n1.engine.statistics().expect("statistics").live_recordings == 0
    });
}

/// What Redis lists right after a process has registered the node n1.
fn listed_after_registration(server: &RedisServer, instance: &str, process: &str) -> usize {
    let client = redis::Client::open(server.url()).expect("a client");
    let mut connection = client.get_connection().expect("a connection");
    let args = [
        "callrec_register",
        "1",
        "{callrec}",
        "n1",
        instance,
        "60000",
        process,
    ];
    // Nothing comes between the two.
    let (registered, listed): (Vec<String>, usize) = redis::pipe()
        .atomic()
        .cmd("FCALL")
        .arg(&args)
        .cmd("ZCARD")
        .arg("{callrec}:all")
        .query(&mut connection)
        .expect("registered");
    assert_eq!(registered[0], "OK");
    listed
}

#[test]
fn a_node_that_registers_again_keeps_its_recordings_listed() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let n1 = TestNode::start(&server.url(), "n1", &[SHORT_LEASE]);
    let n2 = TestNode::start(&server.url(), "n2", &[]);
    let a = n1.record(call("c-a", "SEP1", "101", "ann"));
    n2.wait_for_ids(&[&a]);
    let [instance, process] = ["instances", "processes"]
        .map(|key| server.run::<String>(&["HGET", &format!("{{callrec}}:{key}"), "n1"]));
    assert_eq!(listed_after_registration(&server, &instance, &process), 1);
    // A new process after a crash has none of the old recordings.
    assert_eq!(listed_after_registration(&server, &instance, "another"), 0);
    // The node has lost its lease to these registrations, and registers again.
    n2.wait_for_ids(&[&a]);
}

#[test]
fn sentinels_lead_to_the_new_master() {
    if !has_redis() {
        return;
    }
    let mut master = RedisServer::start(&[]);
    let port = master.port.to_string();
    let replica = RedisServer::start(&["--replicaof", &format!("127.0.0.1 {port}")]);
    until("the replica", || {
        let info: String = master.run(&["INFO", "replication"]);
        info.contains("state=online")
    });
    let sentinel = RedisServer::start_sentinel(master.port);
    until("the Sentinel's replica", || {
        let replicas: Vec<Vec<String>> = sentinel.run(&["SENTINEL", "REPLICAS", "calls"]);
        replicas.len() == 1
    });
    let url = format!("redis+sentinel://127.0.0.1:{}/calls", sentinel.port);
    let [n1, n2] = ["n1", "n2"].map(|name| TestNode::start(&url, name, &[]));
    let a = n1.record(call("c-a", "SEP1", "101", "ann"));
    let b = n2.record(call("c-b", "SEP2", "102", "bob"));
    n1.wait_for_ids(&[&a, &b]);
    master.kill();
    n1.events.wait_for(EventKind::ClusterLost, 1);
    n1.events.wait_for(EventKind::ClusterRestored, 1);
    n1.wait_for_ids(&[&a, &b]);
    n2.wait_for_ids(&[&a, &b]);
    let recordings: usize = replica.run(&["ZCARD", "{callrec}:all"]);
    assert_eq!(recordings, 2, "the replica is the master now");
    assert_eq!(
        n2.recorder.control_by_id(&HOST, ControlOperation::Stop, &a),
        Ok(())
    );
}
