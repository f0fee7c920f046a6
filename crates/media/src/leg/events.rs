//! The times of telephone events (RFC 4733), which say when a DTMF tone was sent.

use super::LegMedia;
use crate::grid;
use crate::rtp::RtpPacket;
use crate::time::{NS_PER_MS, NS_PER_S};

/// An event whose timestamp is further from its arrival than this says nothing about its time.
const PLAUSIBLE_NS: u64 = 2 * NS_PER_S;
/// The length that is assumed for a digit if the host states none.
const DIGIT_NS: u64 = 250 * NS_PER_MS;

impl LegMedia {
    /// Notes when the tone of an event was sent: by its timestamp, and because that of a careless
    /// sender may be wrong, also by its arrival. In stream time, arrivals say little.
    pub(super) fn note_event(&mut self, packet: &RtpPacket<'_>, arrival_ns: u64, is_real_time: bool) {
        let now_ns = match is_real_time {
            true => arrival_ns,
            false => self.timeline.end_ns(),
        };
        let [_, _, high, low] = *packet.payload else {
            // Several events, or a redundant packet that may hold one.
            return self.note_digit(now_ns, 0);
        };
        let duration = u64::from(u16::from_be_bytes([high, low]));
        let clock_rate = self
            .latest
            .map_or(8000, |format| format.codec.clock_rate(format.rate));
        let duration_ns = grid::time(duration, clock_rate);
        let timestamp = self.scaled(packet.timestamp);
        let position = self.streams.position_of(packet.ssrc, timestamp);
        let at_ns = position.map(|(at, rate)| grid::time(at.max(0) as u64, rate));
        let is_plausible = |at_ns: &u64| at_ns.abs_diff(now_ns) < PLAUSIBLE_NS + duration_ns;
        let at_ns = at_ns.filter(is_plausible);
        self.events
            .extend(at_ns.map(|at_ns| (at_ns, at_ns + duration_ns)));
        if is_real_time || at_ns.is_none() {
            self.events.push((now_ns.saturating_sub(duration_ns), now_ns));
        }
    }

    /// The host has learned of a digit by other means: its tone began or ended at about `at_ns`.
    /// `length_ns` 0: unknown.
    pub fn note_digit(&mut self, at_ns: u64, length_ns: u64) {
        let length_ns = match length_ns {
            0 => DIGIT_NS,
            known => known,
        };
        self.events
            .push((at_ns.saturating_sub(length_ns), at_ns + length_ns));
    }
}
