//! Recovery of directories that another version of the library left.

use super::*;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/left-by-0.1.0");
const ID: Uuid = uuid::uuid!("046039da-0f25-4c46-bf65-28bad046cb06");
const HEADER: usize = 178;

/// The directory of a killed process, with a live manifest that `change` has edited, and its
/// audio.
fn copy_fixture(change: impl Fn(String) -> String) -> (ScratchDir, Vec<u8>) {
    let directory = ScratchDir::new();
    let manifest = fs::read_to_string(format!("{FIXTURES}/live-manifest.json")).expect("there");
    let part = fs::read(format!("{FIXTURES}/audio.wav.part")).expect("there");
    fs::create_dir(directory.join(".callrec")).expect("new");
    fs::write(directory.join(format!(".callrec/{ID}.json")), change(manifest)).expect("write");
    fs::write(
        directory.join(format!("2026-11-22_07-40-44_{ID}.wav.part")),
        &part,
    )
    .expect("write");
    (directory, part[HEADER..].to_vec())
}

/// Recovers the directory and returns the reported manifest.
fn expect_recovered((directory, expected): (ScratchDir, Vec<u8>)) -> Manifest {
    let fixture = StorageFixture::open_in(directory);
    let (published, repeated) = fixture.published(ID);
    assert!(!repeated && published.recovered && published.state_is(RecordingState::Finished));
    assert_eq!(published.file, format!("2026-11-22_07-40-44_{ID}.wav"));
    assert_eq!(audio(&fixture.path(&published.file)), expected);
    assert_manifest_matches_file(&fixture, &published);
    published
}

#[test]
fn a_directory_of_an_earlier_version_is_recovered() {
    let published = expect_recovered(copy_fixture(|manifest| manifest));
    assert_eq!(
        (published.samples, published.started_at_ms),
        (1600, 1_795_333_244_430)
    );
    assert_eq!(
        (published.settled_frames, published.legs.len()),
        (0, 0),
        "there is no ledger"
    );
    assert!(!published.no_audio && published.undecoded.is_empty());
    assert!(published.call.text().contains("\"directory_number\":\"101\""));
}

/// Unknown fields are ignored, and missing fields have their defaults.
#[test]
fn a_directory_of_a_later_version_is_recovered() {
    let changed = |manifest: String| {
        let later = manifest
            .replace("\"callrec\":1,", "\"callrec\":9,\"novelty\":{\"a\":[1]},")
            .replace("\"automatic\":false,", "")
            .replace("\"pause_mode\":\"silence\",", "\"pause_mode\":\"tone\",");
        assert!(later.contains("novelty") && !later.contains("automatic") && later.contains("tone"));
        later
    };
    expect_recovered(copy_fixture(changed));
}
