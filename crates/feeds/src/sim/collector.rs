//! Collects the output of a recording.

use std::sync::Arc;

use crate::{RawPackets, Shape, Sink, Span};
use callrec_base::sync::Mutex;
use callrec_base::types::{EndReason, Leg};
use callrec_codec::{Block, Samples};

/// How a sink was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkEnd {
    Finished(EndReason, Option<Span>),
    Stuck,
    Broken(String),
}

/// Everything that a sink received, and settings for its behavior.
#[derive(Debug, Default)]
pub struct Collected {
    pub shape: Option<Shape>,
    pub bytes: Vec<u8>,
    pub blocks: usize,
    pub patches: usize,
    /// Frames before this one can no longer be patched.
    pub settled: u64,
    pub paused_at: Vec<u64>,
    pub pauses: Vec<Span>,
    pub losses: Vec<Span>,
    pub lost_ns: u64,
    /// Packets that are kept as they arrived.
    pub raw: Vec<(Leg, u64, Vec<u8>)>,
    pub ending: Option<SinkEnd>,
    /// Refuse blocks.
    pub full: bool,
    /// Have no room for audio from before the start.
    pub is_crowded: bool,
    /// Blocks from before the start that came nevertheless.
    pub crowding: usize,
    /// Discard audio and return its buffers to this pool.
    pub pool: Option<Arc<Mutex<Vec<Vec<u8>>>>>,
    /// Panic at the next block.
    pub panic: bool,
    /// Panic at the next request for a buffer.
    pub panic_early: bool,
}

impl Collected {
    pub fn frames(&self) -> u64 {
        self.shape
            .map_or(0, |shape| (self.bytes.len() / shape.block_frame_bytes()) as u64)
    }

    fn frame_bytes(&self) -> usize {
        self.shape.map_or(1, |shape| shape.block_frame_bytes())
    }

    fn fill(&mut self, frames: u64) {
        if self.pool.is_some() {
            return;
        }
        let silence = self.shape.map_or(0, |shape| shape.format.samples().silence());
        let len = self.bytes.len() + frames as usize * self.frame_bytes();
        self.bytes.resize(len, silence);
    }

    /// The samples of one channel of a PCM16 recording.
    pub fn channel(&self, channel: usize) -> Vec<i16> {
        let Some(shape) = self.shape else {
            return Vec::new();
        };
        self.bytes
            .chunks_exact(shape.block_frame_bytes())
            .map(|frame| i16::from_le_bytes([frame[2 * channel], frame[2 * channel + 1]]))
            .collect()
    }
}

/// A sink that keeps everything.
pub struct Collector(pub Arc<Mutex<Collected>>);

impl Sink for Collector {
    fn shape(&mut self, shape: Shape) {
        self.0.lock().shape = Some(shape);
    }

    fn block(&mut self, block: Block) -> Result<(), Block> {
        let mut collected = self.0.lock();
        if block.samples == Samples::Silence {
            collected.fill(block.frames);
            return Ok(());
        }
        if std::mem::take(&mut collected.panic) {
            drop(collected);
            panic!("a requested panic");
        }
        if collected.full {
            return Err(block);
        }
        collected.blocks += 1;
        if let Some(pool) = &collected.pool {
            let mut audio = block.into_buffer();
            audio.clear();
            pool.lock().push(audio);
            return Ok(());
        }
        collected.bytes.extend_from_slice(block.bytes());
        Ok(())
    }

    fn early_block(&mut self, block: Block) {
        let mut collected = self.0.lock();
        collected.crowding += usize::from(collected.is_crowded);
        let was_full = std::mem::take(&mut collected.full);
        drop(collected);
        assert!(self.block(block).is_ok());
        self.0.lock().full = was_full;
    }

    fn accepts_early(&self) -> bool {
        !self.0.lock().is_crowded
    }

    fn patch(&mut self, from_frame: u64, block: Block) -> Result<(), Block> {
        let mut collected = self.0.lock();
        if collected.full {
            return Err(block);
        }
        if collected.pool.is_some() {
            return Ok(());
        }
        assert!(from_frame >= collected.settled, "a patch of settled frames");
        let audio = block.bytes();
        let from = from_frame as usize * collected.frame_bytes();
        collected.bytes[from..from + audio.len()].copy_from_slice(audio);
        collected.patches += 1;
        Ok(())
    }

    fn settled(&mut self, frame: u64) {
        self.0.lock().settled = frame;
    }

    fn raw(&mut self, packets: &RawPackets) {
        let owned = |(leg, arrival_ns, bytes): (Leg, u64, &[u8])| (leg, arrival_ns, bytes.to_vec());
        self.0.lock().raw.extend(packets.iter().map(owned));
    }

    fn buffer(&mut self) -> Vec<u8> {
        let mut collected = self.0.lock();
        if std::mem::take(&mut collected.panic_early) {
            drop(collected);
            panic!("a requested panic");
        }
        let recycled = collected.pool.as_ref().and_then(|pool| pool.lock().pop());
        recycled.unwrap_or_default()
    }

    fn paused(&mut self, frame: u64) {
        self.0.lock().paused_at.push(frame);
    }

    fn resumed(&mut self, span: Span) {
        self.0.lock().pauses.push(span);
    }

    fn loss(&mut self, lost_ns_total: u64, spans: Vec<Span>) {
        let mut collected = self.0.lock();
        collected.lost_ns = lost_ns_total;
        collected.losses.extend(spans);
    }

    fn finish(self: Box<Self>, reason: EndReason, open: Option<Span>) {
        self.0.lock().ending = Some(SinkEnd::Finished(reason, open));
    }

    fn stuck(self: Box<Self>) {
        self.0.lock().ending = Some(SinkEnd::Stuck);
    }

    fn broken(self: Box<Self>, message: &str) {
        self.0.lock().ending = Some(SinkEnd::Broken(message.into()));
    }
}
