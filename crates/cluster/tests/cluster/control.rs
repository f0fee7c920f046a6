//! Commands to other nodes: the same rules as on one node.

use std::sync::Barrier;

use callrec_core::calls::{Caller, ControlCounts, ControlOperation};
use callrec_core::recorder::Recorder;
use callrec_core::text::Text;
use callrec_core::types::{RecordingState, Status};
use callrec_testkit::wait::until;

use super::server::{RedisServer, has_redis};
use super::test_node::{TestNode, call, user};

const HOST: Caller = Caller::Host;

#[test]
fn the_owner_carries_out_every_operation_by_its_own_rules() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let [n1, n2] = ["n1", "n2"].map(|name| TestNode::start(&server.url(), name, &[]));
    n1.engine
        .set_line(&Text::new("SEP9"), &Text::default(), 1)
        .expect("a policy");
    let free = n1.record(call("c-a", "SEP1", "101", "ann"));
    let other = n1.record(call("c-b", "SEP1", "102", "ann"));
    n2.wait_for_ids(&[&free, &other]);
    let by_id = |caller: &Caller, operation, id: &str| {
        let done = n2.recorder.control_by_id(caller, operation, id);
        done.map_err(|error| error.status)
    };
    use ControlOperation::{Discard, Pause, Resume, Stop};
    assert_eq!(by_id(&HOST, Resume, &free), Err(Status::NotPaused));
    assert_eq!(by_id(&HOST, Pause, &free), Ok(()));
    assert_eq!(by_id(&HOST, Pause, &free), Err(Status::AlreadyPaused));
    let state = || n2.recorder.get(&HOST, &free).map(|view| view.state);
    until("the state", || state() == Ok(RecordingState::Paused));
    assert_eq!(by_id(&user("bob", 2), Resume, &free), Err(Status::Forbidden));
    assert_eq!(
        by_id(&user("ann", 0), Resume, &free),
        Err(Status::Unauthenticated)
    );
    assert_eq!(by_id(&user("ann", 2), Resume, &free), Ok(()));
    assert_eq!(by_id(&HOST, Stop, "x"), Err(Status::InvalidId));
    let line = |operation, device: &str, number: &str| {
        let done = n2
            .recorder
            .control_by_line(&HOST, operation, &Text::new(device), &Text::new(number));
        done.map_err(|error| error.status)
    };
    let changed = |changed| {
        Ok(ControlCounts {
            changed,
            ..ControlCounts::default()
        })
    };
    assert_eq!(line(Pause, "", ""), Err(Status::NoTarget));
    assert_eq!(line(Pause, "SEP7", ""), Err(Status::NotLive));
    assert_eq!(line(Pause, "SEP1", ""), changed(2));
    assert_eq!(line(Pause, "SEP1", "102"), Err(Status::AlreadyPaused));
    let by_call = |operation, id: &str| {
        let done = n2
            .recorder
            .control_by_call(&HOST, operation, &Text::new(id), None);
        done.map_err(|error| error.status)
    };
    assert_eq!(by_call(Resume, "c-a"), changed(1));
    assert_eq!(by_call(Stop, "c-none"), Err(Status::NoCall));
    let own = n2.recorder.control_own(&user("ann", 1), Pause);
    assert_eq!(
        own.map(|counts| (counts.changed, counts.already))
            .map_err(|error| error.status),
        Ok((1, 1))
    );
    assert_eq!(by_id(&HOST, Discard, &other), Ok(()));
    assert_eq!(by_call(Stop, "c-a"), changed(1));
    n2.wait_for_ids(&[]);
    assert_eq!(n1.engine.statistics().expect("statistics").live_recordings, 0);
    assert!(n1.node.statistics().commands >= 9);
}

#[test]
fn a_line_policy_of_the_owner_refuses_a_stop_from_elsewhere() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let [n1, n2] = ["n1", "n2"].map(|name| TestNode::start(&server.url(), name, &[]));
    let a = n1.record(call("c-a", "SEP1", "101", "ann"));
    n1.engine
        .set_line(&Text::new("SEP1"), &Text::default(), 1)
        .expect("a policy");
    n2.wait_for_ids(&[&a]);
    let error = n2
        .recorder
        .control_by_id(&HOST, ControlOperation::Stop, &a)
        .expect_err("refused");
    assert_eq!(
        (error.status, error.reason, error.device_name.as_str()),
        (Status::NotMonitorable, 1, "SEP1")
    );
    let device = Text::new("SEP1");
    let own = n1
        .engine
        .control_by_line(&HOST, ControlOperation::Stop, &device, &Text::default());
    let elsewhere = n2
        .recorder
        .control_by_line(&HOST, ControlOperation::Stop, &device, &Text::default());
    assert_eq!(own, elsewhere, "the same error");
}

#[test]
fn of_stops_on_all_nodes_exactly_one_succeeds() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let nodes = ["n1", "n2", "n3"].map(|name| TestNode::start(&server.url(), name, &[]));
    let ids: Vec<String> = (0..10)
        .map(|number| nodes[0].record(call(&format!("c-{number}"), "SEP1", "101", "ann")))
        .collect();
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    nodes.iter().for_each(|node| node.wait_for_ids(&all));
    for id in &ids {
        let barrier = Barrier::new(nodes.len());
        let results = std::thread::scope(|scope| {
            let threads: Vec<_> = nodes
                .iter()
                .map(|node| {
                    scope.spawn(|| {
                        barrier.wait();
                        node.recorder.control_by_id(&HOST, ControlOperation::Stop, id)
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("a result"))
                .collect::<Vec<_>>()
        });
        assert_eq!(
            results.iter().filter(|result| result.is_ok()).count(),
            1,
            "{results:?}"
        );
        let others = results.iter().filter_map(|result| result.as_ref().err());
        assert!(
            others.clone().all(|error| error.status == Status::NotLive),
            "{results:?}"
        );
    }
}
