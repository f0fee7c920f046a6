//! RTP senders and the network between them and a host: it loses, duplicates, delays and
//! reorders packets.

use crate::g711::Law;
use crate::random::SeededRng;
use crate::rtp::{RtpHeader, RtpSender};

/// How a packet's samples are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// As the machine has them, for writes.
    Pcm,
    /// L16 of RFC 3551.
    Linear16,
    Law(Law),
}

/// The payload type that hosts declare as L16/8000.
pub const L16_TYPE: u8 = 96;
/// One that nobody declares.
const UNKNOWN_TYPE: u8 = 101;

fn payload_type(coding: Coding) -> u8 {
    match coding {
        Coding::Law(Law::Mu) => 0,
        Coding::Law(Law::A) => 8,
        Coding::Linear16 | Coding::Pcm => L16_TYPE,
    }
}

/// No packet is overtaken by more.
pub const DELAY_TICKS: u64 = 3;

/// What the network does to packets, in percent of them, and ticks.
#[derive(Clone, Copy, Debug, Default)]
pub struct NetworkPath {
    loses: u64,
    duplicates: u64,
    /// So many are later than the others, by 1 to this many ticks: they are overtaken.
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

    /// After how many ticks the packet comes, once, twice or never.
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

/// A packet on its way.
#[derive(Clone, Debug)]
pub struct OnTheWay {
    pub comes_at: u64,
    pub bytes: Vec<u8>,
    /// The model's number of it; `None`: it has no audio.
    pub number: Option<usize>,
}

/// Who sends a leg's packets, and what is on its way from there.
pub struct RtpLine {
    sender: RtpSender,
    pub coding: Coding,
    pub path: NetworkPath,
    /// Counts the streams of the leg.
    pub stream: u32,
    /// Another stream of the same leg: the call was forked, for so many ticks more.
    fork: Option<(RtpSender, u64)>,
    /// For how many ticks a stream had another one beside it.
    pub overlap: u64,
    on_the_way: Vec<OnTheWay>,
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
            on_the_way: Vec::new(),
        }
    }

    /// A new stream begins; the old one goes on beside it for so many ticks.
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

    /// Nobody speaks: no packet is sent, and the clock goes on.
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

    /// Whether what comes may lie elsewhere than its timestamp says, or never come.
    pub fn is_disturbed(&self) -> bool {
        self.overlap > 0 || self.path.loses > 0 || self.path.most_ticks > 0
    }

    /// Sends a packet at this tick.
    pub fn send(&mut self, rng: &mut SeededRng, tick: u64, payload: &[u8], number: usize) {
        self.sender.next.payload_type = payload_type(self.coding);
        let bytes = self.sender.packet(payload, 160);
        self.carry(rng, tick, bytes, Some(number));
    }

    /// The old stream of a fork sends one.
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

    /// Sends a packet that nobody can decode.
    pub fn send_unknown(&mut self, rng: &mut SeededRng, tick: u64) {
        self.sender.next.payload_type = UNKNOWN_TYPE;
        let bytes = self.sender.packet(&[1, 2, 3, 4], 160);
        self.carry(rng, tick, bytes, None);
    }

    fn carry(&mut self, rng: &mut SeededRng, tick: u64, bytes: Vec<u8>, number: Option<usize>) {
        for ticks in self.path.carry(rng) {
            self.on_the_way.push(OnTheWay {
                comes_at: tick + ticks,
                bytes: bytes.clone(),
                number,
            });
        }
    }

    /// What has come until this tick, in the order in which it came.
    pub fn arrived(&mut self, tick: u64) -> Vec<OnTheWay> {
        let all = std::mem::take(&mut self.on_the_way);
        let (mut come, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|packet| packet.comes_at <= tick);
        self.on_the_way = rest;
        come.sort_by_key(|packet| packet.comes_at);
        come
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
        let mut come = Vec::new();
        for tick in 0..1000 {
            line.send(&mut rng, tick, &[0; 320], tick as usize);
            come.extend(line.arrived(tick).into_iter().filter_map(|packet| packet.number));
        }
        let mut known = come.clone();
        known.sort_unstable();
        known.dedup();
        assert!((700..900).contains(&known.len()), "lost: {}", known.len());
        assert!(come.len() > known.len() + 100, "duplicates");
        assert!(come.windows(2).any(|pair| pair[0] > pair[1]), "reordered");
    }

    #[test]
    fn a_perfect_path_hands_over_each_packet_at_once() {
        let mut rng = SeededRng::scattered(4);
        let mut line = RtpLine::new(&mut rng);
        line.path = NetworkPath::default();
        for tick in 0..100 {
            line.send(&mut rng, tick, &[0; 320], tick as usize);
            let come = line.arrived(tick);
            assert_eq!(come.len(), 1);
            assert_eq!(come[0].number, Some(tick as usize));
        }
    }
}
