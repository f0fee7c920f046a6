//! The CometD library of its own makers, and a Python client, against ours.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use callrec_testkit::wait::PATIENCE;

use crate::bayeux::{COMETD, done};
use crate::server::{FIRST, TestServer};
use crate::support::build::{has, root};

/// Where `.ci/clients` has put the libraries: beside this very build.
fn clients() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().join("clients")
}

/// Says so if a library is not there, which may be only where nobody insists.
fn installed(there: bool, name: &str) -> bool {
    if !there {
        assert!(
            std::env::var_os("CALLREC_NEEDS_TOOLS").is_none(),
            "no {name} in {}: .ci/clients installs it",
            clients().display()
        );
        eprintln!("{name} is not installed (.ci/clients): what needs it was not run");
    }
    there
}

fn modules() -> Option<PathBuf> {
    let modules = clients().join("node_modules");
    let there = modules.join("cometd/cometd.js").exists() && has("node");
    installed(there, "cometd").then_some(modules)
}

/// The interpreter that has aiocometd.
fn python() -> Option<PathBuf> {
    let python = clients().join("venv/bin/python");
    let import = Command::new(&python).args(["-c", "import aiocometd_ng"]).output();
    let there = import.is_ok_and(|output| output.status.success());
    installed(there, "aiocometd").then_some(python)
}

/// A client that runs in a process of its own.
struct Script {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Script {
    /// Connected and subscribed.
    fn start(server: &TestServer, options: &[&str]) -> Option<Script> {
        let mut command = Command::new("node");
        command
            .arg(root().join("tests/clients/genesys.mjs"))
            .arg(modules()?)
            .arg(format!("{}{COMETD}", server.base))
            .args(["user1", "secret"])
            .args(options);
        let script = Script::run(&mut command);
        script.subscribed();
        Some(script)
    }

    fn run(command: &mut Command) -> Script {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let input = child.stdin.take();
        Script { child, input, lines }
    }

    /// The value of the next line, which must say this.
    fn next(&self, what: &str) -> Value {
        let (said, value) = self.line();
        assert_eq!(said, what, "{value}");
        value
    }

    fn line(&self) -> (String, Value) {
        let line = self.lines.recv_timeout(PATIENCE).expect("a line");
        let (said, value) = line.split_once(' ').unwrap();
        (said.to_owned(), serde_json::from_str(value).unwrap())
    }

    fn subscribed(&self) {
        assert_eq!(self.next("handshake"), "long-polling");
        assert_eq!(self.next("subscribed"), true);
    }

    /// The states of the next notifications.
    fn states(&self, count: usize) -> Vec<String> {
        let states = (0..count).map(|_| {
            let message = self.next("message");
            let call = &message["data"]["call"];
            assert_eq!(call["id"], FIRST);
            call["recordingState"].as_str().unwrap().to_owned()
        });
        states.collect()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    fn end(self) {
        self.end_with("disconnected");
    }

    /// Ends its input, and it says so.
    fn end_with(mut self, what: &str) {
        drop(self.input.take());
        assert_eq!(self.next(what), true);
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn record(server: &TestServer) {
    for operation in ["Start", "Pause", "Resume", "Stop"] {
        done(server, "user1", FIRST, &format!("{operation}CallRecording"));
    }
}

const STATES: [&str; 4] = ["Recording", "Paused", "Recording", "Stopped"];

#[test]
fn the_library_is_told_each_change() {
    for options in [&[][..], &["ack"], &["websocket"]] {
        let server = TestServer::open(&[("cometd.timeout_ms", "1000")]);
        let Some(script) = Script::start(&server, options) else {
            return;
        };
        for _ in 0..3 {
            record(&server);
            assert_eq!(script.states(4), STATES, "{options:?}");
        }
        script.end();
    }
}

#[test]
fn the_library_comes_back_to_a_gateway_that_was_restarted() {
    let server = TestServer::open(&[("cometd.timeout_ms", "1000")]);
    let Some(script) = Script::start(&server, &["ack"]) else {
        return;
    };
    server.stop_gateway();
    let server = server.reopened();
    script.subscribed();
    record(&server);
    assert_eq!(script.states(4), STATES);
    script.end();
}

#[test]
fn the_library_comes_back_after_its_session_was_forgotten() {
    let server = TestServer::open(&[("cometd.timeout_ms", "200"), ("cometd.session_ms", "3000")]);
    let Some(script) = Script::start(&server, &[]) else {
        return;
    };
    script.signal(Signal::SIGSTOP);
    let sessions = "callrec_cometd_sessions 0\n";
    while !server.send("GET", "/metrics", &[], "").text().contains(sessions) {
        std::thread::yield_now();
    }
    script.signal(Signal::SIGCONT);
    script.subscribed();
    record(&server);
    assert_eq!(script.states(4), STATES);
    script.end();
}

/// A browser has six connections to a host. If six tabs held one each, nothing else would
/// reach the gateway before one of them is answered, which it never is here.
#[test]
fn six_tabs_of_a_browser_leave_room_for_a_start() {
    let server = TestServer::open(&[
        ("cometd.timeout_ms", "600000"),
        ("cometd.multi_session_interval_ms", "200"),
    ]);
    let Some(modules) = modules() else { return };
    let mut command = Command::new("node");
    command
        .arg(root().join("tests/clients/tabs.mjs"))
        .arg(modules)
        .args([&server.base, "user1", "secret", FIRST, "6"]);
    let script = Script::run(&mut command);
    let polls = script.next("tabs");
    assert_eq!(polls, serde_json::json!([false, true, true, true, true, true]));
    let mut started = false;
    let mut told = Vec::new();
    while !started || told.len() < 6 {
        let (what, value) = script.line();
        match what.as_str() {
            "started" => {
                assert_eq!(value, serde_json::json!([200, r#"{"statusCode":0}"#]));
                started = true;
            }
            "message" => {
                assert_eq!(value[1], "Recording");
                told.push(value[0].as_u64().unwrap());
            }
            _ => panic!("{what} {value}"),
        }
    }
    told.sort_unstable();
    assert_eq!(told, [0, 1, 2, 3, 4, 5], "each tab once");
}

/// This client waits for the answer to its first connect, which it does not ask to be
/// short, before it subscribes.
#[test]
fn the_python_library_is_told_each_change() {
    let server = TestServer::open(&[("cometd.timeout_ms", "600000")]);
    let Some(python) = python() else { return };
    let mut command = Command::new(python);
    command
        .arg(root().join("tests/clients/aiocometd.py"))
        .args([&server.base, "user1", "secret", FIRST]);
    let script = Script::run(&mut command);
    assert_eq!(script.next("subscribed"), true);
    for state in STATES {
        // It asks for the next change when it has been told of this one.
        assert_eq!(script.next("message"), state);
    }
    script.end_with("disconnected");
}
