//! Where packets of a stream are missing, as long as they may still come.

use std::collections::VecDeque;

/// More are forgotten: nothing that old is still waited for.
const GAPS: usize = 8;

/// Numbers that are missing between two packets that were placed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    pub after: u16,
    pub before: u16,
    pub missing: u64,
    /// After the packet before them: what comes for them lies between.
    pub from: i64,
    pub to: i64,
    /// When the packet behind it came.
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

    /// Where the earliest begins that was seen after `since` and is not complete yet.
    pub(super) fn earliest_open(&self, since: i64) -> Option<i64> {
        let open = self.0.iter().filter(|gap| gap.missing > 0 && gap.seen > since);
        open.map(|gap| gap.from).min()
    }

    /// A number that was missing has come: the silence that it is one of.
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
