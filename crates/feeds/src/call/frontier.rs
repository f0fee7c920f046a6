//! The frontier: the time up to which a call's media may be rendered.

use super::CallMedia;
use callrec_base::types::Leg;
use callrec_media::dtmf;
use callrec_media::leg::LegMedia;

impl CallMedia {
    pub(super) fn frontier(&self, now_ns: u64) -> u64 {
        match self.real {
            true => {
                let rendered_ns = self.frontier_ns;
                let waits = |leg: &LegMedia| leg.timeline.rendering_waits_ns(now_ns, rendered_ns);
                let waits_ns = self.legs.fed().filter_map(|(_, leg)| waits(leg)).min();
                let frontier_ns = now_ns.saturating_sub(self.lag_ns());
                frontier_ns.min(waits_ns.unwrap_or(u64::MAX))
            }
            false => self.stream_frontier().min(self.undecoded_ns()),
        }
    }

    /// In stream time, the furthest media end of the other legs with audio.
    pub(super) fn others_end_ns(&self, n: usize) -> Option<u64> {
        if self.real {
            return None;
        }
        let others = self.legs.fed().filter(|(other, _)| *other as usize != n);
        let with_audio = others.filter(|(_, leg)| leg.is_attached && leg.audio_rate().is_some());
        with_audio.map(|(_, leg)| leg.end_ns()).max()
    }

    /// The furthest media end of any leg.
    pub(super) fn end_ns(&self) -> u64 {
        let ends = self.legs.fed().map(|(_, leg)| leg.end_ns());
        ends.max().unwrap_or(0)
    }

    /// The end of the slowest attached leg, at most `leg_wait_ns` behind the fastest one. Reduced by
    /// `reorder_ns`, for packets out of order.
    fn stream_frontier(&self) -> u64 {
        let furthest = self.end_ns();
        let is_fed = |leg| self.legs.is_fed(leg);
        let complete = is_fed(Leg::Mixed) || is_fed(Leg::Local) && is_fed(Leg::Remote);
        let attached = self.legs.fed().filter(|(_, leg)| leg.is_attached);
        let reached = attached.map(|(_, leg)| leg.track().end_ns()).min();
        let frontier = match complete {
            true => reached.map_or(furthest, |reached| reached.min(furthest)),
            false => 0,
        };
        frontier
            .max(furthest.saturating_sub(self.call.config().leg_wait_ns))
            .saturating_sub(self.lag_ns())
    }

    /// How far the frontier is behind: packets may arrive out of order, and tones must be known.
    pub(super) fn lag_ns(&self) -> u64 {
        let hold_ns = if self.dtmf.is_some() { dtmf::HOLD_NS } else { 0 };
        self.reorder_ns + hold_ns
    }
}
