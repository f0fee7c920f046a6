//! Runs give the same result as packets that are received one by one.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

const MS: u64 = NS_PER_MS;

/// What a sender, the network or the host does next.
#[derive(Clone, Copy, Debug)]
enum PeerEvent {
    /// Consecutive packets.
    Talk(u8),
    /// Packets that never arrive.
    Lose(u8),
    /// Packets in reverse order.
    Reverse(u8),
    Duplicate,
    /// The clock and the timestamps advance by so many milliseconds.
    Silence(u16),
    /// The timestamps jump.
    Jump(i16),
    /// Packets arrive so many milliseconds later than they were sent.
    Delay(u16),
    /// Parts per thousand by which the sender's clock is fast.
    Drift(i8),
    Sender(u8),
    PayloadType(u8),
    PacketMs(u8),
    /// A DTMF event, with a sequence number of the audio.
    Dtmf,
    ComfortNoise,
    /// RTCP, or a packet with an extension or padding.
    Odd(u8),
    /// The host states the packet's age.
    Aged,
    Refuse(u8),
    /// The feed counts a refused packet that had no number of the audio.
    Overrun,
    /// The worker reads what the ring holds.
    Drain,
    ControlPoint {
        records: bool,
        holds: bool,
    },
    Render,
}

fn event() -> impl Strategy<Value = PeerEvent> {
    use PeerEvent::*;
    prop_oneof![
        12 => (1..40u8).prop_map(Talk),
        6 => Just(Drain),
        3 => Just(Render),
        2 => (1..5u8).prop_map(Lose),
        1 => (2..5u8).prop_map(Reverse),
        2 => Just(Duplicate),
        2 => (0..3000u16).prop_map(Silence),
        1 => any::<i16>().prop_map(Jump),
        2 => prop_oneof![Just(0u16), 0..60u16, 0..2000u16].prop_map(Delay),
        2 => (-20..20i8).prop_map(Drift),
        2 => (0..2u8).prop_map(Sender),
        1 => prop_oneof![Just(0u8), Just(8u8), Just(96u8), Just(97u8), Just(127u8)].prop_map(PayloadType),
        1 => prop_oneof![Just(10u8), Just(20u8), Just(30u8)].prop_map(PacketMs),
        1 => Just(Dtmf),
        1 => Just(ComfortNoise),
        1 => (0..4u8).prop_map(Odd),
        1 => Just(Aged),
        1 => (1..4u8).prop_map(Refuse),
        1 => Just(Overrun),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(records, holds)| ControlPoint { records, holds }),
    ]
}

/// A sender and its network.
struct Peer {
    now_ns: u64,
    delay_ns: u64,
    drift: i64,
    ssrc: u32,
    payload_type: u8,
    packet_ms: u64,
    sequence: [u16; 2],
    timestamp: [u32; 2],
    sent: u8,
    overruns: u32,
    ring: Vec<u8>,
    /// The latest packet of each sender.
    latest: [Vec<u8>; 2],
}

impl Peer {
    fn new() -> Peer {
        Peer {
            now_ns: NS_PER_S,
            delay_ns: 0,
            drift: 0,
            ssrc: 0,
            payload_type: 0,
            packet_ms: 20,
            sequence: [65_500, 7],
            timestamp: [u32::MAX - 4000, 90],
            sent: 0,
            overruns: 0,
            ring: Vec::new(),
            latest: Default::default(),
        }
    }

