//! The RTP packets that a recording keeps as they arrived (`recording.keep_raw`).
//!
//! The epoch in which a packet arrived decides whether it is kept, as for audio. Its position in
//! the file is unknown, so a packet that arrives after a pause is kept only if it cannot have waited
//! in the network since the pause.

use std::collections::VecDeque;

use super::Tap;
use crate::leg::{LegMedia, RawKind, RefusedPacket};
use crate::legs::Legs;
use crate::packet::{PacketKind, StoredPackets};
use crate::raw_packets::{KeepRaw, RawPackets};
use crate::rtp;
use crate::time::NS_PER_MS;
use crate::{EndReason, Leg};

/// Packets beyond this size are passed on before the next block of audio.
const BYTES_MAX: usize = 256 << 10;
/// A packet without a known position arrives at most this much after its audio: its length and
/// jitter.
const ARRIVAL_NS: u64 = 160 * NS_PER_MS;
/// The maximum number of packets of a leg whose decoder has not decided.
const UNDECIDED_MAX: usize = 128;
/// A shorter time without a packet is jitter, and every packet may be delayed by so much.
const SLACK_NS: u64 = 100 * NS_PER_MS;
/// The longest time that a packet may have waited in the network.
const STALL_NS: u64 = 5_000 * NS_PER_MS;

/// The packets of one recording on their way to its sink.
pub(super) struct RawKeeper {
    keeps_all: bool,
    /// DTMF tones are masked: packets that may hold one are not kept.
    masks_dtmf: bool,
    packets: RawPackets,
    /// Packets that arrived after the written frontier.
    later: RawPackets,
    arrivals: [LegArrivals; 3],
    /// Packets that are kept if their decoder refuses them.
    undecided: [VecDeque<UndecidedPacket>; 3],
}

/// A packet whose decoder has not decided.
struct UndecidedPacket {
    number: RefusedPacket,
    arrival_ns: u64,
    bytes: Vec<u8>,
}

/// How long the packets of a leg may have waited in the network.
struct LegArrivals {
    /// The latest packet, or when the leg was first observed.
    last_ns: u64,
    /// The sum of the times without a packet within `STALL_NS`.
    delay_ns: u64,
    /// When the latest of them ended.
    gap_end_ns: u64,
}

impl LegArrivals {
    /// A leg that is observed from now on. `delay_ns`: how long its packets may have waited.
    fn since(now_ns: u64, delay_ns: u64) -> LegArrivals {
        LegArrivals {
            last_ns: now_ns,
            delay_ns,
            gap_end_ns: now_ns,
        }
    }

    /// Notes a packet. Returns the earliest time at which it may have been sent.
    fn note(&mut self, arrival_ns: u64) -> u64 {
        let gap_ns = arrival_ns.saturating_sub(self.last_ns);
        self.last_ns = self.last_ns.max(arrival_ns);
        if arrival_ns.saturating_sub(self.gap_end_ns) > STALL_NS {
            self.delay_ns = 0;
        }
        if gap_ns > SLACK_NS {
            self.delay_ns = (self.delay_ns + gap_ns).min(STALL_NS);
            self.gap_end_ns = arrival_ns;
        }
        arrival_ns.saturating_sub(self.delay_ns.max(SLACK_NS))
    }
}

impl RawKeeper {
    pub(super) fn new(keep: KeepRaw, start_ns: u64) -> Option<Box<RawKeeper>> {
        // A stall may have begun before the start.
        let unknown = || LegArrivals::since(start_ns, STALL_NS);
        (keep != KeepRaw::Never).then(|| {
            Box::new(RawKeeper {
                keeps_all: keep == KeepRaw::Always,
                masks_dtmf: false,
                packets: RawPackets::default(),
                later: RawPackets::default(),
                arrivals: [unknown(), unknown(), unknown()],
                undecided: Default::default(),
            })
        })
    }

