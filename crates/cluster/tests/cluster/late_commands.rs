//! Commands that are held up on their way: once the caller was told that there was no response in
//! time, nobody carries them out.

use std::time::Duration;

use callrec_core::calls::{Caller, ControlOperation};
use callrec_core::recorder::Recorder;
use callrec_core::types::{RecordingState, Status};
use callrec_testkit::wait::until;

use super::holding_proxy::{HeldDirection, HoldingProxy};
use super::server::{RedisServer, has_redis};
use super::test_node::{TestNode, call};

const HOST: Caller = Caller::Host;
/// The leases outlive the test, and no beat notices what is held up.
const KEYS: [(&str, &str); 1] = [("cluster.lease_ms", "120000")];
const TIMEOUT: Duration = Duration::from_secs(2);

/// A paused recording of `owner`, which `sender` resumes. Returns its id once the caller was told that
/// there was no response in time.
fn time_out(owner: &TestNode, sender: &TestNode, proxy: &HoldingProxy) -> String {
    let id = owner.record(call("c-a", "SEP1", "101", "ann"));
    let paused = owner.engine.control_by_id(&HOST, ControlOperation::Pause, &id);
    assert_eq!(paused, Ok(()));
    sender.wait_for_ids(&[&id]);
    let recorder = sender.with_timeout(TIMEOUT);
    // On a busy machine the time may be over before the request to hold up was sent.
    until("a request to hold up", || {
        let resumed = recorder.control_by_id(&HOST, ControlOperation::Resume, &id);
        if proxy.is_holding() {
            assert_eq!(resumed.map_err(|error| error.status), Err(Status::Timeout));
            return true;
        }
        assert!(resumed.is_err(), "nobody has begun it");
        false
    });
    id
}

fn assert_still_paused(owner: &TestNode, id: &str) {
    let view = owner.engine.get(&HOST, id).expect("the recording");
    assert_eq!(view.state, RecordingState::Paused);
}

#[test]
fn a_command_that_redis_gets_too_late_is_sent_to_nobody() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let proxy = HoldingProxy::start(server.port, HeldDirection::Requests, "\r\ncallrec_command\r\n");
    let owner = TestNode::start(&server.url(), "n1", &KEYS);
    let sender = TestNode::start(&proxy.url(), "n2", &KEYS);
    let other = TestNode::start(&server.url(), "n3", &KEYS);
    let id = time_out(&owner, &sender, &proxy);
    proxy.release();
    // This command comes behind the one that was held up.
    other.wait_for_ids(&[&id]);
    let again = other.recorder.control_by_id(&HOST, ControlOperation::Pause, &id);
    let again = again.map_err(|error| error.status);
    assert_eq!(again, Err(Status::AlreadyPaused));
    assert_still_paused(&owner, &id);
    let statistics = owner.node.statistics();
    assert_eq!((statistics.commands, statistics.late_commands), (1, 0));
}

#[test]
fn an_owner_that_is_granted_a_command_too_late_refuses_it() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let proxy = HoldingProxy::start(server.port, HeldDirection::Responses, "\r\ncallrec_claim\r\n");
    let owner = TestNode::start(&proxy.url(), "n1", &KEYS);
    let sender = TestNode::start(&server.url(), "n2", &KEYS);
    let id = time_out(&owner, &sender, &proxy);
    proxy.release();
    until("the refusal", || {
        let statistics = owner.node.statistics();
        statistics.commands + statistics.late_commands >= 1
    });
    assert_eq!(owner.node.statistics().commands, 0);
    assert_still_paused(&owner, &id);
}
