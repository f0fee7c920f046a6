//! The commands for recordings that exist.

use std::fs;
use std::path::{Path, PathBuf};

use callrec_testkit::directory::ScratchDir;
use pcap_file::DataLink;

use super::capture_file::{linear, speech, write_call};
use super::program::{json, run, succeed, text, wav_channels};

const PACKETS: usize = 150;

/// A directory with one recording of 3 s, and the samples of its channels.
struct Fixture {
    dir: ScratchDir,
    audio: PathBuf,
    samples: Vec<Vec<i16>>,
}

impl Fixture {
    fn new(more: &[&str]) -> Fixture {
        let dir = ScratchDir::new();
        let capture = dir.join("call.pcap");
        let sides = [speech(5, PACKETS), speech(6, PACKETS)];
        write_call(&capture, DataLink::ETHERNET, [&sides[0], &sides[1]]);
        let recordings = dir.join("recordings");
        let base = [
            "record",
            text(&capture),
            "--directory",
            text(&recordings),
            "--call-id",
            "c-1",
        ];
        let result = json(&[&base, more].concat());
        let audio = PathBuf::from(result["path"].as_str().expect("a path"));
        Fixture {
            dir,
            audio,
            samples: sides.iter().map(|side| linear(side)).collect(),
        }
    }

    fn directory(&self) -> PathBuf {
        self.dir.join("recordings")
    }

    /// Converts the recording, and the result back to WAV. Returns the samples of that.
    fn there_and_back(&self, to: &str, more: &[&str]) -> Vec<Vec<i16>> {
        let converted = self.dir.join(to);
        succeed(&[&["convert", text(&self.audio), text(&converted)], more].concat());
        let back = self.dir.join(format!("{to}.wav"));
        succeed(&["convert", text(&converted), text(&back)]);
        wav_channels(&back)
    }
}

#[test]
fn recordings_are_listed_and_filtered() {
    let fixture = Fixture::new(&["--number", "101"]);
    let directory = fixture.directory();
    let listed = succeed(&["list", text(&directory)]);
    let line = listed.lines().nth(1).expect("a line");
    for part in ["0:03.0", "finished", "wav", "c-1", "101", text(&fixture.audio)] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let count = |filter: &[&str]| {
        json(&[&["list", text(&directory)], filter].concat())
            .as_array()
            .expect("a list")
            .len()
    };
    assert_eq!(count(&[]), 1);
    for (filter, found) in [
        (["--call-id", "c-1"], 1),
        (["--call-id", "c-2"], 0),
        (["--party", "101"], 1),
        (["--party", "c-1"], 0),
        (["--since", "2020-01-01"], 1),
        (["--until", "2020-01-01"], 0),
    ] {
        assert_eq!(count(&filter), found, "{filter:?}");
    }
    assert_eq!(count(&["--unfinished"]), 0);
    let (code, _, stderr) = run(&["list", text(&fixture.dir.join("nowhere"))]);
    assert_eq!(code, 1);
    assert!(stderr.contains("nowhere"), "{stderr}");
}

