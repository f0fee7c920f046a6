use super::DecoderState::{Kept, New, Own};
use super::*;
use crate::leg::pause_ends::PauseEnds;
use crate::placement::{PacketNumber, Placement};
use callrec_codec::Codec;

const MS: u64 = 1_000_000;
const FORMAT: FeedFormat = FeedFormat {
    codec: Codec::G722,
    rate: 16_000,
};

fn pause_end(epoch: u32, at_ms: u64) -> Option<PauseEnd> {
    Some(PauseEnd {
        epoch,
        at_ns: at_ms * MS,
    })
}

/// A packet of 20 ms that is in order, at 20 ms times its number.
fn packet(sequence: u16) -> PlacedPacket {
    PlacedPacket {
        number: PacketNumber {
            ssrc: 7,
            sequence,
            arrival_ns: 0,
        },
        payload: Vec::new(),
        format: FORMAT,
        epoch: 1,
        pause_end: None,
        spoken_after: Some(0),
        len: 320,
        placement: Placement {
            at: i64::from(sequence) * 320,
            is_newest: true,
            ..Placement::default()
        },
        gap: 0,
        continues_pause: false,
        is_restart: false,
    }
}

fn of_epoch(sequence: u16, epoch: u32, pause_end: Option<PauseEnd>) -> PlacedPacket {
    after_pauses(
        pause_end.as_slice(),
        PlacedPacket {
            epoch,
            ..packet(sequence)
        },
    )
}

fn after_pauses(ends: &[PauseEnd], mut packet: PlacedPacket) -> PlacedPacket {
    let mut pauses = PauseEnds::default();
    ends.iter().for_each(|end| pauses.add(end.epoch, end.at_ns));
    packet.note_pauses(&pauses);
    packet
}

fn hidden(delay_ms: i64, packet: PlacedPacket) -> PlacedPacket {
    let placement = Placement {
        hidden_delay: delay_ms as u64 * 16,
        ..packet.placement
    };
    after_pauses(packet.pause_end.as_slice(), PlacedPacket { placement, ..packet })
}

/// The states with which packets are decoded, all of which a recording keeps.
fn states(packets: Vec<PlacedPacket>) -> Vec<DecoderState> {
    let mut order = PacketOrder::new(7, FORMAT);
    let mut states = Vec::new();
    for packet in packets {
        order.add(packet);
        while let Some(mut packet) = order.take_ready(None, 0) {
            let state = order.begin(&mut packet, true).expect("it is kept");
            if state != Own {
                order.advance(&packet);
            }
            states.push(state);
        }
    }
    states
}

#[test]
fn a_state_is_kept_within_a_stream() {
    assert_eq!(
        states((65_530..=65_535).map(packet).collect()),
        [New, Kept, Kept, Kept, Kept, Kept]
    );
    // A late packet does not change it.
    assert_eq!(
        states(vec![packet(1), packet(2), packet(4), late(3), packet(5)]),
        [New, Kept, Kept, Own, Kept]
    );
    // Nor does the end of a recording.
    let other = vec![packet(1), of_epoch(2, 2, None), of_epoch(3, 3, None)];
    assert_eq!(states(other), [New, Kept, Kept]);
}

/// A packet that is placed after its successors.
fn late(sequence: u16) -> PlacedPacket {
    let mut packet = packet(sequence);
    packet.placement.is_newest = false;
    packet
}

#[test]
fn a_stream_that_restarts_its_numbers_has_one_state() {
    for first in [10, 20_000, 29_999, 30_002, 50_000] {
        let restarted = (first..first + 4).map(packet);
        let packets = [packet(30_000), packet(30_001)].into_iter().chain(restarted);
        let is_behind = !(30_002..62_770).contains(&first);
        let begin = if is_behind { New } else { Kept };
        assert_eq!(
            states(packets.collect()),
            [New, Kept, begin, Kept, Kept, Kept],
            "{first}"
        );
    }
    // Packets from before the restart change nothing, nor does one from before its first packet.
    let packets = vec![
        packet(900),
        packet(902),
        packet(10),
        late(901),
        packet(11),
        late(9),
        packet(12),
    ];
    assert_eq!(states(packets), [New, Kept, New, Own, Kept, Own, Kept]);
}

/// Packet 902 waits for 901 when the numbers restart.
#[test]
fn packets_from_before_a_restart_come_first() {
    let mut order = PacketOrder::new(7, FORMAT);
    let mut waits = packet(902);
    waits.placement.missing = 1;
    let packets = [
        packet(900),
        waits,
        packet(10),
        packet(12),
        late(9),
        late(11),
        late(901),
    ];
    packets.into_iter().for_each(|packet| order.add(packet));
    let numbers: Vec<u16> = order.waiting().map(|packet| packet.number.sequence).collect();
    assert_eq!(numbers, [900, 902, 9, 10, 11, 12, 901]);
    let mut states = Vec::new();
    while let Some(mut packet) = order.take_ready(None, 0) {
        let state = order.begin(&mut packet, true);
        if state != Some(Own) {
            order.advance(&packet);
        }
        states.extend(state);
    }
    assert_eq!(states, [New, Kept, Own, New, Kept, Kept, Own]);
}

