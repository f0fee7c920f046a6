//! How early a packet may have been said, and what proves that it was not.
//!
//! A stream that is moved to its arrival may have been said as much earlier as it was
//! moved: a backlog that drains at real speed looks live. Only a delay takes that away.

use super::lateness::{STALL_NS, samples};
use crate::time::NS_PER_MS;

/// Packets that show a clock which stands still come at least so far apart.
const APART_NS: u64 = 500 * NS_PER_MS;
/// So many steps in a row.
const STEPS: u32 = 2;
/// Sender reports must differ by more, to say anything, within so long.
const REPORT_NS: u64 = 60 * NS_PER_MS;
const REPORTS_NS: u64 = 60_000 * NS_PER_MS;
/// A clock that is slow by so many parts of a million is one; a slower one may be a queue
/// that grows.
const SLOW_PPM: i64 = 1000;
/// It is followed by so much at once.
const FOLLOWED_NS: u64 = 60 * NS_PER_MS;

/// What each packet needs comes first.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub struct HiddenDelay {
    /// Samples by which a packet may have been said before its place.
    deficit: i64,
    /// Up to this place, packets may have been said so many samples earlier.
    guarded: Option<(i64, i64)>,
    /// Timestamp and arrival of the latest packet, and how many standstill still in a row.
    latest: Option<(u32, i64)>,
    standstill_steps: u32,
    /// The feed was opened anew at this timing, and nothing has come since.
    pub reopened: Option<i64>,
    /// What the stream is moved for next cannot be older.
    next_move_limit: Option<i64>,
    /// Samples by which it seems to have standstill still, by packets that came apart; and those
    /// that this has excused, unless it did not stand still.
    standstill: i64,
    excused: i64,
    /// Samples by which the sender's clock is known to have standstill still.
    credit: i64,
    /// Samples by which the stream was moved since `report`.
    moved_since: i64,
    /// Up to when a slow clock has been followed, and by how many samples less than it may
    /// have been.
    followed: Option<(i64, i64)>,
    /// The sender report that others are compared with: NTP time in samples, and RTP
    /// timestamp.
    report: Option<(i64, u32)>,
}

impl HiddenDelay {
    /// Something may have been said earlier than where it lies.
    pub fn is_nonzero(&self) -> bool {
        self.deficit != 0 || self.guarded.is_some()
    }

    /// Samples by which a packet at this place may have been said before it.
    pub fn at(&self, at: i64) -> u64 {
        let guarded = self.guarded.filter(|(until, _)| at < *until);
        let deficit = guarded.map_or(0, |(_, early)| early);
        deficit.max(self.deficit) as u64
    }

    /// The same of a packet of before the stream was moved by so much.
    pub fn before_move(&self, at: i64, moved: i64) -> u64 {
        let guarded = self.guarded.filter(|(until, _)| at < *until);
        let guard = guarded.map_or(0, |(_, early)| early);
        guard.max(self.deficit - moved).max(0) as u64
    }

    /// The same sender goes on with another clock: it may be as late as it was, and as it
    /// has been silent.
    pub fn inherit(&mut self, old: &HiddenDelay, silent: i64, rates: (u32, u32)) {
        let (from, to) = (i64::from(rates.0.max(1)), i64::from(rates.1));
        let stall = samples(STALL_NS, rates.1);
        let convert = |samples: i64| samples.saturating_mul(to) / from;
        self.deficit = match convert(silent.max(0)) {
            silent if silent > stall => 0,
            silent => (convert(old.deficit) + silent).min(stall),
        };
    }

    /// The stream began anew here, and may have been said so much earlier: at least as long
    /// ago as a stall is long.
    pub fn guard(&mut self, at: i64, early: i64, rate: u32) {
        let stall = samples(STALL_NS, rate);
        self.guarded = Some((at + stall, early.max(stall)));
    }

    /// The stream began with a burst: what lies before `until` may have been said so much
    /// earlier.
    pub fn guard_burst(&mut self, until: i64, early: i64) {
        let (longer, more) = self.guarded.unwrap_or_default();
        self.guarded = Some((until.max(longer), early.max(more)));
    }

    /// The stream was moved. By more than the longest stall at once, it was none: its sender's
    /// clock standstill still.
    pub fn add_move(&mut self, by: i64, proven: bool, rate: u32) {
        let stall = samples(STALL_NS, rate);
        self.add(by);
        self.deficit = self.deficit.min(self.next_move_limit.take().unwrap_or(stall));
        if proven || by > stall {
            self.clear();
        }
    }

