//! A recording's file that takes bytes.

use std::sync::Arc;

use callrec_codec::{Block, Format, SampleFormat, Shape};
use callrec_core::storage::{Manifest, ManifestSource, RecordingFile};
use callrec_core::types::Error;

/// Writes bytes into a recording's file; positions and lengths are in bytes.
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

    /// Sets the source of the manifest that is published if a write fails.
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

    /// Appends bytes. A full queue returns them.
    pub fn write(&mut self, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
        let block = self.block(bytes);
        self.file.write(block).map_err(Block::into_buffer)
    }

    /// Writes bytes over earlier ones. A full queue returns them.
    pub fn patch(&mut self, at: u64, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
        let block = self.block(bytes);
        let frame = at / self.frame_bytes as u64;
        self.file.patch(frame, block).map_err(Block::into_buffer)
    }

    /// Appends silence.
    pub fn fill(&mut self, bytes: u64) {
        let silence = Block::silence(bytes / self.frame_bytes as u64);
        self.file.write(silence).expect("silence is always taken");
    }

    /// Declares that nothing before this position is patched from now on.
    pub fn settled(&mut self, bytes: u64) {
        self.file.settled(bytes / self.frame_bytes as u64);
    }

    pub fn update_manifest(&mut self, source: Arc<dyn ManifestSource>, number: u64) {
        self.file.update_manifest(source, number);
    }

    pub fn finish(self, manifest: Box<Manifest>, keep: bool) {
        self.file.finish(manifest, keep);
    }

    pub fn fail(self, manifest: Box<Manifest>, error: Error) {
        self.file.fail(manifest, error);
    }
}
