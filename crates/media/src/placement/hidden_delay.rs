//! Bounds how long before its position audio may have been spoken.
//!
//! A stream that is moved to its arrival may hide a delay of up to the distance of the move,
//! because a backlog that drains at real-time pace looks like live audio. Only evidence from the
//! sender or the host reduces the bound. docs/timeline.md lists the evidence.

use super::lateness::{STALL_NS, samples};
use crate::time::NS_PER_MS;

/// The minimum distance of packets that show that a clock stood still.
const APART_NS: u64 = 500 * NS_PER_MS;
/// The number of consecutive packets that show it.
const STEPS: u32 = 2;
/// Sender reports at most `REPORTS_NS` apart must differ by more than this to show a standstill.
const REPORT_NS: u64 = 60 * NS_PER_MS;
const REPORTS_NS: u64 = 60_000 * NS_PER_MS;
/// The maximum deviation of a slow clock in ppm. A larger deviation may be a growing queue.
const SLOW_PPM: i64 = 1000;
/// The maximum correction for a slow clock at once.
const FOLLOWED_NS: u64 = 60 * NS_PER_MS;

/// The fields that every packet needs come first.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub struct HiddenDelay {
    /// Upper bound of the hidden delay, in samples.
    bound: i64,
    /// An end position, and the minimum bound before it, in samples.
    guarded: Option<(i64, i64)>,
    /// Timestamp and arrival of the latest packet.
    latest: Option<(u32, i64)>,
    standstill_steps: u32,
    /// The feed was opened again at this time, and no packet has arrived since.
    pub reopened: Option<i64>,
    /// Upper bound of the hidden delay after the next move.
    next_move_limit: Option<i64>,
    /// `standstill`: samples by which the sender's clock seems to have stood still, judged by
    /// sparse packets, and not yet used by a move. `excused`: samples that it has excused, which
    /// count again if the evidence is revoked.
    standstill: i64,
    excused: i64,
    /// Samples by which the sender's clock is known to have stood still.
    credit: i64,
    /// Samples by which the stream was moved since `report`.
    moved_since: i64,
    /// When a slow clock was last followed, and the remaining allowance in millionths of a sample.
    followed: Option<(i64, i64)>,
    /// The reference for later sender reports: NTP time in samples, and RTP timestamp.
    report: Option<(i64, u32)>,
}

impl HiddenDelay {
    /// Whether any position may have hidden delay.
    pub fn is_nonzero(&self) -> bool {
        self.bound != 0 || self.guarded.is_some()
    }

    /// The bound at a position, in samples.
    pub fn at(&self, at: i64) -> u64 {
        let guarded = self.guarded.filter(|(until, _)| at < *until);
        let bound = guarded.map_or(0, |(_, delay_bound)| delay_bound);
        bound.max(self.bound) as u64
    }

    /// The bound for a packet from before the stream was moved by `moved` samples.
    pub fn before_move(&self, at: i64, moved: i64) -> u64 {
        let guarded = self.guarded.filter(|(until, _)| at < *until);
        let guard = guarded.map_or(0, |(_, delay_bound)| delay_bound);
        guard.max(self.bound - moved).max(0) as u64
    }

    /// Takes over the bound after a change of the clock rate, plus the `silent` samples since then.
    pub fn inherit(&mut self, old: &HiddenDelay, silent: i64, rates: (u32, u32)) {
        let (from, to) = (i64::from(rates.0.max(1)), i64::from(rates.1));
        let stall = samples(STALL_NS, rates.1);
        let convert = |samples: i64| samples.saturating_mul(to) / from;
        self.bound = match convert(silent.max(0)) {
            silent if silent > stall => 0,
            silent => (convert(old.bound) + silent).min(stall),
        };
    }

    /// Sets a minimum bound of at least the longest stall, for the duration of that stall after a
    /// restart at `at`.
    pub fn guard(&mut self, at: i64, delay_bound: i64, rate: u32) {
        let stall = samples(STALL_NS, rate);
        self.guarded = Some((at + stall, delay_bound.max(stall)));
    }

    /// Sets a minimum bound before `until`, after the stream began with a burst.
    pub fn guard_burst(&mut self, until: i64, delay_bound: i64) {
        let (other_until, other_bound) = self.guarded.unwrap_or_default();
        self.guarded = Some((until.max(other_until), delay_bound.max(other_bound)));
    }

    /// Adds a move of the stream. `proven`, or a single move beyond the longest stall, shows that
    /// the sender's clock stood still, and clears the bound.
    pub fn add_move(&mut self, by: i64, proven: bool, rate: u32) {
        let stall = samples(STALL_NS, rate);
        self.add(by);
        self.bound = self.bound.min(self.next_move_limit.take().unwrap_or(stall));
        if proven || by > stall {
            self.clear();
        }
    }