#[test]
fn a_recording_is_shown_as_a_page_and_as_a_picture() {
    let fixture = Fixture::new(&["--number", "101"]);
    let svg = fixture.dir.join("wave.svg");
    let page = succeed(&["show", text(&fixture.audio), "--svg", text(&svg), "--width", "60"]);
    for part in [
        "State        finished (call-ended)",
        "Number       101",
        "wav, 8000 Hz, 2 channels, stereo",
        "Length       0:03.0",
        "PCMU/8000",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let waveform: Vec<&str> = page.lines().skip_while(|line| !line.is_empty()).skip(1).collect();
    assert_eq!(waveform.len(), 5, "{page}");
    assert!(
        waveform[1].starts_with("local   █") && waveform[3].starts_with("remote  █"),
        "{page}"
    );
    let picture = fs::read_to_string(svg).expect("a picture");
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    // The manifest leads to the same recording.
    let shown = json(&["show", text(&fixture.audio.with_extension("json"))]);
    assert_eq!(shown["path"], text(&fixture.audio));
    let peaks = shown["waveform"]["channels"][1]["peaks"]
        .as_array()
        .expect("peaks");
    assert_eq!(peaks.len(), 1000);
    assert!(peaks.iter().all(|peak| peak.as_f64() > Some(0.5)));
}

#[test]
fn losses_are_shown_where_they_are() {
    let dir = ScratchDir::new();
    let capture = dir.join("call.pcap");
    let ours = speech(7, PACKETS);
    let mut writer = super::capture_file::CaptureWriter::create(&capture, DataLink::ETHERNET);
    let mut sender = callrec_testkit::rtp::RtpSender::new(0, 1);
    for (n, payload) in ours.iter().enumerate() {
        let packet = sender.packet(payload, 160);
        // The second of three seconds is lost.
        if n / 50 != 1 {
            writer.put(
                n as u64 * 20,
                super::capture_file::CALLER,
                super::capture_file::CALLEE,
                &packet,
            );
        }
    }
    drop(writer);
    let result = json(&[
        "record",
        text(&capture),
        "--directory",
        text(&dir),
        "--layout",
        "local",
    ]);
    let page = succeed(&["show", result["path"].as_str().expect("a path"), "--width", "68"]);
    assert!(
        page.contains("Loss         at 0:01.0 for 0:01.0, local, network"),
        "{page}"
    );
    let marks = page.lines().rev().nth(1).expect("a line of losses");
    let marks: String = marks.chars().skip(8).collect();
    assert_eq!(marks, format!("{}{}", " ".repeat(20), "x".repeat(21)), "{page}");
}

#[test]
fn a_changed_file_is_found() {
    let fixture = Fixture::new(&["--set", "recording.keep_raw=always"]);
    let directory = fixture.directory();
    let printed = succeed(&["verify", text(&directory)]);
    assert_eq!(
        printed.lines().filter(|line| line.ends_with(": ok")).count(),
        3,
        "{printed}"
    );
    for changed in [
        fixture.audio.clone(),
        fixture.audio.with_extension("pcapng"),
        directory.join(".callrec/audit.log"),
    ] {
        let whole = fs::read(&changed).expect("a file");
        let mut bytes = whole.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&changed, bytes).expect("written");
        let (code, printed, _) = run(&["verify", text(&directory)]);
        assert_eq!(code, 1, "{printed}");
        let failed: Vec<&str> = printed.lines().filter(|line| line.contains("FAILED")).collect();
        assert_eq!(failed.len(), 1, "{printed}");
        assert!(failed[0].starts_with(text(&changed)), "{printed}");
        fs::write(&changed, whole).expect("written");
    }
    assert_eq!(json(&["verify", text(&fixture.audio)])[1]["ok"], true);
}

#[test]
fn a_missing_file_is_found() {
    let fixture = Fixture::new(&[]);
    let directory = fixture.directory();
    let manifest = fixture.audio.with_extension("json");
    let whole = fs::read(&manifest).expect("a manifest");
    fs::write(&manifest, "{}").expect("written");
    let (code, printed, _) = run(&["verify", text(&directory)]);
    assert_eq!(code, 1, "{printed}");
    assert!(printed.contains("FAILED: it is no manifest"), "{printed}");
    fs::write(&manifest, whole).expect("written");
    fs::remove_file(&fixture.audio).expect("removed");
    let (code, printed, _) = run(&["verify", text(&directory)]);
    assert_eq!(code, 1, "{printed}");
    let failed = printed.lines().filter(|line| line.contains("FAILED"));
    assert_eq!(failed.count(), 1, "{printed}");
}

#[test]
fn a_directory_without_recordings_and_one_in_place_of_a_recording_are_said_to_be_so() {
    let dir = ScratchDir::new();
    let (code, stdout, stderr) = run(&["verify", text(&dir)]);
    assert_eq!((code, stdout.as_str()), (0, ""));
    assert!(stderr.contains("there is no finished recording"), "{stderr}");
    let (code, _, stderr) = run(&["show", text(&dir)]);
    assert_eq!(code, 1);
    assert!(stderr.contains("this is a directory"), "{stderr}");
}

#[test]
fn a_recording_is_not_overwritten_by_its_own_copy_or_picture() {
    let fixture = Fixture::new(&[]);
    let before = fs::read(&fixture.audio).expect("the audio");
    let audio = text(&fixture.audio);
    assert_eq!(run(&["convert", audio, audio, "--force"]).0, 1);
    assert_eq!(run(&["show", audio, "--svg", audio]).0, 1);
    assert!(fs::read(&fixture.audio).expect("the audio") == before);
}

#[test]
fn lossless_formats_keep_every_sample() {
    let fixture = Fixture::new(&[]);
    // The audio was µ-law, so G.711 loses nothing either.
    for (to, more) in [
        ("a.flac", &["--format", "flac;level=8"][..]),
        ("a.au", &[]),
        ("b.wav", &["--format", "wav-ulaw"]),
        ("b.au", &["--format", "au-ulaw"]),
    ] {
        assert_eq!(fixture.there_and_back(to, more), fixture.samples, "{to}");
    }
}

