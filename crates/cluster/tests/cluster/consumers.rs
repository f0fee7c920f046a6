//! The example consumers, killed again and again: each end is acted on exactly once.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use callrec_core::calls::{Caller, ControlOperation};
use callrec_core::recorder::Recorder;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::until;

use super::server::{RedisServer, RunCommand, has_redis};
use super::test_node::{TestNode, call};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples-c/cluster")
        .join(name)
}

/// The consumer in C, compiled.
pub fn compiled(directory: &Path) -> Command {
    let program = directory.join("consumer");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let status = Command::new(compiler)
        .args([
            "-std=c11",
            "-D_POSIX_C_SOURCE=200809L",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-o",
        ])
        .args([&program, &example("consumer.c")])
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "the example compiles"
    );
    Command::new(program)
}

pub fn python() -> Command {
    let mut command = Command::new("python3");
    command.arg(example("consumer.py"));
    command
}

pub struct Consumer {
    command: Command,
    pub ledger: PathBuf,
    /// What it writes to standard error.
    messages: PathBuf,
    process: Option<Child>,
}

impl Consumer {
    pub fn new(mut command: Command, server: &RedisServer, group: &str, ledger: PathBuf) -> Consumer {
        let messages = ledger.with_extension("messages");
        let file = std::fs::File::create(&messages).expect("a file");
        command
            .args(["127.0.0.1", &server.port.to_string(), "callrec", group, "one"])
            .arg(&ledger)
            .stderr(file);
        Consumer {
            command,
            ledger,
            messages,
            process: None,
        }
    }

    pub fn restart(&mut self) {
        self.kill();
        self.process = Some(self.command.spawn().expect("a consumer"));
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// The ids of the ledger, in its order.
    pub fn ids(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.ledger).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split(' ').nth(1));
        lines.map(str::to_owned).collect()
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.kill();
    }
}

#[test]
fn consumers_that_are_killed_act_on_each_end_once() {
    if !has_redis() {
        return;
    }
    let mut server = RedisServer::start(&[]);
    let directory = ScratchDir::new();
    let n1 = TestNode::start(&server.url(), "n1", &[]);
    n1.wait_until_connected();
    let in_c = Consumer::new(compiled(&directory), &server, "in-c", directory.join("c.ledger"));
    let in_python = Consumer::new(python(), &server, "in-python", directory.join("python.ledger"));
    let mut consumers = [in_c, in_python];
    let mut expected = Vec::new();
    for round in 0..4 {
        consumers.iter_mut().for_each(Consumer::restart);
        if round == 2 {
            // Redis loses everything, also the groups and what they have acknowledged.
            server.kill();
            server.restart();
            consumers.iter_mut().for_each(Consumer::restart);
        }
        for number in 0..5 {
            let id = n1.record(call(&format!("c-{round}-{number}"), "SEP1", "101", "ann"));
            n1.engine
                .control_by_id(&Caller::Host, ControlOperation::Stop, &id)
                .expect("stopped");
            expected.push(id);
        }
        // Killed with some ends done, and others under way.
        let some = expected.len() - 3;
        for consumer in &mut consumers {
            until("some ends", || {
                let exited = consumer
                    .process
                    .as_mut()
                    .is_some_and(|process| process.try_wait().is_ok_and(|end| end.is_some()));
                // One that started while Redis was away has given up.
                if exited {
                    consumer.restart();
                }
                consumer.ids().len() >= some
            });
            consumer.kill();
        }
    }
    consumers.iter_mut().for_each(Consumer::restart);
    expected.sort();
    for consumer in &consumers {
        until("all ends", || consumer.ids().len() >= expected.len());
    }
    until("all acknowledgements", || n1.node.statistics().pending_ends == 0);
    for consumer in &consumers {
        let mut ids = consumer.ids();
        ids.sort();
        assert_eq!(ids, expected, "{}", consumer.ledger.display());
    }
}

#[test]
fn an_entry_that_is_not_callrecs_is_acknowledged_and_skipped() {
    if !has_redis() {
        return;
    }
    const STREAM: &str = "{callrec}:events";
    let server = RedisServer::start(&[]);
    let directory = ScratchDir::new();
    let n1 = TestNode::start(&server.url(), "n1", &[]);
    n1.wait_until_connected();
    let add = |fields: &[&str]| -> String { server.run(&[&["XADD", STREAM, "*"], fields].concat()) };
    let mut foreign = vec![
        add(&["temperature", "21"]),
        add(&["a", "1", "b", "2", "c", "3", "d", "4", "e", "5"]),
    ];
    // They were given to the consumers before, which ended without acknowledging them.
    for group in ["in-c", "in-python"] {
        let _: String = server.run(&["XGROUP", "CREATE", STREAM, group, "0"]);
        let words = ["XREADGROUP", "GROUP", group, "one", "STREAMS", STREAM, ">"];
        let _: redis::Value = server.run(&words);
    }
    foreign.push(add(&["event", "finished", "json", "{}"]));
    let id = n1.record(call("c-a", "SEP1", "101", "ann"));
    n1.engine
        .control_by_id(&Caller::Host, ControlOperation::Stop, &id)
        .expect("stopped");
    let in_c = Consumer::new(compiled(&directory), &server, "in-c", directory.join("c.ledger"));
    let in_python = Consumer::new(python(), &server, "in-python", directory.join("python.ledger"));
    let mut consumers = [in_c, in_python];
    consumers.iter_mut().for_each(Consumer::restart);
    for (consumer, group) in consumers.iter().zip(["in-c", "in-python"]) {
        let ledger = consumer.ledger.display();
        until("the end", || !consumer.ids().is_empty());
        assert_eq!(consumer.ids(), std::slice::from_ref(&id), "{ledger}");
        until("all acknowledgements", || {
            let pending: Vec<redis::Value> = server.run(&["XPENDING", STREAM, group, "-", "+", "10"]);
            pending.is_empty()
        });
        let messages = std::fs::read_to_string(&consumer.messages).expect("messages");
        let expected: Vec<String> = foreign
            .iter()
            .map(|entry| format!("consumer: skipping entry {entry}, which is not callrec's"))
            .collect();
        assert_eq!(messages.lines().collect::<Vec<_>>(), expected, "{ledger}");
    }
}
