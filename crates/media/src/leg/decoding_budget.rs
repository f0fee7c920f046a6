//! How much a leg may decode: a peer decides how many packets it sends, but not how much of the
//! media worker's time it gets.

use crate::time::{NS_PER_MS, NS_PER_S};

/// Audio that may be decoded in a second of the clock.
const PACE: u64 = 4;
/// Audio that may be decoded at once, for the packets of an interruption.
const BURST_NS: u64 = 64 * NS_PER_S;
/// The part of it that only packets use that are heard.
const RESERVED_NS: u64 = 60 * NS_PER_S;
/// A packet costs as much as a packet of this length, however short it is: a sender of packets of
/// 1 ms stays below the pace.
const PACKET_NS: u64 = 2 * NS_PER_MS;

#[derive(Debug)]
pub(super) struct DecodingBudget {
    left_ns: u64,
    /// The latest arrival of a packet.
    at_ns: u64,
}

impl Default for DecodingBudget {
    fn default() -> DecodingBudget {
        DecodingBudget {
            left_ns: BURST_NS,
            at_ns: 0,
        }
    }
}

impl DecodingBudget {
    /// Whether a packet that arrived at `arrival_ns` may be decoded to `audio_ns` of audio. `is_heard`:
    /// whether there is a place for any of it; otherwise only the state of the decoder is of use.
    pub fn take(&mut self, arrival_ns: u64, audio_ns: u64, is_heard: bool) -> bool {
        let passed_ns = arrival_ns.saturating_sub(self.at_ns);
        self.at_ns = self.at_ns.max(arrival_ns);
        let left_ns = self.left_ns.saturating_add(passed_ns.saturating_mul(PACE));
        self.left_ns = left_ns.min(BURST_NS);
        let reserved_ns = if is_heard { 0 } else { RESERVED_NS };
        let cost_ns = audio_ns.max(PACKET_NS);
        let is_granted = self.left_ns >= reserved_ns.saturating_add(cost_ns);
        if is_granted {
            self.left_ns -= cost_ns;
        }
        is_granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = NS_PER_MS;

    /// How many of these packets are decoded. Packets arrive every `every_ns`.
    fn decoded(
        budget: &mut DecodingBudget,
        packets: u64,
        (every_ns, audio_ns): (u64, u64),
        is_heard: bool,
    ) -> u64 {
        let begin_ns = budget.at_ns;
        let take = |n: &u64| budget.take(begin_ns + n * every_ns, audio_ns, is_heard);
        (0..packets).filter(take).count() as u64
    }

    #[test]
    fn a_sender_in_real_time_is_decoded_for_ever() {
        for packet_ns in [MS, MS * 5 / 2, 20 * MS, 120 * MS] {
            let mut budget = DecodingBudget::default();
            let packets = 3_600_000 * MS / packet_ns;
            assert_eq!(
                decoded(&mut budget, packets, (packet_ns, packet_ns), true),
                packets
            );
        }
    }

    #[test]
    fn a_minute_at_once_is_decoded() {
        let mut budget = DecodingBudget::default();
        assert_eq!(decoded(&mut budget, 3000, (0, 20 * MS), true), 3000);
        // And again after a minute.
        assert_eq!(decoded(&mut budget, 3000, (20 * MS, 20 * MS), true), 3000);
        assert_eq!(decoded(&mut budget, 3000, (0, 20 * MS), true), 3000);
    }

    #[test]
    fn a_flood_is_decoded_at_a_limited_pace() {
        for audio_ns in [120 * MS, MS] {
            let mut budget = DecodingBudget::default();
            // 10 s of 10,000 packets a second.
            let found = decoded(&mut budget, 100_000, (NS_PER_S / 10_000, audio_ns), true);
            let most = (BURST_NS + 10 * PACE * NS_PER_S) / audio_ns.max(PACKET_NS);
            assert!((most - 20..=most).contains(&found), "{found} of {most}");
        }
    }

    #[test]
    fn packets_without_a_place_leave_enough_for_the_others() {
        let mut budget = DecodingBudget::default();
        let found = decoded(&mut budget, 100_000, (0, 20 * MS), false);
        assert_eq!(found, (BURST_NS - RESERVED_NS) / (20 * MS));
        assert_eq!(decoded(&mut budget, 3000, (0, 20 * MS), true), 3000);
    }
}
