//! What the programs in `examples-c` print.
#![cfg(unix)]

#[path = "examples/bridge.rs"]
mod bridge;
#[path = "examples/bridge_calls.rs"]
mod bridge_calls;
#[path = "support/support.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use callrec_testkit::directory::ScratchDir;
use serde_json::Value;

use support::build::{cc, cxx, has, has_cxx, installed, root};

/// Compiles an example against the library of this build.
fn compile(dir: &Path, sources: &[&str]) -> PathBuf {
    compile_with(dir, sources, &[])
}

/// As [`compile`], with more libraries.
fn compile_with(dir: &Path, sources: &[&str], more: &[&str]) -> PathBuf {
    let libraries = installed(dir);
    let program = dir.join("program");
    let mut command = cc();
    command
        .args(["-std=c11", "-pthread", "-I"])
        .arg(root().join("include"));
    command.args(sources.iter().map(|name| root().join("examples-c").join(name)));
    command.arg("-o").arg(&program).arg("-L").arg(&libraries);
    command.arg(format!("-Wl,-rpath,{}", libraries.display()));
    support::build::run(command.args(["-lcallrec", "-lm"]).args(more));
    program
}

/// The lines on stdout. The exit status is not looked at: the checks of `record_call` compare
/// times, and may fail on a busy machine.
fn lines(program: &Path, arguments: &[&str]) -> Vec<String> {
    let output = Command::new(program)
        .env_remove("LD_LIBRARY_PATH")
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

const RECORD_CALL: [&str; 4] = ["record_call.c", "console.c", "conversation.c", "wav_check.c"];

fn has_word(line: &str, word: &str) -> bool {
    line.split_whitespace().any(|part| part == word)
}

/// The heading, a line for each event, the live recording, the checks, and the path, in this order.
#[test]
fn record_call_prints_events_then_checks_then_the_path() {
    let dir = ScratchDir::new();
    let program = compile(&dir.0, &RECORD_CALL);
    let conversation = root().join("examples-c/conversation");
    let lines = lines(&program, &[conversation.to_str().unwrap()]);
    let all = lines.join("\n");
    assert!(!all.contains('{'), "JSON without --json:\n{all}");
    let place = |word: &str| lines.iter().position(|line| has_word(line, word));
    let order: Vec<_> = ["callrec", "started", "paused", "resumed", "finished", "Checks"]
        .map(|word| place(word).unwrap_or_else(|| panic!("no {word}:\n{all}")))
        .into();
    assert!(order.is_sorted(), "{order:?}:\n{all}");
    let checks = &lines[order[5] + 1..lines.len() - 2];
    let is_verdict = |line: &String| line.starts_with("PASS  ") || line.starts_with("FAIL  ");
    assert!(checks.iter().all(is_verdict) && checks.len() >= 3, "{all}");
    assert!(!lines[..order[5]].iter().any(is_verdict), "{all}");
    assert!(
        lines[order[1]..order[4]]
            .iter()
            .any(|line| line.contains("local [")),
        "{all}"
    );
    assert!(Path::new(lines.last().unwrap()).exists(), "{all}");
}

#[test]
fn record_call_prints_an_object_a_line_with_json() {
    let dir = ScratchDir::new();
    let program = compile(&dir.0, &RECORD_CALL);
    let conversation = root().join("examples-c/conversation");
    let lines = lines(&program, &["--json", conversation.to_str().unwrap()]);
    let objects: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for key in ["event", "live", "check"] {
        assert!(objects.iter().any(|object| object.get(key).is_some()), "no {key}");
    }
    let path = objects.last().unwrap()["path"].as_str().unwrap();
    assert!(Path::new(path).exists(), "{path}");
}

#[test]
fn the_lists_and_the_events_are_json_only_with_json() {
    for name in ["list_live.c", "events.c"] {
        let dir = ScratchDir::new();
        let program = compile(&dir.0, &[name]);
        let recordings = dir.0.join("recordings");
        let recordings = recordings.to_str().unwrap();
        let plain = lines(&program, &[recordings]).join("\n");
        assert!(!plain.is_empty() && !plain.contains('{'), "{name}:\n{plain}");
        for line in lines(&program, &["--json", recordings]) {
            assert!(serde_json::from_str::<Value>(&line).is_ok(), "{name}: {line}");
        }
    }
}

/// The C++ example records a call of two parties, and verifies the file.
#[test]
fn record_records_a_call_from_cpp() {
    if !has_cxx() {
        return;
    }
    let dir = ScratchDir::new();
    let libraries = installed(&dir.0);
    let program = dir.0.join("record");
    let mut command = cxx();
    command.args(["-std=c++17", "-pthread"]);
    command
        .arg(root().join("examples-c/record.cpp"))
        .arg("-o")
        .arg(&program);
    command.arg("-L").arg(&libraries).arg("-lcallrec");
    support::build::run(command.arg(format!("-Wl,-rpath,{}", libraries.display())));
    let recordings = dir.0.join("recordings");
    let lines = lines(&program, &[recordings.to_str().unwrap()]);
    let all = lines.join("\n");
    for word in ["live: ", "a second start: ", "\"started\"", "\"finished\""] {
        assert!(all.contains(word), "no {word}:\n{all}");
    }
    let wav = callrec_testkit::wav::WavFile::read(lines.last().unwrap());
    assert_eq!((wav.rate, wav.channels), (8000, 2));
    for channel in 0..2 {
        let samples = wav.pcm(channel);
        let loud = samples.iter().filter(|sample| sample.unsigned_abs() == 8000);
        assert!(loud.count() > 8000, "channel {channel}");
    }
}

/// `make` builds the C examples where there is no C++ compiler.
#[test]
fn the_examples_need_no_cpp_compiler() {
    if !has("make") {
        return;
    }
    for (compiler, is_built) in [("sh", true), ("no-such-compiler", false)] {
        let mut command = Command::new("make");
        // -B prints what to do for programs that exist already, too.
        command
            .args(["-n", "-B", "-C", "examples-c", "all"])
            .arg(format!("CXX={compiler}"));
        let output = support::build::run(command.current_dir(root()));
        let output = String::from_utf8(output.stdout).unwrap();
        assert!(output.contains("Building minimal"), "{output}");
        assert_eq!(output.contains("Building record\""), is_built, "{output}");
    }
}

/// What the examples for hosts share, without a host: exact samples, silence, two channels, and a new
/// sample rate in mid-call.
#[test]
fn sample_tap_records_what_a_host_hands_out() {
    let dir = ScratchDir::new();
    let libraries = installed(&dir.0);
    let program = dir.0.join("sample_tap");
    let mut command = cc();
    command.args(["-std=c11", "-pthread", "-Wconversion"]);
    command
        .arg("-I")
        .arg(root().join("examples-c"))
        .arg("-I")
        .arg(root().join("tests/c"));
    command.args(["examples-c/sample_tap.c", "tests/c/sample_tap.c"].map(|name| root().join(name)));
    command
        .arg("-o")
        .arg(&program)
        .arg("-L")
        .arg(&libraries)
        .arg("-lcallrec");
    support::build::run(command.arg(format!("-Wl,-rpath,{}", libraries.display())));
    let recordings = dir.0.join("recordings");
    let output = support::build::run(Command::new(&program).arg(&recordings));
    let output = String::from_utf8(output.stdout).unwrap();
    let wav = callrec_testkit::wav::WavFile::read(output.lines().last().unwrap());
    assert_eq!((wav.rate, wav.channels), (8000, 2));
    let expected: Vec<i16> = [1000, 0, 32767]
        .into_iter()
        .flat_map(|sample| [sample; 8000])
        .collect();
    assert!(wav.pcm(0) == expected, "the local leg differs");
    let remote = wav.pcm(1);
    assert!(
        remote[..8000].iter().all(|sample| *sample == -400),
        "the mix of two channels differs"
    );
    assert!(
        remote[8000..16_000].iter().all(|sample| *sample == 0),
        "no silence"
    );
    // The resampler needs a moment at both ends.
    let resampled = &remote[16_200..remote.len() - 200];
    assert!(resampled.len() > 7000, "{}", resampled.len());
    assert!(
        resampled.iter().all(|sample| (495..=505).contains(sample)),
        "16000 Hz differs"
    );
}

/// A UDP port that was free a moment ago.
fn free_port() -> u16 {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

/// Two user agents of PJSIP call each other, and each records both parties. Debian 12 has no PJSIP, so
/// the test runs only where somebody has installed it.
#[test]
fn pjsip_port_records_both_parties_of_a_call() {
    let find = |option: &str| {
        Command::new("pkg-config")
            .args(["--static", option, "libpjproject"])
            .output()
    };
    if !find("--exists").is_ok_and(|output| output.status.success()) {
        eprintln!("PJSIP is not installed: its example is not tested");
        return;
    }
    let dir = ScratchDir::new();
    let libraries = installed(&dir.0);
    let program = dir.0.join("pjsip_port");
    let words = |option: &str| -> Vec<String> {
        let output = String::from_utf8(find(option).unwrap().stdout).unwrap();
        output.split_whitespace().map(str::to_owned).collect()
    };
    let mut command = cc();
    command.args(["-std=c11", "-pthread"]).args(
        words("--cflags")
            .iter()
            .map(|word| word.replace("-I", "-isystem")),
    );
    command.args(["pjsip_port.c", "sample_tap.c"].map(|name| root().join("examples-c").join(name)));
    command.arg("-o").arg(&program).arg("-L").arg(&libraries);
    command.arg(format!("-Wl,-rpath,{}", libraries.display()));
    support::build::run(command.arg("-lcallrec").args(words("--libs")));

    let mut samples = vec![0i16; 8000];
    for (index, sample) in samples.iter_mut().enumerate() {
        *sample = if index / 10 % 2 == 0 { 8000 } else { -8000 };
    }
    let played = dir.0.join("played.wav");
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let mut file =
        b"RIFF\xa4\x3e\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x80\x3e\0\0"
            .to_vec();
    file.extend(bytes);
    std::fs::write(&played, file).unwrap();
    let agent = |name: &str, port: u16, seconds: &str| {
        let mut command = Command::new(&program);
        command
            .env_remove("LD_LIBRARY_PATH")
            .stdout(std::process::Stdio::piped());
        command
            .arg(dir.0.join(name))
            .arg(port.to_string())
            .arg(seconds)
            .arg(&played);
        command
    };
    let (called, calling) = (free_port(), free_port());
    let callee = agent("called", called, "30").spawn().unwrap();
    let mut caller = agent("caller", calling, "4");
    let caller = caller.arg(format!("sip:127.0.0.1:{called}")).output().unwrap();
    for output in [caller, callee.wait_with_output().unwrap()] {
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let output = String::from_utf8(output.stdout).unwrap();
        let wav = callrec_testkit::wav::WavFile::read(output.lines().last().unwrap());
        for channel in 0..2 {
            let samples = wav.pcm(channel);
            let loud = samples.iter().filter(|sample| sample.unsigned_abs() > 4000);
            assert!(loud.count() > 8000, "channel {channel} of {output}");
        }
    }
}

/// A call with AMR, in both framings, is recorded as the plain decoder decodes it.
#[test]
fn codec_plugin_records_amr_as_its_decoder_gives_it() {
    const LIBRARY: &str = "-lopencore-amrnb";
    if !has_amr() {
        return;
    }
    let dir = ScratchDir::new();
    let (amr, raw, reference) = (dir.0.join("a.amr"), dir.0.join("a.raw"), dir.0.join("reference"));
    let source = root().join("tests/c/amr_reference.c");
    support::build::run(cc().arg("-o").arg(&reference).arg(source).args([LIBRARY, "-lm"]));
    support::build::run(Command::new(&reference).arg(&amr).arg(&raw));
    let expected = std::fs::read(&raw).unwrap();
    let program = compile_with(&dir.0, &["codec_plugin.c"], &[LIBRARY]);
    for fmtp in ["octet-align=1", "mode-change-period=2; octet-align=1", ""] {
        let recordings = dir.0.join("recordings");
        let arguments = [&recordings, &amr].map(|path| path.to_str().unwrap());
        let lines = lines(&program, &[arguments[0], arguments[1], fmtp]);
        let wav = callrec_testkit::wav::WavFile::read(lines.last().expect("a path"));
        assert_eq!((wav.rate, wav.channels), (8000, 1));
        let differs = wav
            .data
            .iter()
            .zip(&expected)
            .position(|(found, expected)| found != expected);
        assert_eq!((differs, wav.data.len()), (None, expected.len()), "{fmtp}");
    }
}

/// Whether Debian's libopencore-amrnb-dev is installed. `.ci/run` installs it.
fn has_amr() -> bool {
    let is_installed = Path::new("/usr/include/opencore-amrnb/interf_enc.h").exists();
    assert!(
        is_installed || std::env::var_os("CALLREC_NEEDS_TOOLS").is_none(),
        "libopencore-amrnb-dev is not installed"
    );
    is_installed
}
