//! What a recording has for its sink, in order, also while the sink takes nothing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::EndReason;
use crate::{Progress, Sink, Span};
use callrec_codec::Shape;

pub enum Out {
    Audio {
        /// `None`: silence only.
        block: Option<Vec<u8>>,
        from_frame: u64,
        frames: u64,
    },
    /// Frames that were given before, again: late audio of this leg is in them now.
    Patch {
        leg: usize,
        from_frame: u64,
        frames: u64,
        block: Vec<u8>,
    },
    /// All that is lost, in nanoseconds, and what of it is new.
    Losses(u64, Vec<Span>),
    Paused(u64),
    Resumed(Span),
    Finish(EndReason, Option<Span>),
}

pub struct Outbox {
    sink: Option<Box<dyn Sink>>,
    queue: VecDeque<Out>,
    shape: Option<Shape>,
    /// Frames that the sink refused in real time: of this leg, or of all.
    pub refused: Vec<(Option<usize>, u64, u64)>,
    /// Since when the sink has taken nothing (stream time).
    blocked_ns: Option<u64>,
    progress: Arc<Progress>,
}

impl Outbox {
    pub fn new(sink: Box<dyn Sink>, progress: Arc<Progress>) -> Outbox {
        Outbox {
            sink: Some(sink),
            queue: VecDeque::new(),
            shape: None,
            refused: Vec::new(),
            blocked_ns: None,
            progress,
        }
    }

    pub fn shape(&mut self, shape: Shape) {
        self.shape = Some(shape);
        self.progress.rate.store(shape.rate, Relaxed);
        if let Some(sink) = &mut self.sink {
            sink.shape(shape);
        }
    }

    pub fn buffer(&mut self) -> Vec<u8> {
        self.sink.as_mut().map_or_else(Vec::new, |sink| sink.buffer())
    }

    pub fn push(&mut self, out: Out) {
        self.queue.push_back(out);
    }

    /// The sink has had its last call.
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

    /// It has nothing to give, and is not over.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.sink.is_some() && self.blocked_ns.is_none()
    }

    /// Real time: what is refused becomes silence, and is noted.
    pub fn flush_real(&mut self) {
        while let Some(out) = self.queue.pop_front() {
            match self.give(out) {
                None => {}
                Some(Out::Audio {
                    block: Some(block),
                    from_frame,
                    frames,
                }) => {
                    if let Some(sink) = &mut self.sink {
                        sink.fill(block.len() as u64);
                    }
                    self.refused.push((None, from_frame, from_frame + frames));
                }
                Some(Out::Patch {
                    leg,
                    from_frame,
                    frames,
                    ..
                }) => self.refused.push((Some(leg), from_frame, from_frame + frames)),
                Some(_) => {}
            }
        }
    }

    /// Stream time: what is refused waits; after `backlog_ns` without progress the
    /// recording fails.
    pub fn flush_stream(&mut self, now_ns: u64, backlog_ns: u64) {
        while let Some(out) = self.queue.pop_front() {
            let Some(refused) = self.give(out) else {
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

    /// Gives one thing to the sink; gives back what it refuses.
    fn give(&mut self, out: Out) -> Option<Out> {
        let sink = self.sink.as_mut()?;
        match out {
            Out::Audio {
                block: Some(block),
                from_frame,
                frames,
            } => {
                if let Err(block) = sink.block(block) {
                    return Some(Out::Audio {
                        block: Some(block),
                        from_frame,
                        frames,
                    });
                }
                self.blocked_ns = None;
            }
            Out::Audio { frames, .. } => {
                sink.fill(frames * self.shape.map_or(1, |s| s.frame_bytes()) as u64);
                self.blocked_ns = None;
            }
            Out::Patch {
                leg,
                from_frame,
                frames,
                block,
            } => {
                if let Err(block) = sink.patch(from_frame, block) {
                    return Some(Out::Patch {
                        leg,
                        from_frame,
                        frames,
                        block,
                    });
                }
            }
            Out::Losses(total_ns, spans) => sink.loss(total_ns, spans),
            Out::Paused(frame) => sink.paused(frame),
            Out::Resumed(span) => sink.resumed(span),
            Out::Finish(reason, open) => {
                self.queue.clear();
                if let Some(sink) = self.sink.take() {
                    sink.finish(reason, open);
                }
            }
        }
        None
    }
}
