//! FLAC files, read by other programs: `flac`, `metaflac`, `ffmpeg` and libsndfile.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use callrec_codec::container::{self, AudioEnd, FileFacts, HEADER_MAX, Length, Measure};
use callrec_codec::{EncodedPackets, Format, Shape, Tags};
use uuid::Uuid;

const BLOCK: usize = 4096;

fn needs_all() -> bool {
    std::env::var_os("CALLREC_NEEDS_TOOLS").is_some()
}

/// Whether the programs are installed.
fn has(programs: &[&str]) -> bool {
    let missing: Vec<&&str> = programs
        .iter()
        .filter(|program| Command::new(program).arg("--version").output().is_err())
        .collect();
    assert!(missing.is_empty() || !needs_all(), "missing: {missing:?}");
    missing.is_empty()
}

/// Runs a program. Its arguments are separated by spaces, and `FILE` stands for the file.
fn run(program: &str, arguments: &str, file: &Path) -> Output {
    let arguments = arguments.split(' ').map(|argument| match argument {
        "FILE" => file.as_os_str(),
        other => other.as_ref(),
    });
    let output = Command::new(program).args(arguments).output();
    output.expect("the program runs")
}

fn errors_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn shape(rate: u32, channels: u16, level: u32) -> Shape {
    let format = Format::named("flac").expect("a format of this build");
    let format = format.with_parameters(&format!("level={level}"));
    Shape {
        format: format.expect("a level"),
        rate,
        channels,
    }
}

fn tags() -> Tags {
    Tags {
        recording: Uuid::from_u128(0x1234),
        call_id: "call=7".to_owned(),
        local: "102".to_owned(),
        remote: "+49 89 é".to_owned(),
        started_at: "2026-11-27T10:00:00Z".to_owned(),
    }
}

/// A growing file, and the finished one.
fn files_of(shape: &Shape, samples: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (tags, container) = (tags(), shape.format.container());
    let facts = FileFacts { shape, tags: &tags };
    let mut encoder = shape.format.encoder(shape);
    let mut packets = EncodedPackets::default();
    let mut live = container.header(shape, &tags, Length::default(), None);
    encoder.encode(samples, &mut packets);
    let mut output = packets.frames();
    container.wrap(&facts, &mut packets, 0, &mut live);
    live.splice(..HEADER_MAX, growing_header(shape, output));
    let mut rest = Vec::new();
    encoder.finish(&mut packets);
    let last = packets.frames();
    container.wrap(&facts, &mut packets, output, &mut rest);
    output += last;
    let end = AudioEnd {
        output,
        md5: encoder.audio_md5(),
    };
    let length = Length {
        frames: output,
        bytes: (live.len() + rest.len() - HEADER_MAX) as u64,
    };
    let header = container.header(shape, &tags, length, Some(&end));
    let finished = [&header, &live[HEADER_MAX..], &rest].concat();
    (live, finished)
}

/// The header of a growing file that holds `frames` frames.
fn growing_header(shape: &Shape, frames: u64) -> Vec<u8> {
    let length = Length { frames, bytes: 0 };
    shape.format.container().header(shape, &tags(), length, None)
}

/// The sample of a channel at a position.
type SampleAt = fn(usize, u16) -> i16;