#[test]
fn lossy_formats_keep_the_length_and_the_sound() {
    // Tones, because noise has no likeness after compression.
    let dir = ScratchDir::new();
    let capture = dir.join("call.pcap");
    let tone = |hertz: f64| -> Vec<Vec<u8>> {
        let sample = |n: usize| ((n as f64 * hertz * std::f64::consts::TAU / 8000.0).sin() * 12_000.0) as i16;
        let samples: Vec<u8> = (0..PACKETS * 160)
            .map(|n| callrec_testkit::g711::encode(callrec_testkit::g711::Law::Mu, sample(n)))
            .collect();
        samples.chunks(160).map(<[u8]>::to_vec).collect()
    };
    let sides = [tone(440.0), tone(700.0)];
    write_call(&capture, DataLink::ETHERNET, [&sides[0], &sides[1]]);
    let result = json(&[
        "record",
        text(&capture),
        "--directory",
        text(&dir.join("recordings")),
    ]);
    let fixture = Fixture {
        audio: PathBuf::from(result["path"].as_str().expect("a path")),
        samples: sides.iter().map(|side| linear(side)).collect(),
        dir,
    };
    let mut formats = vec!["a.opus"];
    callrec::lame::provide();
    if callrec::types::parse_format("mp3").is_ok() {
        formats.push("a.mp3");
    } else {
        assert!(
            std::env::var_os("CALLREC_NEEDS_TOOLS").is_none(),
            "libmp3lame0 is not installed"
        );
    }
    for to in formats {
        let found = fixture.there_and_back(to, &[]);
        for (found, expected) in found.iter().zip(&fixture.samples) {
            assert_eq!(found.len(), expected.len(), "{to}");
            let like = likeness(found, expected);
            assert!(like > 0.9, "{to}: {like}");
            // Neither early nor late.
            let apart = [likeness(&found[3..], expected), likeness(found, &expected[3..])];
            assert!(apart.iter().all(|one| *one < like), "{to}: {like}, {apart:?}");
        }
    }
}

/// The correlation of two signals.
fn likeness(a: &[i16], b: &[i16]) -> f64 {
    let product =
        |a: &[i16], b: &[i16]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

#[test]
fn a_conversion_replaces_a_file_only_by_force() {
    let fixture = Fixture::new(&[]);
    let target = fixture.dir.join("a.flac");
    fs::write(&target, "precious").expect("written");
    let (code, _, stderr) = run(&["convert", text(&fixture.audio), text(&target)]);
    assert_eq!(code, 1);
    assert!(stderr.contains("--force"), "{stderr}");
    assert_eq!(fs::read(&target).expect("the file"), b"precious");
    let converted = json(&["convert", text(&fixture.audio), text(&target), "--force"]);
    assert_eq!(converted["duration_ms"], 3000);
    assert!(fs::read(&target).expect("the file").starts_with(b"fLaC"));
    let (code, _, stderr) = run(&["convert", text(&fixture.audio), text(&fixture.dir.join("a.xyz"))]);
    assert_eq!(code, 1);
    assert!(stderr.contains("--format"), "{stderr}");
    assert!(!part_files_in(&fixture.dir), "a temporary file stays");
}

fn part_files_in(directory: &Path) -> bool {
    let mut entries = fs::read_dir(directory).expect("a directory");
    entries.any(|entry| {
        entry
            .expect("an entry")
            .path()
            .extension()
            .is_some_and(|end| end == "part")
    })
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let printed = succeed(&["completions", shell]);
        for command in ["record", "list", "show", "verify", "recover", "convert"] {
            assert!(printed.contains(command), "{shell}: {command}");
        }
    }
}

#[test]
fn a_wrong_command_line_has_exit_code_2() {
    for wrong in [&["play"][..], &["show"], &["record", "a.pcap", "--seconds", "3"]] {
        assert_eq!(run(wrong).0, 2, "{wrong:?}");
    }
}

/// Runs a command of the program on a terminal, and returns what that shows. `script` is part of every Linux.
#[cfg(target_os = "linux")]
fn on_terminal(arguments: &[&str]) -> String {
    let command = [&[env!("CARGO_BIN_EXE_callrec")], arguments].concat().join(" ");
    let mut script = std::process::Command::new("script");
    let output = script.args(["-qec", &command, "/dev/null"]).output();
    let output = output.expect("script, of util-linux");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[cfg(target_os = "linux")]
#[test]
fn long_work_shows_its_progress_on_a_terminal_alone() {
    const BAR: char = '█';
    let fixture = Fixture::new(&[]);
    let directory = fixture.directory();
    let verify = ["verify", text(&directory)];
    let shown = on_terminal(&verify);
    assert!(shown.contains(BAR) && shown.contains("ok"), "{shown}");
    let quiet = on_terminal(&[&verify[..], &["--quiet"]].concat());
    assert!(!quiet.contains(BAR) && quiet.contains("ok"), "{quiet}");
    let (code, stdout, stderr) = run(&verify);
    assert!(
        code == 0 && !stdout.contains(BAR) && stderr.is_empty(),
        "{stdout}{stderr}"
    );
}
