//! The example consumers, killed again and again: each end is acted on exactly once.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use callrec_core::calls::{Caller, ControlOperation};
use callrec_core::recorder::Recorder;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::until;

use super::server::{RedisServer, has_redis};
use super::test_node::{TestNode, call};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples-c/cluster")
        .join(name)
}

/// The consumer in C, compiled.
fn compiled(directory: &Path) -> Command {
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

fn python() -> Command {
    let mut command = Command::new("python3");
    command.arg(example("consumer.py"));
    command
}

struct Consumer {
    command: Command,
    ledger: PathBuf,
    process: Option<Child>,
}

impl Consumer {
    fn new(mut command: Command, server: &RedisServer, group: &str, ledger: PathBuf) -> Consumer {
        command
            .args(["127.0.0.1", &server.port.to_string(), "callrec", group, "one"])
            .arg(&ledger)
            .stderr(Stdio::null());
        Consumer {
            command,
            ledger,
            process: None,
        }
    }

    fn restart(&mut self) {
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
    fn ids(&self) -> Vec<String> {
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
