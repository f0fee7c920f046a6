//! The TAPI bridge with a tapi32.dll whose lines play a script, on the console and as a service.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;

use callrec_testkit::directory::ScratchDir;
use callrec_testkit::g711::{Law, decode};
use callrec_testkit::manifest::{manifest_beside, published_manifests};
use callrec_testkit::wait::{PATIENCE, until};
use callrec_testkit::wav::WavFile;
use serde_json::Value;

use crate::support::build::{root, run};
use crate::support::tapi_bridge::{ForkedCall, SOURCES, free_ports, lines_of};
use crate::wine::{self, LibraryKind};

/// The bridge with its DLLs, a configuration and a script, in a directory.
struct WindowsBridge {
    dir: ScratchDir,
    program: PathBuf,
}

impl WindowsBridge {
    /// The configuration has `keys` of the section `bridge`.
    fn new(keys: &str, script: &str) -> WindowsBridge {
        let dir = ScratchDir::new();
        let more = ["tapi/tapi_call.c", "tapi/tapi_line.c", "tapi/tapi_service.c"];
        let sources = SOURCES.iter().chain(&more);
        let sources: Vec<String> = sources.map(|name| format!("examples-c/{name}")).collect();
        let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
        let program = wine::compile_with(&dir.0, &sources, LibraryKind::Mingw, &["-ltapi32"]);
        let lines = ["tests/c/windows/tapi32.c", "examples-c/tapi/call_message.c"];
        let include = format!("-I{}", root().join("examples-c/tapi").display());
        wine::link(&dir.join("tapi32.dll"), &lines, &["-shared", &include]);
        let ports = free_ports();
        let pipe = format!(r"\\.\pipe\callrec-test-{ports}");
        let config = format!(
            "lines = SEP*\nrtp_ports = {ports}-{}\npipe = {pipe}\n{keys}\n[callrec]\nstorage.directory = recordings\n",
            ports + 39
        );
        std::fs::write(dir.join("bridge.ini"), config).unwrap();
        std::fs::write(dir.join("tapi_script.txt"), script).unwrap();
        WindowsBridge { dir, program }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = wine::command(&self.program);
        command.arg("bridge.ini").args(arguments);
        command
    }

