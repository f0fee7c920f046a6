//! How many frames other programs find in a file of each format while it is written, after a kill, and
//! when it is finished.

use std::path::{Path, PathBuf};

use callrec::capi::*;
use callrec::codec::Tags;
use callrec::codec::container::{self, Length, Measure, ParsedHeader};
use callrec_testkit::child::{ChildProcess, child_test};
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::manifest::manifest_beside;
use callrec_testkit::random::noise;
use callrec_testkit::wait::until_some;

use crate::fixture::*;
use crate::support::players;
use crate::support::*;

const FORMATS: [&str; 15] = [
    "wav",
    "wav;tags=1",
    "wav-ulaw",
    "wav-ulaw;tags=1",
    "wav-alaw",
    "wav-alaw;tags=1",
    "au",
    "au;tags=1",
    "au-ulaw",
    "au-ulaw;tags=1",
    "au-alaw",
    "au-alaw;tags=1",
    "flac",
    "opus",
    "mp3",
];
const DIRECTORY: &str = "CALLREC_COUNTS_DIRECTORY";
const CHANNELS: u64 = 2;
/// Not a whole number of packets or blocks.
const FRAMES: u64 = 3 * 8000 + 77;
/// In a live recording, the last 60 ms wait for packets that are late.
const LIVE_FRAMES: u64 = FRAMES - 480;

fn formats() -> impl Iterator<Item = &'static str> {
    let has_lame = has_lame();
    FORMATS
        .into_iter()
        .filter(move |format| *format != "mp3" || has_lame)
}

/// The frames that a live file of this format has when all audio is written.
fn live_frames(format: &str) -> u64 {
    match format {
        // Whole blocks.
        "flac" => LIVE_FRAMES / 4096 * 4096,
        // Whole pages of half a second, without the delay of 6.5 ms.
        "opus" => LIVE_FRAMES / 4000 * 4000 - 52,
        // LAME waits for 224 samples after a packet. 1105: the delays of encoder and decoder.
        "mp3" => (LIVE_FRAMES - 224) / 576 * 576 - 1105,
        _ => LIVE_FRAMES,
    }
}

fn whole_frames(found: &ParsedHeader, file: &[u8]) -> u64 {
    let container = found.shape.format.container();
    match container.measure(found, file.len() as u64) {
        Measure::Known(measured) => measured.length.frames,
        Measure::Scan(mut scan) => {
            scan.take(&file[found.audio_at as usize..]);
            scan.measured().length.frames
        }
    }
}

