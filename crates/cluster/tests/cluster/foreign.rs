//! Redis has what is not callrec's, or refuses the node: clear errors, and nothing is lost.

use callrec_cluster::ClusterNode;
use callrec_core::calls::{Caller, Filter};
use callrec_core::events::EventKind;
use callrec_core::recorder::Recorder;
use callrec_core::types::Status;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::{PATIENCE, until};

use super::server::{RedisServer, RunCommand, has_redis};
use super::test_node::{TestNode, call, open_engine, settings};

#[test]
fn garbage_is_left_out_of_lists() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let [n1, n2] = ["n1", "n2"].map(|name| TestNode::start(&server.url(), name, &[]));
    let a = n1.record(call("c-a", "SEP1", "101", "ann"));
    n2.wait_for_ids(&[&a]);
    let place = "000000000000000100000001not-an-id";
    let _: usize = server.run(&["ZADD", "{callrec}:all", "0", place]);
    let key = "{callrec}:rec:not-an-id";
    let _: usize = server.run(&["HSET", key, "node", "n9", "place", place, "json", "{\"v\":1"]);
    let _: usize = server.run(&["ZADD", "{callrec}:all", "0", "x"]);
    let _: usize = server.run(&["PUBLISH", "{callrec}:to:n1", "garbage"]);
    let _: usize = server.run(&["PUBLISH", "{callrec}:to:n1", "99999999999999 {\"v\":1}"]);
    let ids: Vec<String> = n2
        .list(&Filter::default())
        .expect("a list")
        .iter()
        .map(|view| view.id.to_string())
        .collect();
    assert_eq!(ids, [a.as_str()]);
    // The owner still carries out commands.
    let done = n2
        .recorder
        .control_by_id(&Caller::Host, callrec_core::calls::ControlOperation::Stop, &a);
    assert_eq!(done, Ok(()));
}

/// Bytes that are no text, and names that no node can have, reach no node.
#[test]
fn damaged_names_and_places_stop_no_node() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let [n1, n2] = ["n1", "n2"].map(|name| TestNode::start(&server.url(), name, &[]));
    let a = n1.record(call("c-a", "SEP1", "101", "ann"));
    n2.wait_for_ids(&[&a]);
    for name in ["''", "'a b\"c'", "string.char(255)"] {
        let script = format!("return redis.call('ZADD', '{{callrec}}:leases', 1, {name})");
        let _: usize = server.run(&["EVAL", &script, "0"]);
    }
    for key in ["{callrec}:all", "{callrec}:live:n1"] {
        let kind = if key.ends_with("all") {
            "'ZADD', KEYS[1], 0"
        } else {
            "'SADD', KEYS[1]"
        };
        let script = format!("return redis.call({kind}, string.char(255, 254))");
        let _: usize = server.run(&["EVAL", &script, "1", key]);
    }
    // A damaged report is given to the process that found a node dead.
    let script = "local at = redis.call('HKEYS', '{callrec}:processes')
        for _, node in ipairs(at) do
            local process = redis.call('HGET', '{callrec}:processes', node)
            redis.call('HSET', '{callrec}:found:' .. process, '1-1', 'no report')
        end
        return #at";
    let processes: usize = server.run(&["EVAL", script, "0"]);
    assert_eq!(processes, 2);
    until("the damaged leases are gone", || {
        let leases: usize = server.run(&["ZCARD", "{callrec}:leases"]);
        leases == 2
    });
    let b = n1.record(call("c-b", "SEP2", "102", "bob"));
    n2.wait_for_ids(&[&a, &b]);
    // A new session reads what the node has in Redis.
    let () = server.run(&["DEL", "{callrec}:leases"]);
    let c = n1.record(call("c-c", "SEP3", "103", "cat"));
    n2.wait_for_ids(&[&a, &b, &c]);
    for node in [&n1, &n2] {
        assert_eq!(node.events.of(EventKind::NodeLost), Vec::<String>::new());
    }
}

