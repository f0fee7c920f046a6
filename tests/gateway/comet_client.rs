//! The CometD library of its own makers, against ours.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use callrec_testkit::wait::PATIENCE;

use crate::bayeux::{COMETD, done};
use crate::kit::{FIRST, House};
use crate::support::build::{has, root};

/// Where `.ci/clients` has put the libraries: beside this very build.
fn modules() -> Option<PathBuf> {
    let test = std::env::current_exe().unwrap();
    let modules = test.ancestors().nth(3).unwrap().join("clients/node_modules");
    let there = modules.join("cometd/cometd.js").exists() && has("node");
    if !there {
        assert!(
            std::env::var_os("CALLREC_NEEDS_TOOLS").is_none(),
            "no cometd in {}: .ci/clients installs it",
            modules.display()
        );
        eprintln!("cometd is not installed (.ci/clients): what needs it was not run");
    }
    there.then_some(modules)
}

struct Script {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Script {
    /// Connected and subscribed.
    fn start(house: &House, options: &[&str]) -> Option<Script> {
        let modules = modules()?;
        let mut child = Command::new("node")
            .arg(root().join("tests/clients/genesys.mjs"))
            .arg(modules)
            .arg(format!("{}{COMETD}", house.base))
            .args(["user1", "secret"])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let input = child.stdin.take();
        let script = Script { child, input, lines };
        script.subscribed();
        Some(script)
    }

    fn next(&self, what: &str) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).expect("a line");
        let (said, value) = line.split_once(' ').unwrap();
        assert_eq!(said, what, "{line}");
        serde_json::from_str(value).unwrap()
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

    fn end(mut self) {
        drop(self.input.take());
        assert_eq!(self.next("disconnected"), true);
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn record(house: &House) {
    for operation in ["Start", "Pause", "Resume", "Stop"] {
        done(house, "user1", FIRST, &format!("{operation}CallRecording"));
    }
}

const STATES: [&str; 4] = ["Recording", "Paused", "Recording", "Stopped"];

#[test]
fn the_library_is_told_each_change() {
    for options in [&[][..], &["ack"], &["websocket"]] {
        let house = House::open(&[("cometd.timeout_ms", "1000")]);
        let Some(script) = Script::start(&house, options) else {
            return;
        };
        for _ in 0..3 {
            record(&house);
            assert_eq!(script.states(4), STATES, "{options:?}");
        }
        script.end();
    }
}

#[test]
fn the_library_comes_back_to_a_gateway_that_was_restarted() {
    let house = House::open(&[("cometd.timeout_ms", "1000")]);
    let Some(script) = Script::start(&house, &["ack"]) else {
        return;
    };
    house.stop_gateway();
    let house = house.reopened();
    script.subscribed();
    record(&house);
    assert_eq!(script.states(4), STATES);
    script.end();
}

#[test]
fn the_library_comes_back_after_its_session_was_forgotten() {
    let house = House::open(&[("cometd.timeout_ms", "200"), ("cometd.session_ms", "3000")]);
    let Some(script) = Script::start(&house, &[]) else {
        return;
    };
    script.signal(Signal::SIGSTOP);
    let sessions = "callrec_cometd_sessions 0\n";
    while !house.send("GET", "/metrics", &[], "").text().contains(sessions) {
        std::thread::yield_now();
    }
    script.signal(Signal::SIGCONT);
    script.subscribed();
    record(&house);
    assert_eq!(script.states(4), STATES);
    script.end();
}
