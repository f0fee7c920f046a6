//! A recording that is far behind renders one stride at each visit.

use super::{Phase, Tap};
use crate::grid;
use crate::legs::Legs;
use crate::time::NS_PER_S;
use crate::track::Content;

/// The maximum time rendered at once, so that other calls have their turn. In stream time, the
/// timestamps of a peer decide how long a silence is; in real time, a recording may begin minutes
/// before its start.
const STRIDE_NS: u64 = 60 * NS_PER_S;

impl Tap {
    /// How far one stride towards `to_ns` reaches. In real time, silence costs little and does not
    /// count.
    pub(super) fn stride_ns(&self, to_ns: u64, legs: &Legs) -> u64 {
        let stride_ns = self.position_ns().saturating_add(STRIDE_NS);
        if to_ns <= stride_ns || !self.is_real_time {
            return stride_ns;
        }
        match self.phase {
            Phase::Recording => self.first_audio_ns(legs).saturating_add(STRIDE_NS),
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

    /// Returns true if a control point at this time can be applied at once. Otherwise renders one
    /// stride towards it.
    pub fn approach(&mut self, at_ns: u64, legs: &Legs) -> bool {
        // A recording that has been stopped ends where it was stopped.
        let at_ns = self.pending_stop.map_or(at_ns, |stop| at_ns.min(stop.at_ns));
        let stride_ns = self.stride_ns(at_ns, legs);
        if self.phase == Phase::Over || at_ns <= stride_ns {
            return true;
        }
        self.render_until(stride_ns, legs);
        false
    }
}