    fn keep(&mut self, leg: Leg, kind: RawKind, number: RefusedPacket, (arrival_ns, bytes): (u64, &[u8])) {
        match kind {
            RawKind::Event => {}
            RawKind::Undecodable => self.packets.push(leg, arrival_ns, bytes),
            _ if self.keeps_all => self.packets.push(leg, arrival_ns, bytes),
            RawKind::Audio { may_be_refused: true } => {
                let undecided = &mut self.undecided[leg as usize];
                let full = undecided.len() >= UNDECIDED_MAX;
                let oldest = undecided.pop_front_if(|_| full);
                let mut memory = oldest.map(|packet| packet.bytes).unwrap_or_default();
                memory.clear();
                memory.extend_from_slice(bytes);
                undecided.push_back(UndecidedPacket {
                    number,
                    arrival_ns,
                    bytes: memory,
                });
            }
            RawKind::Audio { .. } | RawKind::ComfortNoise => {}
        }
    }

    fn keep_refused(&mut self, leg: Leg, refused: RefusedPacket) {
        let undecided = &mut self.undecided[leg as usize];
        let is_it = |packet: &UndecidedPacket| packet.number == refused;
        if let Some(at) = undecided.iter().rposition(is_it)
            && let Some(packet) = undecided.remove(at)
        {
            self.packets.push(leg, packet.arrival_ns, &packet.bytes);
        }
    }
}

impl Tap {
    pub fn keeps_raw(&self) -> bool {
        self.raw.is_some()
    }

    /// The leg has a new feed: none of its packets was sent before.
    pub fn note_attached(&mut self, leg: Leg, clock_ns: u64) {
        if let Some(raw) = &mut self.raw {
            raw.arrivals[leg as usize] = LegArrivals::since(clock_ns, 0);
        }
    }

    /// Keeps those of a leg's packets that the recording keeps. They have the leg's present epoch,
    /// and have not been received by the leg yet.
    pub fn keep_raw(&mut self, leg: Leg, media: &LegMedia, packets: StoredPackets<'_>) {
        let Some(mut raw) = self.raw.take() else {
            return;
        };
        if self.includes_leg(leg as usize) {
            for (header, bytes) in packets {
                let is_rtp = matches!(header.kind, PacketKind::Rtp | PacketKind::RtpAged);
                let Some(packet) = rtp::parse(bytes).filter(|_| is_rtp) else {
                    continue;
                };
                let earliest_ns = raw.arrivals[leg as usize].note(header.arrival_ns);
                if self.records_arrival(media, header.arrival_ns, earliest_ns) {
                    let number = RefusedPacket {
                        ssrc: packet.ssrc,
                        sequence: packet.sequence,
                    };
                    raw.keep(leg, media.raw_kind(&packet), number, (header.arrival_ns, bytes));
                }
            }
        }
        // With masks, packets are passed on no earlier than audio.
        let is_large = raw.packets.bytes() > BYTES_MAX && !raw.masks_dtmf;
        self.raw = Some(raw);
        if is_large {
            self.pass_raw(u64::MAX);
        }
    }

    /// Whether a packet that arrives now belongs to the recording. `earliest_ns`: the earliest time
    /// at which it may have been sent.
    fn records_arrival(&self, media: &LegMedia, arrival_ns: u64, earliest_ns: u64) -> bool {
        let epoch = media.timeline.epoch;
        if media.timeline.on_hold.has(epoch) {
            return false;
        }
        if self.segments.is_late(epoch) {
            return self.awaited_arrival(arrival_ns, earliest_ns);
        }
        let segment = self.segments.segment_of(epoch).and_then(|n| self.segments.get(n));
        let Some(segment) = segment else {
            return false;
        };
        // In stream time, arrivals are no media times.
        !self.is_real_time || arrival_ns >= segment.from_ns && earliest_ns >= segment.guard_ns
    }

    /// DTMF tones are masked. Arrivals in stream time do not say which packets hold them, so that
    /// no audio is kept then.
    pub fn mask_dtmf(&mut self) {
        let is_real_time = self.is_real_time;
        if let Some(raw) = &mut self.raw {
            raw.masks_dtmf = true;
            raw.keeps_all &= is_real_time;
        }
    }