    /// Notes that the sender's clock seems to have stood still for `by` samples.
    fn record_standstill(&mut self, by: i64, rate: u32) {
        let excused = (self.excused + self.bound).min(samples(STALL_NS, rate));
        let standstill = self.standstill.saturating_add(by);
        self.clear();
        (self.excused, self.standstill) = (excused, standstill);
    }

    /// Revokes the standstill: audio arrives faster than real time, so it had been delayed.
    pub fn revoke_standstill(&mut self, rate: u32) {
        self.standstill = 0;
        let excused = std::mem::take(&mut self.excused);
        self.bound = (self.bound + excused).min(samples(STALL_NS, rate));
    }

    /// Adds a correction of the clock drift. A slow clock and a growing queue look the same, so the
    /// bound grows by the part that exceeds the deviation of a slow clock.
    ///
    /// Neither a large nor a negative correction reduces the bound.
    pub fn add_drift(&mut self, by: i64, arrival: i64, rate: u32) {
        if by <= 0 {
            return;
        }
        let most = samples(FOLLOWED_NS, rate) * 1_000_000;
        let (since, rest) = self.followed.unwrap_or((arrival, most));
        let rest = (rest + (arrival - since).max(0).saturating_mul(SLOW_PPM)).min(most);
        let excused = by.min(rest / 1_000_000);
        self.followed = Some((arrival, rest - excused * 1_000_000));
        let (known, stall) = (self.bound, samples(STALL_NS, rate));
        self.add(by - excused);
        self.bound = self.bound.min(stall.max(known));
    }

    /// Adds a move, less what a standstill excuses.
    fn add(&mut self, by: i64) {
        let excused = by.max(0).min(self.credit.max(0));
        self.credit -= excused;
        let standstill = (by.max(0) - excused).min(self.standstill);
        self.standstill -= standstill;
        self.excused += standstill;
        self.moved_since = self.moved_since.saturating_add(by.max(0));
        self.bound = (self.bound + by - excused - standstill).max(0);
    }

    /// Adds a gap before a packet whose timestamp was not usable.
    pub fn add_gap(&mut self, gap: i64, rate: u32) {
        if gap > 0 {
            self.add_move(gap, false, rate);
        }
    }

    fn clear(&mut self) {
        (self.bound, self.credit, self.guarded) = (0, 0, None);
        (self.standstill, self.excused) = (0, 0);
    }

    /// Clears the bound: a new feed has no earlier backlog.
    pub fn reopen_feed(&mut self, now: i64) {
        self.clear();
        self.reopened = Some(now);
    }

    /// Limits the bound after the next move.
    pub fn limit_next_move(&mut self, bound: i64) {
        self.next_move_limit = Some(bound.max(0));
    }

    /// Observes a packet with or without audio. A stall delivers nothing and then audio faster than
    /// real time, so sparse packets whose timestamps hardly advance show a standstill.
    pub fn observe_packet(&mut self, timestamp: u32, arrival: i64, rate: u32) {
        let Some((known, previous_arrival)) = self.latest.replace((timestamp, arrival)) else {
            return;
        };
        let (elapsed, advance) = (
            arrival - previous_arrival,
            i64::from(timestamp.wrapping_sub(known) as i32),
        );
        if elapsed < samples(APART_NS, rate) {
            self.standstill_steps = 0;
            return;
        }
        self.standstill_steps = if advance >= 0 && 4 * advance < elapsed {
            self.standstill_steps + 1
        } else {
            0
        };
        if self.standstill_steps >= STEPS {
            self.record_standstill(elapsed - advance, rate);
        }
    }

    /// Observes a sender report (RFC 3550, 6.4.1). `ntp` is in 32.32 fixed-point seconds;
    /// `timestamp` is the RTP timestamp of the same time.
    pub fn observe_report(&mut self, ntp: u64, timestamp: u32, rate: u32) {
        let time = ((u128::from(ntp) * u128::from(rate)) >> 32) as i64;
        let Some((before, known)) = self.report else {
            return self.set_reference(time, timestamp);
        };
        let elapsed = time.saturating_sub(before);
        let standstill = elapsed.saturating_sub(i64::from(timestamp.wrapping_sub(known) as i32));
        if standstill > samples(REPORT_NS, rate) {
            // The standstill excuses earlier moves, and once a later one.
            self.bound -= self.bound.min(standstill.min(self.moved_since));
            let remaining = standstill.saturating_sub(self.moved_since);
            self.credit = remaining.clamp(0, samples(STALL_NS, rate));
            self.set_reference(time, timestamp);
        } else {
            self.credit = 0;
            // Reports that are further apart show a slow clock.
            if !(0..samples(REPORTS_NS, rate)).contains(&elapsed) {
                self.set_reference(time, timestamp);
            }
        }
    }