    fn packet(&mut self, payload_type: u8, bytes: usize, samples: u32) -> Vec<u8> {
        let (n, mut packet) = (self.ssrc as usize, vec![0x80, payload_type]);
        packet.extend(self.sequence[n].to_be_bytes());
        packet.extend(self.timestamp[n].to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.resize(12 + bytes, self.sent);
        self.sent = self.sent.wrapping_mul(5).wrapping_add(1);
        self.sequence[n] = self.sequence[n].wrapping_add(1);
        self.timestamp[n] = self.timestamp[n].wrapping_add(samples);
        packet
    }

    fn audio(&mut self) -> Vec<u8> {
        let samples = 8 * self.packet_ms as usize;
        let bytes = samples * if self.payload_type == 97 { 2 } else { 1 };
        let packet = self.packet(self.payload_type, bytes, samples as u32);
        self.now_ns += self.packet_ms * MS * (1000 - self.drift) as u64 / 1000;
        packet
    }

    fn store(&mut self, packet: Vec<u8>, kind: PacketKind) {
        let header = PacketHeader {
            kind,
            len: packet.len(),
            overruns: self.overruns,
            arrival_ns: self.now_ns + self.delay_ns,
        };
        self.ring
            .extend(header.words().into_iter().flat_map(u64::to_ne_bytes));
        self.ring.extend(&packet);
        self.ring.resize(self.ring.len().next_multiple_of(8), 0);
        self.latest[self.ssrc as usize] = packet;
    }

    fn send(&mut self, event: PeerEvent) {
        let n = self.ssrc as usize;
        match event {
            PeerEvent::Talk(packets) => (0..packets).for_each(|_| {
                let packet = self.audio();
                self.store(packet, PacketKind::Rtp);
            }),
            PeerEvent::Lose(packets) => (0..packets).for_each(|_| drop(self.audio())),
            PeerEvent::Reverse(packets) => {
                let sent: Vec<_> = (0..packets).map(|_| self.audio()).collect();
                sent.into_iter()
                    .rev()
                    .for_each(|packet| self.store(packet, PacketKind::Rtp));
            }
            PeerEvent::Duplicate => self.store(self.latest[n].clone(), PacketKind::Rtp),
            PeerEvent::Silence(ms) => {
                self.now_ns += u64::from(ms) * MS;
                self.timestamp[n] = self.timestamp[n].wrapping_add(8 * u32::from(ms));
            }
            PeerEvent::Jump(by) => self.timestamp[n] = self.timestamp[n].wrapping_add_signed(by.into()),
            PeerEvent::Delay(ms) => self.delay_ns = u64::from(ms) * MS,
            PeerEvent::Drift(drift) => self.drift = drift.into(),
            PeerEvent::Sender(ssrc) => self.ssrc = ssrc.into(),
            PeerEvent::PayloadType(number) => self.payload_type = number,
            PeerEvent::PacketMs(ms) => self.packet_ms = ms.into(),
            PeerEvent::Dtmf => {
                let packet = self.packet(101, 4, 0);
                self.store(packet, PacketKind::Rtp);
            }
            PeerEvent::ComfortNoise => {
                let packet = self.packet(13, 1, 160);
                self.store(packet, PacketKind::Rtp);
            }
            PeerEvent::Odd(which) => {
                let mut packet = self.audio();
                match which {
                    0 => packet[1] = 200,
                    1 => packet[0] |= 0x20,
                    2 => packet[0] |= 0x10,
                    _ => packet.truncate(12),
                }
                self.store(packet, PacketKind::Rtp);
            }
            PeerEvent::Aged => {
                let packet = self.audio();
                self.store(packet, PacketKind::RtpAged);
            }
            PeerEvent::Refuse(packets) => {
                (0..packets).for_each(|_| drop(self.audio()));
                self.overruns += u32::from(packets);
            }
            PeerEvent::Overrun => self.overruns += 1,
            PeerEvent::Drain | PeerEvent::ControlPoint { .. } | PeerEvent::Render => {}
        }
    }
}

fn leg() -> LegMedia {
    let mut leg = LegMedia::new();
    let format = |codec, rate| FeedFormat { codec, rate };
    leg.attach(format(Codec::Pcmu, 8000).into(), None, 0);
    leg.map_payload(96, format(Codec::Pcmu, 16_000).into());
    leg.map_payload(97, format(Codec::Pcm16, 8000).into());
    leg.timeline.retain_from(Some(0), 0, 0);
    leg.timeline.set_epoch(1, Some(0), true);
    leg
}

/// Everything that later packets, blocks and ledgers depend on.
fn state(leg: &LegMedia) -> String {
    let timeline = &leg.timeline;
    let (track, past, totals) = (&timeline.track, &timeline.past, &timeline.totals);
    let notes = (&timeline.tally, &timeline.entries, &timeline.dirty, &leg.ignored);
    let counts = (leg.audio_ns, leg.refused, leg.packets_lost, leg.silent_ns);
    let formats = (leg.latest, leg.first_rate, leg.declared_rate);
    let streams = &leg.streams;
    format!("{track:?} {past:?} {totals:?} {notes:?} {counts:?} {formats:?} {streams:?}")
}

fn compare(events: &[PeerEvent], is_real_time: bool) -> Result<(), TestCaseError> {
    let (mut peer, mut each, mut runs) = (Peer::new(), leg(), leg());
    let context = PlacementContext {
        is_real_time,
        ..PlacementContext::default()
    };
    let input = DrainInput {
        context: &context,
        clock_ns: None,
    };
    let mut epoch = 1;
    for event in events {
        peer.send(*event);
        match event {
            PeerEvent::Drain => {
                let packets = StoredPackets::new(&peer.ring);
                let (mut count, mut observed) = (0, 0);
                for (header, bytes) in packets {
                    each.receive(header, bytes, &input);
                    count += 1;
                }
                runs.receive_all(packets, &input, |_| observed += 1);
                peer.ring.clear();
                prop_assert_eq!(count, observed);
                for leg in [&mut each, &mut runs] {
                    leg.tick(peer.now_ns, &context);
                }
            }
            PeerEvent::ControlPoint { records, holds } => {
                epoch += 1;
                for leg in [&mut each, &mut runs] {
                    leg.timeline.on_hold.set(*holds, epoch);
                    leg.timeline.set_epoch(epoch, Some(peer.now_ns), *records);
                }
            }
            PeerEvent::Render => {
                let settled_ns = peer.now_ns.saturating_sub(500 * MS);
                for leg in [&mut each, &mut runs] {
                    leg.timeline
                        .retain_from(Some(settled_ns), settled_ns, peer.now_ns);
                }
            }
            _ => {}
        }
        prop_assert_eq!(state(&each), state(&runs));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 192,
        rng_seed: RngSeed::Fixed(0x5eed),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn runs_equal_single_packets(events in proptest::collection::vec(event(), 1..80), is_real_time: bool) {
        compare(&events, is_real_time)?;
    }
}

/// Cases that random events seldom produce.
#[test]
fn runs_respect_other_streams_and_overruns() {
    use PeerEvent::*;
    let mut lone_packet = vec![Talk(20), Drain, Sender(1), Talk(1), Sender(0)];
    lone_packet.extend([Jump(160), Talk(40), Drain]);
    let mut return_of_a_sender = vec![Talk(20), Drain, Sender(1), Talk(4), Sender(0), Duplicate];
    return_of_a_sender.extend([Talk(3), Drain, Talk(3), Drain]);
    let overrun = vec![Talk(20), Overrun, Talk(10), Lose(1), Talk(10), Drain];
    for events in [lone_packet, return_of_a_sender, overrun] {
        for is_real_time in [true, false] {
            compare(&events, is_real_time).expect("the same state");
        }
    }
}

/// The number of packets that a run takes after `before` packets, out of the ring's.
fn taken(peer: &mut Peer, leg: &mut LegMedia, alter: impl FnOnce(&mut Peer)) -> usize {
    let context = PlacementContext {
        is_real_time: true,
        ..PlacementContext::default()
    };
    let input = DrainInput {
        context: &context,
        clock_ns: None,
    };
    peer.send(PeerEvent::Talk(20));
    leg.receive_all(StoredPackets::new(&peer.ring), &input, |_| {});
    peer.ring.clear();
    let previous = peer.latest[0].clone();
    peer.send(PeerEvent::Talk(10));
    alter(peer);
    peer.send(PeerEvent::Talk(10));
    let mut packets = StoredPackets::new(&peer.ring);
    let whole = packets.count();
    leg.receive_run(&previous, &mut packets, &input, &mut |_| {});
    whole - packets.count()
}

#[test]
fn a_run_takes_all_packets_in_order_and_stops_at_the_first_other() {
    let mut leg = leg();
    let mut peer = Peer::new();
    assert_eq!(taken(&mut peer, &mut leg, |_| {}), 20);
    for event in [
        PeerEvent::Lose(1),
        PeerEvent::Dtmf,
        PeerEvent::Duplicate,
        PeerEvent::Aged,
        PeerEvent::Overrun,
        PeerEvent::PayloadType(8),
        PeerEvent::PacketMs(30),
        PeerEvent::Jump(160),
        PeerEvent::Delay(200),
    ] {
        let (mut peer, mut leg) = (Peer::new(), self::leg());
        let count = taken(&mut peer, &mut leg, |peer| peer.send(event));
        assert_eq!(count, 10, "{event:?}");
    }
}
