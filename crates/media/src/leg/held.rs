//! What a leg holds until it has a position.

use super::LegMedia;
use crate::grid;

impl LegMedia {
    /// The duration of a packet of the leg, if known.
    pub fn packet_ns(&self) -> Option<u64> {
        let samples = u64::try_from(self.streams.packet_len()).ok()?;
        (samples > 0).then(|| grid::time(samples, self.timeline.track.rate()))
    }

    /// Whether packets or writes are held until the pace shows where they belong.
    pub fn is_undecided(&self) -> bool {
        self.streams.is_holding() || self.writes.as_ref().is_some_and(|writes| writes.is_waiting())
    }

    /// Whether anything has no position yet.
    pub(super) fn is_waiting(&self) -> bool {
        self.streams.is_waiting() || self.writes.as_ref().is_some_and(|writes| writes.is_waiting())
    }

    /// Packets that no other packet has confirmed yet: position, samples and epoch.
    pub fn unconfirmed(&self) -> impl Iterator<Item = (u64, u64, u32)> + '_ {
        let rate = self.timeline.track.rate();
        self.streams.unconfirmed().map(move |(at, len, of, epoch)| {
            let on = |samples: i64| grid::convert(samples.max(0) as u64, of, rate);
            (on(at), on(len), epoch)
        })
    }

    /// Packets and writes without a position: arrival, samples and epoch.
    pub fn unplaced(&self) -> impl Iterator<Item = (u64, u64, u32)> + '_ {
        let rate = self.timeline.track.rate();
        let writes = self.writes.iter().flat_map(|writes| writes.unplaced());
        let all = self.streams.unplaced().chain(writes);
        all.map(move |(at, len, of, epoch)| {
            let on = |samples: i64| grid::convert(samples.max(0) as u64, of, rate);
            (on(at), on(len), epoch)
        })
    }

    /// The end of all audio handed in, assuming that held audio lies at its arrival.
    pub fn reach_ns(&self) -> u64 {
        let rate = self.timeline.track.rate();
        let waiting = self.unconfirmed().chain(self.unplaced());
        let ends = waiting.map(|(at, len, _)| grid::time(at + len, rate));
        ends.max().unwrap_or(0).max(self.end_ns())
    }
}
