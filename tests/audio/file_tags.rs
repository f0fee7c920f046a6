//! The tags of WAV and AU files, as other programs read them while a file is written, after a crash
//! and in the finished file.

use std::path::{Path, PathBuf};
use std::process::Command;

use callrec::capi::*;
use callrec::codec::container;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::manifest::manifest_beside;
use callrec_testkit::random::noise;
use callrec_testkit::tree::{copy_tree, files_with_extension};
use callrec_testkit::wait::until_some;
use callrec_testkit::wav::WavFile;

use crate::fixture::*;
use crate::support::build::{has, has_with, is_installed, run};
use crate::support::players::sndfile_frames;
use crate::support::*;

const HEADER: u64 = 1024;
const FORMATS: [&str; 6] = [
    "wav;tags=1",
    "wav-ulaw;tags=1",
    "wav-alaw;tags=1",
    "au;tags=1",
    "au-ulaw;tags=1",
    "au-alaw;tags=1",
];
const LIVE_BYTES: u64 = 8000;

fn text_of(command: &mut Command) -> String {
    String::from_utf8_lossy(&run(command).stdout).into_owned()
}

/// What ffprobe says of a file's tags, one `TAG:name=value` a line.
fn ffprobe(path: &Path) -> Option<String> {
    has_with("ffprobe", "-version").then(|| {
        let mut command = Command::new("ffprobe");
        command.args(["-v", "error", "-show_entries", "format_tags"]);
        text_of(command.arg(path))
    })
}

/// The samples that ffmpeg decodes, in frames.
fn ffmpeg_frames(path: &Path, channels: u64) -> Option<u64> {
    has_with("ffmpeg", "-version").then(|| {
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-i"]).arg(path);
        let output = run(command.args(["-f", "s16le", "-"]));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}", path.display());
        output.stdout.len() as u64 / 2 / channels
    })
}

fn sndfile_tags(path: &Path) -> Option<String> {
    let name = "sndfile-metadata-get";
    is_installed(name, Command::new(name).output().is_ok())
        .then(|| text_of(Command::new(name).args(["--all"]).arg(path)))
}

/// The frames that Python's reader of WAV files finds; it reads PCM only.
fn python_frames(path: &Path) -> Option<u64> {
    const SCRIPT: &str = "import wave, sys\n\
        f = wave.open(sys.argv[1])\n\
        print(len(f.readframes(f.getnframes())) // f.getsampwidth() // f.getnchannels())";
    has("python3").then(|| {
        let mut command = Command::new("python3");
        let text = text_of(command.args(["-c", SCRIPT]).arg(path));
        text.trim().parse().unwrap_or_else(|_| panic!("{text}"))
    })
}

/// All programs find the tags, and as many frames as the header states.
fn assert_read(path: &Path, id: &str, started_at: &str) -> u64 {
    let bytes = std::fs::read(path).unwrap();
    let found = container::parse(&bytes).expect("a header");
    assert_eq!(found.audio_at, HEADER);
    assert_eq!(
        found.recording.map(|found| found.to_string()).as_deref(),
        Some(id)
    );
    let frame_bytes = found.shape.block_frame_bytes() as u64;
    let frames = found.claim.expect("a length").audio_bytes / frame_bytes;
    let is_wav = bytes.starts_with(b"RIFF");
    let mut tags = vec![("title", "Call c"), ("artist", "SEP1, +49301")];
    if is_wav {
        tags.extend([("comment", id), ("date", started_at)]);
    }
    if let Some(text) = ffprobe(path) {
        for (name, value) in &tags {
            assert!(text.contains(&format!("TAG:{name}={value}\n")), "{name}: {text}");
        }
    }
    let channels = u64::from(found.shape.channels);
    if let Some(found) = ffmpeg_frames(path, channels) {
        // It may also play what was written since the header.
        let written = (bytes.len() as u64 - HEADER) / frame_bytes;
        assert!(
            (frames..=written).contains(&found),
            "ffmpeg: {found}, {frames} to {written}"
        );
    }
    if let Some(found) = sndfile_frames(path.to_str().unwrap()) {
        assert_eq!(found, frames, "libsndfile");
    }
    if let Some(text) = sndfile_tags(path).filter(|_| is_wav) {
        for (_, value) in &tags {
            assert!(text.contains(value), "{value}: {text}");
        }
    }
    if is_wav && found.shape.format.name() == "wav" {
        assert_eq!(WavFile::read(path).frames() as u64, frames);
        assert_eq!(python_frames(path).unwrap_or(frames), frames);
    }
    if !is_wav {
        let annotation = String::from_utf8_lossy(&bytes[24..HEADER as usize]);
        for line in [format!("recording={id}"), format!("\ndate={started_at}\n")] {
            assert!(annotation.contains(&line), "{annotation}");
        }
    }
    frames
}

