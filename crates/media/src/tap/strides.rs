//! A recording that is far behind renders one stride at each visit.

use super::{Phase, Tap};
use crate::grid;
use crate::legs::Legs;
use crate::planted;
use crate::time::NS_PER_S;
use crate::track::Content;

/// The maximum time rendered at once, so that other calls have their turn. In stream time, the
/// timestamps of a peer decide how long a silence is; in real time, a recording may begin minutes
/// before its start.
const STRIDE_NS: u64 = 60 * NS_PER_S;

/// The stride, which tests may shorten.
fn longest_ns() -> u64 {
    planted::stride_ns().unwrap_or(STRIDE_NS)
}

impl Tap {
    /// How far one stride towards `to_ns` reaches. In real time, silence costs little and does not
    /// count.
    pub(super) fn stride_ns(&self, to_ns: u64, legs: &Legs) -> u64 {
        let longest_ns = longest_ns();
        let stride_ns = self.position_ns().saturating_add(longest_ns);
        if to_ns <= stride_ns || !self.is_real_time {
            return stride_ns;
        }
        match self.phase {
            Phase::Recording => self.first_audio_ns(legs).saturating_add(longest_ns),
            _ => u64::MAX,
        }
    }

    /// Where the first audio that is not rendered begins; `u64::MAX`: there is none.
    fn first_audio_ns(&self, legs: &Legs) -> u64 {
        let from_ns = self.position_ns();
        let tracks = self
            .recorded_legs(legs)
            .flat_map(|(_, leg)| leg.timeline.tracks());
        let first = tracks.filter_map(|track| {
            let mut parts = track.parts(grid::index(from_ns, track.rate()), u64::MAX);
            let audio = parts.find(|part| matches!(part.content, Content::Audio(_)))?;
            Some(grid::time(audio.from, track.rate()))
        });
        first.min().unwrap_or(u64::MAX).max(from_ns)
    }

    /// Whether it must render more, in stream time before more packets are drained.
    pub fn is_behind(&self) -> bool {
        self.behind && self.phase != Phase::Over
    }

    /// Whether a control point at this time can be applied at once.
    pub fn is_near(&self, at_ns: u64, legs: &Legs) -> bool {
        // A recording that has been stopped ends where it was stopped.
        let at_ns = self.pending_stop.map_or(at_ns, |stop| at_ns.min(stop.at_ns));
        self.phase == Phase::Over || at_ns <= self.stride_ns(at_ns, legs)
    }

    /// Renders one stride towards a control point at this time, but not beyond the frontier. Returns
    /// whether it cannot come nearer.
    pub fn approach(&mut self, at_ns: u64, frontier_ns: u64, legs: &Legs) -> bool {
        let before_ns = self.position_ns();
        let to_ns = self.stride_ns(at_ns, legs).min(frontier_ns);
        self.render_until(to_ns, legs);
        self.position_ns() == before_ns
    }
}
