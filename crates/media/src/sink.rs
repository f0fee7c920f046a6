//! The output of a recording: blocks, spans and its end.

use callrec_codec::{Block, Shape};

use crate::{EndReason, Leg, LossReason, RawPackets};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    Pause,
    Loss(Leg, LossReason),
}

/// A pause or a loss. Positions are frames in the file. A skipped pause has no frames; `length_ns`
/// is its real duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub kind: SpanKind,
    pub from_frame: u64,
    pub to_frame: u64,
    pub length_ns: u64,
}

/// Receives the audio of a recording. Only the recording's worker calls it, in order. No function
/// blocks.
pub trait Sink: Send {
    /// Called once, before any other function except `buffer`.
    fn shape(&mut self, shape: Shape);

    /// Takes a block. `Err` returns the block because the backlog is full. Silence is always
    /// accepted. In real time, silence and `loss` follow for the same frames; in stream time, the
    /// block is offered again at the next visit.
    fn block(&mut self, block: Block) -> Result<(), Block>;

    /// Takes a block that begins before the start of the recording. It is never refused: all of it was
    /// in memory already.
    fn early_block(&mut self, block: Block);

    /// Whether blocks that begin before the start are welcome now. Otherwise their audio waits where
    /// the call keeps it.
    fn accepts_early(&self) -> bool;

    /// Replaces earlier frames, because late audio was placed in them. `Err` returns the block, as
    /// for `block`.
    fn patch(&mut self, from_frame: u64, block: Block) -> Result<(), Block>;

    /// No frame before this one will be patched any more. Called only for formats whose files
    /// cannot be rewritten in place.
    fn settled(&mut self, frame: u64) {
        let _ = frame;
    }

    /// Takes RTP packets that are kept as they arrived. If the backlog is full, they are dropped.
    fn raw(&mut self, packets: &RawPackets) {
        let _ = packets;
    }

    /// Returns an empty buffer, recycled if possible.
    fn buffer(&mut self) -> Vec<u8>;

    /// A pause begins at this frame. All frames before it have been passed.
    fn paused(&mut self, frame: u64);

    fn resumed(&mut self, span: Span);

    /// Called at most once per block. The total covers all legs since the start.
    fn loss(&mut self, lost_ns_total: u64, spans: Vec<Span>);

    /// The last call. `open` is a pause that had not ended.
    fn finish(self: Box<Self>, reason: EndReason, open: Option<Span>);

    /// Called instead of `finish`, in stream time only, after no block was accepted for
    /// `backlog_ns`.
    fn stuck(self: Box<Self>);

    /// Called instead of `finish` after a panic during a visit of this call.
    fn broken(self: Box<Self>, message: &str);
}
