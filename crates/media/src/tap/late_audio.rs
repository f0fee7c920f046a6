//! What comes late after a transfer: audio from before it belongs to the recording that it has ended,
//! although it is passed in when that one has been stopped. So it is in one of the two recordings.

use uuid::Uuid;

use super::Tap;
use crate::resample::LOOKAHEAD_NS;

/// The recording that follows after a transfer.
#[derive(Clone, Copy, Debug)]
pub(super) struct LateAudio {
    successor: Uuid,
    /// When it begins. What is passed in from then on belongs to it from here on.
    pub until_ns: u64,
}

impl Tap {
    /// Another recording follows this one and begins at `at_ns`. Must come before the stop, and no
    /// audio between the two.
    pub fn precede(&mut self, successor: Uuid, at_ns: u64) {
        if self.is_real_time && !self.is_stopping() {
            self.late = Some(LateAudio {
                successor,
                until_ns: at_ns,
            });
        }
    }

    pub fn has_successor(&self) -> bool {
        self.late.is_some()
    }

    /// The recording that follows this one, which has been stopped.
    pub fn successor(&self) -> Option<Uuid> {
        self.late
            .filter(|_| self.is_stopping())
            .map(|late| late.successor)
    }

    /// Follows the recording after it: what is passed in while that one is paused, or the call
    /// private, is recorded nowhere. `records`: whether that one records; `None`: it has ended.
    pub fn follow_successor(&mut self, records: Option<bool>, epoch: u32) {
        self.segments.record_late(records == Some(true), epoch);
        if records.is_none() {
            self.late = None;
        }
    }

    /// The time of which it still takes audio that is passed in, if any.
    pub fn unsettled_ns(&self) -> Option<(u64, u64)> {
        let (_, settled_ns) = self.frontiers_ns()?;
        if !self.is_stopping() {
            return Some((settled_ns, u64::MAX));
        }
        let last = self.segments.get(self.segments.last()?)?;
        self.late.map(|late| (settled_ns, last.to_ns.min(late.until_ns)))
    }

    /// Whether a packet belongs to it that arrived before it was stopped and is passed in late.
    pub(super) fn awaited_arrival(&self, arrival_ns: u64, earliest_ns: u64) -> bool {
        let last = self.segments.last().and_then(|n| self.segments.get(n));
        self.late.zip(last).is_some_and(|(late, last)| {
            let own = last.from_ns..last.to_ns.min(late.until_ns);
            own.contains(&arrival_ns) && earliest_ns >= last.guard_ns
        })
    }

    /// Whether audio that belongs to it may still be passed in, if no leg receives audio before
    /// `settled_ns` any more.
    pub fn awaits_late_audio(&self, settled_ns: u64) -> bool {
        let last = self.segments.last().and_then(|n| self.segments.get(n));
        let end_ns = |late: LateAudio| last.map_or(0, |last| last.to_ns.min(late.until_ns));
        self.late.is_some_and(|late| settled_ns < end_ns(late))
    }

    /// Whether the frontier has reached the end of a stopped recording, which may wait for late audio
    /// for longer than a block. A crash meanwhile must not cost what has come.
    pub(super) fn is_rest_due(&self, frontier_ns: u64) -> bool {
        let end_ns = self.pending_stop.map_or(u64::MAX, |stop| stop.at_ns);
        self.is_real_time && frontier_ns >= end_ns && self.position_ns() + LOOKAHEAD_NS < end_ns
    }
}
