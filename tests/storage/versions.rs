//! What a library of another version left is finished by this one.

use super::*;

const LEFT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/left-by-0.1.0");
const ID: Uuid = uuid::uuid!("046039da-0f25-4c46-bf65-28bad046cb06");
const HEADER: usize = 178;

/// A directory that a killed process left, with what `change` makes of its live manifest.
fn left(change: impl Fn(String) -> String) -> (ScratchDir, Vec<u8>) {
    let directory = ScratchDir::new();
    let manifest = fs::read_to_string(format!("{LEFT}/live-manifest.json")).expect("there");
    let part = fs::read(format!("{LEFT}/audio.wav.part")).expect("there");
    fs::create_dir(directory.join(".callrec")).expect("new");
    fs::write(directory.join(format!(".callrec/{ID}.json")), change(manifest)).expect("write");
    fs::write(
        directory.join(format!("2026-11-22_07-40-44_{ID}.wav.part")),
        &part,
    )
    .expect("write");
    (directory, part[HEADER..].to_vec())
}

/// Recovers it, and answers what was told of it.
fn expect_recovered((directory, said): (ScratchDir, Vec<u8>)) -> Manifest {
    let fixture = StorageFixture::open_in(directory);
    let (told, repeated) = fixture.published(ID);
    assert!(!repeated && told.recovered && told.state_is(RecordingState::Finished));
    assert_eq!(told.file, format!("2026-11-22_07-40-44_{ID}.wav"));
    assert_eq!(audio(&fixture.path(&told.file)), said);
    expect_honest(&fixture, &told);
    told
}

#[test]
fn a_directory_of_an_earlier_version() {
    let told = expect_recovered(left(|manifest| manifest));
    assert_eq!((told.samples, told.started_at_ms), (1600, 1_795_333_244_430));
    assert_eq!((told.settled_frames, told.legs.len()), (0, 0), "nothing is known");
    assert!(!told.no_audio && told.undecoded.is_empty());
    assert!(told.call.text().contains("\"directory_number\":\"101\""));
}

/// Its fields are ignored where they are not known, and have their defaults where they
/// are not there.
#[test]
fn a_directory_of_a_later_version() {
    let changed = |manifest: String| {
        let later = manifest
            .replace("\"callrec\":1,", "\"callrec\":9,\"novelty\":{\"a\":[1]},")
            .replace("\"automatic\":false,", "")
            .replace("\"pause_mode\":\"silence\",", "\"pause_mode\":\"tone\",");
        assert!(later.contains("novelty") && !later.contains("automatic") && later.contains("tone"));
        later
    };
    expect_recovered(left(changed));
}