#[test]
fn places_without_recordings_end_no_list() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let [n1, n2] = ["n1", "n2"].map(|name| TestNode::start(&server.url(), name, &[]));
    let a = n1.record(call("c-a", "SEP1", "101", "ann"));
    n2.wait_for_ids(&[&a]);
    // More than one call of Redis returns, and all of them before the recording.
    let places: Vec<String> = (0..1500).map(|number| format!("{number:024x}gone")).collect();
    let mut words = vec!["ZADD", "{callrec}:all"];
    words.extend(places.iter().flat_map(|place| ["0", place.as_str()]));
    let added: usize = server.run(&words);
    assert_eq!(added, places.len());
    assert_eq!(n2.live_ids(), [a.as_str()]);
    let page = n2
        .recorder
        .list_page(&Caller::Host, &Filter::default(), "", 1)
        .expect("a page");
    let ids: Vec<String> = page.recordings.iter().map(|view| view.id.to_string()).collect();
    assert_eq!(ids, [a.as_str()]);
}

#[test]
fn a_key_of_another_type_is_an_error_and_not_a_crash() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let n1 = TestNode::start(&server.url(), "n1", &[]);
    let a = n1.record(call("c-a", "SEP1", "101", "ann"));
    n1.wait_for_ids(&[&a]);
    let () = server.run(&["DEL", "{callrec}:all"]);
    let () = server.run(&["SET", "{callrec}:all", "mine"]);
    let error = n1.list(&Filter::default()).expect_err("no list");
    assert!(error.message.contains("WRONGTYPE"), "{error}");
    let b = n1.record(call("c-b", "SEP1", "101", "ann"));
    let lost = n1.events.wait_for(EventKind::ClusterLost, 1);
    assert!(lost[0].contains("WRONGTYPE"), "{lost:?}");
    let () = server.run(&["DEL", "{callrec}:all"]);
    n1.wait_for_ids(&[&a, &b]);
}

#[test]
fn a_wrong_password_is_named_and_recordings_go_on() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&["--requirepass", "right"]);
    // No error of Redis has this word.
    let keys = [("cluster.password", "hunter2")];
    let n1 = TestNode::start(&server.url(), "n1", &keys);
    let lost = n1.events.wait_for(EventKind::ClusterLost, 1);
    assert!(lost[0].contains("login is refused"), "{lost:?}");
    assert!(!lost[0].contains("hunter2"), "{lost:?}");
    n1.record(call("c-a", "SEP1", "101", "ann"));
    assert_eq!(n1.engine.statistics().expect("statistics").live_recordings, 1);
    let right = TestNode::start(&server.url(), "n2", &[("cluster.password", "right")]);
    right.wait_until_connected();
}

#[test]
fn one_name_belongs_to_one_node() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let first = TestNode::start(&server.url(), "n1", &[]);
    let a = first.record(call("c-a", "SEP1", "101", "ann"));
    first.wait_for_ids(&[&a]);
    let second = TestNode::start(&server.url(), "n1", &[]);
    let lost = second.events.wait_for(EventKind::ClusterLost, 1);
    assert!(lost[0].contains("another process has this name"), "{lost:?}");
    first.wait_for_ids(&[&a]);
    first.close();
    second.wait_until_connected();
}

#[test]
fn a_node_without_a_name_is_refused_when_it_opens() {
    let directory = ScratchDir::new();
    let engine = open_engine(directory.to_str().expect("UTF-8"));
    let error = ClusterNode::start(&engine, settings("redis://127.0.0.1:1", "", &[]));
    let error = error.err().expect("refused");
    assert_eq!(error.status, Status::Config);
    engine.close(PATIENCE).expect("closed");
    until("the directory is free", || {
        let again = std::panic::catch_unwind(|| open_engine(directory.to_str().expect("UTF-8")));
        again.is_ok_and(|engine| engine.close(PATIENCE).is_ok())
    });
}
