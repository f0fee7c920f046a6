//! The programs of `tests/c` and the examples.

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::process::{Command, Stdio};

use callrec_testkit::directory::ScratchDir;

use crate::support::build::{has, root, run};
use crate::wine::{self, LibraryKind};

/// Compiles and runs a program with a directory for its recordings.
fn record(sources: &[&str], before: &[&str], after: &[&str]) -> Option<Vec<String>> {
    wine::package()?;
    let directory = ScratchDir::new();
    let program = wine::compile(&directory.0, sources, LibraryKind::Mingw);
    let recordings = wine::recordings(&directory.0, "recordings");
    let arguments = [before, &[&recordings], after].concat();
    Some(wine::lines(&program, &arguments))
}

#[test]
fn every_function_and_status_is_reached() {
    record(&["tests/c/everything.c"], &[], &[]);
}

/// Pauses, privacy, holds and stops, to the sample.
#[test]
fn a_recording_holds_what_it_may() {
    record(&["tests/c/audio.c"], &[], &[]);
}

/// With `callrec.hpp`.
#[test]
fn programs_in_cpp_run() {
    record(&["tests/c/cpp_ownership.cpp"], &[], &[]);
    record(&["tests/c/cpp_20.cpp"], &[], &[]);
    if let Some(lines) = record(&["examples-c/record.cpp"], &[], &[]) {
        assert!(lines.last().unwrap().ends_with(".wav"), "{lines:?}");
    }
}

/// Handles, arguments, callbacks, hostile names.
#[test]
fn misuse_is_refused() {
    record(&["tests/c/misuse.c"], &[], &[]);
}

#[test]
fn eight_threads_may_control_the_same_lines() {
    record(&["tests/c/stress.c"], &[], &["3"]);
}

/// The texts of the bridge's event log, and those of TAPI.
#[test]
fn texts_are_cut_between_characters() {
    if wine::package().is_none() {
        return;
    }
    let directory = ScratchDir::new();
    let sources = ["tests/c/windows/texts.c", "examples-c/tapi/tapi_call.c"];
    let program = wine::compile(&directory.0, &sources, LibraryKind::Mingw);
    wine::lines(&program, &[]);
}

#[test]
fn the_examples_run() {
    record(&["examples-c/minimal.c"], &[], &[]);
    record(&["examples-c/list_live.c"], &[], &[]);
    record(&["examples-c/events.c"], &[], &[]);
    record(&["tests/c/sample_tap.c", "examples-c/sample_tap.c"], &[], &[]);
}

