//! The TAPI bridge: its call logic by scripts, its audio by real RTP, its pipe and its gateway.

use std::path::Path;

use callrec_testkit::g711::{Law, decode};
use callrec_testkit::manifest::manifest_beside;
use callrec_testkit::wav::WavFile;

use crate::bridge::{CompiledBridge, scripts};
use crate::support::tapi_bridge::ForkedCall;

/// Every script of the example holds what it expects.
#[test]
fn every_script_of_the_bridge_is_carried_out() {
    let bridge = CompiledBridge::new();
    let mut count = 0;
    for entry in std::fs::read_dir(scripts()).unwrap() {
        let script = entry.unwrap().path();
        let name = script.file_stem().unwrap().to_str().unwrap().to_owned();
        let keys = if name == "forks" { "fork = cisco" } else { "" };
        let config = bridge.configure(&name, keys);
        let output = bridge
            .command(&config, &["--script", script.to_str().unwrap()])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{name}:\n{}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        count += 1;
    }
    assert!(count >= 10, "{count} scripts");
}

/// A script that expects something else fails, and names the line.
#[test]
fn a_script_that_does_not_hold_fails() {
    let bridge = CompiledBridge::new();
    let config = bridge.configure("wrong", "");
    let script = config.with_file_name("wrong.txt");
    for (text, line) in [
        ("line 1 SEP1 1001\nstate 1 11 hanging\n", "line 2"),
        ("start SEP9\n", "line 1"),
        (
            "line 1 SEP1 1001\nstate 1 11 connected\n\nstart 1001\nstart 1001\n",
            "line 5",
        ),
    ] {
        std::fs::write(&script, text).unwrap();
        let output = bridge
            .command(&config, &["--script", script.to_str().unwrap()])
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success() && printed.contains(line), "{printed}");
    }
}

#[test]
fn a_wrong_configuration_names_its_line() {
    let bridge = CompiledBridge::new();
    for (run, keys, words) in [
        ("key", "colour = red", "line 5"),
        ("mode", "mode = sometimes", "line 5"),
        ("ports", "rtp_ports = 9000", "line 5"),
        ("section", "[telephones]\nlines = *", "line 6"),
        ("callrec", "[callrec]\nmedia.clock = sand", "media.clock"),
        ("user", "[gateway]\nuser = admin secret", "line 6"),
        (
            "length",
            &format!("# {}lines = *", " ".repeat(1021)),
            "line 5: the line is too long",
        ),
    ] {
        let config = bridge.configure(run, keys);
        let output = bridge.command(&config, &["--script", "-"]).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && printed.contains(words),
            "{run}: {printed}"
        );
    }
}

/// Editors on Windows put a mark before a text in UTF-8.
#[test]
fn a_configuration_may_begin_with_bytes_that_name_its_encoding() {
    let bridge = CompiledBridge::new();
    let config = bridge.configure("mark", &format!("# {}", "x".repeat(1020)));
    let text = std::fs::read_to_string(&config).unwrap();
    let script = config.with_file_name("empty.txt");
    std::fs::write(&script, "list\n").unwrap();
    let run = |mark: &str, first: &str| {
        std::fs::write(&config, format!("{mark}{first}\n{text}")).unwrap();
        let mut command = bridge.command(&config, &["--script", script.to_str().unwrap()]);
        command.output().unwrap().status.success()
    };
    assert!(run("", "lines = *"));
    assert!(run("\u{feff}", "lines = *"));
    assert!(run("\u{feff}", "[bridge]"));
    assert!(!run("", "\u{fefe}lines = *"));
}

/// The example in docs/tapi.md is a configuration.
#[cfg(feature = "gateway")]
#[test]
fn the_documented_configuration_is_accepted() {
    let text = std::fs::read_to_string(crate::support::build::root().join("docs/tapi.md")).unwrap();
    let example = text.split("```text\n[bridge]").nth(1).expect("the example");
    let example = example.split("```").next().unwrap().replace("8080", "0");
    let bridge = CompiledBridge::new();
    let config = bridge.configure("documented", "");
    std::fs::write(&config, format!("[bridge]{example}")).unwrap();
    let script = config.with_file_name("empty.txt");
    std::fs::write(&script, "list\n").unwrap();
    let mut command = bridge.command(&config, &["--script", script.to_str().unwrap()]);
    let output = command.current_dir(config.parent().unwrap()).output().unwrap();
    assert!(
        output.status.success() && output.stdout == b"ok 0\n",
        "{output:?}"
    );
}

