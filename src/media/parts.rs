//! Which stretches of time are in a recording's file, and where.

use std::collections::VecDeque;

use super::{LossReason, Span, SpanKind, grid};
use crate::words::Leg;

/// A gap in a stream that lasts over so many pauses is not told any more.
const PARTS_MAX: usize = 8;

/// A stretch of time that is in the file, on the grid of its rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub from: u64,
    pub to: u64,
    /// Where it begins in the file.
    pub frame: u64,
}

impl Part {
    /// What of a lost stretch lies in it.
    pub(super) fn loss(&self, leg: Leg, from: u64, to: u64, rate: u32) -> Option<Span> {
        let (from, to) = (from.max(self.from), to.min(self.to));
        (from < to).then(|| Span {
            kind: SpanKind::Loss(leg, LossReason::Network),
            from_frame: from - self.from + self.frame,
            to_frame: to - self.from + self.frame,
            length_ns: grid::time(to - from, rate),
        })
    }
}

/// What was recorded before the latest pauses.
#[derive(Default)]
pub(super) struct Parts(VecDeque<Part>);

impl Parts {
    pub(super) fn push(&mut self, part: Part) {
        if self.0.len() == PARTS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(part);
    }

    /// Where the latest of them ends.
    pub(super) fn end(&self) -> Option<u64> {
        self.0.back().map(|part| part.to)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Part> + '_ {
        self.0.iter().copied()
    }
}
