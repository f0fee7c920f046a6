//! The audio that tests give to recordings, and what is read of their files.

use super::*;
use callrec::codec::{container, paged};
use callrec_testkit::manifest::digest;

/// For what must hold whether a file's frames can be written over in place or not.
pub fn for_each_format(test: impl Fn(Format)) {
    test(Format::WAV);
    test(PAGED);
}

/// Bytes that tell where they come from.
pub fn pattern(block: usize, bytes: usize) -> Vec<u8> {
    (0..bytes)
        .map(|at| (1 + (at * 7 + block * 31) % 250) as u8)
        .collect()
}

/// The audio of a finished file, whose header must be true to the byte.
pub fn audio(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).expect("a file");
    if path.extension().is_some_and(|extension| extension == "paged") {
        return paged_audio(&bytes);
    }
    let header = container::parse(&bytes).expect("a header");
    let claim = header.claim.expect("a header that says how long the file is");
    assert_eq!(claim.file_bytes, bytes.len() as u64, "{}", path.display());
    let from = header.audio_at as usize;
    bytes[from..from + claim.audio_bytes as usize].to_vec()
}

fn paged_audio(bytes: &[u8]) -> Vec<u8> {
    let file = paged::decode(bytes).expect("whole pages");
    assert!(file.ended || file.samples.is_empty(), "without its end");
    let frame_bytes = file.shape.block_frame_bytes() as u64;
    assert_eq!(file.header_frames * frame_bytes, file.samples.len() as u64);
    file.samples
}

/// The manifest told is the one beside the file, and says what the file is.
pub fn expect_honest(fixture: &StorageFixture, told: &Manifest) {
    let path = fixture.path(&told.file);
    let beside = fs::read(path.with_extension("json")).expect("a manifest beside the file");
    let beside: Manifest = serde_json::from_slice(&beside).expect("whole");
    assert_eq!(&beside, told);
    let bytes = fs::read(&path).expect("a file");
    let header = container::parse(&bytes).expect("a header");
    assert_eq!(header.recording.map(|id| id.to_string()), Some(told.id.clone()));
    assert_eq!(told.bytes, bytes.len() as u64);
    let frame_bytes = header.shape.block_frame_bytes() as u64;
    assert_eq!(told.samples * frame_bytes, audio(&path).len() as u64);
    assert_eq!(told.format, header.shape.format.name());
    assert_eq!(
        (told.sample_rate, told.channels),
        (header.shape.rate, header.shape.channels)
    );
    if !told.digest.is_empty() {
        assert_eq!(told.digest, digest(&bytes));
    }
}