/// Neither a packet that comes late, nor one whose number is wrong, so that it is placed only after a
/// while: it was passed in before a control point, and decoded after it.
#[test]
fn a_packet_with_a_state_of_its_own_changes_no_state() {
    let resumed = pause_end(2, 0);
    for other in [2u16, 20_003, 40_003] {
        let packets = vec![
            packet(1),
            of_epoch(3, 2, resumed),
            late(other),
            of_epoch(4, 2, resumed),
        ];
        assert_eq!(states(packets), [New, New, Own, Kept], "{other}");
    }
}

/// Two pauses of another recording end before the packets are decoded.
#[test]
fn every_end_of_a_pause_is_a_cut() {
    let packets = vec![
        packet(10),
        of_epoch(11, 2, None),
        of_epoch(12, 3, pause_end(3, 0)),
        of_epoch(13, 4, pause_end(3, 0)),
        of_epoch(14, 5, pause_end(5, 0)),
        of_epoch(15, 5, pause_end(5, 0)),
    ];
    assert_eq!(states(packets), [New, Kept, New, Kept, New, Kept]);
}

/// Packet 11 came after a pause had begun, and packet 12 before.
#[test]
fn a_packet_of_a_pause_is_not_in_the_state_of_one_from_before_it() {
    let packets = vec![
        packet(10),
        of_epoch(11, 2, None),
        packet(12),
        of_epoch(13, 2, None),
    ];
    assert_eq!(states(packets), [New, Kept, New, Kept]);
}

/// Packets 10 and 11 end at 240 ms.
#[test]
fn what_was_spoken_in_a_pause_is_not_in_the_state_of_what_is_heard() {
    let after = |at_ms: u64| {
        let packets = (10..14).map(|n| of_epoch(n, 3, pause_end(3, at_ms)));
        states(packets.collect())
    };
    assert_eq!(after(200), [New, Kept, Kept, Kept]);
    assert_eq!(after(239), [New, New, Kept, Kept]);
    assert_eq!(after(240), [New, Kept, New, Kept]);
    assert_eq!(after(400), [New, Kept, Kept, Kept]);
    // The hidden delay of a packet ends with the evidence for it.
    let delays = [0, 30, 100, 0, 0];
    let packets = (11..16)
        .zip(delays)
        .map(|(n, delay_ms)| hidden(delay_ms, of_epoch(n, 3, pause_end(3, 200))));
    assert_eq!(states(packets.collect()), [New, Kept, Kept, New, Kept]);
}

/// The leg stalled from before the first pause until after the second one, which ended at 240 ms and
/// at 280 ms. Packets 10 and 11 were spoken before both, packets 12 and 13 between them.
#[test]
fn every_pause_within_a_stall_is_cut() {
    let ends = [pause_end(3, 240), pause_end(5, 280)].map(|end| end.expect("an end"));
    let packets = |ends: &[PauseEnd]| {
        let packets = (10..16).map(|n| {
            after_pauses(
                ends,
                PlacedPacket {
                    epoch: 5,
                    ..packet(n)
                },
            )
        });
        states(packets.collect())
    };
    assert_eq!(packets(&ends), [New, Kept, New, Kept, New, Kept]);
    // If ends are forgotten, any of the packets before the oldest one may be of another pause.
    let mut many = vec![ends[0]; 17];
    many[16] = ends[1];
    assert_eq!(packets(&many), [New, New, New, Kept, New, Kept]);
}

#[test]
fn what_no_recording_keeps_is_not_decoded() {
    let mut order = PacketOrder::new(7, FORMAT);
    let mut state = |sequence, is_kept| {
        let mut packet = if sequence == 0 { late(0) } else { packet(sequence) };
        let state = order.begin(&mut packet, is_kept);
        if state.is_some_and(|state| state != Own) {
            order.advance(&packet);
        }
        state
    };
    assert_eq!([state(1, true), state(2, true)], [Some(New), Some(Kept)]);
    // A late one changes nothing.
    assert_eq!([state(0, false), state(3, true)], [None, Some(Kept)]);
    assert_eq!([state(4, false), state(5, true)], [None, Some(New)]);
}

/// A packet is missing before each of two packets. The first one begins at 220 ms.
#[test]
fn nothing_of_a_pause_continues_in_a_gap() {
    let gap = |resume_ms: u64, delay_ms: u64| {
        let mut order = PacketOrder::new(7, FORMAT);
        let mut packets = [11, 13].map(|n| {
            let mut packet = of_epoch(n, 3, pause_end(3, resume_ms));
            (packet.placement.missing, packet.placement.lost) = (1, 320);
            packet
        });
        packets[1].placement.hidden_delay = delay_ms * 16;
        for packet in &mut packets {
            order.begin(packet, true);
            order.advance(packet);
        }
        let last = &packets[1];
        (last.gap, last.concealable(), last.follows_pause())
    };
    assert_eq!(gap(220, 0), (320, 320, false));
    // The packet before the gap is heard in part.
    assert_eq!(gap(221, 0), (320, 0, false));
    // It is not heard.
    assert_eq!(gap(240, 0).0, 0);
    // The missing packet may be of the pause.
    assert_eq!(gap(220, 20), (320, 320, false));
    assert_eq!(gap(220, 21), (320, 320, true));
}
