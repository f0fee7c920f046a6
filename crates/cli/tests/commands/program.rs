//! Runs the program.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

pub fn callrec(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callrec"));
    command.args(arguments);
    command
}

/// Runs the program to its end. Returns its exit code, standard output and standard error.
pub fn run(arguments: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = callrec(arguments).output().expect("the program");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (status.code().expect("an exit code"), text(stdout), text(stderr))
}

/// Runs the program, which must succeed. Returns its standard output.
#[track_caller]
pub fn succeed(arguments: &[&str]) -> String {
    let (code, stdout, stderr) = run(arguments);
    assert_eq!(code, 0, "{arguments:?}: {stdout}{stderr}");
    stdout
}

/// Runs the program, which must succeed and print JSON.
#[track_caller]
pub fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&succeed(&[arguments, &["--json"]].concat())).expect("JSON")
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The samples of a WAV file with 16 bits, by channel.
pub fn wav_channels(path: &Path) -> Vec<Vec<i16>> {
    let bytes = std::fs::read(path).expect("a WAV file");
    let header = callrec_testkit::wav::WavHeader::parse(&bytes).expect("a WAV header");
    assert_eq!((header.tag, header.bits), (1, 16), "{}", path.display());
    let audio = &bytes[header.audio_at as usize..(header.audio_at + header.audio_bytes) as usize];
    let channels = usize::from(header.channels);
    let samples: Vec<i16> = audio
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    (0..channels)
        .map(|channel| samples.iter().skip(channel).step_by(channels).copied().collect())
        .collect()
}
