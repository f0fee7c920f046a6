//! The ends of recordings in the stream: each once, until every group has acknowledged it.

use std::sync::Arc;

use callrec_core::calls::{Caller, ControlOperation};
use callrec_core::events::{LogLevel, LogListener};
use callrec_core::recorder::Recorder;
use callrec_core::storage::END_JOB;
use callrec_core::sync::Mutex;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::until;

use super::server::{RedisServer, RunCommand, has_redis};
use super::test_node::{TestNode, call};

const STREAM: &str = "{callrec}:events";

/// The entries of the stream: event and id.
fn ends(server: &RedisServer) -> Vec<(String, String)> {
    let entries: Vec<(String, Vec<String>)> = server.run(&["XRANGE", STREAM, "-", "+"]);
    let pairs = entries
        .into_iter()
        .map(|(_, fields)| (fields[1].clone(), fields[3].clone()));
    pairs.collect()
}

fn record_and_stop(node: &TestNode, name: &str) -> String {
    let id = node.record(call(name, "SEP1", "101", "ann"));
    node.engine
        .control_by_id(&Caller::Host, ControlOperation::Stop, &id)
        .expect("stopped");
    id
}

#[test]
fn an_end_is_appended_once_without_groups() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let n1 = TestNode::start(&server.url(), "n1", &[]);
    n1.wait_until_connected();
    let stopped = record_and_stop(&n1, "c-a");
    // A discard is an end as well.
    let discarded = n1.record(call("c-b", "SEP1", "101", "ann"));
    let discard = ControlOperation::Discard;
    n1.engine
        .control_by_id(&Caller::Host, discard, &discarded)
        .expect("discarded");
    until("both ends", || {
        ends(&server).len() == 2 && n1.node.statistics().pending_ends == 0
    });
    let mut found = ends(&server);
    found.sort();
    let mut expected = [stopped, discarded].map(|id| ("finished".to_owned(), id));
    expected.sort();
    assert_eq!(found, expected);
    // A second append of the same recording adds nothing.
    let args = [
        "FCALL",
        "callrec_ended",
        "1",
        "{callrec}",
        &expected[0].1,
        "finished",
        "n9",
        "{}",
        "1000",
        "60",
    ];
    let _: usize = server.run(&args);
    assert_eq!(ends(&server).len(), 2);
}

#[test]
fn an_end_waits_on_disk_for_redis_and_survives_a_restart() {
    if !has_redis() {
        return;
    }
    let mut server = RedisServer::start(&[]);
    let directory = ScratchDir::new();
    let n1 = TestNode::start_in(&directory, &server.url(), "n1", &[]);
    n1.wait_until_connected();
    server.kill();
    let id = record_and_stop(&n1, "c-a");
    until("the job", || n1.node.statistics().pending_ends == 1);
    n1.close();
    drop(n1);
    server.restart();
    assert!(ends(&server).is_empty());
    let again = TestNode::start_in(&directory, &server.url(), "n1", &[]);
    until("the end", || {
        ends(&server) == [("finished".to_owned(), id.clone())]
    });
    until("no job is left", || again.node.statistics().pending_ends == 0);
}

/// The lines about ends whose attempt has failed.
#[derive(Default)]
struct FailureLines(Mutex<Vec<String>>);

impl LogListener for FailureLines {
    fn log(&self, _: LogLevel, message: &str) {
        if message.contains(&format!("its {END_JOB} failed")) {
            self.0.lock().push(message.to_owned());
        }
    }
}

#[test]
fn ends_that_wait_for_consumers_are_no_failures() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let n1 = TestNode::start(&server.url(), "n1", &[]);
    let lines = Arc::new(FailureLines::default());
    n1.engine.bus().set_log(Some(lines.clone()));
    n1.wait_until_connected();
    let _: String = server.run(&["XGROUP", "CREATE", STREAM, "billing", "0", "MKSTREAM"]);
    // More than wait for consumers at the same time.
    let count = 80;
    for number in 0..count {
        record_and_stop(&n1, &format!("c-{number}"));
    }
    until("the ends", || ends(&server).len() == count);
    // Attempts that are under way when the node closes have not failed either.
    n1.close();
    assert_eq!(*lines.0.lock(), Vec::<String>::new());
}

/// Reads all entries that the group has not read, and returns their ids and those of the recordings.
fn read(server: &RedisServer, group: &str) -> Vec<(String, String)> {
    type Entries = Vec<(String, Vec<(String, Vec<String>)>)>;
    let mut words = vec!["XREADGROUP", "GROUP", group, "one", "COUNT", "10000"];
    words.extend(["STREAMS", STREAM, ">"]);
    let entries: Option<Entries> = server.run(&words);
    let entries = entries
        .unwrap_or_default()
        .into_iter()
        .flat_map(|(_, entries)| entries);
    entries
        .map(|(entry, fields)| (entry, fields[3].clone()))
        .collect()
}

