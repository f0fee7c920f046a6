use super::*;
use crate::FeedFormat;
use crate::placement::Audio;
use crate::rtp::RtpPacket;
use callrec_codec::Codec;

/// Notes the placements.
#[derive(Default)]
struct Placed(Vec<(u16, Placement)>);

impl PlacementSink for Placed {
    fn end(&self, _: u32) -> i64 {
        0
    }

    fn place(&mut self, audio: &Audio<'_>, placement: Placement) {
        let number = audio.number.expect("a packet");
        self.0.push((number.sequence, placement));
    }

    fn try_append(&mut self, _: &Audio<'_>, _: i64, _: u64) -> bool {
        false
    }

    fn reject(&mut self, _: RejectReason, _: FeedFormat, _: i64, _: i64, _: u32) {}

    fn clear_missing(&mut self, _: i64, _: i64) {}

    fn count_wrong_timestamp(&mut self) {}

    fn count_stream(&mut self) {}

    fn count_concurrent(&mut self) {}
}

fn real_time() -> PlacementContext {
    PlacementContext {
        is_real_time: true,
        reorder_ns: 60 * NS_PER_MS,
        ..PlacementContext::default()
    }
}

/// Receives a packet of 20 ms with the number `sequence` and the timestamp of number `spoken`.
fn receive(
    streams: &mut RtpStreams,
    (ssrc, rate): (u32, u32),
    (sequence, spoken): (u16, u32),
    at_ms: u64,
    context: &PlacementContext,
    out: &mut Placed,
) {
    let len = rate / 50;
    let packet = RtpPacket {
        ssrc,
        sequence,
        timestamp: spoken * len,
        payload_type: 96,
        marker: false,
        payload: &[0],
    };
    let incoming = IncomingPacket {
        packet: &packet,
        hash: sequence,
        format: FeedFormat {
            codec: Codec::G722,
            rate,
        },
        len: len.into(),
        arrival: (at_ms * u64::from(rate) / 1000) as i64,
        epoch: 0,
        is_aged: false,
        refused: 0,
        leg_end: 0,
        clock_ns: None,
    };
    streams.place_or_hold(&incoming, context, out);
}

/// A suspect at 48 kHz is older than one at 8 kHz, at a higher position of its rate.
#[test]
fn the_oldest_suspect_is_the_oldest_in_time() {
    let (mut streams, mut out) = (RtpStreams::new(), Placed::default());
    assert_eq!(streams.oldest_suspect_ns(), None);
    receive(&mut streams, (1, 8000), (0, 0), 0, &real_time(), &mut out);
    receive(&mut streams, (2, 48_000), (0, 0), 100, &real_time(), &mut out);
    receive(&mut streams, (3, 8000), (0, 0), 200, &real_time(), &mut out);
    assert_eq!(streams.oldest_suspect_ns(), Some(100 * NS_PER_MS));
}

/// A number that a fault on the way has changed. The packet is placed at its arrival, and is not the
/// newest of its stream.
#[test]
fn a_packet_with_a_wrong_number_is_never_the_newest() {
    let contexts = [real_time(), PlacementContext::default()];
    for (wrong, context) in [100 + 20_000, 100 + 40_000]
        .into_iter()
        .flat_map(|wrong| contexts.map(|c| (wrong, c)))
    {
        let (mut streams, mut out) = (RtpStreams::new(), Placed::default());
        for n in 0..200u16 {
            let at_ms = 20 * u64::from(n);
            streams.tick(at_ms * NS_PER_MS, false, &context, &mut out);
            let sequence = if n == 100 { wrong } else { n };
            receive(
                &mut streams,
                (1, 16_000),
                (sequence, n.into()),
                at_ms,
                &context,
                &mut out,
            );
        }
        streams.finish(4000 * NS_PER_MS, &context, &mut out);
        let placed = |sequence: u16| {
            let found = out.0.iter().find(|(number, _)| *number == sequence);
            found.map(|(_, placement)| placement.is_newest)
        };
        assert_eq!(
            [99, wrong, 101, 199].map(placed),
            [true, false, true, true].map(Some),
            "{wrong} {}",
            context.is_real_time
        );
        assert_eq!(out.0.len(), 200);
    }
}
