//! When a call has to be visited, and when its recordings have to be looked at.

use super::CallMedia;
use crate::clock::{NS_PER_MS, NS_PER_S};
use crate::media::call_tap::LegTotals;
use crate::media::drain::Drain;
use crate::types::FeedOptions;
use callrec_media::record::Handed;
use callrec_media::tap::Tap;

/// Shorter times say nothing of how quickly rings fill.
const LEAST_NS: u64 = 50 * NS_PER_MS;

/// What the recordings want, so that a visit in which nothing of them is due leaves their
/// memory alone.
#[derive(Default)]
pub(super) struct VisitSchedule {
    /// Nothing of any of them is due before it; 0: they have to be looked at.
    pub rest_ns: u64,
    /// Any of them hears.
    pub heard: bool,
    /// The latest begin of one that has never been paused.
    pub begin_ns: u64,
    /// One of them has no shape yet.
    pub unshaped: bool,
}

impl CallMedia {
    /// No recording has anything that is due, or that waits.
    pub(super) fn rests(&self) -> bool {
        self.schedule.rest_ns > 0
    }

    pub(super) fn update_schedule(&mut self) {
        let taps = || self.taps.iter();
        self.schedule = VisitSchedule {
            rest_ns: taps().map(Tap::rest_ns).min().unwrap_or(u64::MAX),
            heard: taps().any(Tap::is_recording),
            begin_ns: taps().filter_map(Tap::unbroken_since_ns).max().unwrap_or(0),
            unshaped: taps().any(Tap::is_unshaped),
        };
    }

    /// Real time: nothing is due now, and the rings will not be more than two thirds full
    /// by the next visit, `next_ns` from now.
    pub(in crate::media) fn can_wait(&self, now_ns: u64, next_ns: u64) -> bool {
        let unseen_ns = now_ns.saturating_sub(self.visited_ns) + next_ns;
        let rests = self.real && self.frontier(now_ns) < self.schedule.rest_ns;
        let room_ns = self.rings_ns.min(self.filling_ns) / 3 * 2;
        rests && self.points.is_empty() && unseen_ns < room_ns
    }

    /// How long the rings take to fill as they have since the visit before. Nothing is known
    /// after a short time.
    pub(super) fn note_pace(&mut self, counts: &LegTotals, now_ns: u64) {
        if !self.real {
            return;
        }
        let before_ns = std::mem::replace(&mut self.visited_ns, now_ns);
        let took_ns = now_ns.saturating_sub(before_ns);
        if before_ns == 0 || took_ns < LEAST_NS {
            return;
        }
        let filling_ns = |(drain, handed): (&Drain, &Handed)| {
            let came = handed.bytes.saturating_sub(drain.taken());
            let ring = drain.ring_bytes() as u64;
            (came > 0).then(|| u128::from(ring) * u128::from(took_ns) / u128::from(came))
        };
        let least = self.drains.iter().zip(counts).filter_map(filling_ns).min();
        self.filling_ns = least.map_or(u64::MAX, |ns| u64::try_from(ns).unwrap_or(u64::MAX));
    }

    /// A feed's ring has so many bytes, and audio of this format may come in it.
    pub(super) fn note_ring(&mut self, bytes: usize, options: FeedOptions) {
        if bytes == 0 {
            return;
        }
        // Packets have headers.
        let bytes_per_s = options.bytes_per_s() * 5 / 4;
        self.rings_ns = self.rings_ns.min(bytes as u64 * NS_PER_S / bytes_per_s.max(1));
    }
}
