//! Keeps the latest audio of a call for recordings that begin earlier than they are started.
//!
//! The audio stays in the tracks of the legs, as it came. Nothing is kept from before or during an
//! interruption: a pause of any recording of the call, or a time when its audio is forbidden.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::CallMedia;
use crate::planted::{TimelineFault, is_planted};
use crate::{MediaConfig, MediaStats};
use callrec_base::clock::{NS_PER_MS, NS_PER_S};
use callrec_media::tap::{EarlierStart, PointTime, Tap};

/// How often the oldest audio is discarded, while memory is not scarce.
const TRIM_NS: u64 = NS_PER_S;
/// How much longer than promised audio is kept, so that a start finds what its caller was told.
const SLACK_NS: u64 = 5 * NS_PER_S;

/// What a call keeps.
pub(super) struct Lookback {
    bound_ns: u64,
    /// The audio of all calls may take this much memory.
    max_bytes: u64,
    /// Since when nothing has interrupted the call; `None` during an interruption.
    since: Option<EarlierStart>,
    /// Audio before this time is discarded.
    floor_ns: u64,
    trimmed_ns: u64,
    /// Whether audio was kept then.
    kept: bool,
    /// This call's part of the memory of all calls.
    counted: u64,
    stats: Arc<MediaStats>,
}

impl Lookback {
    /// `None` if nothing is to be kept.
    pub(super) fn new(config: &MediaConfig, stats: &Arc<MediaStats>) -> Option<Box<Lookback>> {
        config.keeps_past().then(|| {
            Box::new(Lookback {
                bound_ns: config.lookback_ns,
                max_bytes: config.lookback_bytes,
                since: Some(EarlierStart::default()),
                floor_ns: 0,
                trimmed_ns: 0,
                kept: true,
                counted: 0,
                stats: stats.clone(),
            })
        })
    }

    fn count(&mut self, bytes: u64) {
        if bytes == self.counted {
            return;
        }
        self.stats.lookback_bytes.fetch_add(bytes, Relaxed);
        self.stats.lookback_bytes.fetch_sub(self.counted, Relaxed);
        self.counted = bytes;
    }

    /// How much longer audio is kept than promised.
    fn slack_ns(&self) -> u64 {
        SLACK_NS.min(self.bound_ns / 8)
    }

    fn limit(&self) -> u64 {
        self.max_bytes / 8 * 7
    }

    /// Whether all calls together need too much memory, so that each must keep less.
    fn is_scarce(&self) -> bool {
        self.stats.lookback_bytes.load(Relaxed) > self.limit()
    }

    /// How far back the call may keep audio, if it holds `own_ns` of it.
    fn reach_ns(&self, own_ns: u64) -> u64 {
        let most_ns = self.bound_ns + self.slack_ns();
        if !self.is_scarce() {
            return most_ns;
        }
        let held = self.stats.lookback_bytes.load(Relaxed).max(1);
        let reach = u128::from(own_ns.min(most_ns)) * u128::from(self.limit()) / u128::from(held);
        most_ns.min(u64::try_from(reach).unwrap_or(u64::MAX))
    }
}

impl Drop for Lookback {
    fn drop(&mut self) {
        self.count(0);
    }
}

impl CallMedia {
    /// Whether audio is kept although no recording needs it.
    pub(super) fn keeps_past(&self) -> bool {
        self.lookback.as_ref().is_some_and(|past| past.since.is_some())
    }

    /// The time from which on audio is kept.
    pub(super) fn kept_from_ns(&self) -> Option<u64> {
        let past = self.lookback.as_ref()?;
        Some(past.floor_ns.max(past.since?.ns))
    }

    /// Follows a control point.
    pub(super) fn follow_interruptions(&mut self, ns: u64, epoch: u32) {
        let is_interrupted = self.is_interrupted();
        let Some(past) = &mut self.lookback else {
            return;
        };
        if is_interrupted {
            past.since = None;
        } else if past.since.is_none() {
            let epoch = match is_planted(TimelineFault::LookbackIntoPause) {
                true => 0,
                false => epoch,
            };
            past.since = Some(EarlierStart {
                ns,
                epoch,
                guard_ns: ns,
            });
            self.begin_anew(ns);
        }
    }

