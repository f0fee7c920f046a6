//! Decides which audio a recording may include.

use crate::planted::{TimelineFault, is_planted};

/// Where audio comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AudioSource {
    #[default]
    HandedIn,
    /// A repetition of a sample that was handed in once.
    Repeated,
    /// Audio of a missing packet, from the copy in a later one.
    Recovered,
    /// Made up for a missing packet. Audio that arrives later replaces it.
    Concealed,
    /// Made up for a silence that its sender described. Audio that arrives later replaces it.
    ComfortNoise,
    /// Comfort noise of which only one second is stored.
    RepeatedNoise,
}

impl AudioSource {
    /// Whether nobody said it.
    pub fn is_made_up(self) -> bool {
        self == AudioSource::Concealed || self.is_noise()
    }

    /// Whether it fills a silence of the sender.
    pub fn is_noise(self) -> bool {
        matches!(self, AudioSource::ComfortNoise | AudioSource::RepeatedNoise)
    }
}

/// The origin of audio, as far as recordings depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The number of control points that had been set when it was handed in.
    pub epoch: u32,
    /// Upper bound of the hidden delay, in samples.
    pub hidden_delay: u32,
    /// Written ahead of the clock, so that it counts as spoken when it is played.
    pub is_ahead: bool,
    pub source: AudioSource,
    /// The part before a control point of a packet that was handed in after it.
    pub straddles: bool,
}

/// The audio that a recording may include in one segment.
#[derive(Clone, Copy, Debug)]
pub struct TrackView<'a> {
    /// First and last epoch of each segment.
    pub epochs: &'a [(u32, u32)],
    /// First and last epoch of this segment.
    pub own: (u32, u32),
    /// No audio that may have been spoken before this position is included.
    pub guard: u64,
    /// The position at which the end was set. Only a packet that was handed in earlier may extend
    /// beyond it.
    pub end: u64,
}

impl TrackView<'_> {
    /// Returns the range of a part with this origin that the segment includes.
    pub fn recorded_range(&self, start: u64, end: u64, origin: Origin) -> (u64, u64) {
        let foreign = origin.epoch < self.own.0 && !origin.is_ahead;
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
