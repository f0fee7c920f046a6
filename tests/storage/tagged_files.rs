//! WAV and AU files with tags in front of their audio, as a kill leaves them: recovery keeps the
//! audio in its place, and writes the header again with the tags.

use super::*;
use callrec::codec::container;

const CALL: &str = r#"{"call_id":"7f1c","directory_number":"101","remote_phone_number":"+49301"}"#;
const HEADER: usize = 1024;

/// What of a header tells of the call.
const TAGS: [&str; 3] = ["Call 7f1c", "101, +49301", "2023-11-14T22:13:20.000Z"];

/// An odd number of frames, so that a file of one byte a frame is padded.
const FRAMES: usize = 2401;

fn formats() -> [Format; 5] {
    [
        "wav;tags=1",
        "wav-ulaw;tags=1",
        "wav-alaw;tags=1",
        "au;tags=1",
        "au-ulaw;tags=1",
    ]
    .map(|text| parse_format(text).expect("a format"))
}

fn call() -> Manifest {
    let mut manifest = manifest(Uuid::nil());
    manifest.call = serde_json::from_str(CALL).expect("JSON");
    manifest
}

/// A directory that a killed process leaves, and the audio in its file.
fn killed(format: Format, id: Uuid) -> (ScratchDir, Vec<u8>) {
    let fixture = StorageFixture::new().with_format(format);
    let mut first = Manifest {
        id: id.to_string(),
        ..call()
    };
    first.set_format(format);
    let name = name("call");
    let file = fixture.store.begin(id, format, Box::new(move || (first, name)));
    let mut file = ByteFile::new(file);
    file.shape(format, 8000, 1);
    let bytes = FRAMES * format.samples().bytes();
    file.write(pattern(1, bytes)).expect("backlog space");
    fixture.wait_until_idle();
    let copy = ScratchDir::new();
    copy_tree(&fixture.directory, &copy);
    file.finish(ended(id, EndReason::Stopped), true);
    fixture.published(id);
    let whole = fs::read(fixture.audio_path("call")).expect("a file");
    let part = fs::read(part_of(&copy, format)).expect("a file");
    assert_tagged(&part, id);
    assert_tagged(&whole, id);
    let audio = whole[HEADER..HEADER + bytes].to_vec();
    assert_eq!(part[HEADER..], audio, "the audio is where it will stay");
    (copy, audio)
}

fn part_of(directory: &ScratchDir, format: Format) -> PathBuf {
    directory.join(format!("call.{}.part", format.extension()))
}

fn live_path(directory: &ScratchDir, id: Uuid) -> PathBuf {
    directory.join(format!(".callrec/{id}.json"))
}

/// The header has its size, the id, and all tags.
#[track_caller]
fn assert_tagged(file: &[u8], id: Uuid) {
    let found = container::parse(file).expect("a header");
    assert_eq!((found.audio_at as usize, found.recording), (HEADER, Some(id)));
    let header = String::from_utf8_lossy(&file[..HEADER]);
    for text in TAGS {
        assert!(header.contains(text), "{text}: {header}");
    }
}

/// Opens the directory, and asserts that all audio is in the file that its header describes.
#[track_caller]
fn recover(directory: ScratchDir, id: Uuid, audio: &[u8]) -> Vec<u8> {
    let fixture = StorageFixture::open_in(directory);
    let (published, _) = fixture.published(id);
    assert!(published.state_is(RecordingState::Finished), "{published:?}");
    let file = fs::read(fixture.path(&published.file)).expect("a file");
    let found = container::parse(&file).expect("a header");
    let claim = found.claim.expect("a length");
    assert_eq!(
        (claim.audio_bytes, claim.file_bytes),
        (audio.len() as u64, file.len() as u64)
    );
    assert_eq!(published.bytes, file.len() as u64);
    assert_eq!(published.samples as usize, FRAMES);
    assert_eq!(file[HEADER..HEADER + audio.len()], *audio);
    fixture.settle(id);
    assert_eq!(fixture.control_names(), ["lock"]);
    file
}

#[test]
fn a_killed_recording_keeps_its_tags() {
    for format in formats() {
        let id = Uuid::new_v4();
        let (directory, audio) = killed(format, id);
        assert_tagged(&recover(directory, id, &audio), id);
    }
}

/// The live manifest tells where the audio is. A power cut has lost the header.
#[test]
fn a_lost_header_is_written_again_with_the_tags() {
    for format in formats() {
        let id = Uuid::new_v4();
        let (directory, audio) = killed(format, id);
        let part = part_of(&directory, format);
        let mut bytes = fs::read(&part).expect("there");
        bytes[..HEADER].fill(0);
        fs::write(&part, bytes).expect("written");
        assert_tagged(&recover(directory, id, &audio), id);
    }
}

/// The header tells where the audio is, and its sizes are brought up to date.
#[test]
fn a_file_whose_manifest_is_unreadable_is_found_by_its_header() {
    for format in formats() {
        let id = Uuid::new_v4();
        let (directory, audio) = killed(format, id);
        let part = part_of(&directory, format);
        let mut bytes = fs::read(&part).expect("there");
        // The sizes of before the first write.
        match format.extension() {
            "au" => bytes[8..12].fill(0),
            _ => {
                bytes[4..8].copy_from_slice(&(HEADER as u32 - 8).to_le_bytes());
                bytes[HEADER - 4..HEADER].fill(0);
            }
        }
        fs::write(&part, bytes).expect("written");
        fs::write(live_path(&directory, id), "{\"id\":").expect("written");
        let file = recover(directory, id, &audio);
        // The call was only in the manifest.
        let found = container::parse(&file).expect("a header");
        assert_eq!(found.recording, Some(id));
        assert_eq!(found.shape.format.parameters_text(), format.parameters_text());
    }
}

/// Without the parameter, the audio begins where version 0.1.0 has documented it, and where strict
/// readers of AU files accept it.
#[test]
fn a_file_without_the_parameter_has_a_short_header() {
    let headers = [
        ("wav", 178),
        ("wav-ulaw", 192),
        ("wav-alaw;tags=0", 192),
        ("au-ulaw", 96),
    ];
    for (text, header) in headers {
        let format = parse_format(text).expect("a format");
        let fixture = StorageFixture::new().with_format(format);
        let id = Uuid::new_v4();
        let mut file = fixture.begin(id, "call");
        file.shape(format, 8000, 1);
        file.write(pattern(1, 800)).expect("backlog space");
        file.finish(ended(id, EndReason::Stopped), true);
        fixture.published(id);
        let bytes = fs::read(fixture.audio_path("call")).expect("a file");
        assert_eq!(bytes.len(), header + 800, "the audio reaches to the end");
        assert_eq!(bytes[header..], pattern(1, 800));
    }
}