    /// The sender's clock seems to have standstill still for so many samples.
    fn record_standstill(&mut self, by: i64, rate: u32) {
        let excused = (self.excused + self.deficit).min(samples(STALL_NS, rate));
        let standstill = self.standstill.saturating_add(by);
        self.clear();
        (self.excused, self.standstill) = (excused, standstill);
    }

    /// More comes than time goes by: what seemed to be a clock that standstill still was held back.
    pub fn revoke_standstill(&mut self, rate: u32) {
        self.standstill = 0;
        let excused = std::mem::take(&mut self.excused);
        self.deficit = (self.deficit + excused).min(samples(STALL_NS, rate));
    }

    /// The stream follows its sender's clock by so many samples. A slow clock and a queue
    /// that grows look the same: by more than a clock can be slow, a packet may have been
    /// said earlier.
    ///
    /// That proves nothing, however far it goes; and a fast clock makes nothing younger.
    pub fn add_drift(&mut self, by: i64, arrival: i64, rate: u32) {
        if by <= 0 {
            return;
        }
        let most = samples(FOLLOWED_NS, rate) * 1_000_000;
        let (since, rest) = self.followed.unwrap_or((arrival, most));
        let rest = (rest + (arrival - since).max(0).saturating_mul(SLOW_PPM)).min(most);
        let excused = by.min(rest / 1_000_000);
        self.followed = Some((arrival, rest - excused * 1_000_000));
        let (known, stall) = (self.deficit, samples(STALL_NS, rate));
        self.add(by - excused);
        self.deficit = self.deficit.min(stall.max(known));
    }

    /// The stream was moved, as far as nothing excuses it.
    fn add(&mut self, by: i64) {
        let excused = by.max(0).min(self.credit.max(0));
        self.credit -= excused;
        let standstill = (by.max(0) - excused).min(self.standstill);
        self.standstill -= standstill;
        self.excused += standstill;
        self.moved_since = self.moved_since.saturating_add(by.max(0));
        self.deficit = (self.deficit + by - excused - standstill).max(0);
    }

    /// Timestamps began anew so far behind the last packet.
    pub fn add_gap(&mut self, gap: i64, rate: u32) {
        if gap > 0 {
            self.add_move(gap, false, rate);
        }
    }

    fn clear(&mut self) {
        (self.deficit, self.credit, self.guarded) = (0, 0, None);
        (self.standstill, self.excused) = (0, 0);
    }

    /// A feed that was opened anew has no backlog of before.
    pub fn reopen_feed(&mut self, now: i64) {
        self.clear();
        self.reopened = Some(now);
    }

    /// What the stream is moved for next has been said within so many samples.
    pub fn limit_next_move(&mut self, than: i64) {
        self.next_move_limit = Some(than.max(0));
    }

    /// A packet of the stream, with or without audio. A stall gives nothing and then more
    /// than real time: packets that come apart while the timestamps stand are no stall.
    pub fn observe_packet(&mut self, timestamp: u32, arrival: i64, rate: u32) {
        let Some((known, came)) = self.latest.replace((timestamp, arrival)) else {
            return;
        };
        let (took, on) = (arrival - came, i64::from(timestamp.wrapping_sub(known) as i32));
        if took < samples(APART_NS, rate) {
            self.standstill_steps = 0;
            return;
        }
        self.standstill_steps = if on >= 0 && 4 * on < took {
            self.standstill_steps + 1
        } else {
            0
        };
        if self.standstill_steps >= STEPS {
            self.record_standstill(took - on, rate);
        }
    }

