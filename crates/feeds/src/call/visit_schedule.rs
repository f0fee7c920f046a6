//! When a call must be visited, and when a visit must look at its recordings.

use super::CallMedia;
use crate::call_tap::FedCounts;
use crate::drain::Drain;
use callrec_base::clock::{NS_PER_MS, NS_PER_S};
use callrec_base::types::FeedOptions;
use callrec_media::packet::FeedCounters;
use callrec_media::tap::Tap;

/// Shortest time between visits from which the fill rate of the rings is estimated.
const MIN_ESTIMATE_NS: u64 = 50 * NS_PER_MS;

/// A summary of the recordings, so that a visit in which none of them is due does not touch their
/// memory.
#[derive(Default)]
pub(super) struct VisitSchedule {
    /// No recording is due before this time; 0: they must be looked at.
    pub rest_ns: u64,
    /// Any recording is neither paused nor ended.
    pub any_recording: bool,
    /// The latest begin of a recording that has never been paused.
    pub begin_ns: u64,
    /// A recording has no shape yet.
    pub unshaped: bool,
    /// A recording keeps packets as they arrive.
    pub keeps_raw: bool,
}

/// When a call must be visited, in coarse time. By default, at every opportunity.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct VisitTimes {
    /// A recording is due.
    recordings_ns: u64,
    /// A ring may be full.
    rings_ns: u64,
    /// Nothing is recorded.
    pub is_idle: bool,
}

impl VisitTimes {
    pub(crate) const NEVER: VisitTimes = VisitTimes {
        recordings_ns: u64::MAX,
        rings_ns: u64::MAX,
        is_idle: true,
    };

    /// Whether the call must be visited now, if the next opportunity is `next_ns` later.
    pub(crate) fn is_due(&self, now_ns: u64, next_ns: u64) -> bool {
        now_ns >= self.recordings_ns || now_ns.saturating_add(next_ns) >= self.rings_ns
    }

    pub(crate) fn first_ns(&self) -> u64 {
        self.recordings_ns.min(self.rings_ns)
    }
}

impl CallMedia {
    /// Whether no recording needs this visit.
    pub(super) fn is_resting(&self) -> bool {
        self.schedule.rest_ns > 0
    }

    pub(super) fn update_schedule(&mut self) {
        let taps = || self.taps.iter();
        self.schedule = VisitSchedule {
            rest_ns: taps().map(Tap::next_due_ns).min().unwrap_or(u64::MAX),
            any_recording: taps().any(Tap::is_recording),
            begin_ns: taps().filter_map(Tap::unbroken_since_ns).max().unwrap_or(0),
            unshaped: taps().any(Tap::is_unshaped),
            keeps_raw: taps().any(Tap::keeps_raw),
        };
    }

    /// When the call must be visited, as of its latest visit.
    pub(crate) fn visit_times(&self) -> VisitTimes {
        if !self.real || !self.points.is_empty() {
            return VisitTimes::default();
        }
        VisitTimes {
            recordings_ns: self.schedule.rest_ns.saturating_add(self.lag_ns()),
            rings_ns: self.rings_due_ns(),
            is_idle: self.taps.is_empty(),
        }
    }

    /// Whether a ring is at least half full.
    pub(crate) fn is_ring_filling(&self) -> bool {
        let handed = self.call.handed();
        let is_filling = |(drain, handed): (&Drain, &FeedCounters)| {
            let stored = handed.bytes.saturating_sub(drain.taken());
            stored > 0 && 2 * stored >= drain.ring_bytes() as u64
        };
        self.drains.iter().zip(&handed).any(is_filling)
    }

    /// When the fullest ring must be read. A packet that finds its ring full nevertheless goes to the
    /// overflow memory.
    fn rings_due_ns(&self) -> u64 {
        if self.rings_ns == u64::MAX && self.filling_ns == u64::MAX {
            return u64::MAX;
        }
        let fill_ns = match self.taps.is_empty() {
            // The pace may rise: the whole ring at the rate of the format limits the estimate.
            true => self.filling_ns.min(self.rings_ns / 4 * 5) / 4 * 3,
            // More than half of the ring is left for a stall. A ring of G.711 is then read every
            // 350 ms, and so once between two blocks.
            false if self.call.overflow().is_scarce() => self.rings_ns.min(self.filling_ns) / 12 * 5,
            false => self.rings_ns.min(self.filling_ns) / 16 * 15,
        };
        self.visited_ns.saturating_add(fill_ns)
    }

    /// Estimates how long the rings take to fill, from the bytes since the previous visit. A short
    /// interval gives no estimate.
    pub(super) fn note_pace(&mut self, counts: &FedCounts, now_ns: u64) {
        if !self.real {
            return;
        }
        let before_ns = std::mem::replace(&mut self.visited_ns, now_ns);
        let took_ns = now_ns.saturating_sub(before_ns);
        if before_ns == 0 || took_ns < MIN_ESTIMATE_NS {
            return;
        }
        let filling_ns = |(drain, handed): (&Drain, &FeedCounters)| {
            let received = handed.bytes.saturating_sub(drain.taken());
            let ring = drain.ring_bytes() as u64;
            (received > 0).then(|| u128::from(ring) * u128::from(took_ns) / u128::from(received))
        };
        let shortest = self.drains.iter().zip(counts).filter_map(filling_ns).min();
        self.filling_ns = shortest.map_or(u64::MAX, |ns| u64::try_from(ns).unwrap_or(u64::MAX));
    }

    /// Notes a feed's ring of `bytes` bytes and the format of its audio.
    pub(super) fn note_ring(&mut self, bytes: usize, options: FeedOptions) {
        if bytes == 0 {
            return;
        }
        // A quarter more, for packet headers.
        let bytes_per_s = options.bytes_per_s() * 5 / 4;
        self.rings_ns = self.rings_ns.min(bytes as u64 * NS_PER_S / bytes_per_s.max(1));
    }
}
