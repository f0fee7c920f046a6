//! What a recording gives out: blocks, spans, and its end.

use callrec_codec::{Block, Shape};

use crate::{EndReason, Leg, LossReason};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    Pause,
    Loss(Leg, LossReason),
}

/// Positions are frames in the file. A skipped pause has no frames; `length_ns` is
/// how long it really was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub kind: SpanKind,
    pub from_frame: u64,
    pub to_frame: u64,
    pub length_ns: u64,
}

/// Where a recording's audio goes: called by its worker only, in order, never blocking.
pub trait Sink: Send {
    /// Once, before anything else but `buffer`.
    fn shape(&mut self, shape: Shape);

    /// `Err` gives the block back: the backlog is full and nothing was taken. Silence is
    /// always taken. In real time silence and `loss` follow for the same frames; in stream
    /// time the same block is offered again at the next visit.
    fn block(&mut self, block: Block) -> Result<(), Block>;

    /// Frames that were given before, again, as they really are: late audio has found its
    /// place. `Err` gives the block back, as for `block`.
    fn patch(&mut self, from_frame: u64, block: Block) -> Result<(), Block>;

    /// No frame before this one will be patched any more. Told of formats alone whose files
    /// cannot be rewritten in place.
    fn settled(&mut self, frame: u64) {
        let _ = frame;
    }

    /// An empty buffer, recycled if possible.
    fn buffer(&mut self) -> Vec<u8>;

    /// The pause begins at this frame; everything before it was given.
    fn paused(&mut self, frame: u64);

    fn resumed(&mut self, span: Span);

    /// At most once a block; the total counts all legs since the start.
    fn loss(&mut self, lost_ns_total: u64, spans: Vec<Span>);

    /// The last call. `open` is a pause that the end found still open.
    fn finish(self: Box<Self>, reason: EndReason, open: Option<Span>);

    /// Instead of `finish`, stream time only: nothing was taken for `backlog_ns`.
    fn stuck(self: Box<Self>);

    /// Instead of `finish`: a panic in this call's visit.
    fn broken(self: Box<Self>, message: &str);
}
