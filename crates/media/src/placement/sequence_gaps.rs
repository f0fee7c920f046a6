//! Gaps in the sequence numbers of a stream that may still be filled.

use std::collections::VecDeque;

/// The maximum number of gaps remembered. Older ones are no longer waited for.
const GAPS: usize = 8;

/// Numbers missing between two packets that were placed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    pub after: u16,
    pub before: u16,
    pub missing: u64,
    /// The silence between the two packets.
    pub from: i64,
    pub to: i64,
    /// When the packet after the gap arrived.
    pub seen: i64,
}

#[derive(Debug, Default)]
pub(super) struct Gaps(VecDeque<Gap>);

impl Gaps {
    pub(super) fn push(&mut self, gap: Gap) {
        if self.0.len() == GAPS {
            self.0.pop_front();
        }
        self.0.push_back(gap);
    }

    /// The beginning of the earliest open gap that was noticed after `since`.
    pub(super) fn earliest_open(&self, since: i64) -> Option<i64> {
        let open = self.0.iter().filter(|gap| gap.missing > 0 && gap.seen > since);
        open.map(|gap| gap.from).min()
    }

    /// Notes that a missing number has arrived. Returns the silence of its gap.
    pub(super) fn fill(&mut self, sequence: u16) -> Option<(i64, i64)> {
        let inside = |gap: &&mut Gap| {
            let from = sequence.wrapping_sub(gap.after);
            gap.missing > 0 && from > 0 && from < gap.before.wrapping_sub(gap.after)
        };
        let gap = self.0.iter_mut().find(inside)?;
        gap.missing -= 1;
        Some((gap.from, gap.to))
    }
}
