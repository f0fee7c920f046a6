//! The ends of recordings that are deleted while Redis is away.

use std::path::Path;

use callrec_core::calls::{Caller, ControlOperation};
use callrec_core::events::EventKind;
use callrec_core::recorder::Recorder;
use callrec_core::storage::END_JOB;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::until;

use super::server::{RedisServer, RunCommand, has_redis};
use super::test_node::{TestNode, call};

/// The entries of the stream, each with its names and values.
fn entries(server: &RedisServer) -> Vec<Vec<String>> {
    let entries: Vec<(String, Vec<String>)> = server.run(&["XRANGE", "{callrec}:events", "-", "+"]);
    entries.into_iter().map(|(_, fields)| fields).collect()
}

/// The files of the jobs for the stream: name and contents.
fn jobs(directory: &Path) -> Vec<(String, String)> {
    let files = std::fs::read_dir(directory.join(".callrec/jobs").join(END_JOB)).expect("the jobs");
    let read = |path: &Path| std::fs::read_to_string(path).expect("a file");
    let files = files.map(|file| file.expect("a file").path());
    files
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, read(&path))
        })
        .collect()
}

#[test]
fn the_end_of_a_deleted_recording_reaches_the_stream_without_the_call() {
    if !has_redis() {
        return;
    }
    let mut server = RedisServer::start(&[]);
    let directory = ScratchDir::new();
    let node = TestNode::start_in(&directory, &server.url(), "n1", &[]);
    node.wait_until_connected();
    server.kill();
    let id = node.record(call("secret-call", "SEP1", "101", "secret-ann"));
    node.engine
        .control_by_id(&Caller::Host, ControlOperation::Stop, &id)
        .expect("stopped");
    node.events.wait_for(EventKind::Finished, 1);
    until("the job", || node.node.statistics().pending_ends == 1);
    assert!(jobs(&directory)[0].1.contains("secret-ann"));
    node.engine.delete(&Caller::Host, &id).expect("deleted");
    let left = jobs(&directory);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].0, format!("{id}.json"));
    assert!(!left[0].1.contains("secret"), "{left:?}");
    // It survives the process.
    node.close();
    drop(node);
    server.restart();
    let again = TestNode::start_in(&directory, &server.url(), "n1", &[]);
    until("the end", || !entries(&server).is_empty());
    until("no job is left", || again.node.statistics().pending_ends == 0);
    let json = format!("{{\"id\":\"{id}\",\"deleted\":true}}");
    let expected = ["event", "finished", "id", &id, "node", "n1", "json", &json];
    assert_eq!(entries(&server), [expected]);
    assert!(jobs(&directory).is_empty());
}