/// The kinds of audio.
const KINDS: [(&str, SampleAt); 7] = [
    ("silence", |_, _| 0),
    ("constant", |_, channel| {
        [i16::MAX, i16::MIN][usize::from(channel)]
    }),
    ("noise", |n, channel| {
        ((2 * n as u64 + u64::from(channel)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as i16
    }),
    ("square", |n, channel| {
        let half = 40 + 7 * usize::from(channel);
        if (n / half).is_multiple_of(2) {
            i16::MAX
        } else {
            i16::MIN
        }
    }),
    ("voice", voice),
    ("similar voices", |n, channel| {
        voice(n, 0) / 2 + voice(n, channel) / 16
    }),
    ("coarse voice", |n, channel| voice(n, channel) / 8 * 8),
];

/// Harmonics of a slowly moving pitch, in words with pauses, over faint noise.
fn voice(n: usize, channel: u16) -> i16 {
    let time = n as f64 / 8000.0;
    let pitch = 120.0 + 60.0 * f64::from(channel) + 20.0 * (2.0 * time).sin();
    let word = (3.0 * time + f64::from(channel)).sin().max(0.0);
    let tone = |k: u32| (std::f64::consts::TAU * pitch * f64::from(k) * time).sin() / f64::from(k);
    let noise = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58;
    (word * 9000.0 * (1..8).map(tone).sum::<f64>()) as i16 + noise as i16
}

fn samples(frames: usize, channels: u16, kind: SampleAt) -> Vec<u8> {
    let frames = (0..frames).flat_map(|n| (0..channels).map(move |channel| kind(n, channel)));
    frames.flat_map(i16::to_le_bytes).collect()
}

/// Checks that other programs decode the file to these samples, without a warning.
fn check(path: &Path, expected: &[u8], what: &str) {
    let tested = run("flac", "--test --silent --warnings-as-errors FILE", path);
    assert!(tested.status.success(), "{what}: {}", errors_of(&tested));
    assert_eq!(errors_of(&tested), "", "{what}");
    let raw = "--decode --silent --stdout --force-raw-format --endian=little --sign=signed FILE";
    let decoded = run("flac", raw, path);
    assert!(decoded.stdout == expected, "{what}: flac decodes other samples");
    let decoded = run("ffmpeg", "-v warning -i FILE -f s16le -", path);
    assert_eq!(errors_of(&decoded), "", "{what}");
    assert!(decoded.stdout == expected, "{what}: ffmpeg decodes other samples");
}

#[test]
fn other_programs_decode_every_kind_of_audio() {
    if !has(&["flac", "ffmpeg"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a.flac");
    let rates = [8000, 16_000, 44_100, 48_000, 11_025];
    for (n, (name, kind)) in KINDS.into_iter().enumerate() {
        for channels in [1, 2] {
            for level in [0, 3, 5, 8] {
                let shape = shape(rates[(n + level as usize) % rates.len()], channels, level);
                let samples = samples(2 * BLOCK + 1000, channels, kind);
                fs::write(&path, files_of(&shape, &samples).1).expect("write");
                check(&path, &samples, &format!("{name}, {shape:?}, level {level}"));
            }
        }
    }
}

#[test]
fn other_programs_decode_every_length_and_level() {
    if !has(&["flac", "ffmpeg"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a.flac");
    let lengths = [1, 2, 15, 16, 17, 256, 257, 4095, 4096, 4097, 8191, 8192, 8193];
    for (n, frames) in lengths.into_iter().enumerate() {
        let (channels, level) = (1 + (n % 2) as u16, (n % 9) as u32);
        let shape = shape(8000, channels, level);
        let samples = samples(frames, channels, voice);
        fs::write(&path, files_of(&shape, &samples).1).expect("write");
        check(&path, &samples, &format!("{frames} frames, level {level}"));
    }
}

/// The number of frames that libsndfile finds. `None`: it does not know.
fn sndfile_frames(path: &Path) -> Option<usize> {
    let output = run("sndfile-info", "FILE", path);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.starts_with("Frames"));
    match line.and_then(|line| line.split(':').nth(1)?.trim().into()) {
        Some("unknown") => None,
        number => Some(
            number
                .and_then(|number| number.parse().ok())
                .unwrap_or_else(|| panic!("{text}")),
        ),
    }
}

/// The frames of audio that recovery would find in a file.
fn whole_frames(file: &[u8]) -> usize {
    let found = container::parse(file).expect("a header");
    let Measure::Scan(mut scan) = found.shape.format.container().measure(&found, file.len() as u64) else {
        panic!("frames must be scanned");
    };
    scan.take(&file[HEADER_MAX..]);
    scan.measured().length.frames as usize
}

/// The header follows the audio, so it may state fewer frames than the file has, or none.
#[test]
fn other_programs_read_a_file_that_grows() {
    if !has(&["flac", "ffmpeg", "sndfile-info"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a.flac");
    let shape = shape(8000, 2, 5);
    let samples = samples(3 * BLOCK + 1000, 2, voice);
    let (mut live, finished) = files_of(&shape, &samples);
    fs::write(&path, &finished).expect("write");
    assert_eq!(sndfile_frames(&path), Some(3 * BLOCK + 1000));
    for stated in [3, 2, 1, 0] {
        live.splice(..HEADER_MAX, growing_header(&shape, stated * BLOCK as u64));
        fs::write(&path, &live).expect("write");
        let tested = run("flac", "--test --silent FILE", &path);
        assert!(tested.status.success(), "{stated}: {}", errors_of(&tested));
        let decoded = run("ffmpeg", "-v warning -i FILE -f s16le -", &path);
        assert_eq!(errors_of(&decoded), "", "{stated}");
        assert!(decoded.stdout == samples[..4 * 3 * BLOCK], "{stated}");
        // It believes the header, if that states a number.
        let expected = (stated > 0).then_some(stated as usize * BLOCK);
        assert_eq!(sndfile_frames(&path), expected);
    }
}

/// Players lose only the block that is cut off.
#[test]
fn other_programs_read_a_file_that_is_cut_off() {
    if !has(&["ffmpeg"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a.flac");
    let shape = shape(8000, 2, 5);
    let samples = samples(3 * BLOCK + 1000, 2, voice);
    let (live, _) = files_of(&shape, &samples);
    for cut in (HEADER_MAX..live.len()).step_by(701) {
        fs::write(&path, &live[..cut]).expect("write");
        let decoded = run("ffmpeg", "-v quiet -i FILE -f s16le -", &path).stdout;
        assert!(samples.starts_with(&decoded), "cut at {cut}");
        let whole = whole_frames(&live[..cut]);
        assert!(
            decoded.len() >= 4 * whole,
            "cut at {cut}: {} of {whole} frames",
            decoded.len() / 4
        );
    }
}

#[test]
fn metaflac_shows_the_tags() {
    if !has(&["flac", "metaflac"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a.flac");
    let samples = samples(5000, 1, voice);
    fs::write(&path, files_of(&shape(16_000, 1, 5), &samples).1).expect("write");
    let text = |arguments: &str| String::from_utf8(run("metaflac", arguments, &path).stdout).expect("UTF-8");
    let shown = text("--no-utf8-convert --export-tags-to=- FILE");
    let expected = [
        "TITLE=Call call=7",
        "ARTIST=102, +49 89 é",
        "DATE=2026-11-27T10:00:00Z",
        "CALL_ID=call=7",
        "LOCAL_PARTY=102",
        "REMOTE_PARTY=+49 89 é",
        "RECORDING_ID=00000000-0000-0000-0000-000000001234",
    ];
    assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
    let vendor = text("--show-vendor-tag FILE");
    assert!(vendor.contains("callrec "), "{vendor}");
    let facts = text(
        "--show-min-blocksize --show-max-blocksize --show-sample-rate --show-channels --show-bps --show-total-samples FILE",
    );
    let facts: Vec<&str> = facts.lines().collect();
    assert_eq!(facts, ["4096", "4096", "16000", "1", "16", "5000"]);
    let md5 = text("--show-md5sum FILE");
    assert_ne!(md5.trim(), "0".repeat(32));
}

/// A recording without audio. Its length, 0, means "unknown", so `flac` has a warning.
#[test]
fn a_file_without_audio_is_valid() {
    if !has(&["flac", "metaflac"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a.flac");
    fs::write(&path, files_of(&shape(8000, 1, 5), &[]).1).expect("write");
    let tested = run("flac", "--test --silent FILE", &path);
    assert!(tested.status.success(), "{}", errors_of(&tested));
}
