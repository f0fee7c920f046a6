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