    /// Drops the packets with the audio of these times: those that arrived then, and those that were
    /// delayed and are placed there.
    pub fn mask_raw(&mut self, ranges: &[(u64, u64)], legs: &Legs) {
        let Some(raw) = self
            .raw
            .as_mut()
            .filter(|_| self.is_real_time && !ranges.is_empty())
        else {
            return;
        };
        let is_in = |(begin, end): (u64, u64)| ranges.iter().any(|(from, to)| begin < *to && end > *from);
        let placed = |leg: Leg, arrival_ns: u64, bytes: &[u8]| {
            let (_, media) = legs.fed().find(|(name, _)| *name == leg)?;
            media.placed_ns(&rtp::parse(bytes)?, arrival_ns)
        };
        let is_masked = |leg: Leg, arrival_ns: u64, bytes: &[u8]| {
            let spoken_ns = arrival_ns.saturating_sub(ARRIVAL_NS);
            is_in((spoken_ns, arrival_ns + 1)) || placed(leg, arrival_ns, bytes).is_some_and(is_in)
        };
        raw.packets.remove(is_masked);
        raw.later.remove(is_masked);
        for (leg, undecided) in Leg::ALL.into_iter().zip(&mut raw.undecided) {
            undecided.retain(|packet| !is_masked(leg, packet.arrival_ns, &packet.bytes));
        }
    }

    /// A decoder has refused a packet of the leg.
    pub fn keep_refused(&mut self, leg: Leg, refused: RefusedPacket) {
        if let Some(raw) = &mut self.raw {
            raw.keep_refused(leg, refused);
        }
    }

    /// Passes the packets that arrived before `until_ns` to the sink.
    pub(super) fn pass_raw(&mut self, until_ns: u64) {
        let Some(raw) = self.raw.as_mut().filter(|raw| !raw.packets.is_empty()) else {
            return;
        };
        let until_ns = if self.is_real_time { until_ns } else { u64::MAX };
        raw.packets.split_until(until_ns, &mut raw.later);
        if !raw.packets.is_empty() {
            self.sink_queue.raw(&raw.packets);
        }
        raw.packets.clear();
        std::mem::swap(&mut raw.packets, &mut raw.later);
    }

    /// The recording ends at this time.
    pub(super) fn end_raw(&mut self, at_ns: u64, reason: EndReason) {
        match reason {
            EndReason::Discarded => {}
            // The rest arrived after the maximum duration.
            EndReason::Limit => self.pass_raw(at_ns),
            _ => self.pass_raw(u64::MAX),
        }
        self.raw = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_after_a_gap_may_be_as_old_as_the_gap() {
        let ms = |ms: u64| ms * NS_PER_MS;
        let mut arrivals = LegArrivals::since(ms(9_990), STALL_NS);
        let first = arrivals.note(ms(10_000));
        assert_eq!(first, ms(5_000), "nothing is known before the start");
        let steady = (1..400).map(|n| ms(10_000 + 20 * n));
        let last = steady.map(|at| at - arrivals.note(at)).last();
        assert_eq!(last, Some(SLACK_NS), "a steady stream has jitter only");
        assert_eq!(arrivals.note(ms(18_480)), ms(17_980), "500 ms without a packet");
        assert_eq!(arrivals.note(ms(18_481)), ms(17_981));
        assert_eq!(arrivals.note(ms(18_781)), ms(17_981), "two gaps add up");
        assert_eq!(
            arrivals.note(ms(60_000)),
            ms(55_000),
            "no stall is longer than 5 s"
        );
    }

    #[test]
    fn packets_without_a_decision_are_bounded() {
        let mut raw = RawKeeper::new(KeepRaw::Undecodable, 0).expect("it keeps packets");
        let number = |sequence| RefusedPacket { ssrc: 1, sequence };
        let kind = RawKind::Audio { may_be_refused: true };
        for n in 0..300u16 {
            raw.keep(Leg::Remote, kind, number(n), (u64::from(n), &n.to_be_bytes()));
        }
        assert_eq!(raw.undecided[1].len(), UNDECIDED_MAX);
        raw.keep_refused(Leg::Remote, number(5));
        raw.keep_refused(Leg::Local, number(299));
        assert!(raw.packets.is_empty());
        raw.keep_refused(Leg::Remote, number(299));
        let kept: Vec<_> = raw.packets.iter().collect();
        assert_eq!(kept, [(Leg::Remote, 299, &299u16.to_be_bytes()[..])]);
    }
}