    /// Sends a command through the pipe. Returns the answer.
    fn send(&self, command: &str) -> String {
        let output = run(&mut self.command(&["--send", command]));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn continue_script(&self, step: &str) {
        std::fs::write(self.dir.join(step), "").unwrap();
    }

    /// What the application asked of TAPI.
    fn requests(&self) -> String {
        std::fs::read_to_string(self.dir.join("tapi_log.txt"))
            .unwrap_or_default()
            .replace('\r', "")
    }

    fn wait_for_requests(&self, words: &str, count: usize) {
        until(words, || self.requests().matches(words).count() == count);
    }
}

/// The next line of a running bridge that contains `words`.
#[track_caller]
fn line_with(lines: &Receiver<String>, words: &str) -> String {
    loop {
        let line = lines.recv_timeout(PATIENCE).expect("a line of the bridge");
        if line.contains(words) {
            return line;
        }
    }
}

/// "… RTP ports A and B"
fn ports_in(line: &str) -> [u16; 2] {
    let (local, remote) = line
        .rsplit_once("ports ")
        .unwrap()
        .1
        .trim()
        .split_once(" and ")
        .unwrap();
    [local.parse().unwrap(), remote.parse().unwrap()]
}

struct RunningProgram(Child);

impl Drop for RunningProgram {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const FOLLOWED: &str = "line 1 SEP001122334401 1001
line 2 SEP001122334402 1002
line 3 OTHER 1003
info 2 21 id=400 caller=0301111/M\u{e4}x_Muster called=1002
state 2 21 connected
go
info 1 11 id=501 caller=0301234/Jane_Roe called=1001
state 1 11 offering
state 1 11 connected
session 1 11 started
until spoken
session 1 11 ended
state 1 11 held
info 1 11 id=501 caller=0301234/Jane_Roe called=1001 connected=0309876/Zo\u{eb}_Doe
state 1 11 connected
session 1 11 started
until ended
session 1 11 ended
state 1 11 idle
until failed
session 2 21 failed
until closed
close 2
until again
reinit
";

/// TAPI's messages become calls: lines, calls that exist already, parties in Unicode, sessions across a
/// hold, requests for copies, and their failures; a line that is closed, and a new start of TAPI.
#[test]
fn the_bridge_follows_the_lines_of_tapi() {
    if wine::package().is_none() {
        return;
    }
    let bridge = WindowsBridge::new("fork = cisco", FOLLOWED);
    let mut command = wine::endless(&bridge.program);
    command
        .arg("bridge.ini")
        .stderr(Stdio::piped())
        .stdout(Stdio::null());
    let mut process = command.spawn().unwrap();
    let notices = lines_of(process.stderr.take().unwrap());
    let _running = RunningProgram(process);
    let line = line_with(&notices, "SEP001122334402 1002 with 0301111: RTP ports ");
    assert_eq!(ports_in(&line)[1], ports_in(&line)[0] + 2);
    let ports = ports_in(&line_with(
        &notices,
        "SEP001122334401 1001 with 0301234: RTP ports ",
    ));
    line_with(&notices, "\"event\":\"started\"");
    ForkedCall::new(ports, 10).speak(20, [0x12, 0x34]);
    assert_eq!(bridge.send("pause SEP001122334401"), "ok");
    line_with(&notices, "\"event\":\"paused\"");
    ForkedCall::new(ports, 20).speak(10, [0x56, 0x56]);
    assert_eq!(bridge.send("resume 1001"), "ok");
    bridge.continue_script("spoken");
    until("the party", || bridge.send("list").contains("0309876 connected"));
    ForkedCall::new(ports, 30).speak(20, [0x12, 0x34]);
    bridge.continue_script("ended");
    let finished: Value = serde_json::from_str(&line_with(&notices, "\"event\":\"finished\"")).unwrap();
    let file = finished["recording"]["file"].as_str().unwrap();
    let path = bridge.dir.join("recordings").join(file);
    let wav = WavFile::read(&path);
    for (channel, byte) in [(0, 0x12), (1, 0x34)] {
        let samples = wav.pcm(channel);
        let count = |byte| {
            samples
                .iter()
                .filter(|sample| **sample == decode(Law::Mu, byte))
                .count()
        };
        // The new streams begin right after the resume, so their first packets may be older than it.
        let kept = count(byte);
        assert!((30 * 160..=40 * 160).contains(&kept), "channel {channel}: {kept}");
        assert_eq!(count(0x56), 0, "the pause is recorded");
    }
    let call = manifest_beside(&path)["call"].clone();
    assert_eq!([&call["ani"], &call["dnis"]], ["0301234", "1001"]);
    assert_eq!(call["parties"][1]["party"]["name"], "Zo\u{eb} Doe");

    let copies = "request 20 of 12 bytes on line 2, call 21: 0";
    assert!(bridge.send("start 1002").starts_with("ok "));
    bridge.wait_for_requests(copies, 1);
    bridge.continue_script("failed");
    bridge.wait_for_requests(copies, 2);
    assert_eq!(bridge.send("stop 1002"), "ok");
    bridge.wait_for_requests("request 21 of 8 bytes on line 2, call 21: 1", 1);
    bridge.continue_script("closed");
    line_with(&notices, "closed line SEP001122334402");
    bridge.continue_script("again");
    bridge.wait_for_requests("initialised", 2);
    until("the lines are open again", || {
        bridge.requests().matches("open 1 ").count() == 2
    });
    let requests = bridge.requests();
    assert!(
        requests.contains("open 1 privileges 6 extension 0x000b0000"),
        "{requests}"
    );
    assert!(!requests.contains("open 3 "), "{requests}");
}

/// The service starts, obeys the pipe, ends its recordings when it is stopped, and is removed.
#[test]
fn the_bridge_runs_as_a_service() {
    if wine::package().is_none() {
        return;
    }
    let script = "line 1 SEP001122334401 1001
info 1 11 id=501 caller=0301234 called=1001
state 1 11 connected
go
";
    let bridge = WindowsBridge::new("mode = manual", script);
    run(&mut bridge.command(&["--install"]));
    run(&mut wine::tool(&["net", "start", "callrec-bridge"]));
    until("the lines are open", || bridge.send("list").starts_with("ok 1"));
    let answer = bridge.send("start SEP001122334401");
    assert!(answer.starts_with("ok "), "{answer}");
    let requests = bridge.requests();
    assert!(
        requests.contains("open 1 privileges 2 "),
        "a monitor suffices: {requests}"
    );
    run(&mut wine::tool(&["net", "stop", "callrec-bridge"]));
    let status = run(&mut wine::tool(&["sc", "query", "callrec-bridge"]));
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains("STOPPED"), "{status}");
    assert!(bridge.requests().contains("shut down"));
    run(&mut bridge.command(&["--uninstall"]));
    let manifests = published_manifests(&bridge.dir.join("recordings"));
    let manifest = manifests.values().next().expect("a recording");
    assert_eq!(manifest["state"], "finished");
    assert!(
        !bridge
            .command(&["--send", "list"])
            .output()
            .unwrap()
            .status
            .success()
    );
}
