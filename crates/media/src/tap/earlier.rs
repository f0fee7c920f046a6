//! A recording that begins earlier than it was started, with audio that its call has kept.

use super::segments::Segments;
use super::{Phase, Tap};
use crate::legs::Legs;

/// The earliest beginning of a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EarlierStart {
    pub ns: u64,
    /// Audio handed in from this epoch on is included.
    pub epoch: u32,
    /// No audio that may have been spoken before this time is included; 0: there is none.
    pub guard_ns: u64,
}

impl Tap {
    /// Begins earlier. The legs have kept the audio since then, and nothing has interrupted it. Must
    /// follow `new`. A recording that begins paused does not change.
    pub fn begin_earlier(&mut self, start: EarlierStart, legs: &Legs) {
        if self.phase != Phase::Recording || start.ns >= self.start_ns {
            return;
        }
        self.start_ns = start.ns;
        self.settled_ns = start.ns;
        self.segments = Segments::new(start.ns);
        self.segments.open(start.ns, 0, start.epoch, start.guard_ns);
        self.was_ever_paused = start.guard_ns > 0;
        self.account.begin_earlier(legs, start.epoch, start.ns);
        for (leg, media) in legs.fed() {
            if self.includes_leg(leg as usize) {
                self.rates[leg as usize] = media.timeline.rate_since(start.ns);
            }
        }
    }

    /// Whether the recording itself is paused, and has not been stopped.
    pub fn is_paused(&self) -> bool {
        self.is_paused && self.phase != Phase::Over && !self.is_stopping()
    }
}
