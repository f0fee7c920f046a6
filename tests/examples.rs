//! What the programs in `examples-c` print.
#![cfg(unix)]

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
        command
            .args(["-n", "-C", "examples-c", "all"])
            .arg(format!("CXX={compiler}"));
        let output = support::build::run(command.current_dir(root()));
        let output = String::from_utf8(output.stdout).unwrap();
        assert!(output.contains("Building minimal"), "{output}");
        assert_eq!(output.contains("Building record\""), is_built, "{output}");
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
