//! Calls of a recording's sink, queued in order while the sink is blocked.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::EndReason;
use crate::{Progress, RawPackets, Sink, Span};
use callrec_codec::{Block, Shape};

/// A call of [`Sink`].
pub enum SinkCommand {
    Audio {
        from_frame: u64,
        block: Block,
    },
    /// Audio from before the start.
    EarlyAudio(Block),
    /// Frames that replace earlier ones, because late audio of `leg` was placed.
    Patch {
        leg: usize,
        from_frame: u64,
        block: Block,
    },
    /// No frame before this one will be patched any more.
    Settled(u64),
    /// The total loss in nanoseconds, and the new spans of loss.
    Losses(u64, Vec<Span>),
    Paused(u64),
    Resumed(Span),
    Finish(EndReason, Option<Span>),
}

/// The output of a recording on its way to its sink.
pub struct SinkQueue {
    sink: Option<Box<dyn Sink>>,
    queue: VecDeque<SinkCommand>,
    /// Frames that the sink refused in real time: the leg (`None`: all legs), first frame, end.
    pub refused: Vec<(Option<usize>, u64, u64)>,
    /// Since when the sink has been blocked (stream time).
    blocked_ns: Option<u64>,
    progress: Arc<Progress>,
}

impl SinkQueue {
    pub fn new(sink: Box<dyn Sink>, progress: Arc<Progress>) -> SinkQueue {
        SinkQueue {
            sink: Some(sink),
            queue: VecDeque::new(),
            refused: Vec::new(),
            blocked_ns: None,
            progress,
        }
    }

    pub fn shape(&mut self, shape: Shape) {
        self.progress.rate.store(shape.rate, Relaxed);
        if let Some(sink) = &mut self.sink {
            sink.shape(shape);
        }
    }

    pub fn buffer(&mut self) -> Vec<u8> {
        self.sink.as_mut().map_or_else(Vec::new, |sink| sink.buffer())
    }

    /// Whether the sink wants audio from before the start now.
    pub fn accepts_early(&self) -> bool {
        self.sink.as_ref().is_none_or(|sink| sink.accepts_early())
    }

    /// Passes packets on at once: their file is not in step with the audio's.
    pub fn raw(&mut self, packets: &RawPackets) {
        if let Some(sink) = &mut self.sink {
            sink.raw(packets);
        }
    }

    pub fn push(&mut self, out: SinkCommand) {
        self.queue.push_back(out);
    }

    /// Whether the sink has received its last call.
    pub fn is_over(&self) -> bool {
        self.sink.is_none()
    }

    pub fn is_blocked(&self) -> bool {
        self.blocked_ns.is_some()
    }

    pub fn broken(&mut self, message: &str) {
        self.queue.clear();
        if let Some(sink) = self.sink.take() {
            sink.broken(message);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether the queue is empty and the sink is neither blocked nor finished.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.sink.is_some() && self.blocked_ns.is_none()
    }

    /// Real time: replaces refused audio by silence and notes its frames.
    pub fn flush_real(&mut self) {
        while let Some(out) = self.queue.pop_front() {
            match self.send(out) {
                None => {}
                Some(SinkCommand::Audio { from_frame, block }) => {
                    let frames = block.frames;
                    if let Some(sink) = &mut self.sink {
                        // The sink never refuses silence.
                        let _ = sink.block(Block::silence(frames));
                    }
                    self.refused.push((None, from_frame, from_frame + frames));
                }
                Some(SinkCommand::Patch {
                    leg,
                    from_frame,
                    block,
                }) => self
                    .refused
                    .push((Some(leg), from_frame, from_frame + block.frames)),
                Some(_) => {}
            }
        }
    }

    /// Stream time: keeps refused audio queued. The recording fails after `backlog_ns` without
    /// progress.
    pub fn flush_stream(&mut self, now_ns: u64, backlog_ns: u64) {
        while let Some(out) = self.queue.pop_front() {
            let Some(refused) = self.send(out) else {
                continue;
            };
            self.queue.push_front(refused);
            let since = *self.blocked_ns.get_or_insert(now_ns);
            if now_ns.saturating_sub(since) > backlog_ns {
                self.queue.clear();
                self.blocked_ns = None;
                if let Some(sink) = self.sink.take() {
                    sink.stuck();
                }
            }
            return;
        }
    }

    /// Passes one command to the sink. Returns the command if the sink refuses it.
    fn send(&mut self, out: SinkCommand) -> Option<SinkCommand> {
        let sink = self.sink.as_mut()?;
        match out {
            SinkCommand::Audio { from_frame, block } => {
                if let Err(block) = sink.block(block) {
                    return Some(SinkCommand::Audio { from_frame, block });
                }
                self.blocked_ns = None;
            }
            SinkCommand::EarlyAudio(block) => sink.early_block(block),
            SinkCommand::Patch {
                leg,
                from_frame,
                block,
            } => {
                if let Err(block) = sink.patch(from_frame, block) {
                    return Some(SinkCommand::Patch {
                        leg,
                        from_frame,
                        block,
                    });
                }
            }
            SinkCommand::Settled(frame) => sink.settled(frame),
            SinkCommand::Losses(total_ns, spans) => sink.loss(total_ns, spans),
            SinkCommand::Paused(frame) => sink.paused(frame),
            SinkCommand::Resumed(span) => sink.resumed(span),
            SinkCommand::Finish(reason, open) => {
                self.queue.clear();
                if let Some(sink) = self.sink.take() {
                    sink.finish(reason, open);
                }
            }
        }
        None
    }
}
