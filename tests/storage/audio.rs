//! The audio that tests write to recordings, and checks of the published files.

use super::*;
use callrec::codec::{container, flac, paged};
use callrec_testkit::manifest::digest;

/// A WAV file with tags.
pub fn tagged_wav() -> Format {
    Format::WAV.with_parameters("tags=1").expect("a parameter")
}

/// Runs a test with a format whose frames can be overwritten in place, with and without tags, and
/// with two whose frames cannot.
pub fn for_each_format(test: impl Fn(Format)) {
    test(Format::WAV);
    test(tagged_wav());
    test(PAGED);
    test(Format::FLAC);
}

/// Bytes that identify their block and their position.
pub fn pattern(block: usize, bytes: usize) -> Vec<u8> {
    (0..bytes)
        .map(|at| (1 + (at * 7 + block * 31) % 250) as u8)
        .collect()
}

/// The audio of a finished file. Panics unless the header states the exact length.
pub fn audio(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).expect("a file");
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("paged") => return paged_audio(&bytes),
        Some("flac") => return flac_audio(&bytes),
        _ => {}
    }
    let header = container::parse(&bytes).expect("a header");
    let lengths = header.claim.expect("a header with the length of the file");
    assert_eq!(lengths.file_bytes, bytes.len() as u64, "{}", path.display());
    let from = header.audio_at as usize;
    bytes[from..from + lengths.audio_bytes as usize].to_vec()
}

fn paged_audio(bytes: &[u8]) -> Vec<u8> {
    let file = paged::decode(bytes).expect("whole pages");
    assert!(file.ended || file.samples.is_empty(), "the end marker is missing");
    let frame_bytes = file.shape.block_frame_bytes() as u64;
    assert_eq!(file.header_frames * frame_bytes, file.samples.len() as u64);
    file.samples
}

fn flac_audio(bytes: &[u8]) -> Vec<u8> {
    let file = flac::decoded::decode(bytes).expect("whole frames");
    let frame_bytes = 2 * u64::from(file.channels);
    assert_eq!(file.stated_frames * frame_bytes, file.samples.len() as u64);
    assert_ne!(file.md5_matches, Some(false));
    file.samples
}

/// Asserts that the reported manifest equals the one beside the file, and describes the file.
pub fn assert_manifest_matches_file(fixture: &StorageFixture, published: &Manifest) {
    let path = fixture.path(&published.file);
    let beside = fs::read(path.with_extension("json")).expect("a manifest beside the file");
    let beside: Manifest = serde_json::from_slice(&beside).expect("whole");
    assert_eq!(&beside, published);
    let bytes = fs::read(&path).expect("a file");
    let header = container::parse(&bytes).expect("a header");
    assert_eq!(
        header.recording.map(|id| id.to_string()),
        Some(published.id.clone())
    );
    assert_eq!(published.bytes, bytes.len() as u64);
    let frame_bytes = header.shape.block_frame_bytes() as u64;
    assert_eq!(published.samples * frame_bytes, audio(&path).len() as u64);
    assert_eq!(published.format, header.shape.format.name());
    assert_eq!(
        (published.sample_rate, published.channels),
        (header.shape.rate, header.shape.channels)
    );
    if !published.digest.is_empty() {
        assert_eq!(published.digest, digest(&bytes));
    }
}
