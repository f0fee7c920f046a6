//! The audio that tests give to recordings, and what is read of their files.

use super::*;
use callrec::codec::{Block, SampleFormat, Shape};
use callrec::codec::{container, paged};
use callrec::storage::{ManifestSource, RecordingFile};
use callrec_testkit::manifest::digest;

/// A format whose packets have no constant size, and whose file keeps what it has.
pub const PAGED: Format = Format::of(&paged::FORMATS[0]);

/// For what must hold whether a file's frames can be written over in place or not.
pub fn for_each_format(test: impl Fn(Format)) {
    test(Format::WAV);
    test(PAGED);
}

/// A recording's file that is given bytes.
pub struct ByteFile {
    file: RecordingFile,
    samples: SampleFormat,
    frame_bytes: usize,
    source: Option<Arc<dyn ManifestSource>>,
}

impl ByteFile {
    pub fn new(file: RecordingFile) -> ByteFile {
        ByteFile {
            file,
            samples: SampleFormat::Pcm16,
            frame_bytes: 2,
            source: None,
        }
    }

    /// What is known of the recording if a write fails.
    pub fn set_manifest_source(&mut self, source: Arc<dyn ManifestSource>) {
        self.file.set_manifest_source(Arc::downgrade(&source));
        self.source = Some(source);
    }

    pub fn shape(&mut self, format: Format, rate: u32, channels: u16) {
        let shape = Shape {
            format,
            rate,
            channels,
        };
        self.samples = format.samples();
        self.frame_bytes = shape.block_frame_bytes();
        self.file.shape(shape);
    }

    fn block(&self, bytes: Vec<u8>) -> Block {
        assert!(bytes.len().is_multiple_of(self.frame_bytes), "whole frames");
        Block::coded(self.samples, (bytes.len() / self.frame_bytes) as u64, bytes)
    }

    pub fn write(&mut self, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
        let block = self.block(bytes);
        self.file.write(block).map_err(Block::into_buffer)
    }

    pub fn patch(&mut self, at: u64, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
        let block = self.block(bytes);
        let frame = at / self.frame_bytes as u64;
        self.file.patch(frame, block).map_err(Block::into_buffer)
    }

    pub fn fill(&mut self, bytes: u64) {
        let silence = Block::silence(bytes / self.frame_bytes as u64);
        self.file.write(silence).expect("silence is always taken");
    }

    /// Nothing before so many bytes is patched any more.
    pub fn settled(&mut self, bytes: u64) {
        self.file.settled(bytes / self.frame_bytes as u64);
    }

    pub fn update_manifest(&mut self, source: Arc<dyn ManifestSource>, mark: u32) {
        self.file.update_manifest(source, mark);
    }

    pub fn finish(self, manifest: Box<Manifest>, keep: bool) {
        self.file.finish(manifest, keep);
    }

    pub fn fail(self, manifest: Box<Manifest>, error: Error) {
        self.file.fail(manifest, error);
    }
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
    assert_eq!(file.told * frame_bytes, file.samples.len() as u64);
    file.samples
}

/// The manifest told is the one beside the file, and says what the file is.
pub fn expect_honest(rig: &Rig, told: &Manifest) {
    let path = rig.path(&told.file);
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