    fn set_reference(&mut self, time: i64, timestamp: u32) {
        self.report = Some((time, timestamp));
        self.moved_since = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 8000;

    #[test]
    fn moves_add_up_to_the_longest_stall() {
        let mut delay = HiddenDelay::default();
        delay.add_move(3 * S, false, 8000);
        assert_eq!(delay.at(0), 3 * 8000);
        delay.add_move(3 * S, false, 8000);
        assert_eq!(delay.at(0), 5 * 8000, "not more than the longest stall");
        delay.add_move(5 * S + 1, false, 8000);
        assert_eq!(delay.at(0), 0);
        delay.add_move(S, false, 8000);
        delay.add_move(-S, false, 8000);
        assert_eq!(delay.at(0), 0);
    }

    #[test]
    fn sender_reports_excuse_a_standstill() {
        let ntp = |seconds: u64| seconds << 32;
        let mut delay = HiddenDelay::default();
        delay.observe_report(ntp(100), 1000, 8000);
        delay.observe_report(ntp(105), 1000 + 2 * 8000, 8000);
        delay.add_move(3 * S, false, 8000);
        assert_eq!(delay.at(0), 0, "the reports prove three seconds");
        delay.add_move(S, false, 8000);
        assert_eq!(delay.at(0), 8000);
        delay.observe_report(ntp(110), 1000 + 6 * 8000, 8000);
        assert_eq!(delay.at(0), 0);
    }

    /// The bound in ms after 90 s in which each packet moves the stream a little.
    fn bound_after_drift(ppm: i64, reports: bool) -> u64 {
        let mut delay = HiddenDelay::default();
        let mut remainder = 0;
        for n in 0..4500i64 {
            remainder += 160 * ppm;
            let step = (remainder / 1_000_000).min(3);
            remainder -= step * 1_000_000;
            delay.add_drift(step, n * 160, 8000);
            if reports && n % 250 == 0 {
                let elapsed = n * 160 * (1_000_000 - ppm) / 1_000_000;
                delay.observe_report(((n as u64 * 160) << 32) / 8000, elapsed as u32, 8000);
            }
        }
        delay.at(0) / 8
    }

    #[test]
    fn a_slow_clock_is_excused_but_a_growing_queue_is_not() {
        assert_eq!(bound_after_drift(900, false), 0);
        let queue = bound_after_drift(10_000, false);
        assert!((720..=760).contains(&queue), "{queue} ms of 900");
        assert!(
            bound_after_drift(10_000, true) <= 120,
            "reports show a slow clock"
        );
    }

    #[test]
    fn drift_does_not_reduce_the_bound() {
        let mut delay = HiddenDelay::default();
        delay.add_move(4 * S + S / 2, false, 8000);
        for n in 0..20_000i64 {
            delay.add_drift(2, n * 160, 8000);
        }
        assert_eq!(delay.at(0), 5 * 8000, "drift is not a standstill");
        (0..5000).for_each(|n| delay.add_drift(-2, n * 160, 8000));
        assert_eq!(delay.at(0), 5 * 8000, "a fast clock does not reduce the bound");
    }

    #[test]
    fn a_report_excuses_only_once() {
        let ntp = |seconds: u64| seconds << 32;
        let mut delay = HiddenDelay::default();
        delay.observe_report(ntp(100), 0, 8000);
        delay.add_move(3 * S, false, 8000);
        delay.observe_report(ntp(170), 70 * 8000, 8000);
        assert_eq!(delay.at(0), 3 * 8000);
        // The clock stands still for 2 s, and the next packet is late by as much.
        delay.observe_report(ntp(180), 78 * 8000, 8000);
        delay.add_move(2 * S, false, 8000);
        assert_eq!(delay.at(0), 3 * 8000);
    }

    #[test]
    fn sparse_packets_with_the_same_timestamp_show_a_standstill() {
        let mut delay = HiddenDelay::default();
        delay.observe_packet(0, 0, 8000);
        for (n, delay_bound) in [(1u32, 8000), (2, 0)] {
            delay.observe_packet(n * 160, i64::from(n) * S, 8000);
            delay.add_move(if n == 1 { S } else { 0 }, false, 8000);
            assert_eq!(delay.at(0), delay_bound, "packet {n}");
        }
    }

    #[test]
    fn a_guard_ends_after_the_longest_stall() {
        let mut delay = HiddenDelay::default();
        delay.guard(100, 0, 8000);
        assert_eq!(delay.at(100), 5 * 8000);
        assert_eq!(delay.at(100 + 5 * S), 0);
    }
}
