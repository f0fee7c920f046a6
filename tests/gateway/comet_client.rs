//! The CometD project's own client library and a Python library, with the gateway.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use callrec_testkit::wait::{PATIENCE, until};

use crate::bayeux::{COMETD, operate_ok};
use crate::comet::sessions;
use crate::server::{FIRST, TestServer};
use crate::support::build::{has, root};

/// Where `.ci/clients` installs the libraries: in the target directory of this build.
fn clients() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().join("clients")
}

/// Prints a message if a library is not installed. Panics instead where every tool is required.
fn check_installed(is_installed: bool, name: &str) -> bool {
    if !is_installed {
        assert!(
            std::env::var_os("CALLREC_NEEDS_TOOLS").is_none(),
            "no {name} in {}: .ci/clients installs it",
            clients().display()
        );
        eprintln!("{name} is not installed (.ci/clients): the tests that need it did not run");
    }
    is_installed
}

/// The directory of the Node modules, if CometD is installed.
fn modules() -> Option<PathBuf> {
    let modules = clients().join("node_modules");
    let is_installed = modules.join("cometd/cometd.js").exists() && has("node");
    check_installed(is_installed, "cometd").then_some(modules)
}

/// The Python interpreter, if aiocometd is installed.
fn python() -> Option<PathBuf> {
    let python = clients().join("venv/bin/python");
    let import = Command::new(&python).args(["-c", "import aiocometd_ng"]).output();
    let is_installed = import.is_ok_and(|output| output.status.success());
    check_installed(is_installed, "aiocometd").then_some(python)
}

/// A client in a process of its own. It prints an event and its value on each line.
struct ClientProcess {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl ClientProcess {
    /// A client of the JavaScript library, connected and subscribed. `None` if the library is not
    /// installed.
    fn start(server: &TestServer, options: &[&str]) -> Option<ClientProcess> {
        let mut command = Command::new("node");
        command
            .arg(root().join("tests/clients/genesys.mjs"))
            .arg(modules()?)
            .arg(format!("{}{COMETD}", server.base))
            .args(["user1", "secret"])
            .args(options);
        let client = ClientProcess::run(&mut command);
        client.wait_until_subscribed();
        Some(client)
    }

    fn run(command: &mut Command) -> ClientProcess {
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
        ClientProcess { child, input, lines }
    }

    /// The value of the next line, which must report `event`.
    fn next(&self, event: &str) -> Value {
        let (reported, value) = self.line();
        assert_eq!(reported, event, "{value}");
        value
    }

    /// The event and the value of the next line.
    fn line(&self) -> (String, Value) {
        let line = self.lines.recv_timeout(PATIENCE).expect("a line");
        let (event, value) = line.split_once(' ').unwrap();
        (event.to_owned(), serde_json::from_str(value).unwrap())
    }

    fn wait_until_subscribed(&self) {
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

    /// Ends the client's input, and waits until the client has disconnected and ended.
    fn end(mut self) {
        drop(self.input.take());
        assert_eq!(self.next("disconnected"), true);
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for ClientProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts, pauses, resumes and stops a recording.
fn record(server: &TestServer) {
    for operation in ["Start", "Pause", "Resume", "Stop"] {
        operate_ok(server, "user1", FIRST, &format!("{operation}CallRecording"));
    }
}

const STATES: [&str; 4] = ["Recording", "Paused", "Recording", "Stopped"];

#[test]
fn the_javascript_library_receives_each_change() {
    for options in [&[][..], &["ack"], &["websocket"]] {
        let server = TestServer::open(&[("cometd.timeout_ms", "1000")]);
        let Some(client) = ClientProcess::start(&server, options) else {
            return;
        };
        for _ in 0..3 {
            record(&server);
            assert_eq!(client.states(4), STATES, "{options:?}");
        }
        client.end();
    }
}

#[test]
fn the_javascript_library_reconnects_to_a_restarted_gateway() {
    let server = TestServer::open(&[("cometd.timeout_ms", "1000")]);
    let Some(client) = ClientProcess::start(&server, &["ack"]) else {
        return;
    };
    server.stop_gateway();
    let server = server.reopened();
    client.wait_until_subscribed();
    record(&server);
    assert_eq!(client.states(4), STATES);
    client.end();
}

#[test]
fn the_javascript_library_reconnects_after_its_session_has_expired() {
    let server = TestServer::open(&[("cometd.timeout_ms", "200"), ("cometd.session_ms", "3000")]);
    let Some(client) = ClientProcess::start(&server, &[]) else {
        return;
    };
    client.signal(Signal::SIGSTOP);
    until("the session expires", || sessions(&server) == 0);
    client.signal(Signal::SIGCONT);
    client.wait_until_subscribed();
    record(&server);
    assert_eq!(client.states(4), STATES);
    client.end();
}

/// A browser opens six connections to a host. If each of six tabs had a connect held, no other
/// request would reach the gateway.
#[test]
fn six_tabs_of_a_browser_leave_a_connection_for_a_start() {
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
    let client = ClientProcess::run(&mut command);
    let polls = client.next("tabs");
    assert_eq!(polls, serde_json::json!([false, true, true, true, true, true]));
    let mut started = false;
    let mut notified = Vec::new();
    while !started || notified.len() < 6 {
        let (event, value) = client.line();
        match event.as_str() {
            "started" => {
                assert_eq!(value, serde_json::json!([200, r#"{"statusCode":0}"#]));
                started = true;
            }
            "message" => {
                assert_eq!(value[1], "Recording");
                notified.push(value[0].as_u64().unwrap());
            }
            _ => panic!("{event} {value}"),
        }
    }
    notified.sort_unstable();
    assert_eq!(notified, [0, 1, 2, 3, 4, 5], "each tab once");
}

/// This client subscribes after the reply to its first connect, for which it sets no timeout.
#[test]
fn the_python_library_receives_each_change() {
    let server = TestServer::open(&[("cometd.timeout_ms", "600000")]);
    let Some(python) = python() else { return };
    let mut command = Command::new(python);
    command
        .arg(root().join("tests/clients/aiocometd.py"))
        .args([&server.base, "user1", "secret", FIRST]);
    let client = ClientProcess::run(&mut command);
    assert_eq!(client.next("subscribed"), true);
    for state in STATES {
        // The client requests the next change when it has received this one.
        assert_eq!(client.next("message"), state);
    }
    client.end();
}
