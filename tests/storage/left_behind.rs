//! Recovery of what a killed process has left, in every format.

use super::*;
use callrec::codec::container::{self, Measure, MeasuredAudio};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/left-in-each-format");
const ID: Uuid = uuid::uuid!("3f1d2c50-7b7e-4a53-9a55-0d1c7a6b9e21");
/// More than two of any format's pieces, and a part of one.
const FRAMES: usize = 8877;
/// Of which so many are settled: more than there are in whole pieces.
const SETTLED: usize = 8500;

/// The formats whose recordings can be recovered here.
fn formats() -> impl Iterator<Item = Format> {
    callrec::lame::provide();
    Format::all()
        .filter(|format| format.is_listed())
        .filter(|format| match format.obstacle() {
            Some(why) => {
                let must_run = std::env::var_os("CALLREC_NEEDS_TOOLS").is_some();
                assert!(!must_run, "{why}");
                false
            }
            None => true,
        })
}

/// The audio in the form in which it was passed in.
fn recorded(format: Format) -> Vec<u8> {
    let sample = |n: usize| (6000.0 * (n as f64 * 0.3 + (n as f64 * 0.002).sin()).sin()) as i16;
    match frame_bytes(format) {
        1 => pattern(3, FRAMES),
        _ => (0..FRAMES).flat_map(|n| sample(n).to_le_bytes()).collect(),
    }
}

fn frame_bytes(format: Format) -> usize {
    format.samples().bytes()
}

fn left(format: Format) -> PathBuf {
    Path::new(FIXTURES).join(format.name())
}

/// The file of a fixture, and its name in a storage directory.
fn names(format: Format) -> Vec<(&'static str, String)> {
    let audio = format!("call.{}.part", format.extension());
    let mut names = vec![
        ("live-manifest.json", format!(".callrec/{ID}.json")),
        ("audio.part", audio),
    ];
    if format.is_compressed() {
        names.push(("audio.tail", format!(".callrec/{ID}.tail")));
    }
    names
}

fn measured(bytes: &[u8]) -> MeasuredAudio {
    let found = container::parse(bytes).expect("a header");
    let container = found.shape.format.container();
    match container.measure(&found, bytes.len() as u64) {
        Measure::Known(measured) => measured,
        Measure::Scan(mut scan) => {
            scan.take(&bytes[found.audio_at as usize..]);
            scan.measured()
        }
    }
}

#[test]
fn every_format_is_recovered_to_the_frame() {
    for format in formats() {
        let name = format.name();
        let directory = ScratchDir::new();
        fs::create_dir(directory.join(".callrec")).expect("new");
        for (from, to) in names(format) {
            fs::copy(left(format).join(from), directory.join(&to)).expect(name);
        }
        let before = fs::read(left(format).join("audio.part")).expect("a file");
        let fixture = StorageFixture::open_in(directory);
        let (published, repeated) = fixture.published(ID);
        assert!(!repeated && published.recovered, "{name}");
        assert!(
            published.state_is(RecordingState::Finished),
            "{name}: {published:?}"
        );
        assert_eq!(published.file, format!("call.{}", format.extension()));
        assert_eq!(
            (
                published.samples,
                published.duration_ms,
                published.format.as_str()
            ),
            (FRAMES as u64, 1110, name)
        );
        let path = fixture.path(&published.file);
        let bytes = fs::read(&path).expect("a file");
        assert_eq!(published.bytes, bytes.len() as u64, "{name}");
        assert_eq!(published.digest, callrec_testkit::manifest::digest(&bytes));
        assert_eq!(measured(&bytes).length.frames, FRAMES as u64, "{name}");
        let expected = recorded(format);
        match name {
            "opus" | "mp3" => assert!(bytes.len() > before.len(), "{name}: nothing was in the tail"),
            "au" => {
                let swapped: Vec<u8> = expected.chunks(2).flat_map(|two| [two[1], two[0]]).collect();
                assert!(audio(&path) == swapped, "{name}");
            }
            _ => assert!(audio(&path) == expected, "{name}"),
        }
        fixture.settle(ID);
        assert_eq!(fixture.control_names(), ["lock"], "{name}");
    }
}

#[test]
#[ignore = "writes the fixtures, which are to stay as they are"]
fn write_fixtures() {
    for format in formats() {
        let fixture = StorageFixture::new().with_format(format);
        let mut file = fixture.begin(ID, "call");
        file.shape(format, 8000, 1);
        file.write(recorded(format)).expect("backlog space");
        file.settled((SETTLED * frame_bytes(format)) as u64);
        fixture.wait_until_idle();
        fs::create_dir_all(left(format)).expect("a directory");
        for (to, from) in names(format) {
            fs::copy(fixture.path(&from), left(format).join(to)).expect("a file");
        }
        file.finish(ended(ID, EndReason::Discarded), false);
        fixture.published(ID);
    }
}
