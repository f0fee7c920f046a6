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

/// Audio that the call has kept is not lost because the disk cannot take it all at once: it stays
/// where it is until there is room for it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EarlyAudio {
    /// Audio before this time may wait; 0: there is none. It includes what came while it waited.
    until_ns: u64,
    /// It waits no longer than this, because what is said meanwhile needs memory, too.
    waits_until_ns: u64,
}

impl Tap {
    /// Begins earlier. The legs have kept the audio since then, and nothing has interrupted it. Must
    /// follow `new`. A recording that begins paused does not change. `patience_ns`: how much longer than
    /// the audio lasts it may wait for the disk.
    pub fn begin_earlier(&mut self, start: EarlierStart, patience_ns: u64, legs: &Legs) {
        if self.phase != Phase::Recording || start.ns >= self.start_ns {
            return;
        }
        if self.is_real_time {
            let length_ns = self.start_ns - start.ns;
            self.early = EarlyAudio {
                until_ns: self.start_ns,
                waits_until_ns: self
                    .start_ns
                    .saturating_add(length_ns)
                    .saturating_add(patience_ns),
            };
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

    /// Whether the next frame is from before the start, or came while such frames waited.
    pub(super) fn is_early(&self) -> bool {
        self.early.until_ns > 0 && self.position_ns() < self.early.until_ns
    }

    /// Whether early audio must wait for the disk. If so, the tap is behind.
    pub(super) fn waits_for_disk(&mut self, frontier_ns: u64) -> bool {
        let waits =
            self.is_early() && frontier_ns < self.early.waits_until_ns && !self.sink_queue.accepts_early();
        if waits {
            self.early.until_ns = self.early.until_ns.max(frontier_ns);
            self.behind = true;
            // Packets that are kept have a memory of their own. With a maximum duration, it is not known
            // yet which ones belong to the recording.
            if self.audio.max_duration_ms == 0 {
                self.pass_raw(frontier_ns);
            }
        }
        waits
    }

    /// Renders up to a time. Early audio is delivered at once, before the next recording asks whether
    /// there is room for its own.
    pub(super) fn render_early_or_live(&mut self, to_ns: u64, legs: &Legs) {
        let is_early = self.is_early();
        self.render_until(to_ns, legs);
        if is_early {
            self.deliver();
        }
    }

    /// The call is visited for the last time, so early audio waits no longer.
    pub fn stop_waiting(&mut self) {
        self.early.waits_until_ns = 0;
    }

    /// Whether the recording itself is paused, and has not been stopped.
    pub fn is_paused(&self) -> bool {
        self.is_paused && self.phase != Phase::Over && !self.is_stopping()
    }
}
