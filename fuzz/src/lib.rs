//! What the fuzz targets do with their bytes. `crates/media/tests/fuzz.rs` does the same with random
//! bytes.

use callrec_codec::Codec;
use callrec_media::sdp;

/// The most samples that a packet decodes to: 120 ms of Opus, or a whole UDP packet of G.722.
const SAMPLES_MAX: usize = 131_072;

/// Decodes packets of one stream. In `data`, each packet has two bytes before it: what is done with
/// it, and its length.
fn decode(codec: Codec, rate: u32, data: &[u8]) {
    let Some(mut decoder) = codec.decoder(rate) else {
        panic!("{codec:?} has a decoder");
    };
    let (mut out, mut rest) = (Vec::new(), data);
    while let [what, len, bytes @ ..] = rest {
        let len = usize::from(*len) * (1 + usize::from(what >> 4));
        let (packet, after) = bytes.split_at(len.min(bytes.len()));
        rest = after;
        out.clear();
        let samples = codec.samples_of(packet, rate) as usize;
        match what & 7 {
            0 => {
                // As after a loss: the decoder makes up what is missing.
                let wanted = 17 * packet.len();
                decoder.conceal(wanted, &mut out);
                assert!(out.len() <= wanted);
            }
            1 => {
                let is_recovered = decoder.recover(packet, samples, &mut out);
                assert_eq!(out.len(), if is_recovered { samples } else { 0 });
            }
            2 => {
                // The missing packet has another length.
                let other = samples / 2 + packet.len();
                let is_recovered = decoder.recover(packet, other, &mut out);
                assert_eq!(out.len(), if is_recovered { other } else { 0 });
            }
            _ => {}
        }
        out.clear();
        if decoder.decode(packet, &mut out).is_ok() {
            assert_eq!(out.len(), samples);
        }
        assert!(samples <= SAMPLES_MAX && out.len() <= SAMPLES_MAX);
    }
}

pub fn g722(data: &[u8]) {
    decode(Codec::G722, 16_000, data);
}

pub fn opus(data: &[u8]) {
    decode(Codec::Opus, 48_000, data);
}

/// The first byte is the number of channels.
pub fn l16(data: &[u8]) {
    if let [channels, data @ ..] = data {
        decode(Codec::L16(*channels), 16_000, data);
    }
}

/// The session description that a host passes to `rec_feed_sdp`.
pub fn sdp(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = sdp::other_payload_types(text);
    for (payload_type, format) in sdp::payload_types(text).unwrap_or_default() {
        assert!(payload_type < 128 && (8000..=48_000).contains(&format.rate));
        assert!(format.codec.is_direct() || format.codec.decoder(format.rate).is_some());
    }
}
