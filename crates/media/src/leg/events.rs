//! The times of telephone events (RFC 4733), which say when a DTMF tone was sent.

use super::LegMedia;
use crate::grid;
use crate::rtp::RtpPacket;
use crate::time::{NS_PER_MS, NS_PER_S};

/// An event whose timestamp is further from its arrival than this says nothing about its time.
const PLAUSIBLE_NS: u64 = 2 * NS_PER_S;
/// An event is not further ahead of its arrival than the audio of its stream, but for jitter and the
/// steps of the clock.
const JITTER_NS: u64 = 60 * NS_PER_MS;
/// The length that is assumed for a digit if the host states none.
const DIGIT_NS: u64 = 250 * NS_PER_MS;
/// A slower clock would let one packet state an event of minutes.
const SLOWEST_CLOCK: u32 = 8000;

impl LegMedia {
    /// Notes when the tone of an event was sent: by its timestamp, and because that of a careless
    /// sender may be wrong, also by its arrival. In stream time, arrivals say little.
    ///
    /// Nothing after the present is masked, whatever a packet states: while a key is pressed, more
    /// packets follow, each of which states a longer duration, or a further segment of the event.
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
        let duration_ns = grid::time(duration, self.event_clock(packet.payload_type));
        let timestamp = self.scaled(packet.timestamp);
        let latest_ns = match is_real_time {
            true => now_ns + self.streams.ahead_ns(packet.ssrc) + JITTER_NS,
            // The leg may have no audio during the event.
            false => now_ns + duration_ns + PLAUSIBLE_NS,
        };
        let range = self.streams.position_of(packet.ssrc, timestamp);
        let range = range.and_then(|(at, rate)| {
            let at_ns = grid::time(at.max(0) as u64, rate);
            let end_ns = at_ns + duration_ns;
            let is_plausible = at_ns <= latest_ns && end_ns + PLAUSIBLE_NS > now_ns;
            is_plausible.then_some((at_ns, end_ns.min(latest_ns)))
        });
        self.events.extend(range);
        if is_real_time || range.is_none() {
            self.events.push((now_ns.saturating_sub(duration_ns), now_ns));
        }
    }

    /// The clock rate of the durations of events: as declared, or that of the audio.
    fn event_clock(&self, payload_type: u8) -> u32 {
        let audio = || Some(self.latest?.codec.clock_rate(self.latest?.rate));
        let declared = self.others.event_clock(payload_type).or_else(audio);
        declared.unwrap_or(SLOWEST_CLOCK).max(SLOWEST_CLOCK)
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
