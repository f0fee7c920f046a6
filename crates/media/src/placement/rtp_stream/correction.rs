//! Corrections of a stream's mapping for drift and lead.

use super::super::HeldPacket;
use super::{NEAR, RtpStream, TimelineFault};

/// A packet is silent if its peak is below -45 dBFS, or 24 dB below the recent peak, which halves
/// within 10 s.
const QUIET: i32 = 184;
const WEAKER: i32 = 16;
const FADES: i32 = 700;
/// The maximum number of moves remembered. Packets from before them are no longer waited for.
const MOVES: usize = 8;

impl RtpStream {
    /// Returns the samples by which the stream moves before a packet: a lead is reduced in silence,
    /// drift is followed with every packet.
    pub(super) fn correct(&mut self, held: &HeldPacket<'_>) -> i64 {
        if held.missing > 0 || !self.lateness.is_steady() || self.planted.has(TimelineFault::DriftIgnored) {
            return 0;
        }
        let timing = held.timing(self.rate);
        let lead = self.drift.lead(self.rate);
        let silence = match held.mapped - self.end {
            gap if gap > 0 => gap,
            _ if lead > 0 && self.is_quiet(held.audio().peak()) => held.len,
            _ => 0,
        };
        let back = lead.min(silence);
        if back > 0 {
            self.drift.reduce_lead(back);
            self.hidden_delay.add_move(-back, false, self.rate);
            return -back;
        }
        let step = self.drift.observe(timing, held.len);
        self.hidden_delay.add_drift(step, held.arrival, self.rate);
        step
    }

    fn is_quiet(&mut self, peak: i32) -> bool {
        self.recent_peak = peak.max(self.recent_peak - self.recent_peak / FADES);
        peak < QUIET || peak * WEAKER <= self.recent_peak
    }

    /// Moves the stream by `by` samples, for packets after the number `after`.
    pub(super) fn shift(&mut self, after: u16, by: i64) {
        if by == 0 {
            return;
        }
        self.timestamps.shift(by);
        match self.moves.back_mut() {
            // Drift moves the stream a little with each packet.
            Some(last) if after.wrapping_sub(last.0) < NEAR && by.abs() < 64 => last.1 += by,
            _ => {
                if self.moves.len() == MOVES {
                    self.moves.pop_front();
                }
                self.moves.push_back((after, by));
            }
        }
    }
}