const LOCAL: u8 = 0x12;
const REMOTE: u8 = 0x34;
const SECRET: u8 = 0x56;

/// How many samples of a channel have the value of a byte of µ-law.
fn count(wav: &WavFile, channel: usize, byte: u8) -> usize {
    let value = decode(Law::Mu, byte);
    wav.pcm(channel).iter().filter(|sample| **sample == value).count()
}

/// One recording has both parties' audio from before and after a hold and a transfer, each of which
/// ends the device's session and starts another one, and nothing of a pause.
#[test]
fn one_recording_spans_hold_and_transfer_and_honours_a_pause() {
    let compiled = CompiledBridge::new();
    let config = compiled.configure("call", "");
    let mut bridge = compiled.start(&config);
    bridge.run(
        "line 1 SEP001122334401 1001
         info 1 11 id=501 caller=0301234/Jane_Roe called=1001
         state 1 11 offering
         state 1 11 connected
         session 1 11 started",
    );
    let ports = bridge.ports("SEP001122334401");
    assert_eq!(ports, bridge.ports("1001"));
    ForkedCall::new(ports, 10).speak(25, [LOCAL, REMOTE]);
    bridge.run("session 1 11 ended\nstate 1 11 held\nexpect state SEP001122334401 held");
    bridge.run("state 1 11 connected\nsession 1 11 started");
    assert_eq!(ports, bridge.ports("1001"), "the ports of the call stay");
    ForkedCall::new(ports, 20).speak(25, [LOCAL, REMOTE]);
    bridge.run(
        "session 1 11 ended
         info 1 11 id=509 caller=0301234/Jane_Roe called=1001 connected=0309876/John_Doe transfer
         session 1 11 started",
    );
    let mut session = ForkedCall::new(ports, 30);
    session.speak(25, [LOCAL, REMOTE]);
    let send = |command: &str| compiled.command(&config, &["--send", command]).output().unwrap();
    let answer = send("pause SEP001122334401");
    assert!(answer.status.success() && answer.stdout == b"ok\n", "{answer:?}");
    session.speak(25, [SECRET, SECRET]);
    assert!(send("resume 1001").status.success());
    session.speak(25, [LOCAL, REMOTE]);
    let listed = String::from_utf8(send("list").stdout).unwrap();
    let expected = format!(
        "ok 1; SEP001122334401 1001 0309876 connected recording {} {}\n",
        ports[0], ports[1]
    );
    assert_eq!(listed, expected);
    bridge.run("state 1 11 idle");
    let finished = bridge.wait_for(&["finished "]);
    bridge.run("expect begun 1\nexpect finished 1\nexpect calls 0");
    bridge.end();

    let path = Path::new(finished.strip_prefix("finished ").unwrap());
    let wav = WavFile::read(path);
    assert_eq!((wav.rate, wav.channels), (8000, 2));
    for (channel, value) in [(0, LOCAL), (1, REMOTE)] {
        let samples = count(&wav, channel, value);
        // What may be older than the resume is not recorded: a packet or two.
        assert!(
            (96 * 160..=100 * 160).contains(&samples),
            "channel {channel}: {samples}"
        );
        assert_eq!(count(&wav, channel, SECRET), 0, "the pause is recorded");
    }
    let manifest = manifest_beside(path);
    let call = &manifest["call"];
    assert_eq!(call["call_id"], "501");
    assert_eq!(call["related_call_ids"][0], "509");
    for (member, value) in [
        ("ani", "0301234"),
        ("dnis", "1001"),
        ("device_name", "SEP001122334401"),
        ("directory_number", "1001"),
        ("remote_phone_number", "0309876"),
        ("direction", "incoming"),
    ] {
        assert_eq!(call[member], value, "{member}");
    }
    let parties: Vec<&str> = call["parties"]
        .as_array()
        .unwrap()
        .iter()
        .map(|span| span["party"]["number"].as_str().unwrap())
        .collect();
    assert_eq!(parties, ["0301234", "0309876"]);
}

