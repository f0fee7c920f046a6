//! The TAPI bridge on the console: it follows the lines of TAPI.

use std::process::{Child, Stdio};
use std::sync::mpsc::Receiver;

use callrec_testkit::g711::{Law, decode};
use callrec_testkit::manifest::manifest_beside;
use callrec_testkit::wait::{PATIENCE, until};
use callrec_testkit::wav::WavFile;
use serde_json::Value;

use crate::bridge::WindowsBridge;
use crate::support::tapi_bridge::{ForkedCall, lines_of};
use crate::wine;

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

/// Starts the bridge on the console. Returns its log, too.
fn start(bridge: &WindowsBridge) -> (RunningProgram, Receiver<String>) {
    let mut command = wine::endless(&bridge.program);
    command
        .arg("bridge.ini")
        .stderr(Stdio::piped())
        .stdout(Stdio::null());
    let mut process = command.spawn().unwrap();
    let notices = lines_of(process.stderr.take().unwrap());
    (RunningProgram(process), notices)
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
    let (_running, notices) = start(&bridge);
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

const TRANSFERRED: &str = "line 1 SEP001122334401 1001
line 2 SEP001122334402 1002
go
info 1 11 id=501 caller=0301234 called=1001
state 1 11 connected
session 1 11 started
until recorded
session 1 11 ended
state 1 11 idle transfer
info 2 21 id=501 caller=0301234 called=1002 transfer redirecting=1001
state 2 21 offering
state 2 21 connected
session 2 21 started
until moved
state 2 21 idle
";

/// A recording continues on the line to which its call is transferred, and ends with the call there: the
/// reason of the call remains the transfer that brought it.
#[test]
fn a_transferred_call_ends_when_its_line_is_idle() {
    if wine::package().is_none() {
        return;
    }
    let bridge = WindowsBridge::new("transfer_ms = 3600000", TRANSFERRED);
    let (_running, notices) = start(&bridge);
    line_with(&notices, "\"event\":\"started\"");
    bridge.continue_script("recorded");
    until("the call is on the other line", || {
        let calls = bridge.send("list");
        calls.starts_with("ok 1; SEP001122334402 1002 0301234 connected recording ")
    });
    bridge.continue_script("moved");
    let finished = loop {
        let line = line_with(&notices, "\"event\":\"");
        assert!(!line.contains("\"event\":\"started\""), "{line}");
        if line.contains("\"event\":\"finished\"") {
            break line;
        }
    };
    let finished: Value = serde_json::from_str(&finished).unwrap();
    assert_eq!(finished["recording"]["end_reason"], "call-ended");
}

const LINES: usize = 100;

/// The bridge tries to open a line again until it succeeds, and reports the failure once. Each line of many
/// gets the request that belongs to its opening.
#[test]
fn a_line_that_cannot_be_opened_is_tried_again() {
    if wine::package().is_none() {
        return;
    }
    let lines: String = (1..=LINES)
        .map(|line| format!("line {line} SEP{line:012} {}\n", 1000 + line))
        .collect();
    let script = format!("{lines}refuse 2\ngo\nuntil allowed\nallow 2\n");
    let bridge = WindowsBridge::new("", &script);
    let (_running, notices) = start(&bridge);
    let request = "request 4 of 8 bytes on line ";
    bridge.wait_for_requests(request, LINES - 1);
    // It is tried again every 5 s, so there may be more.
    until("line 2 was tried again", || {
        bridge.requests().matches("open 2 ").count() >= 3
    });
    bridge.continue_script("allowed");
    bridge.wait_for_requests(request, LINES);
    let opened = "open line SEP000000000002";
    let before: Vec<String> = std::iter::from_fn(|| notices.recv_timeout(PATIENCE).ok())
        .take_while(|line| !line.contains(opened))
        .collect();
    let refused = before.iter().filter(|line| line.contains("lineOpen of "));
    let refused: Vec<&String> = refused.collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].starts_with("warning: lineOpen of SEP000000000002: "));
}