    /// A sender report (RFC 3550, 6.4.1): NTP time as 32.32 bits of seconds, and the RTP
    /// timestamp of the same timing.
    pub fn observe_report(&mut self, ntp: u64, timestamp: u32, rate: u32) {
        let time = ((u128::from(ntp) * u128::from(rate)) >> 32) as i64;
        let Some((before, known)) = self.report else {
            return self.set_reference(time, timestamp);
        };
        let took = time.saturating_sub(before);
        let standstill = took.saturating_sub(i64::from(timestamp.wrapping_sub(known) as i32));
        if standstill > samples(REPORT_NS, rate) {
            // What it has been moved by since is excused; what comes yet may be, once.
            self.deficit -= self.deficit.min(standstill.min(self.moved_since));
            let yet = standstill.saturating_sub(self.moved_since);
            self.credit = yet.clamp(0, samples(STALL_NS, rate));
            self.set_reference(time, timestamp);
        } else {
            self.credit = 0;
            // A slow clock shows in reports that are further apart.
            if !(0..samples(REPORTS_NS, rate)).contains(&took) {
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
    fn a_move_is_a_deficit_until_it_is_longer_than_a_stall() {
        let mut delay = HiddenDelay::default();
        delay.add_move(3 * S, false, 8000);
        assert_eq!(delay.at(0), 3 * 8000);
        delay.add_move(3 * S, false, 8000);
        assert_eq!(delay.at(0), 5 * 8000, "two stalls are no longer one");
        delay.add_move(5 * S + 1, false, 8000);
        assert_eq!(delay.at(0), 0);
        delay.add_move(S, false, 8000);
        delay.add_move(-S, false, 8000);
        assert_eq!(delay.at(0), 0);
    }

    #[test]
    fn sender_reports_prove_how_long_the_clock_stood() {
        let ntp = |seconds: u64| seconds << 32;
        let mut delay = HiddenDelay::default();
        delay.observe_report(ntp(100), 1000, 8000);
        delay.observe_report(ntp(105), 1000 + 2 * 8000, 8000);
        delay.add_move(3 * S, false, 8000);
        assert_eq!(delay.at(0), 0, "three seconds were proven");
        delay.add_move(S, false, 8000);
        assert_eq!(delay.at(0), 8000);
        delay.observe_report(ntp(110), 1000 + 6 * 8000, 8000);
        assert_eq!(delay.at(0), 0);
    }

    /// For a minute and a half, a little with each packet.
    fn followed(ppm: i64, reports: bool) -> u64 {
        let mut delay = HiddenDelay::default();
        let mut owed = 0;
        for n in 0..4500i64 {
            owed += 160 * ppm;
            let step = (owed / 1_000_000).min(3);
            owed -= step * 1_000_000;
            delay.add_drift(step, n * 160, 8000);
            if reports && n % 250 == 0 {
                let said = n * 160 * (1_000_000 - ppm) / 1_000_000;
                delay.observe_report(((n as u64 * 160) << 32) / 8000, said as u32, 8000);
            }
        }
        delay.at(0) / 8
    }

    #[test]
    fn a_slow_clock_is_followed_and_a_growing_queue_is_a_deficit() {
        assert_eq!(followed(900, false), 0);
        let queue = followed(10_000, false);
        assert!((720..=760).contains(&queue), "{queue} ms of 900");
        assert!(followed(10_000, true) <= 120, "reports say that it is a clock");
    }

    #[test]
    fn what_grows_slowly_excuses_nothing_of_before() {
        let mut delay = HiddenDelay::default();
        delay.add_move(4 * S + S / 2, false, 8000);
        for n in 0..20_000i64 {
            delay.add_drift(2, n * 160, 8000);
        }
        assert_eq!(delay.at(0), 5 * 8000, "it is no clock that standstill still");
        (0..5000).for_each(|n| delay.add_drift(-2, n * 160, 8000));
        assert_eq!(delay.at(0), 5 * 8000, "nothing has become younger");
    }

    #[test]
    fn a_report_excuses_once() {
        let ntp = |seconds: u64| seconds << 32;
        let mut delay = HiddenDelay::default();
        delay.observe_report(ntp(100), 0, 8000);
        delay.add_move(3 * S, false, 8000);
        delay.observe_report(ntp(170), 70 * 8000, 8000);
        assert_eq!(delay.at(0), 3 * 8000);
        // It stands still for 2 s, and what comes then is as late.
        delay.observe_report(ntp(180), 78 * 8000, 8000);
        delay.add_move(2 * S, false, 8000);
        assert_eq!(delay.at(0), 3 * 8000);
    }

    #[test]
    fn packets_apart_whose_timestamps_stand_are_a_proof() {
        let mut delay = HiddenDelay::default();
        delay.observe_packet(0, 0, 8000);
        for (n, early) in [(1u32, 8000), (2, 0)] {
            delay.observe_packet(n * 160, i64::from(n) * S, 8000);
            delay.add_move(if n == 1 { S } else { 0 }, false, 8000);
            assert_eq!(delay.at(0), early, "packet {n}");
        }
    }

    #[test]
    fn a_guard_ends_after_a_stall() {
        let mut delay = HiddenDelay::default();
        delay.guard(100, 0, 8000);
        assert_eq!(delay.at(100), 5 * 8000);
        assert_eq!(delay.at(100 + 5 * S), 0);
    }
}
