//! Whose audio a recording may hear.

use crate::planted::{TimelineFault, is_planted};

/// Where audio comes from, as far as it matters for who may hear it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Which control points had been set when it was handed in.
    pub epoch: u32,
    /// Samples by which it may have been said before its place.
    pub hidden_delay: u32,
    /// HostWrite ahead of the clock: said when it is heard.
    pub ahead: bool,
    /// A sample that was handed in once, a second time.
    pub repeated: bool,
    /// Of a packet that was handed in after a control point, what lies before that.
    pub straddles: bool,
}

/// Which audio a stretch of a recording may hear.
#[derive(Clone, Copy, Debug)]
pub struct TrackView<'a> {
    /// First and last epoch of each part in which it was recording.
    pub epochs: &'a [(u32, u32)],
    /// The epochs of this part.
    pub own: (u32, u32),
    /// Nothing that may have been said before it, in samples.
    pub guard: u64,
    /// Where its end was set, in samples. A packet that was handed in before may reach
    /// beyond it, and no other.
    pub end: u64,
}

impl TrackView<'_> {
    /// From which sample to which a stretch of this origin is heard.
    pub fn recorded_range(&self, start: u64, end: u64, origin: Origin) -> (u64, u64) {
        let foreign = origin.epoch < self.own.0 && !origin.ahead;
        if (!self.is_recorded(origin.epoch) || foreign) && !is_planted(TimelineFault::PausedAudioRecorded) {
            return (end, end);
        }
        let from = match (origin.hidden_delay, self.guard) {
            (0, _) | (_, 0) => start,
            _ if is_planted(TimelineFault::HiddenDelayIgnored) => start,
            (hidden_delay, guard) => start.max(guard.saturating_add(hidden_delay.into())).min(end),
        };
        let to = if origin.epoch > self.own.1 {
            end.min(self.end)
        } else {
            end
        };
        (from, to.max(from))
    }

    pub fn is_recorded(&self, epoch: u32) -> bool {
        self.epochs
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&epoch))
    }
}
