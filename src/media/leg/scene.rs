//! What a leg is told of its call, and what it tells of a drain.

use std::sync::atomic::Ordering;

use super::grid;
use crate::clock::NS_PER_S;
use crate::media::MediaStats;

/// So long after a resume, what lies before it by its own time is not moved across it.
const GUARD_NS: u64 = 60 * NS_PER_S;

/// What a leg needs to know of its call while it drains.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::media) struct Scene {
    pub real: bool,
    pub reorder_ns: u64,
    /// Media time of the last resume.
    pub resumed_ns: u64,
    /// Some recording of the call is not paused.
    pub recording: bool,
}

/// What a drain has counted, told to the statistics once.
#[derive(Debug, Default)]
pub(in crate::media) struct Tally {
    pub frames_in: u64,
    pub unknown: u64,
    pub late: u64,
    pub lost: i64,
    pub last_arrival_ns: u64,
    /// Some leg has late stretches to tell of.
    pub missed: bool,
}

impl Tally {
    pub(in crate::media) fn tell(&self, stats: &MediaStats) {
        stats.frames_in.fetch_add(self.frames_in, Ordering::Relaxed);
        if self.unknown != 0 {
            stats.dropped_unknown.fetch_add(self.unknown, Ordering::Relaxed);
        }
        if self.late != 0 {
            stats.late.fetch_add(self.late, Ordering::Relaxed);
        }
        // Wraps: what was found again is taken off.
        if self.lost != 0 {
            stats.frames_lost.fetch_add(self.lost as u64, Ordering::Relaxed);
        }
    }
}

/// The count's growth since it was last looked at; never backwards.
pub(super) fn newer(count: u32, known: &mut u32) -> u32 {
    let more = count.wrapping_sub(*known);
    if more > u32::MAX / 2 {
        return 0;
    }
    *known = count;
    more
}

/// Whether a packet lies before the last resume by its own time and comes soon after
/// it: what was said while paused must not be moved into what is recorded. Stream time
/// has no clock that arrivals and resumes have in common.
pub(super) fn guarded(at: i64, rate: u32, arrival_ns: u64, scene: &Scene) -> bool {
    scene.real
        && scene.resumed_ns > 0
        && arrival_ns < scene.resumed_ns.saturating_add(GUARD_NS)
        && at < grid::index(scene.resumed_ns, rate) as i64
}
