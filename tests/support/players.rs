//! What other programs say of audio files. Each check passes if its program is not installed.

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::Mutex;

use callrec_testkit::wav::WavFile;

use super::build::{has_with, is_installed};

/// Whether a program is installed. It is asked once.
fn has_player(program: &'static str) -> bool {
    static KNOWN: Mutex<BTreeMap<&str, bool>> = Mutex::new(BTreeMap::new());
    let find = || match program {
        "ffmpeg" | "ffprobe" => has_with(program, "-version"),
        "opusdec" | "flac" | "mpg123" => has_with(program, "--version"),
        // They have no option that succeeds without a file.
        _ => is_installed(program, Command::new(program).output().is_ok()),
    };
    *KNOWN.lock().unwrap().entry(program).or_insert_with(find)
}

fn output(program: &'static str, arguments: &[&str]) -> Option<Output> {
    has_player(program).then(|| {
        let mut command = Command::new(program);
        command.args(arguments);
        command.output().unwrap_or_else(|why| panic!("{program}: {why}"))
    })
}

/// What opusinfo says of a file. A file in progress has no end, about which it warns; it must have
/// no other complaint.
pub fn opusinfo(path: &str, in_progress: bool) -> Option<String> {
    let output = output("opusinfo", &[path])?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let complains = |line: &str| line.contains("WARNING") || line.contains("ERROR");
    let is_expected = |line: &str| in_progress && line.contains("EOS not set");
    let complaint = text.lines().find(|line| complains(line) && !is_expected(line));
    assert_eq!(complaint, None, "{path}: {text}");
    assert_eq!(
        output.status.code(),
        Some(i32::from(in_progress)),
        "{path}: {text}"
    );
    Some(text)
}

/// The number of frames that libsndfile finds.
pub fn sndfile_frames(path: &str) -> Option<u64> {
    let output = output("sndfile-info", &[path])?;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{path}: {text}");
    let line = text.lines().find(|line| line.starts_with("Frames"));
    let frames = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    Some(frames.unwrap_or_else(|| panic!("{path}: {text}")))
}

