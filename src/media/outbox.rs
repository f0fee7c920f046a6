//! What a recording has for its sink, in order, also while the sink takes nothing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::{LossReason, Progress, Shape, Sink, Span, SpanKind, grid};
use crate::words::{EndReason, Leg};

/// Told losses that are remembered, so that none is told twice.
const TOLD_MAX: usize = 64;

/// Loss found in a stretch of audio.
#[derive(Debug, Default)]
pub(super) struct Losses {
    pub spans: Vec<Span>,
    pub total_ns: u64,
}

impl Losses {
    pub(super) fn add(&mut self, span: Span) {
        self.total_ns += span.length_ns;
        match self.spans.last_mut() {
            Some(last) if last.kind == span.kind && last.to_frame == span.from_frame => {
                last.to_frame = span.to_frame;
                last.length_ns += span.length_ns;
            }
            _ => self.spans.push(span),
        }
    }
}

/// The part of a span from one frame to another.
fn part(span: &Span, from_frame: u64, to_frame: u64, rate: u32) -> Span {
    if (from_frame, to_frame) == (span.from_frame, span.to_frame) {
        return *span;
    }
    Span {
        kind: span.kind,
        from_frame,
        to_frame,
        length_ns: grid::time(to_frame - from_frame, rate),
    }
}

pub(super) enum Out {
    Audio {
        /// `None`: silence only.
        block: Option<Vec<u8>>,
        from_frame: u64,
        frames: u64,
        losses: Losses,
    },
    Paused(u64),
    Resumed(Span),
    Finish(EndReason, Option<Span>),
}

pub(super) struct Outbox {
    sink: Option<Box<dyn Sink>>,
    queue: VecDeque<Out>,
    shape: Option<Shape>,
    lost_ns: u64,
    /// The latest losses that the sink was told of.
    told: VecDeque<Span>,
    /// Since when the sink has taken nothing (stream time).
    blocked_ns: Option<u64>,
    progress: Arc<Progress>,
}

impl Outbox {
    pub(super) fn new(sink: Box<dyn Sink>, progress: Arc<Progress>) -> Outbox {
        Outbox {
            sink: Some(sink),
            queue: VecDeque::new(),
            shape: None,
            lost_ns: 0,
            told: VecDeque::new(),
            blocked_ns: None,
            progress,
        }
    }

    pub(super) fn shape(&mut self, shape: Shape) {
        self.shape = Some(shape);
        self.progress.rate.store(shape.rate, Relaxed);
        if let Some(sink) = &mut self.sink {
            sink.shape(shape);
        }
    }

    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.sink.as_mut().map_or_else(Vec::new, |sink| sink.buffer())
    }

    pub(super) fn push(&mut self, out: Out) {
        self.queue.push_back(out);
    }

    /// The sink has had its last call.
    pub(super) fn is_over(&self) -> bool {
        self.sink.is_none()
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked_ns.is_some()
    }

    pub(super) fn broken(&mut self, message: &str) {
        self.queue.clear();
        if let Some(sink) = self.sink.take() {
            sink.broken(message);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Real time: what is refused becomes silence, and a loss on each of `legs`.
    pub(super) fn flush_real(&mut self, legs: &[Leg]) {
        while let Some(out) = self.queue.pop_front() {
            if let Some(refused) = self.give(out) {
                self.replace(&refused, legs);
            }
        }
    }

    /// Stream time: what is refused waits; after `backlog_ns` without progress the
    /// recording fails.
    pub(super) fn flush_stream(&mut self, now_ns: u64, backlog_ns: u64) {
        while let Some(out) = self.queue.pop_front() {
            let Some(refused) = self.give(out) else {
                continue;
            };
            self.queue.push_front(Out::Audio {
                block: Some(refused.block),
                from_frame: refused.from_frame,
                frames: refused.frames,
                losses: refused.losses,
            });
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

    /// Gives one thing to the sink; gives a refused block back.
    fn give(&mut self, out: Out) -> Option<Refused> {
        let sink = self.sink.as_mut()?;
        match out {
            Out::Audio {
                block,
                from_frame,
                frames,
                losses,
            } => {
                let bytes = frames * self.shape.map_or(1, |s| s.frame_bytes()) as u64;
                let refused = match block {
                    None => {
                        sink.fill(bytes);
                        None
                    }
                    Some(block) => sink.block(block).err(),
                };
                if let Some(block) = refused {
                    return Some(Refused {
                        block,
                        from_frame,
                        frames,
                        losses,
                    });
                }
                self.blocked_ns = None;
                self.tell(losses);
            }
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

    fn tell(&mut self, losses: Losses) {
        let mut news = Losses::default();
        for span in losses.spans {
            self.add_untold(span, &mut news);
        }
        if news.spans.is_empty() {
            return;
        }
        self.lost_ns += news.total_ns;
        self.progress.lost_ns.store(self.lost_ns, Relaxed);
        if let Some(sink) = &mut self.sink {
            sink.loss(self.lost_ns, news.spans);
        }
    }

    /// What of a span is news: a place that is lost already can be missed again by
    /// another sender, or by another write to the same position.
    fn add_untold(&mut self, span: Span, news: &mut Losses) {
        let mut at = span.from_frame;
        while at < span.to_frame {
            let same = || self.told.iter().filter(|told| told.kind == span.kind);
            let covers = |told: &&Span| told.from_frame <= at && at < told.to_frame;
            if let Some(told) = same().find(covers) {
                at = told.to_frame;
                continue;
            }
            let later = same().map(|told| told.from_frame).filter(|from| *from > at);
            let to = later.min().unwrap_or(u64::MAX).min(span.to_frame);
            news.add(part(&span, at, to, self.rate()));
            at = to;
        }
        self.remember(span);
    }

    fn remember(&mut self, span: Span) {
        match self.told.back_mut() {
            Some(last) if last.kind == span.kind && last.to_frame == span.from_frame => {
                last.to_frame = span.to_frame;
            }
            _ => self.told.push_back(span),
        }
        if self.told.len() > TOLD_MAX {
            self.told.pop_front();
        }
    }

    fn rate(&self) -> u32 {
        self.shape.map_or(8000, |shape| shape.rate)
    }

    /// The whole block is lost, and with it whatever loss was found in it; what was
    /// missed of the time before it is told all the same.
    #[cold]
    fn replace(&mut self, refused: &Refused, legs: &[Leg]) {
        let rate = self.rate();
        if let Some(sink) = &mut self.sink {
            sink.fill(refused.block.len() as u64);
        }
        let mut losses = Losses::default();
        let begin = refused.from_frame;
        for span in refused.losses.spans.iter().filter(|span| span.from_frame < begin) {
            losses.add(part(span, span.from_frame, span.to_frame.min(begin), rate));
        }
        for leg in legs {
            losses.add(Span {
                kind: SpanKind::Loss(*leg, LossReason::Dropped(super::DropReason::Backlog)),
                from_frame: begin,
                to_frame: begin + refused.frames,
                length_ns: grid::time(refused.frames, rate),
            });
        }
        self.tell(losses);
    }
}

/// A block that the sink did not take.
struct Refused {
    block: Vec<u8>,
    from_frame: u64,
    frames: u64,
    losses: Losses,
}
