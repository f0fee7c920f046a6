//! Nodes that log in as the user whom the documentation creates.

use callrec_core::calls::{Caller, ControlOperation};
use callrec_core::events::EventKind;
use callrec_core::recorder::Recorder;
use callrec_testkit::wait::until;

use super::server::{RedisServer, RunCommand, has_redis};
use super::test_node::{TestNode, by_user, call};

const DOCUMENTATION: &str = include_str!("../../../../docs/cluster.md");
const FUNCTIONS: &str = include_str!("../../src/registry.lua");
const STREAM: &str = "{callrec}:events";
const LOGIN: [(&str, &str); 2] = [("cluster.username", "node"), ("cluster.password", "hunter2")];

/// The words of the command in the documentation, with the password.
fn documented() -> Vec<&'static str> {
    let mut lines = DOCUMENTATION.lines();
    let line = lines.find(|line| line.starts_with("ACL SETUSER "));
    let words = line.expect("the command").split(' ');
    words
        .map(|word| if word == ">PASSWORD" { ">hunter2" } else { word })
        .collect()
}

/// The entries of the stream: event and id.
fn ends(server: &RedisServer) -> Vec<(String, String)> {
    let entries: Vec<(String, Vec<String>)> = server.run(&["XRANGE", STREAM, "-", "+"]);
    let fields = entries.into_iter().map(|(_, fields)| fields);
    fields
        .map(|fields| (fields[1].clone(), fields[3].clone()))
        .collect()
}

#[test]
fn the_documented_user_may_do_what_nodes_need() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let _: String = server.run(&documented());
    let _: String = server.run(&["XGROUP", "CREATE", STREAM, "billing", "0", "MKSTREAM"]);
    let [n1, n2] = ["n1", "n2"].map(|name| TestNode::start(&server.url(), name, &LOGIN));
    let a = n1.record(call("c-a", "SEP1", "101", "ann"));
    let b = n2.record(call("c-b", "SEP2", "102", "bob"));
    for node in [&n1, &n2] {
        node.wait_for_ids(&[&a, &b]);
        assert_eq!(node.list(&by_user("ann")).expect("a list").len(), 1);
    }
    let clients: String = server.run(&["CLIENT", "LIST"]);
    let logged_in = clients.lines().filter(|line| line.contains(" user=node "));
    assert!(logged_in.count() >= 4, "two connections of each node: {clients}");
    let stop = ControlOperation::Stop;
    assert_eq!(n2.recorder.control_by_id(&Caller::Host, stop, &a), Ok(()));
    n2.wait_for_ids(&[&b]);
    until("the end", || {
        ends(&server) == [("finished".to_owned(), a.clone())]
    });
    // The node sees that the group acknowledges it.
    let words = ["XREADGROUP", "GROUP", "billing", "one", "STREAMS", STREAM, ">"];
    type Entries = Vec<(String, Vec<(String, Vec<String>)>)>;
    let read: Entries = server.run(&words);
    assert_eq!(n1.node.statistics().pending_ends, 1);
    let _: usize = server.run(&["XACK", STREAM, "billing", &read[0].1[0].0]);
    until("the acknowledgement", || n1.node.statistics().pending_ends == 0);
    n1.close();
    n2.wait_for_ids(&[&b]);
    assert!(n2.events.of(EventKind::ClusterLost).is_empty());
}

#[test]
fn a_user_without_the_key_of_the_namespace_itself_is_refused() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let mut words = documented();
    words.retain(|word| *word != "~{callrec}");
    assert_eq!(words.len() + 1, documented().len());
    let _: String = server.run(&words);
    let node = TestNode::start(&server.url(), "n1", &LOGIN);
    let lost = node.events.wait_for(EventKind::ClusterLost, 1);
    assert!(lost[0].contains("login is refused"), "{lost:?}");
}

/// Also those that the functions run only when a node has died or the stream is too long.
#[test]
fn the_documented_user_may_run_every_command_of_the_functions() {
    let words = documented();
    let calls = FUNCTIONS.split("redis.call('").skip(1);
    let mut count = 0;
    for call in calls {
        let (command, rest) = call.split_once('\'').expect("a command");
        let permission = match (command, rest.split('\'').nth(1)) {
            ("XINFO", Some(subcommand)) => format!("+{command}|{subcommand}"),
            _ => format!("+{command}"),
        };
        let permission = permission.to_lowercase();
        assert!(words.contains(&permission.as_str()), "{permission}");
        count += 1;
    }
    assert!(count > 50, "{count} commands are found");
}