fn acknowledge(server: &RedisServer, group: &str, entries: &[(String, String)]) {
    let mut words = vec!["XACK", STREAM, group];
    words.extend(entries.iter().map(|(entry, _)| entry.as_str()));
    let count: usize = server.run(&words);
    assert_eq!(count, entries.len());
}

fn create_group(server: &RedisServer, group: &str) {
    let _: String = server.run(&["XGROUP", "CREATE", STREAM, group, "0", "MKSTREAM"]);
}

/// Runs a command that removes the stream, and creates the group again. No end is appended in between,
/// because an end does not wait for a group that is created later.
fn lose_stream(server: &RedisServer, words: &[&str], group: &str) {
    let client = redis::Client::open(server.url()).expect("a client");
    let mut connection = client.get_connection().expect("a connection");
    let mut commands = redis::pipe();
    commands.atomic().cmd(words[0]).arg(&words[1..]).ignore();
    commands
        .cmd("XGROUP")
        .arg(&["CREATE", STREAM, group, "0", "MKSTREAM"])
        .ignore();
    commands.exec(&mut connection).expect("both commands");
}

#[test]
fn the_stream_keeps_what_a_group_needs_and_no_more() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let n1 = TestNode::start(&server.url(), "n1", &[]);
    n1.wait_until_connected();
    let append = |numbers: std::ops::Range<usize>| {
        for number in numbers {
            let id = format!("id-{number}");
            let args = [
                "FCALL",
                "callrec_ended",
                "1",
                "{callrec}",
                &id,
                "finished",
                "n1",
                "{}",
                "100",
                "60",
            ];
            let _: usize = server.run(&args);
        }
    };
    create_group(&server, "fast");
    create_group(&server, "slow");
    append(0..400);
    assert_eq!(ends(&server).len(), 400, "no group has read any");
    let fast = read(&server, "fast");
    acknowledge(&server, "fast", &fast);
    let slow = read(&server, "slow");
    assert_eq!(slow.len(), 400);
    acknowledge(&server, "slow", &slow[..150]);
    append(400..500);
    let kept = ends(&server);
    assert_eq!(
        kept[0].1, "id-150",
        "all before it are acknowledged by both groups"
    );
    acknowledge(&server, "slow", &slow[150..]);
    for group in ["fast", "slow"] {
        acknowledge(&server, group, &read(&server, group));
    }
    append(500..600);
    let kept = ends(&server).len();
    assert!((100..=200).contains(&kept), "{kept}");
}

#[test]
fn an_end_that_leaves_the_stream_too_early_is_appended_again() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let n1 = TestNode::start(&server.url(), "n1", &[]);
    n1.wait_until_connected();
    create_group(&server, "billing");
    let id = record_and_stop(&n1, "c-a");
    let expected = [("finished".to_owned(), id.clone())];
    let trim = || {
        let trimmed: usize = server.run(&["XTRIM", STREAM, "MAXLEN", "0"]);
        assert_eq!(trimmed, 1);
    };
    until("the end", || ends(&server) == expected);
    // Together with the group.
    lose_stream(&server, &["DEL", STREAM], "billing");
    until("the end after the deletion", || ends(&server) == expected);
    // Before the group has read it.
    trim();
    until("the end again", || ends(&server) == expected);
    // While the group has it, but has not acknowledged it.
    let first = read(&server, "billing");
    assert_eq!(first.len(), 1);
    trim();
    until("the end once more", || ends(&server) == expected);
    let second = read(&server, "billing");
    assert_eq!(second[0].1, id);
    // Only the new entry is pending.
    acknowledge(&server, "billing", &second);
    let pending: usize = server
        .run::<Vec<redis::Value>>(&["XPENDING", STREAM, "billing", "-", "+", "10"])
        .len();
    assert_eq!(pending, 0);
    until("the acknowledgement", || n1.node.statistics().pending_ends == 0);
}

#[test]
fn an_end_is_sent_again_after_a_wipe_until_the_groups_acknowledge_it() {
    if !has_redis() {
        return;
    }
    let server = RedisServer::start(&[]);
    let n1 = TestNode::start(&server.url(), "n1", &[]);
    n1.wait_until_connected();
    create_group(&server, "billing");
    let id = record_and_stop(&n1, "c-a");
    until("the end", || ends(&server).len() == 1);
    assert_eq!(
        read(&server, "billing").len(),
        1,
        "delivered, but not acknowledged"
    );
    assert_eq!(n1.node.statistics().pending_ends, 1);
    lose_stream(&server, &["FLUSHALL"], "billing");
    until("the end again", || ends(&server).len() == 1);
    let delivered = read(&server, "billing");
    assert_eq!(delivered[0].1, id);
    assert_eq!(n1.node.statistics().pending_ends, 1);
    acknowledge(&server, "billing", &delivered);
    until("the acknowledgement", || n1.node.statistics().pending_ends == 0);
    assert_eq!(ends(&server).len(), 1);
}
