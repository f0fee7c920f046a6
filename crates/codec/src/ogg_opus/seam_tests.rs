//! Recovery continues a file with a new encoder, and so does a recording whose encoder has failed. The
//! decoder keeps the state that the packets of the old one gave it, and SILK predicts steady tones from
//! it for ever.

use std::f64::consts::TAU;
use std::ops::Range;

use opus_pure::OpusDecoder;

use super::encoder::OpusPackets;
use super::{PACKET, PACKETS_PER_PAGE, scale};
use crate::{EncodedPackets, Encoder, Format, Shape};

const AMPLITUDE: f64 = 6000.0;

/// Interleaved samples of a tone in each channel, which changes every 100 ms if `moves`.
fn tones(shape: &Shape, hz: f64, moves: bool, frames: Range<usize>) -> Vec<u8> {
    let rate = shape.rate as usize;
    let of = |n: usize, channel: u16| {
        let step = if moves { n * 10 / rate * 3 % 7 } else { 0 };
        let hz = hz + 190.0 * step as f64 + 700.0 * f64::from(channel);
        (AMPLITUDE * (TAU * hz * n as f64 / rate as f64).sin()) as i16
    };
    frames
        .flat_map(|n| (0..shape.channels).map(move |channel| of(n, channel)))
        .flat_map(i16::to_le_bytes)
        .collect()
}

fn encoded(encoder: &mut dyn Encoder, samples: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = EncodedPackets::default();
    encoder.encode(samples, &mut packets);
    let mut at = 0;
    let bytes = packets.list.iter().map(|packet| {
        at += packet.bytes;
        packets.bytes[at - packet.bytes..at].to_vec()
    });
    bytes.collect()
}

/// The packets of an encoder that fails between two pages, `packets` packets behind the first one.
fn encoded_until_failure(shape: &Shape, samples: &[u8], packets: usize) -> Vec<Vec<u8>> {
    let packet = (PACKET / scale(shape.rate)) as usize * usize::from(shape.channels) * 2;
    let (before, after) = samples.split_at(packets * packet);
    let mut encoder = OpusPackets::new(shape);
    let mut found = encoded(&mut encoder, before);
    encoder.break_encoder();
    found.extend(encoded(&mut encoder, after));
    assert!(encoder.failure().is_some());
    found
}

/// The greatest sample behind the seam, and the same of one encoder.
fn loudest(shape: &Shape, hz: f64, moves: bool, pages: usize) -> [i32; 2] {
    let packet = (PACKET / scale(shape.rate)) as usize;
    let (seam, end) = (
        pages * PACKETS_PER_PAGE * packet,
        (pages + 3) * PACKETS_PER_PAGE * packet,
    );
    let mut first = shape.format.encoder(shape);
    let whole = encoded(first.as_mut(), &tones(shape, hz, moves, 0..end));
    let mut second = shape.format.encoder(shape);
    second.resume(seam as u64);
    let from = second.resume_from(seam as u64) as usize;
    let more = encoded(second.as_mut(), &tones(shape, hz, moves, from..end));
    let continued: Vec<_> = whole[..pages * PACKETS_PER_PAGE]
        .iter()
        .chain(&more)
        .cloned()
        .collect();
    assert_eq!(continued.len(), whole.len());
    // Where an encoder fails, the file has the same pages.
    let samples = tones(shape, hz, moves, 0..end);
    let left = encoded_until_failure(shape, &samples, pages * PACKETS_PER_PAGE + 7);
    assert!(left == whole[..pages * PACKETS_PER_PAGE]);
    [continued, whole].map(|packets| {
        let channels = usize::from(shape.channels);
        let mut decoder = OpusDecoder::new(shape.rate as i32, channels).expect("a decoder");
        let mut loudest = 0;
        for (n, bytes) in packets.iter().enumerate() {
            let mut pcm = vec![0; packet * channels];
            decoder.decode_s16(bytes, packet, &mut pcm).expect("a packet");
            if n >= pages * PACKETS_PER_PAGE {
                loudest = pcm.iter().map(|s| i32::from(*s).abs()).fold(loudest, i32::max);
            }
        }
        loudest
    })
}

#[test]
fn steady_tones_do_not_grow_behind_a_seam() {
    for (rate, channels) in [(8000, 1), (8000, 2), (16_000, 2), (24_000, 1), (48_000, 2)] {
        let shape = Shape {
            format: Format::named("opus").expect("in this build"),
            rate,
            channels,
        };
        // Ringback of Europe and America, and what a music on hold may have.
        for hz in [200.0, 425.0, 440.0, 960.0] {
            for (moves, pages) in [(false, 1), (true, 2), (false, 3)] {
                let [continued, whole] = loudest(&shape, hz, moves, pages);
                assert!(
                    continued < 2 * whole,
                    "{rate}/{channels}, {hz} Hz, {pages} pages: {continued}, by one encoder {whole}"
                );
            }
        }
    }
}
