//! RTP senders and the network between them and a host, which loses, duplicates, delays and
//! reorders packets.

use super::concealed::NOISE_LEVEL;
use crate::g711::Law;
use crate::random::SeededRng;
use crate::rtp::{RtpHeader, RtpSender};

/// The coding of a packet's samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Native byte order, for writes.
    Pcm,
    /// L16 of RFC 3551.
    Linear16,
    Law(Law),
}

/// The payload type that hosts declare as L16/8000.
pub const L16_TYPE: u8 = 96;
/// A payload type that hosts do not declare.
const UNKNOWN_TYPE: u8 = 101;
/// Comfort noise (RFC 3389).
const NOISE_TYPE: u8 = 13;

fn payload_type(coding: Coding) -> u8 {
    match coding {
        Coding::Law(Law::Mu) => 0,
        Coding::Law(Law::A) => 8,
        Coding::Linear16 | Coding::Pcm => L16_TYPE,
    }
}

/// The longest delay of a packet, in ticks.
pub const DELAY_TICKS: u64 = 3;

/// The faults of a network: percentages of packets, and ticks.
#[derive(Clone, Copy, Debug, Default)]
pub struct NetworkPath {
    loses: u64,
    duplicates: u64,
    /// The percentage of packets that are delayed by 1 to `most_ticks` ticks.
    delays: u64,
    pub most_ticks: u64,
}

impl NetworkPath {
    pub fn any(rng: &mut SeededRng) -> NetworkPath {
        match rng.below(3) {
            0 => NetworkPath::default(),
            1 => NetworkPath {
                loses: rng.pick(&[0, 1, 3]),
                duplicates: rng.pick(&[0, 1, 3]),
                delays: 0,
                most_ticks: 0,
            },
            _ => NetworkPath {
                loses: rng.pick(&[0, 1, 5]),
                duplicates: rng.pick(&[0, 1, 5]),
                delays: rng.pick(&[2, 10, 40]),
                most_ticks: rng.between(1, DELAY_TICKS),
            },
        }
    }

    /// The delays of a packet's copies, in ticks: of none, one or two.
    fn carry(&self, rng: &mut SeededRng) -> Vec<u64> {
        if rng.chance(self.loses) {
            return Vec::new();
        }
        let copies = if rng.chance(self.duplicates) { 2 } else { 1 };
        let delay = |_| match rng.chance(self.delays) {
            true => rng.between(1, self.most_ticks),
            false => 0,
        };
        (0..copies).map(delay).collect()
    }
}

/// A packet in transit.
#[derive(Clone, Debug)]
pub struct PacketInTransit {
    pub arrives_at: u64,
    pub bytes: Vec<u8>,
    /// The packet's number in the model; `None` for packets without audio.
    pub number: Option<usize>,
}

/// The sender of a leg, and its packets in transit.
pub struct RtpLine {
    sender: RtpSender,
    pub coding: Coding,
    pub path: NetworkPath,
    /// Counts the streams of the leg.
    pub stream: u32,
    /// The old stream of a forked call, and the ticks for which it still sends.
    fork: Option<(RtpSender, u64)>,
    /// For how many ticks two streams have overlapped.
    pub overlap: u64,
    in_transit: Vec<PacketInTransit>,
}

fn new_sender(rng: &mut SeededRng) -> RtpSender {
    let mut sender = RtpSender::new(L16_TYPE, rng.next_u64() as u32);
    sender.next = RtpHeader {
        sequence: rng.next_u64() as u16,
        timestamp: rng.next_u64() as u32,
        ..sender.next
    };
    sender
}

impl RtpLine {
    pub fn new(rng: &mut SeededRng) -> RtpLine {
        RtpLine {
            sender: new_sender(rng),
            coding: Coding::Linear16,
            path: NetworkPath::any(rng),
            stream: 0,
            fork: None,
            overlap: 0,
            in_transit: Vec::new(),
        }
    }

    /// Begins a new stream. The old one continues for `ticks`.
    pub fn fork(&mut self, rng: &mut SeededRng, ticks: u64) {
        let old = std::mem::replace(&mut self.sender, new_sender(rng));
        self.fork = (ticks > 0).then_some((old, ticks));
        self.stream += 1;
        self.overlap += ticks;
    }

    /// Whether the old stream of a fork still sends.
    pub fn is_forked(&self) -> bool {
        self.fork.is_some()
    }