/// Waits until audio is in the live file, and copies the directory: that is what a kill leaves.
/// Returns the path of the file in the copy.
fn copy_while_live(fixture: &RecordingFixture) -> (ScratchDir, PathBuf) {
    let part = until_some("audio is in the file", || {
        let part = files_with_extension(&fixture.dir.0, "part")
            .pop()
            .ok_or("no file")?;
        let bytes = std::fs::read(&part).map_err(|_| "unreadable")?;
        let claim = container::parse(&bytes).and_then(|found| found.claim);
        let enough = claim.is_some_and(|claim| claim.audio_bytes >= LIVE_BYTES);
        enough.then_some(part).ok_or("too little")
    });
    let copy = ScratchDir::new();
    copy_tree(&fixture.dir.0, &copy.0);
    let part = copy.0.join(part.file_name().unwrap());
    (copy, part)
}

fn recover(directory: &ScratchDir) -> PathBuf {
    let engine = TestEngine::open(&directory.0, &[]);
    let event = engine.events.wait(|event| event.kind == REC_EVENT_FINISHED);
    let recording = event.recording.expect("a recording");
    assert_eq!(recording.end_reason, REC_END_RECOVERED);
    recording.path.into()
}

#[test]
fn other_programs_read_the_tags_of_live_crashed_and_finished_files() {
    for format in FORMATS {
        let fixture = RecordingFixture::new(&[("storage.flush_ms", "100")]);
        let update = CallFields {
            call_id: Some("c"),
            phone: Some("+49301"),
            device: Some("SEP1"),
            ..CallFields::default()
        };
        update.update(fixture.call).unwrap();
        let (local, remote) = fixture.legs(REC_CODEC_PCM16, 8000);
        let id = fixture.start(REC_LAYOUT_STEREO, format, REC_PAUSE_SILENCE);
        let audio = noise(3, 2 * 8000);
        write_in_turns(320, &[(local, &audio), (remote, &audio)]);
        let (copy, part) = copy_while_live(&fixture);
        let manifest = std::fs::read(copy.0.join(format!(".callrec/{id}.json"))).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        let started_at = manifest["started_at"].as_str().unwrap().to_owned();
        // Programs know a file by its name.
        let live = part.with_extension("");
        std::fs::rename(&part, &live).unwrap();
        assert_read(&live, &id, &started_at);
        std::fs::rename(&live, &part).unwrap();
        let recovered = recover(&copy);
        let frames = assert_read(&recovered, &id, &started_at);
        assert_eq!(manifest_beside(&recovered)["samples"], frames);
        fixture.stop(&id);
        let recording = fixture.engine.events.wait_terminal(&id).recording.unwrap();
        assert_eq!(recording.format, format.split(';').next().unwrap());
        let manifest = manifest_beside(&recording.path);
        let frames = assert_read(Path::new(&recording.path), &id, &started_at);
        assert_eq!(
            (&manifest["samples"], frames),
            (&8000.into(), 8000),
            "as without tags"
        );
        let path = CText::from(recording.path.as_str());
        assert_eq!(checked(|error| unsafe { rec_verify(path.ptr(), error) }), Ok(()));
        fixture.close();
    }
}
