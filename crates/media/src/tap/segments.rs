//! The time ranges that a recording has recorded, and their positions in its file.

use std::collections::VecDeque;

use crate::grid;
use crate::track::TrackView;

/// The maximum number of segments remembered. Older ones are settled.
const SEGMENTS: usize = 64;
/// The end of an open segment.
const OPEN: u64 = u64::MAX;

/// A range from start or resume to pause or stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub from_ns: u64,
    pub to_ns: u64,
    /// The frame in the file at which it begins.
    pub frame: u64,
    /// No audio that may have been spoken before this time is included; 0 if nothing was paused
    /// before.
    pub guard_ns: u64,
    /// When its end was set: at most a packet's length before `to_ns`.
    set_ns: u64,
}

/// The meaning of a time range for a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    BeforeStart,
    /// Recorded in the segment with this index.
    Recorded(usize),
    Paused,
}

#[derive(Debug, Default)]
pub(super) struct Segments {
    list: VecDeque<Segment>,
    /// First and last epoch of each segment. Behind them, those after the end in which audio from
    /// before it is recorded.
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

    /// Begins a segment. No audio that may have been spoken before `guard_ns` is included.
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

    /// Ends the segment. `epoch`: the first epoch that is not recorded. `set_ns`: the time of the
    /// control point by the clock.
    pub(super) fn close(&mut self, at_ns: u64, set_ns: u64, epoch: u32) {
        if let Some(last) = self.list.back_mut() {
            last.to_ns = last.to_ns.min(at_ns);
            last.set_ns = last.set_ns.min(set_ns);
        }
        if let Some(last) = self.epochs.last_mut() {
            last.1 = last.1.min(epoch.saturating_sub(1));
        }
    }

    /// From this epoch on, audio from before the end of the recording is recorded, or no longer. Must
    /// follow the end.
    pub(super) fn record_late(&mut self, on: bool, epoch: u32) {
        let open = self.epochs[self.list.len()..]
            .last_mut()
            .filter(|last| last.1 == u32::MAX);
        match (open, on) {
            (None, true) => self.epochs.push((epoch, u32::MAX)),
            (Some(last), false) => last.1 = epoch.saturating_sub(1),
            _ => {}
        }
    }

    /// Whether an epoch is after the end, and audio from before it is recorded nevertheless.
    pub(super) fn is_late(&self, epoch: u32) -> bool {
        let own = |(first, last): &(u32, u32)| (*first..=*last).contains(&epoch);
        self.epochs[self.list.len()..].iter().any(own)
    }

    /// Extends the last segment for audio that was handed in before its end.
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
    pub(super) fn segment_of(&self, epoch: u32) -> Option<usize> {
        let own = |(first, last): &(u32, u32)| (*first..=*last).contains(&epoch);
        self.epochs.iter().position(own)
    }

    pub(super) fn records(&self, epoch: u32) -> bool {
        self.segment_of(epoch).is_some()
    }

    /// The segment of an epoch, if a pause ended it before this position and before `last_epoch`,
    /// the last epoch of the recording.
    pub(super) fn paused_before(&self, at: u64, rate: u32, epoch: u32, last_epoch: u32) -> Option<usize> {
        let n = self.segment_of(epoch)?;
        let (segment, (_, last)) = (self.list.get(n)?, self.epochs.get(n)?);
        let is_behind = segment.to_ns != OPEN && grid::index(segment.to_ns, rate) <= at;
        (is_behind && *last < last_epoch).then_some(n)
    }

    /// The audio that a segment may include, on the grid of a leg.
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

    /// Splits a range of a leg's samples by zones. The parts cover it without gaps.
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

    /// The frame in the file at a position of a leg.
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
    fn zones_cover_a_range_without_gaps() {
        let zones = paused_once().zones(0, 40_000, 8000);
        let expected = [
            (Zone::BeforeStart, 0, 8000),
            (Zone::Recorded(0), 8000, 16_000),
            (Zone::Paused, 16_000, 24_000),
            (Zone::Recorded(1), 24_000, 40_000),
        ];
        assert_eq!(zones, expected);
    }

    #[test]
    fn audio_handed_in_during_a_pause_is_not_recorded() {
        let segments = paused_once();
        assert!(segments.records(1) && !segments.records(2) && segments.records(3));
        assert!(!segments.records(0));
        assert_eq!(segments.view(1, 8000).guard, 24_000);
        assert_eq!(segments.frame(1, 25_000, 8000, 8000), 9000);
    }
}