    /// Advances the senders' clocks without sending.
    pub fn be_silent(&mut self) {
        let skip = |sender: &mut RtpSender| {
            sender.next.timestamp = sender.next.timestamp.wrapping_add(160);
        };
        skip(&mut self.sender);
        if let Some((sender, ticks)) = &mut self.fork {
            skip(sender);
            *ticks -= 1;
            if *ticks == 0 {
                self.fork = None;
            }
        }
    }

    /// Whether packets may be lost, or placed elsewhere than by their timestamps.
    pub fn is_disturbed(&self) -> bool {
        self.overlap > 0 || self.path.loses > 0 || self.path.most_ticks > 0
    }

    /// Sends a packet at this tick.
    pub fn send(&mut self, rng: &mut SeededRng, tick: u64, payload: &[u8], number: usize) {
        self.sender.next.payload_type = payload_type(self.coding);
        let bytes = self.sender.packet(payload, 160);
        self.carry(rng, tick, bytes, Some(number));
    }

    /// Sends a packet of a fork's old stream.
    pub fn send_forked(&mut self, rng: &mut SeededRng, tick: u64, payload: &[u8], number: usize) {
        let Some((sender, ticks)) = &mut self.fork else {
            return;
        };
        sender.next.payload_type = payload_type(self.coding);
        let bytes = sender.packet(payload, 160);
        *ticks -= 1;
        if *ticks == 0 {
            self.fork = None;
        }
        self.carry(rng, tick, bytes, Some(number));
    }

    /// Sends a packet of an unknown payload type.
    pub fn send_unknown(&mut self, rng: &mut SeededRng, tick: u64) {
        self.sender.next.payload_type = UNKNOWN_TYPE;
        let bytes = self.sender.packet(&[1, 2, 3, 4], 160);
        self.carry(rng, tick, bytes, None);
    }

    /// Sends the packet of comfort noise with which a silence begins. The network does it no harm, so
    /// that no other packet's fate changes.
    pub fn send_noise(&mut self, tick: u64) {
        self.sender.next.payload_type = NOISE_TYPE;
        let bytes = self.sender.packet(&[NOISE_LEVEL], 0);
        self.in_transit.push(PacketInTransit {
            arrives_at: tick,
            bytes,
            number: None,
        });
    }

    fn carry(&mut self, rng: &mut SeededRng, tick: u64, bytes: Vec<u8>, number: Option<usize>) {
        for ticks in self.path.carry(rng) {
            self.in_transit.push(PacketInTransit {
                arrives_at: tick + ticks,
                bytes: bytes.clone(),
                number,
            });
        }
    }

    /// The packets that arrive until this tick, in the order of their arrival.
    pub fn arrived(&mut self, tick: u64) -> Vec<PacketInTransit> {
        let all = std::mem::take(&mut self.in_transit);
        let (mut arrived, rest): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|packet| packet.arrives_at <= tick);
        self.in_transit = rest;
        arrived.sort_by_key(|packet| packet.arrives_at);
        arrived
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_loses_duplicates_and_reorders() {
        let mut rng = SeededRng::scattered(3);
        let mut line = RtpLine::new(&mut rng);
        line.path = NetworkPath {
            loses: 20,
            duplicates: 20,
            delays: 20,
            most_ticks: 3,
        };
        let mut arrived = Vec::new();
        for tick in 0..1000 {
            line.send(&mut rng, tick, &[0; 320], tick as usize);
            arrived.extend(line.arrived(tick).into_iter().filter_map(|packet| packet.number));
        }
        let mut known = arrived.clone();
        known.sort_unstable();
        known.dedup();
        assert!((700..900).contains(&known.len()), "lost: {}", known.len());
        assert!(arrived.len() > known.len() + 100, "duplicates");
        assert!(arrived.windows(2).any(|pair| pair[0] > pair[1]), "reordered");
    }

    #[test]
    fn a_perfect_path_hands_over_each_packet_at_once() {
        let mut rng = SeededRng::scattered(4);
        let mut line = RtpLine::new(&mut rng);
        line.path = NetworkPath::default();
        for tick in 0..100 {
            line.send(&mut rng, tick, &[0; 320], tick as usize);
            let arrived = line.arrived(tick);
            assert_eq!(arrived.len(), 1);
            assert_eq!(arrived[0].number, Some(tick as usize));
        }
    }
}