/// The audio, its gaps and its pauses. Wine takes part in the timing of packets, so the checks that
/// compare times may fail on a busy machine.
#[test]
fn a_conversation_is_recorded() {
    let sources = ["record_call", "console", "conversation", "wav_check"];
    let sources = sources.map(|name| format!("examples-c/{name}.c"));
    let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
    if wine::package().is_none() {
        return;
    }
    let directory = ScratchDir::new();
    let program = wine::compile(&directory.0, &sources, LibraryKind::Mingw);
    let recordings = wine::recordings(&directory.0, "recordings");
    let conversation = wine::windows_path(&root().join("examples-c/conversation"));
    let output = wine::output(&program, &[&conversation, &recordings]);
    let text = String::from_utf8_lossy(&output.stdout);
    let path = text.lines().last().unwrap_or_default().trim_end();
    assert!(wine::system_path(path).is_file(), "{text}");
    for word in ["started", "paused", "resumed", "finished"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let about_card = text.lines().filter(|line| line.contains("card number"));
    assert!(
        about_card.filter(|line| line.starts_with("PASS")).count() > 0,
        "{text}"
    );
}

/// The RTP packets of this system arrive at a program of Windows.
#[test]
fn tap_rtp_records_packets() {
    if wine::package().is_none() {
        return;
    }
    let directory = ScratchDir::new();
    let program = wine::compile(&directory.0, &["examples-c/tap_rtp.c"], LibraryKind::Mingw);
    let recordings = wine::recordings(&directory.0, "recordings");
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    // Ports that were free a moment ago.
    let ports: [u16; 2] = std::array::from_fn(|_| {
        let probe = UdpSocket::bind("127.0.0.1:0").unwrap();
        probe.local_addr().unwrap().port()
    });
    let texts = ports.map(|port| port.to_string());
    let mut command = wine::command(&program);
    command.args([&recordings, &texts[0], &texts[1], "3"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("started") {
        line.clear();
        assert!(
            errors.read_line(&mut line).unwrap() > 0,
            "no recording was started"
        );
    }
    for n in 0..50_u16 {
        let mut packet = vec![0x80, 0];
        packet.extend(n.to_be_bytes());
        packet.extend((u32::from(n) * 160).to_be_bytes());
        packet.extend(7_u32.to_be_bytes());
        packet.extend([0x55; 160]);
        for port in ports {
            sender.send_to(&packet, ("127.0.0.1", port)).unwrap();
        }
    }
    let output = child.wait_with_output().unwrap();
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut errors, &mut rest).unwrap();
    assert!(output.status.success(), "{rest}");
    assert!(rest.contains("received 50 + 50 packets, of which 0"), "{rest}");
}

/// curl talks to the HTTP APIs of a program of Windows.
#[test]
fn the_gateway_answers() {
    if wine::package().is_none() || !has("curl") {
        return;
    }
    let directory = ScratchDir::new();
    let conversation = wine::windows_path(&root().join("examples-c/conversation")).replace('\\', "/");
    let define = format!("-DCONVERSATION=\"{conversation}\"");
    let sources = ["examples-c/gateway.c", "examples-c/conversation.c"];
    let program = wine::compile_with(&directory.0, &sources, LibraryKind::Mingw, &[&define]);
    let recordings = wine::recordings(&directory.0, "recordings");
    let mut command = wine::endless(&program);
    command.args([&recordings, "0"]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let url = line
        .trim_end()
        .strip_prefix("listening on ")
        .unwrap_or_default()
        .to_owned();
    let curl = |arguments: &[&str], path: &str| {
        let output = run(Command::new("curl")
            .args(["-s", "-w", " %{http_code}"])
            .args(arguments)
            .arg(format!("{url}{path}")));
        String::from_utf8(output.stdout).unwrap()
    };
    let answers = std::panic::catch_unwind(|| {
        let health = curl(&[], "/healthz");
        assert!(health.ends_with(" 200") && health.contains("ok"), "{health}");
        let live = "/fw/Apps/Recorder/WebAPI/LiveRecordings";
        let refused = curl(&["-u", "admin:wrong"], live);
        assert!(refused.ends_with(" 401"), "{refused}");
        let device = "{\"deviceName\":\"SEP123456789ABC\"}";
        let begun = curl(&["-u", "admin:secret", "-d", device], live);
        let id = begun.split('"').nth(3).unwrap_or_default().to_owned();
        assert_eq!(id.len(), 36, "{begun}");
        let listed = curl(&["-u", "admin:secret"], live);
        assert!(listed.contains(&id), "{listed}");
        let ended = curl(&["-u", "admin:secret", "-X", "DELETE"], &format!("{live}/{id}"));
        assert!(ended.ends_with(" 204"), "{ended}");
    });
    child.kill().unwrap();
    child.wait().unwrap();
    if let Err(panic) = answers {
        std::panic::resume_unwind(panic);
    }
}

/// Each block of `docs/windows.md` in C is a program.
#[test]
fn the_programs_of_the_page_run() {
    if wine::package().is_none() {
        return;
    }
    let page = std::fs::read_to_string(root().join("docs/windows.md")).unwrap();
    let blocks: Vec<&str> = page.split("\n```c\n").skip(1).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        let directory = ScratchDir::new();
        let source = directory.0.join("page.c");
        std::fs::write(&source, block.split("\n```").next().unwrap()).unwrap();
        let program = wine::compile(&directory.0, &[source.to_str().unwrap()], LibraryKind::Mingw);
        wine::lines(&program, &[]);
        assert!(directory.0.join("recordings").is_dir());
    }
}
