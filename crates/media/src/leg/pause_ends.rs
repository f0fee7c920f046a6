//! When recordings went on after pauses.

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
}

impl PauseEnds {
    pub fn add(&mut self, epoch: u32, at_ns: u64) {
        if self.ends.len() == ENDS {
            self.ends.remove(0);
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
}
