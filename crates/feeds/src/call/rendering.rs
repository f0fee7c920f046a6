//! Renders and settles the recordings of a call.

use super::CallMedia;
use crate::call_tap::PointAction;
use callrec_base::types::{EndReason, Leg};
use callrec_media::dtmf;
use callrec_media::leg::LegMedia;
use callrec_media::sort::sort_by_key;
use callrec_media::tap::Tap;

impl CallMedia {
    /// Whether every recording that the next control point concerns can reach it in one visit.
    /// Otherwise advances them, no further than without the control point. `is_first`: of this visit.
    /// After another one, the next visit advances them.
    pub(super) fn is_near_point(&mut self, now_ns: u64, is_first: bool) -> bool {
        let Some(point) = self.points.front() else {
            return true;
        };
        let concerned = match point.action {
            PointAction::Pause(id) | PointAction::Resume(id) => Some(id),
            PointAction::Private { .. } => None,
            PointAction::Stop(id, reason) if reason != EndReason::Discarded => Some(id),
            PointAction::End(_) => None,
            _ => return true,
        };
        let at_ns = if self.real { point.clock_ns } else { self.end_ns() };
        let frontier_ns = self.frontier(now_ns);
        let mut near = true;
        for tap in &mut self.taps {
            if concerned.is_none_or(|id| id == tap.id) {
                near &= tap.is_near(at_ns, &self.legs)
                    || is_first && tap.approach(at_ns, frontier_ns, &self.legs);
            }
        }
        near
    }

    pub(super) fn advance_if_due(&mut self, now_ns: u64) {
        let is_dirty = |leg: &LegMedia| !leg.timeline.dirty.is_empty();
        let frontier_ns = self.frontier_ns.max(self.frontier(now_ns));
        if frontier_ns < self.schedule.rest_ns && !self.legs.fed().any(|(_, leg)| is_dirty(leg)) {
            return;
        }
        self.frontier_ns = frontier_ns;
        self.fill_silences(frontier_ns);
        self.advance(now_ns);
        self.finish_closing(now_ns);
        self.update_schedule();
    }

    /// Stream time: fills the silences that senders have described, before a time is rendered. In
    /// real time the clock does so.
    pub(super) fn fill_silences(&mut self, until_ns: u64) {
        if !self.real && self.call.config().conceals {
            self.legs
                .fed_mut()
                .for_each(|(_, leg)| leg.fill_silence(until_ns));
        }
    }

    /// Renders the recordings up to the frontier.
    pub(super) fn advance(&mut self, now_ns: u64) {
        self.repair();
        let mut rendered = false;
        for tap in &mut self.taps {
            rendered |= tap.advance(self.frontier_ns, &self.legs);
        }
        if rendered {
            self.flush(now_ns);
            self.settle(now_ns);
            self.release();
        }
        self.flush(now_ns);
    }

    /// Renders written audio again where a leg has received more audio for it.
    pub(super) fn repair(&mut self) {
        for name in Leg::ALL {
            let leg = self.legs.get_mut(name);
            let Some(leg) = leg.filter(|leg| !leg.timeline.dirty.is_empty()) else {
                continue;
            };
            let mut dirty = std::mem::take(&mut leg.timeline.dirty);
            for (from, to) in joined(&mut dirty) {
                for tap in &mut self.taps {
                    tap.patch(name as usize, from, to, &self.legs);
                }
            }
        }
    }

    /// Tells the recordings the time before which no leg can receive more audio.
    pub(super) fn settle(&mut self, now_ns: u64) {
        let settled_ns = self.settled_until(now_ns);
        for tap in &mut self.taps {
            tap.settle(settled_ns, now_ns, &self.legs);
        }
    }

    /// The time before which no leg can receive more audio.
    pub(super) fn settled_until(&self, now_ns: u64) -> u64 {
        if !self.real {
            return u64::MAX;
        }
        let settled = |leg: &LegMedia| leg.settled_ns(now_ns, self.reorder_ns);
        let settled_ns = self.legs.fed().map(|(_, leg)| settled(leg)).min();
        let late_ns = self.frontier_ns.saturating_sub(dtmf::LATE_NS);
        match (settled_ns, &self.dtmf) {
            (Some(ns), Some(_)) => ns.min(late_ns),
            (ns, _) => ns.unwrap_or(u64::MAX),
        }
    }

    /// Passes finished blocks to the sinks and removes the recordings that have ended.
    pub(super) fn flush(&mut self, now_ns: u64) {
        let backlog_ns = self.call.config().backlog_ns;
        for tap in &mut self.taps {
            if !tap.sink_queue.is_empty() {
                // The recording may be about to fail, so its progress is published first.
                if tap.sink_queue.is_blocked() {
                    tap.publish_ledger(&self.legs);
                }
                tap.flush(now_ns, backlog_ns);
            }
        }
        self.taps.retain(|tap| !tap.sink_queue.is_over());
    }

    /// Lets the legs free the audio that no recording needs.
    pub(super) fn release(&mut self) {
        let ahead = self.legs.fed().any(|(_, leg)| leg.ahead_ns > 0);
        let frontiers = || self.taps.iter().filter_map(Tap::frontiers_ns);
        let written = frontiers().map(|(written, _)| written).max();
        let settled = frontiers().map(|(_, settled)| settled).max();
        // While any recording needs audio, the others account for it themselves.
        let needed = self.taps.iter().any(|tap| tap.needs_legs(ahead));
        let slowest = frontiers().map(|(_, settled)| settled).min();
        let floor = slowest.filter(|_| needed);
        let (recorded, kept) = (floor, self.kept_from_ns());
        let floor = match (recorded, kept) {
            (Some(recorded), Some(kept)) => Some(recorded.min(kept)),
            (recorded, kept) => recorded.or(kept),
        };
        if !needed {
            for tap in &mut self.taps {
                match kept {
                    Some(kept_ns) => tap.settle_discarded(kept_ns, &self.legs),
                    None => tap.settle_all(&self.legs),
                }
            }
        }
        let unsettled = || self.taps.iter().filter_map(Tap::unsettled_ns);
        let unsettled_ns = (
            unsettled().map(|(from, _)| from).min().unwrap_or(u64::MAX),
            unsettled().map(|(_, to)| to).max().unwrap_or(0),
        );
        let keeps_past = self.lookback.is_some();
        for (_, leg) in self.legs.fed_mut() {
            leg.timeline.track.set_keeps_past(keeps_past);
            leg.timeline.set_needed_from(recorded);
            leg.timeline.set_unsettled(unsettled_ns);
            leg.timeline.set_removable_from(slowest.unwrap_or(0));
            leg.timeline
                .retain_from(floor, settled.unwrap_or(0), written.unwrap_or(0));
        }
    }
}

/// Sorts the ranges and joins those that touch.
fn joined(ranges: &mut [(u64, u64)]) -> Vec<(u64, u64)> {
    sort_by_key(ranges, |range| *range);
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (from, to) in ranges.iter().copied() {
        match joined.last_mut() {
            Some(last) if last.1 >= from => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}