    fn is_interrupted(&self) -> bool {
        let is_forbidden = self.forbids_past || self.line_forbids_past;
        is_forbidden || self.ended || self.taps.iter().any(Tap::is_paused)
    }

    /// A recording may have ended by itself while it was paused. Must follow a drain, so that all
    /// audio of the pause has an earlier epoch.
    pub(super) fn follow_endings(&mut self, now_ns: u64) {
        if self.lookback.is_some() && !self.keeps_past() && !self.is_interrupted() {
            // What was passed in before may lie ahead of the clock.
            self.epoch += 1;
            self.follow_interruptions(now_ns, self.epoch);
        }
    }

    /// Nothing from longer than `age_ns` before a control point may be kept.
    pub(super) fn forget_before(&mut self, age_ns: u64, at: PointTime) {
        let ns = at.clock_ns.saturating_sub(age_ns);
        let since = self.lookback.as_mut().and_then(|past| past.since.as_mut());
        let Some(since) = since.filter(|since| age_ns == 0 || since.ns < ns) else {
            return;
        };
        since.ns = since.ns.max(ns);
        since.guard_ns = since.ns;
        if age_ns == 0 {
            // What was passed in before may lie ahead of the clock.
            since.epoch = at.epoch;
            self.begin_anew(at.clock_ns);
        }
        self.release();
    }

    /// Lets a recording that starts at `at` begin at `from_ns`, as far as the audio is kept.
    pub(super) fn begin_earlier(&self, tap: &mut Tap, from_ns: u64, at: PointTime) {
        let (Some(past), Some(kept_ns)) = (&self.lookback, self.kept_from_ns()) else {
            return;
        };
        if let Some(since) = past.since.filter(|_| kept_ns < at.ns) {
            let late_ns = match is_planted(TimelineFault::LookbackBeginsLate) {
                true => 20 * NS_PER_MS,
                false => 0,
            };
            let ns = (from_ns + late_ns).max(kept_ns).min(at.ns);
            let patience_ns = self.call.config().backlog_ns;
            tap.begin_earlier(EarlierStart { ns, ..since }, patience_ns, &self.legs);
        }
    }

    /// Discards what is too old, and counts the rest.
    pub(super) fn trim(&mut self, now_ns: u64) {
        self.count_kept();
        if !self.points.is_empty() {
            // A start that waits was promised what is kept now.
            return;
        }
        let keeps = self.keeps_past();
        // A leg keeps few clock rates, and further ones must find room.
        let crowded = self.legs.fed().map(|(_, leg)| leg.timeline.crowded_until_ns());
        let crowded_ns = crowded.flatten().max().unwrap_or(0);
        let Some(past) = self.lookback.as_mut() else {
            return;
        };
        let is_urgent = crowded_ns > past.floor_ns || past.is_scarce() || keeps != past.kept;
        if !is_urgent && now_ns < past.trimmed_ns + TRIM_NS {
            return;
        }
        (past.trimmed_ns, past.kept) = (now_ns, keeps);
        let oldest = self.legs.fed().filter_map(|(_, leg)| leg.timeline.held_from_ns());
        let own_ns = now_ns.saturating_sub(oldest.min().unwrap_or(now_ns));
        let reach_ns = past.reach_ns(own_ns);
        // What the call promised at its latest visit is discarded at this one.
        let promised_ns = now_ns.saturating_sub(reach_ns - past.slack_ns().min(reach_ns / 8));
        past.floor_ns = past.floor_ns.max(now_ns.saturating_sub(reach_ns)).max(crowded_ns);
        self.call.keep_from(promised_ns.max(past.floor_ns));
        self.release();
        self.count_kept();
    }

    fn count_kept(&mut self) {
        if let Some(past) = &mut self.lookback {
            past.count(self.legs.fed().map(|(_, leg)| leg.timeline.held_bytes()).sum());
        }
    }
}
