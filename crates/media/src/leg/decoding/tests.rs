use super::*;
use crate::placement::{PacketNumber, Placement};
use callrec_codec::Codec;

const G722: FeedFormat = FeedFormat {
    codec: Codec::G722,
    rate: 16_000,
};
const OPUS: FeedFormat = FeedFormat {
    codec: Codec::Opus,
    rate: 48_000,
};

/// A packet at a position, before which one is missing.
fn waiting(format: FeedFormat, at: i64) -> PlacedPacket {
    PlacedPacket {
        number: PacketNumber {
            ssrc: 7,
            sequence: 9,
            arrival_ns: 0,
        },
        payload: vec![0; 160],
        format,
        epoch: 0,
        pause_end: None,
        spoken_after: Some(0),
        len: u64::from(format.rate / 50),
        placement: Placement {
            at,
            missing: 1,
            is_newest: true,
            ..Placement::default()
        },
        gap: 0,
        continues_pause: false,
        is_restart: false,
    }
}

/// 15 s of Opus have more samples than 20 s of G.722.
#[test]
fn the_earliest_packet_is_the_earliest_in_time() {
    let mut decoders = LegDecoders::default();
    assert_eq!(decoders.earliest_ns(), None);
    assert!(decoders.add(waiting(G722, 20 * 16_000)));
    assert!(decoders.add(waiting(OPUS, 15 * 48_000)));
    assert_eq!(decoders.earliest_ns(), Some(15_000_000_000));
}

const HEARD: PacketUse = PacketUse {
    is_kept: true,
    has_place: true,
    conceals: false,
};

/// What becomes of packets of 20 ms that arrive together: how many are decoded, and how many are
/// too many.
fn flood(
    decoders: &mut LegDecoders,
    packets: std::ops::Range<u16>,
    is_late: bool,
    used: PacketUse,
) -> (u32, u32) {
    let (mut decoded, mut excess) = (0, 0);
    for sequence in packets {
        let mut packet = waiting(G722, 0);
        packet.number.sequence = sequence;
        packet.payload.fill(sequence as u8 | 1);
        packet.placement.is_newest = !is_late;
        assert!(decoders.add(packet));
        let mut packet = decoders.take_ready(None, 0).expect("a packet");
        decoders.decode(&mut packet, used);
        let samples = &decoders.decoded.samples;
        assert_eq!(samples.len(), 320);
        decoded += u32::from(samples.iter().any(|sample| *sample != 0));
        excess += u32::from(decoders.decoded.is_excess);
    }
    (decoded, excess)
}

#[test]
fn a_flood_is_not_decoded() {
    let mut decoders = LegDecoders::default();
    let (decoded, excess) = flood(&mut decoders, 0..10_000, false, HEARD);
    assert!((3000..3300).contains(&decoded), "{decoded}");
    assert_eq!(decoded + excess, 10_000);
}

/// They are in the state of what follows, but not at any cost.
#[test]
fn packets_without_a_place_cost_the_others_nothing() {
    let mut decoders = LegDecoders::default();
    let without = PacketUse {
        has_place: false,
        ..HEARD
    };
    assert_eq!(flood(&mut decoders, 0..100, false, without), (100, 0));
    // A late packet is in no state.
    assert_eq!(flood(&mut decoders, 0..50, true, without), (0, 0));
    let (decoded, excess) = flood(&mut decoders, 100..10_000, false, without);
    assert!(decoded < 200 && excess == 0, "{decoded}");
    assert_eq!(flood(&mut decoders, 10_000..13_000, false, HEARD), (3000, 0));
}

/// More packets than half of the sequence numbers are too many. What follows is not taken for late
/// packets, which have a state of their own.
#[test]
fn a_stream_goes_on_with_its_state_after_a_flood() {
    let mut decoders = LegDecoders::default();
    let (decoded, excess) = flood(&mut decoders, 0..40_000, false, HEARD);
    assert!(decoded < 4000 && excess > 32_768, "{decoded} {excess}");
    let mut packet = waiting(G722, 0);
    (packet.number.sequence, packet.number.arrival_ns) = (40_000, 60_000_000_000);
    assert!(decoders.add(packet));
    let mut packet = decoders.take_ready(None, 0).expect("a packet");
    let without = PacketUse {
        has_place: false,
        ..HEARD
    };
    decoders.decode(&mut packet, without);
    assert!(decoders.decoded.samples.iter().any(|sample| *sample != 0));
}