/// A file's tags as ffprobe shows them, one `TAG:name=value` a line.
pub fn tags_by_ffprobe(path: &str) -> Option<String> {
    let entries = ["-show_entries", "format_tags:stream_tags"];
    let output = output("ffprobe", &[&["-v", "error"], &entries[..], &[path]].concat())?;
    assert!(output.status.success(), "{path}: {output:?}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The number of frames that libsndfile decodes.
pub fn decoded_by_sndfile(path: &str) -> Option<u64> {
    let copy = format!("{path}.decoded.wav");
    let output = output("sndfile-convert", &["-pcm16", path, &copy])?;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{path}: {text}");
    let frames = WavFile::read(&copy).frames() as u64;
    std::fs::remove_file(&copy).unwrap();
    Some(frames)
}

/// A file's interleaved samples at this rate, as ffmpeg decodes them without an error. Its own decoder
/// of Opus exaggerates tones, so libopus decodes.
pub fn ffmpeg_samples_at(path: &str, rate: u64) -> Option<Vec<i16>> {
    let rate = rate.to_string();
    let input = match path.ends_with(".opus") {
        true => &["-c:a", "libopus"][..],
        false => &[],
    };
    let rest = ["-i", path, "-f", "s16le", "-ar", &rate, "-"];
    samples(
        path,
        output("ffmpeg", &[&["-v", "error"], input, &rest].concat())?,
    )
}

/// A file's interleaved samples at 48 kHz, as ffmpeg decodes them without a warning.
pub fn ffmpeg_samples(path: &str) -> Option<Vec<i16>> {
    let arguments = ["-v", "warning", "-i", path, "-f", "s16le", "-ar", "48000", "-"];
    samples(path, output("ffmpeg", &arguments)?)
}

/// A file's interleaved samples at its own rate, as ffmpeg decodes them without an error.
pub fn decoded_by_ffmpeg(path: &str) -> Option<Vec<i16>> {
    let arguments = ["-v", "error", "-xerror", "-i", path, "-f", "s16le", "-"];
    samples(path, output("ffmpeg", &arguments)?)
}

/// The same, as flac decodes them. Its test of the file also succeeds. It may warn that a file which is not
/// finished, or which two processes have written, has no MD5 that it could check.
pub fn decoded_by_flac(path: &str) -> Option<Vec<i16>> {
    let tested = output("flac", &["--test", "--silent", path])?;
    assert!(tested.status.success(), "{path}: {tested:?}");
    let decode = ["--decode", "--silent", "--stdout", "--force-raw-format"];
    let form = ["--endian=little", "--sign=signed", path];
    let mut decoded = output("flac", &[&decode[..], &form].concat())?;
    let warning = String::from_utf8_lossy(&decoded.stderr);
    if warning.contains("cannot check MD5 signature since it was unset")
        && warning.trim().lines().count() == 1
    {
        decoded.stderr.clear();
    }
    samples(path, decoded)
}

/// The same, as mpg123 decodes them.
pub fn decoded_by_mpg123(path: &str) -> Option<Vec<i16>> {
    samples(path, output("mpg123", &["-q", "-s", path])?)
}

/// The same, as opusdec decodes them.
pub fn opusdec_samples(path: &str) -> Option<Vec<i16>> {
    let arguments = ["--quiet", "--no-dither", "--rate", "48000", path, "-"];
    samples(path, output("opusdec", &arguments)?)
}

fn samples(path: &str, output: Output) -> Option<Vec<i16>> {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaint.is_empty(),
        "{path}: {complaint}"
    );
    let (pairs, _) = output.stdout.as_chunks::<2>();
    Some(pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect())
}

/// All programs accept a file and find this many frames of `channels` channels at `rate` Hz.
pub fn assert_accepted(path: &str, in_progress: bool, frames: u64, channels: u16, rate: u32) {
    opusinfo(path, in_progress);
    if let Some(found) = sndfile_frames(path) {
        assert_eq!(found, frames, "libsndfile: {path}");
    }
    // It decodes no Opus file without audio.
    if frames > 0
        && let Some(found) = decoded_by_sndfile(path)
    {
        assert_eq!(found, frames, "libsndfile decodes: {path}");
    }
    let expected = frames * u64::from(48_000 / rate);
    // ffmpeg may not cut off both ends of one packet: it plays up to 13.5 ms of a shorter file.
    for (program, samples, shortest) in [
        ("ffmpeg", ffmpeg_samples(path), 648),
        ("opusdec", opusdec_samples(path), 0),
    ] {
        if let Some(samples) = samples {
            let found = samples.len() as u64 / u64::from(channels);
            let possible = expected..=expected.max(shortest);
            assert!(
                possible.contains(&found),
                "{program}: {found}, not {expected}: {path}"
            );
        }
    }
}

/// Programs play an MP3 file in progress, whose last frame a kill may have cut off.
pub fn assert_begins_to_play(path: &str) {
    if let Some(output) = output("ffmpeg", &["-v", "error", "-i", path, "-f", "s16le", "-"]) {
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{path}: {complaint}");
        assert!(!output.stdout.is_empty(), "{path}: {complaint}");
    }
    assert_ne!(sndfile_frames(path), Some(0), "{path}");
}

/// Programs play an MP3 file without an error, and find this many frames.
pub fn assert_plays_mp3(path: &str, frames: u64, channels: u16) {
    if let Some(output) = output("ffmpeg", &["-v", "error", "-i", path, "-f", "s16le", "-"]) {
        let found = samples(path, output).map(|samples| samples.len() as u64);
        assert_eq!(found, Some(frames * u64::from(channels)), "ffmpeg: {path}");
    }
    if let Some(found) = sndfile_frames(path) {
        assert_eq!(found, frames, "libsndfile: {path}");
    }
}