/// A blind transfer moves the recording to the other device, whose copies arrive at the same ports.
#[test]
fn a_recording_continues_at_the_device_to_which_its_call_is_transferred() {
    let compiled = CompiledBridge::new();
    let mut bridge = compiled.start(&compiled.configure("transfer", ""));
    bridge.run(
        "line 1 SEP001122334401 1001
         line 2 SEP001122334402 1002
         info 1 11 id=501 caller=0301234 called=1001
         state 1 11 connected
         session 1 11 started",
    );
    let ports = bridge.ports("1001");
    let notice = bridge.wait_for_notice("call 1 on SEP001122334401 1001 with 0301234: RTP ports ");
    assert!(
        notice.ends_with(&format!("{} and {}", ports[0], ports[1])),
        "{notice}"
    );
    ForkedCall::new(ports, 10).speak(15, [LOCAL, REMOTE]);
    bridge.run(
        "session 1 11 ended
         state 1 11 idle transfer
         info 2 21 id=501 caller=0301234 called=1002 transfer redirecting=1001
         state 2 21 offering
         state 2 21 connected
         session 2 21 started",
    );
    assert_eq!(ports, bridge.ports("SEP001122334402"));
    ForkedCall::new(ports, 20).speak(15, [LOCAL, REMOTE]);
    bridge.run("state 2 21 idle");
    let finished = bridge.wait_for(&["finished "]);
    bridge.run("expect begun 1");
    bridge.end();
    let path = Path::new(finished.strip_prefix("finished ").unwrap());
    let wav = WavFile::read(path);
    assert_eq!([count(&wav, 0, LOCAL), count(&wav, 1, REMOTE)], [30 * 160; 2]);
    let lines = manifest_beside(path)["lines"].clone();
    let devices: Vec<&str> = lines
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["device_name"].as_str().unwrap())
        .collect();
    assert_eq!(devices, ["SEP001122334401", "SEP001122334402"]);
}

/// A start through HTTP asks the device for copies, and the last stop ends them.
#[cfg(feature = "gateway")]
#[test]
fn the_gateway_controls_the_recordings_of_the_bridge() {
    use callrec_testkit::http::{HttpClient, basic};

    let compiled = CompiledBridge::new();
    let keys = "mode = manual\nfork = cisco\n[gateway]\nport = 0\nuser = admin secret 10";
    let mut bridge = compiled.start(&compiled.configure("gateway", keys));
    let notice = bridge.wait_for_notice("the gateway listens on ");
    let address = notice.split("the gateway listens on ").nth(1).unwrap();
    let url = format!("{address}/fw/Apps/Recorder/WebAPI/LiveRecordings");
    bridge.run(
        "line 1 SEP001122334401 1001
         info 1 11 id=501 caller=0301234 called=1001
         state 1 11 connected
         session 1 11 started
         expect recordings 0
         session 1 11 ended
         wait 600000",
    );
    let client = HttpClient::new();
    let headers = [("Authorization", &*basic("admin", "secret"))];
    let target = r#"{"deviceName":"SEP001122334401"}"#;
    let wrong = [("Authorization", &*basic("admin", "guess"))];
    assert_eq!(client.send("POST", &url, &wrong, target).status, 401);
    let started = client.send("POST", &url, &headers, target);
    assert_eq!(started.status, 201, "{}", started.text());
    assert_eq!(bridge.wait_for(&["fork "]), "fork 1 11 on");
    bridge.run("session 1 11 started");
    ForkedCall::new(bridge.ports("1001"), 10).speak(10, [LOCAL, REMOTE]);
    let one = format!("{url}?deviceName=SEP001122334401&directoryNumber=1001");
    assert_eq!(client.send("DELETE", &one, &headers, "").status, 204);
    assert_eq!(bridge.wait_for(&["fork "]), "fork 1 11 off");
    bridge.run("session 1 11 ended\nexpect recordings 0\nexpect calls 1\nexpect begun 1");
    bridge.end();
}