/// The frames that the header states, of a file that has one that states them.
fn stated_frames(found: &ParsedHeader, file: &[u8]) -> Option<u64> {
    let number = |at: usize, bytes: usize| {
        let digits = file[at..at + bytes].iter();
        digits.fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    match found.shape.format.name() {
        // STREAMINFO, without the bits before the number.
        "flac" => Some(number(18, 8) & ((1 << 36) - 1)),
        "mp3" => {
            let info = file.windows(4).position(|bytes| bytes == b"Info").unwrap();
            let delay = number(info + 37, 3) >> 12;
            // The delay includes the silent frames; a decoder has 529 samples of its own.
            (576 * number(info + 8, 4)).checked_sub(delay + 529)
        }
        _ => {
            let claim = found.claim?;
            Some(claim.audio_bytes / found.shape.block_frame_bytes() as u64)
        }
    }
}

/// A live file's contents, if it has as many frames as all written audio gives, and its header says so.
fn at_rest(path: &Path, format: &str) -> Result<Vec<u8>, String> {
    let file = std::fs::read(path).map_err(|why| why.to_string())?;
    let found = container::parse(&file).ok_or("no header")?;
    let (whole, stated) = (whole_frames(&found, &file), stated_frames(&found, &file));
    match whole == live_frames(format) && stated.is_none_or(|stated| stated == whole) {
        true => Ok(file),
        false => Err(format!("{format}: {whole} frames, stated {stated:?}")),
    }
}

/// The frames that each program finds which knows the format.
fn counts(path: &str, bare_format: &str) -> Vec<(&'static str, u64)> {
    let in_frames = |samples: Vec<i16>| samples.len() as u64 / CHANNELS;
    let decoder = match bare_format {
        "flac" => ("flac", players::decoded_by_flac(path)),
        "mp3" => ("mpg123", players::decoded_by_mpg123(path)),
        _ => ("", None),
    };
    let decoders = [("ffmpeg", players::decoded_by_ffmpeg(path)), decoder];
    let decoded = decoders
        .into_iter()
        .filter_map(|(program, samples)| Some((program, in_frames(samples?))));
    let found_by_sndfile = [players::sndfile_frames(path), players::decoded_by_sndfile(path)];
    let sndfile = found_by_sndfile
        .into_iter()
        .filter_map(|frames| Some(("libsndfile", frames?)));
    decoded.chain(sndfile).collect()
}

/// All programs that know the format find exactly this many frames.
fn assert_counts(path: &Path, format: &str, in_progress: bool, frames: u64) {
    let path = path.to_str().unwrap();
    let bare = format.split(';').next().unwrap();
    if bare == "opus" {
        return players::assert_accepted(path, in_progress, frames, CHANNELS as u16, 8000);
    }
    for (program, found) in counts(path, bare) {
        assert_eq!(found, frames, "{program}: {format}, in progress: {in_progress}");
    }
}

/// A compressed file names its call. Of WAV and AU files, `file_tags` checks that.
fn assert_tags(path: &str, format: &str, id: &str) {
    let shown = players::tags_by_ffprobe(path).filter(|_| ["flac", "opus", "mp3"].contains(&format));
    let Some(shown) = shown else { return };
    let manifest = manifest_beside(path);
    // That of MP3 has no fraction.
    let date = &manifest["started_at"].as_str().unwrap()[..19];
    for (name, value) in [
        ("title", "Call c"),
        ("artist", "SEP1"),
        ("call_id", "c"),
        ("local_party", "SEP1"),
        ("recording_id", id),
        ("date", date),
    ] {
        let mut lines = shown.lines().filter_map(|line| line.split_once('='));
        let found = lines.find(|(found, _)| found.eq_ignore_ascii_case(&format!("TAG:{name}")));
        let is_right =
            found.is_some_and(|(_, found)| found == value || name == "date" && found.starts_with(value));
        assert!(is_right, "{format}: {name} is not {value}: {shown}");
    }
}

/// Records the same audio in each format.
fn record(fixture: &CallInDirectory) -> Vec<(&'static str, String)> {
    let CallInDirectory { engine, call } = fixture;
    let feeds = [REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| feed(*call, leg, REC_CODEC_PCM16, 8000).unwrap());
    let started = formats().map(|format| {
        let start = StartFields {
            call_id: Some("c"),
            layout: REC_LAYOUT_STEREO,
            format: Some(format),
            flags: REC_START_ADDITIONAL,
            ..StartFields::default()
        };
        (format, engine.start(None, &start).unwrap())
    });
    let started: Vec<_> = started.collect();
    let audio = noise(5, 2 * FRAMES as usize);
    write_in_turns(320, &feeds.map(|feed| (feed, &audio[..])));
    started
}

struct CallInDirectory {
    engine: TestEngine,
    call: rec_call,
}

impl CallInDirectory {
    fn begin(directory: &Path, settings: &[(&str, &str)]) -> CallInDirectory {
        let engine = TestEngine::open(directory, settings);
        let fields = CallFields {
            call_id: Some("c"),
            device: Some("SEP1"),
            ..CallFields::default()
        };
        let call = engine.begin(&fields).unwrap();
        CallInDirectory { engine, call }
    }
}

#[test]
fn every_program_counts_the_frames_of_finished_files() {
    let directory = ScratchDir::new();
    let fixture = CallInDirectory::begin(&directory.0, &[]);
    let started = record(&fixture);
    end(fixture.call).unwrap();
    for (format, id) in started {
        let recording = fixture.engine.events.wait_terminal(&id).recording.unwrap();
        assert_eq!(manifest_beside(&recording.path)["samples"], FRAMES, "{format}");
        assert_counts(Path::new(&recording.path), format, false, FRAMES);
        assert_tags(&recording.path, format, &id);
    }
}

/// The live file of a recording: its name has the id.
fn part_of(directory: &Path, id: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    paths.find(|path| {
        let name = path.to_string_lossy();
        name.contains(id) && name.ends_with(".part")
    })
}

/// Writes a copy without the suffix: programs know a file by its name.
fn copy_of(part: &Path, file: &[u8]) -> (ScratchDir, PathBuf) {
    let copy = ScratchDir::new();
    let path = copy.0.join(part.with_extension("").file_name().unwrap());
    std::fs::write(&path, file).unwrap();
    (copy, path)
}

fn assert_part_counts(part: &Path, format: &str, file: &[u8]) {
    let (_copy, path) = copy_of(part, file);
    assert_counts(&path, format, true, live_frames(format));
}

#[test]
fn every_program_counts_the_frames_of_live_and_killed_files() {
    let directory = ScratchDir::new();
    let mut command = child_test("player_counts::child_records");
    let mut child = ChildProcess::spawn(command.env(DIRECTORY, &directory.0));
    let mut started = Vec::new();
    for format in formats() {
        let report = child.wait_for_report(|line| line.starts_with("started "));
        started.push((format, report.trim_start_matches("started ").to_owned()));
    }
    for (format, id) in &started {
        let (part, file) = until_some("all audio is in the file", || {
            let part = part_of(&directory.0, id).ok_or("no file")?;
            at_rest(&part, format).map(|file| (part, file))
        });
        assert_part_counts(&part, format, &file);
    }
    child.kill();
    for (format, id) in &started {
        let part = part_of(&directory.0, id).expect("a file");
        let file = std::fs::read(&part).unwrap();
        assert_part_counts(&part, format, &file);
        if *format != "opus" {
            assert_counts_with_earlier_header(&part, format, &file);
        }
    }
    let engine = TestEngine::open(&directory.0, &[]);
    for (format, id) in &started {
        let recording = engine.events.wait_terminal(id).recording.unwrap();
        assert_eq!(recording.end_reason, REC_END_RECOVERED);
        // The tail has the rest.
        assert_eq!(
            manifest_beside(&recording.path)["samples"],
            LIVE_FRAMES,
            "{format}"
        );
        assert_counts(Path::new(&recording.path), format, false, LIVE_FRAMES);
        assert_tags(&recording.path, format, id);
    }
}

/// The length of about half of a file.
fn half(found: &ParsedHeader, file: &[u8]) -> Length {
    let bytes = (file.len() as u64 - found.audio_at) / 2;
    match (found.shape.format.name(), found.shape.file_frame_bytes()) {
        // Packets of 288 bytes.
        ("mp3", _) => Length {
            frames: bytes / 288 * 576 - 1105,
            bytes: bytes / 288 * 288,
        },
        (_, frame) => Length {
            frames: whole_frames(found, file) / 2,
            bytes: bytes - bytes % frame.unwrap_or(1),
        },
    }
}

/// The header is written after the audio, so a kill between the two leaves the header of an earlier
/// write. Libsndfile goes by the header, as ffmpeg does in WAV files. Otherwise all audio is found.
fn assert_counts_with_earlier_header(part: &Path, format: &str, file: &[u8]) {
    let found = container::parse(file).expect("a header");
    let length = half(&found, file);
    let tags = Tags::of(found.recording.unwrap());
    let container = found.shape.format.container();
    let header = container.header(&found.shape, &tags, length, None);
    let (_copy, path) = copy_of(part, &[&header, &file[found.audio_at as usize..]].concat());
    let bare = found.shape.format.name();
    for (program, found) in counts(path.to_str().unwrap(), bare) {
        let expected = match program {
            "libsndfile" => length.frames,
            "ffmpeg" if bare.starts_with("wav") => length.frames,
            _ => live_frames(format),
        };
        assert_eq!(found, expected, "{program}: {format}");
    }
}

#[test]
#[ignore = "the body of a process that another test starts and kills"]
fn child_records() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    println!();
    let settings = [("storage.flush_ms", "100"), ("storage.name", "{id}")];
    let fixture = CallInDirectory::begin(Path::new(&directory), &settings);
    for (_, id) in record(&fixture) {
        println!("@started {id}");
    }
    loop {
        std::thread::park();
    }
}
