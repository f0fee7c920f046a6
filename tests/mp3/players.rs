//! Programs of the system that read MP3.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::build::{has, has_loadable_lame, has_with, is_installed};

/// Whether the library of LAME and all players are installed.
pub fn are_installed() -> bool {
    // Without a file it fails, but it runs.
    let sndfile = Command::new("sndfile-info").output().is_ok();
    let players = [
        has_with("ffmpeg", "-version"),
        has("mpg123"),
        is_installed("sndfile-info", sndfile),
    ];
    has_loadable_lame() && players.into_iter().all(|found| found)
}

fn run(command: &mut Command) -> Output {
    let output = command.output().expect("an installed program");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
    output
}

fn samples(bytes: &[u8]) -> Vec<i16> {
    let pairs = bytes.chunks_exact(2);
    pairs.map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// The interleaved samples that ffmpeg plays. `-xerror`: it fails at the first error.
pub fn ffmpeg(file: &Path) -> Vec<i16> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-xerror", "-i"]).arg(file);
    let output = run(command.args(["-f", "s16le", "-"]));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}", file.display());
    samples(&output.stdout)
}

/// The interleaved samples that mpg123 plays.
pub fn mpg123(file: &Path) -> Vec<i16> {
    let output = run(Command::new("mpg123").args(["-q", "-s"]).arg(file));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}", file.display());
    samples(&output.stdout)
}

/// The number of frames that libsndfile finds.
pub fn sndfile_frames(file: &Path) -> u64 {
    let output = run(Command::new("sndfile-info").arg(file));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.starts_with("Frames"));
    let number = line
        .and_then(|line| line.split_once(':'))
        .map(|(_, number)| number.trim());
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("{text}"))
}

/// The value of a tag, as ffprobe prints it.
pub fn tag(file: &Path, name: &str) -> String {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-of", "default=nk=1:nw=1", "-show_entries"]);
    let output = run(command.arg(format!("format_tags={name}")).arg(file));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
