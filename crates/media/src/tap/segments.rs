//! Which stretches of time a recording has recorded, where they are in its file, and which
//! audio belongs to them.

use std::collections::VecDeque;

use crate::grid;
use crate::track::TrackView;

/// Stretches that are remembered: what is older is settled.
const SEGMENTS: usize = 64;
/// Of an open end.
const OPEN: u64 = u64::MAX;

/// A stretch between start or resume and pause or stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub from_ns: u64,
    pub to_ns: u64,
    /// Where it begins in the file.
    pub frame: u64,
    /// Nothing that may have been said before it; 0 where nothing was paused before.
    guard_ns: u64,
    /// When its end was set: a packet's length before `to_ns` at the most.
    set_ns: u64,
}

/// What a stretch of time is to a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    BeforeStart,
    /// By its place among the segments.
    Recorded(usize),
    Paused,
}

#[derive(Debug, Default)]
pub(super) struct Segments {
    list: VecDeque<Segment>,
    /// First and last epoch of each.
    epochs: Vec<(u32, u32)>,
    start_ns: u64,
}

impl Segments {
    pub(super) fn new(start_ns: u64) -> Segments {
        Segments {
            start_ns,
            ..Segments::default()
        }
    }

    /// Recording begins, or goes on after a pause: nothing that may have been said before
    /// `guard_ns` is heard.
    pub(super) fn open(&mut self, at_ns: u64, frame: u64, epoch: u32, guard_ns: u64) {
        if self.list.len() == SEGMENTS {
            self.list.pop_front();
            self.epochs.remove(0);
        }
        self.list.push_back(Segment {
            from_ns: at_ns,
            to_ns: OPEN,
            frame,
            guard_ns,
            set_ns: OPEN,
        });
        self.epochs.push((epoch, u32::MAX));
    }

    /// Recording pauses; `epoch` is the first one that is not recorded, `set_ns` the moment
    /// by the clock.
    pub(super) fn close(&mut self, at_ns: u64, set_ns: u64, epoch: u32) {
        if let Some(last) = self.list.back_mut() {
            last.to_ns = last.to_ns.min(at_ns);
            last.set_ns = last.set_ns.min(set_ns);
        }
        if let Some(last) = self.epochs.last_mut() {
            last.1 = last.1.min(epoch.saturating_sub(1));
        }
    }

    /// The last stretch goes on a little, for what was handed in before its end.
    pub(super) fn extend(&mut self, to_ns: u64) {
        if let Some(last) = self.list.back_mut().filter(|last| last.to_ns != OPEN) {
            last.to_ns = last.to_ns.max(to_ns);
        }
    }

    pub(super) fn get(&self, n: usize) -> Option<&Segment> {
        self.list.get(n)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Segment)> {
        self.list.iter().enumerate()
    }

    pub(super) fn last(&self) -> Option<usize> {
        self.list.len().checked_sub(1)
    }

    /// The segment that records an epoch.
    pub(super) fn of(&self, epoch: u32) -> Option<usize> {
        let own = |(first, last): &(u32, u32)| (*first..=*last).contains(&epoch);
        self.epochs.iter().position(own)
    }

    pub(super) fn records(&self, epoch: u32) -> bool {
        self.of(epoch).is_some()
    }

    /// The segment that an epoch is of, if a pause has ended it before this place and before
    /// `last_epoch`, the recording's last one.
    pub(super) fn paused_before(&self, at: u64, rate: u32, epoch: u32, last_epoch: u32) -> Option<usize> {
        let n = self.of(epoch)?;
        let (segment, (_, last)) = (self.list.get(n)?, self.epochs.get(n)?);
        let is_behind = segment.to_ns != OPEN && grid::index(segment.to_ns, rate) <= at;
        (is_behind && *last < last_epoch).then_some(n)
    }

    /// What may be heard in a segment, on the grid of a leg.
    pub(super) fn view(&self, n: usize, rate: u32) -> TrackView<'_> {
        let segment = self.list.get(n);
        TrackView {
            epochs: &self.epochs,
            own: self.epochs.get(n).copied().unwrap_or((u32::MAX, u32::MAX)),
            guard: segment.map_or(0, |segment| grid::index(segment.guard_ns, rate)),
            end: match segment.map_or(OPEN, |segment| segment.set_ns) {
                OPEN => OPEN,
                ns => grid::index(ns, rate),
            },
        }
    }

    /// Cuts a stretch of a leg's samples where the recording's zones change; the parts
    /// cover it without a gap.
    pub(super) fn zones(&self, from: u64, to: u64, rate: u32) -> Vec<(Zone, u64, u64)> {
        let mut zones = Vec::new();
        let mut at = from;
        let mut push = |zone, at: &mut u64, end: u64| {
            let end = end.min(to);
            if *at < end {
                zones.push((zone, *at, end));
                *at = end;
            }
        };
        push(Zone::BeforeStart, &mut at, grid::index(self.start_ns, rate));
        for (n, segment) in self.list.iter().enumerate() {
            push(Zone::Paused, &mut at, grid::index(segment.from_ns, rate));
            let end = match segment.to_ns {
                OPEN => OPEN,
                ns => grid::index(ns, rate),
            };
            push(Zone::Recorded(n), &mut at, end);
        }
        push(Zone::Paused, &mut at, OPEN);
        zones
    }

    /// Where a leg's position lies in the file.
    pub(super) fn frame(&self, n: usize, at: u64, rate: u32, file_rate: u32) -> u64 {
        let Some(segment) = self.list.get(n) else {
            return 0;
        };
        let begin = grid::index(segment.from_ns, file_rate);
        let frame = grid::convert(at, rate, file_rate).saturating_sub(begin) + segment.frame;
        match segment.to_ns {
            OPEN => frame,
            ns => frame.min(grid::index(ns, file_rate).saturating_sub(begin) + segment.frame),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::NS_PER_S;

    fn paused_once() -> Segments {
        let mut segments = Segments::new(NS_PER_S);
        segments.open(NS_PER_S, 0, 1, 0);
        segments.close(2 * NS_PER_S, 2 * NS_PER_S, 2);
        segments.open(3 * NS_PER_S, 8000, 3, 3 * NS_PER_S);
        segments
    }

    #[test]
    fn zones_cover_a_stretch_without_a_gap() {
        let zones = paused_once().zones(0, 40_000, 8000);
        let want = [
            (Zone::BeforeStart, 0, 8000),
            (Zone::Recorded(0), 8000, 16_000),
            (Zone::Paused, 16_000, 24_000),
            (Zone::Recorded(1), 24_000, 40_000),
        ];
        assert_eq!(zones, want);
    }

    #[test]
    fn what_was_handed_in_during_a_pause_is_never_heard() {
        let segments = paused_once();
        assert!(segments.records(1) && !segments.records(2) && segments.records(3));
        assert!(!segments.records(0));
        assert_eq!(segments.view(1, 8000).guard, 24_000);
        assert_eq!(segments.frame(1, 25_000, 8000, 8000), 9000);
    }
}
