//! Starts that fail, in the stream.

use callrec_core::events::EventKind;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::until;

use super::server::{RedisServer, RunCommand, has_redis};
use super::test_node::{TestNode, call};

fn entries(server: &RedisServer) -> Vec<(String, Vec<String>)> {
    server.run(&["XRANGE", "{callrec}:events", "-", "+"])
}

/// Redis is away when the start fails.
#[test]
fn a_failed_start_is_appended_once_although_the_disk_has_failed() {
    if !has_redis() {
        return;
    }
    let mut server = RedisServer::start(&[]);
    let parent = ScratchDir::new();
    let directory = parent.join("recordings");
    let node = TestNode::start_in(&directory, &server.url(), "n1", &[]);
    node.wait_until_connected();
    server.kill();
    // As if it was unmounted.
    std::fs::rename(&directory, parent.join("moved")).expect("moved");
    let id = node.record(call("c-a", "SEP1", "101", "ann"));
    let failed = node.events.wait_for(EventKind::StartFailed, 1);
    assert!(failed[0].contains(&id), "{failed:?}");
    assert_eq!(node.node.statistics().pending_ends, 1);
    server.restart();
    until("the entry", || !entries(&server).is_empty());
    until("nothing waits", || node.node.statistics().pending_ends == 0);
    let entries = entries(&server);
    assert_eq!(entries.len(), 1, "{entries:?}");
    let fields = &entries[0].1;
    assert_eq!(fields[..6], ["event", "start-failed", "id", &id, "node", "n1"]);
    let json: serde_json::Value = serde_json::from_str(&fields[7]).expect("JSON");
    assert_eq!(json["event"], "start-failed");
    assert_eq!(json["recording"]["id"], id.as_str());
    assert!(json["error"].is_string() && json["status"].is_number(), "{json}");
}
