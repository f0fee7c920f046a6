//! Masks DTMF tones: digits that are keyed in during a call must not be audible in its recordings.

mod detector;
mod search;

use crate::leg::LegMedia;
use crate::legs::Legs;
use crate::time::NS_PER_MS;
use search::ToneSearch;

/// Audio this long before and after a tone is masked, too: an event often begins after its tone.
const MARGIN_NS: u64 = 100 * NS_PER_MS;
/// How much later than otherwise a recording is rendered, so that a tone is known before its
/// beginning is written: the margin, the time that a detector needs, and jitter.
pub const HOLD_NS: u64 = 240 * NS_PER_MS;
/// How much longer than otherwise written audio can be replaced, for an event that arrives late.
pub const LATE_NS: u64 = 1_000 * NS_PER_MS;
/// Ranges that are remembered, for audio that arrives late.
const RANGES: usize = 64;

/// The masked times of a call. They hold for all of its legs, because a tone of one leg is often
/// audible in another.
#[derive(Default)]
pub struct DtmfMask {
    /// Sorted, without overlaps, in nanoseconds.
    ranges: Vec<(u64, u64)>,
    searches: [ToneSearch; 3],
    found: Vec<(u64, u64)>,
}

impl DtmfMask {
    /// Searches new audio of the legs for tones, and removes what events and tones cover.
    pub fn apply(&mut self, legs: &mut Legs) {
        for (leg, media) in legs.fed_mut() {
            self.searches[leg as usize].search(media, &mut self.found);
            self.found.append(&mut media.events);
        }
        for (from, to) in self.found.drain(..) {
            let range = (from.saturating_sub(MARGIN_NS), to.saturating_add(MARGIN_NS));
            add(&mut self.ranges, range);
        }
        let surplus = self.ranges.len().saturating_sub(RANGES);
        self.ranges.drain(..surplus);
        for (_, media) in legs.fed_mut() {
            self.mask(media);
        }
    }

    /// The masked times, sorted, in nanoseconds.
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.ranges
    }

    fn mask(&self, media: &mut LegMedia) {
        for (from_ns, to_ns) in &self.ranges {
            media.timeline.mask(*from_ns, *to_ns);
        }
    }
}

/// Adds a range, and joins it with those that it touches.
fn add(ranges: &mut Vec<(u64, u64)>, (mut from, mut to): (u64, u64)) {
    let first = ranges.partition_point(|(_, end)| *end < from);
    let mut last = first;
    while let Some((begin, end)) = ranges.get(last).filter(|(begin, _)| *begin <= to) {
        (from, to) = (from.min(*begin), to.max(*end));
        last += 1;
    }
    ranges.splice(first..last, [(from, to)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_are_joined() {
        let mut ranges = Vec::new();
        for range in [(10, 20), (40, 50), (25, 30), (20, 22), (60, 70), (29, 41)] {
            add(&mut ranges, range);
        }
        assert_eq!(ranges, [(10, 22), (25, 50), (60, 70)]);
        add(&mut ranges, (0, 100));
        assert_eq!(ranges, [(0, 100)]);
    }
}
