//! When recordings went on after pauses.

use crate::grid;

/// Audio without a position is never older than this many.
const ENDS: usize = 16;

/// The end of a pause. Audio is recorded after it if it was passed in from `epoch` on and not spoken
/// before `at_ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PauseEnd {
    pub epoch: u32,
    pub at_ns: u64,
}

/// The latest ends of pauses of any recording of the call, also of private times of the call.
#[derive(Debug, Default)]
pub(super) struct PauseEnds {
    ends: Vec<PauseEnd>,
    /// The number of those that are forgotten.
    forgotten: u64,
}

impl PauseEnds {
    pub fn add(&mut self, epoch: u32, at_ns: u64) {
        if self.ends.len() == ENDS {
            self.ends.remove(0);
            self.forgotten += 1;
        }
        self.ends.push(PauseEnd { epoch, at_ns });
    }

    /// The latest one before audio of an epoch was passed in.
    pub fn before(&self, epoch: u32) -> Option<PauseEnd> {
        let latest = self.ends.iter().rev().find(|end| end.epoch <= epoch).copied();
        // If they are forgotten, every epoch may follow a pause.
        let forgotten = || {
            let first = self.ends.first().filter(|_| self.ends.len() == ENDS)?;
            Some(PauseEnd { epoch, ..*first })
        };
        latest.or_else(forgotten)
    }

    /// The number of ends, from the first one of the call on, after which audio was spoken at least
    /// in part, if it was passed in in `epoch` and ends at the position `end`. `None` if it may be
    /// from between ends that are forgotten.
    pub fn spoken_after(&self, epoch: u32, end: i64, rate: u32) -> Option<u64> {
        let resumed = |pause: &PauseEnd| grid::index(pause.at_ns, rate) as i64;
        let is_before = |pause: &&PauseEnd| pause.epoch > epoch || end <= resumed(pause);
        let later = self.ends.iter().rev().take_while(is_before).count();
        let after = (self.ends.len() - later) as u64;
        (after > 0 || self.forgotten == 0).then_some(self.forgotten + after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_end_before_an_epoch_counts() {
        let mut ends = PauseEnds::default();
        assert_eq!(ends.before(9), None);
        ends.add(3, 100);
        ends.add(5, 200);
        let epochs = [2, 3, 4, 5, 6].map(|epoch| ends.before(epoch).map(|end| end.epoch));
        assert_eq!(epochs, [None, Some(3), Some(3), Some(5), Some(5)]);
    }

    /// Otherwise epochs of different pauses would look alike.
    #[test]
    fn forgotten_ends_separate_all_epochs() {
        let mut ends = PauseEnds::default();
        (0..100).for_each(|n| ends.add(2 * n, u64::from(n)));
        assert_eq!(ends.ends.len(), ENDS);
        let forgotten = [10, 11, 12].map(|epoch| ends.before(epoch).map(|end| end.epoch));
        assert_eq!(forgotten, [Some(10), Some(11), Some(12)]);
    }

    #[test]
    fn the_ends_before_audio_are_counted() {
        const MS: u64 = 1_000_000;
        let mut ends = PauseEnds::default();
        ends.add(3, 100 * MS);
        ends.add(5, 200 * MS);
        let after = |epoch, end| ends.spoken_after(epoch, end, 1000);
        assert_eq!(
            [100, 101, 200, 201].map(|end| after(5, end)),
            [0, 1, 1, 2].map(Some)
        );
        assert_eq!([2, 3, 4].map(|epoch| after(epoch, 300)), [0, 1, 1].map(Some));
        (0..ENDS as u64).for_each(|n| ends.add(6, (300 + n) * MS));
        let after = |epoch, end| ends.spoken_after(epoch, end, 1000);
        assert_eq!([250, 301, 302].map(|end| after(6, end)), [None, Some(3), Some(4)]);
        assert_eq!(after(5, 301), None);
    }
}
