//! What the fuzz targets do with their bytes. `crates/media/tests/fuzz.rs` does the same with random
//! bytes.

pub mod ogg_file;
pub mod pcapng_file;

use callrec_codec::container::{self, HEADER_MAX, Length, Measure, MeasuredAudio, ParsedHeader};
use callrec_codec::{Codec, Container, EncodedPackets, Format, Shape, Tags};
use callrec_media::dtmf::DtmfMask;
use callrec_media::leg::DrainInput;
use callrec_media::legs::Legs;
use callrec_media::packet::{PacketHeader, PacketKind};
use callrec_media::placement::PlacementContext;
use callrec_media::sdp::{self, OtherPayload};
use callrec_media::{FeedFormat, Leg, rtp};

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

/// A FLAC file that recovery measures. The first byte says what is done: it is read as it is, its
/// bytes are the contents of a frame with a valid header and checksum, or they are samples that are
/// encoded.
pub fn flac(data: &[u8]) {
    let [what, data @ ..] = data else { return };
    let format = Format::named("flac").expect("a format");
    let format = format.with_parameters(&format!("level={}", what % 9));
    let shape = Shape {
        format: format.expect("a level"),
        rate: 8000,
        channels: 1 + u16::from(what >> 7),
    };
    let container = format_of(&shape);
    let mut file = container.header(&shape, &Tags::default(), Length::default(), None);
    let mut frames = None;
    match (what >> 4) & 3 {
        0 => file.extend_from_slice(data),
        1 | 2 => file.extend(flac_frame(shape.channels, data)),
        _ => {
            let mut encoder = shape.format.encoder(&shape);
            let mut packets = EncodedPackets::default();
            let samples = &data[..data.len() / 4 * 4];
            encoder.encode(samples, &mut packets);
            encoder.finish(&mut packets);
            file.extend_from_slice(&packets.bytes);
            frames = Some((samples.len() / shape.block_frame_bytes()) as u64);
        }
    }
    let at_once = measured(&file, usize::MAX);
    assert_eq!(measured(&file, 1 + data.len() / 3), at_once);
    assert!(at_once.length.bytes as usize <= file.len() - HEADER_MAX);
    assert!(frames.is_none_or(|frames| frames == at_once.output));
}

/// The first bytes give the size of the block and how the channels are stored.
fn flac_frame(channels: u16, data: &[u8]) -> Vec<u8> {
    let [high, low, storage, body @ ..] = data else {
        return Vec::new();
    };
    let storage = match channels {
        1 => 0,
        _ => [1, 8, 9, 10][usize::from(storage % 4)],
    };
    let mut frame = vec![0xff, 0xf8, 0x74, (storage << 4) | 8, 0, high & 15, *low];
    let crc = frame.iter().fold(0u8, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc, _| (crc << 1) ^ (7 * (crc >> 7)))
    });
    frame.push(crc);
    frame.extend_from_slice(body);
    let crc = frame.iter().fold(0u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            (crc << 1) ^ (0x8005 * (crc >> 15))
        })
    });
    frame.extend_from_slice(&crc.to_be_bytes());
    frame
}

fn format_of(shape: &Shape) -> &'static dyn Container {
    shape.format.container()
}

/// Measures a file that is read in parts of this size.
fn measured(file: &[u8], part: usize) -> MeasuredAudio {
    let found = container::parse(file).expect("a header");
    let Measure::Scan(mut scan) = format_of(&found.shape).measure(&found, file.len() as u64) else {
        panic!("frames must be scanned");
    };
    let mut parts = file[HEADER_MAX..].chunks(part);
    while parts.next().is_some_and(|bytes| scan.take(bytes)) {}
    scan.measured()
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

const MS: u64 = 1_000_000;
/// The most that a packet masks after its arrival: a digit of unknown length, and the margin.
const AFTER_NS: u64 = 400 * MS;

fn rtp_packet(payload_type: u8, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type & 0x7f];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(7u32.to_be_bytes());
    packet.extend(payload);
    packet
}

/// Telephone events among the audio of a leg, with any times. In `data`, each has eight bytes before
/// its payload: what is done with it, and its payload type, timestamp, and lengths.
pub fn events(data: &[u8]) {
    let format = FeedFormat {
        codec: Codec::Pcmu,
        rate: 8000,
    };
    let (mut legs, mut mask) = (Legs::new(false), DtmfMask::default());
    let mut now_ns = 1000 * MS;
    legs.attach(Leg::Local, format.into(), None, now_ns);
    let context = PlacementContext {
        is_real_time: true,
        reorder_ns: 60 * MS,
        masks_dtmf: true,
        ..PlacementContext::default()
    };
    let input = DrainInput {
        context: &context,
        clock_ns: None,
    };
    let (mut rest, mut n) = (data, 0u32);
    while let [what, payload_type, t0, t1, t2, t3, len, skip, bytes @ ..] = rest {
        let (payload, after) = bytes.split_at(usize::from(*len & 31).min(bytes.len()));
        rest = after;
        let Some(leg) = legs.get_mut(Leg::Local) else {
            return;
        };
        leg.timeline.set_epoch(1, Some(0), true);
        let floor_ns = now_ns.saturating_sub(2000 * MS);
        leg.timeline.retain_from(Some(floor_ns), floor_ns, floor_ns);
        let timestamp = u32::from_be_bytes([*t0, *t1, *t2, *t3]);
        if what & 1 != 0 {
            let clock_rate = timestamp;
            leg.declare_other(payload_type & 0x7f, OtherPayload::Event { clock_rate });
        }
        // Near the audio, or anywhere.
        let timestamp = match what & 2 {
            0 => (n * 160).wrapping_add(timestamp % 160_000).wrapping_sub(80_000),
            _ => timestamp,
        };
        let audio = rtp_packet(0, n as u16, n * 160, &[0x21; 160]);
        let event = rtp_packet(*payload_type, n as u16 + 1, timestamp, payload);
        n += 2;
        for packet in [audio, event] {
            let header = PacketHeader {
                kind: PacketKind::Rtp,
                len: packet.len(),
                overruns: 0,
                arrival_ns: now_ns,
            };
            if let Some(packet) = rtp::parse(&packet) {
                leg.raw_kind(&packet);
            }
            leg.receive(header, &packet, &input);
            now_ns += 20 * MS;
        }
        leg.tick(now_ns, &context);
        mask.apply(&mut legs);
        let is_past = |(from, to): &(u64, u64)| from < to && *to <= now_ns + AFTER_NS;
        assert!(
            mask.ranges().iter().all(is_past),
            "{:?} at {now_ns}",
            mask.ranges()
        );
        now_ns += u64::from(*skip) * MS;
    }
}

pub fn mp3(data: &[u8]) {
    changed_file("mp3", data);
}

/// The first byte selects the encoding of the samples.
pub fn wav(data: &[u8]) {
    if let [encoding, data @ ..] = data {
        changed_file(["wav", "wav-ulaw", "wav-alaw"][usize::from(encoding % 3)], data);
    }
}

/// As [`wav`].
pub fn au(data: &[u8]) {
    if let [encoding, data @ ..] = data {
        changed_file(["au", "au-ulaw", "au-alaw"][usize::from(encoding % 3)], data);
    }
}

/// A file after a crash: changes of its header, then what follows the header.
fn changed_file(format: &str, data: &[u8]) {
    let [rate, channels, part, changes, data @ ..] = data else {
        return;
    };
    let Some(format) = Format::named(format) else {
        panic!("the build has the format");
    };
    let with_tags = format.with_parameters("tags=1").unwrap_or(format);
    let format = if channels & 4 == 0 { format } else { with_tags };
    let rates = [0, 8000, 11_025, 16_000, 32_000, 48_000];
    let shape = Shape {
        format,
        rate: rates[usize::from(*rate) % rates.len()],
        channels: u16::from(channels % 3),
    };
    let mut header = format
        .container()
        .header(&shape, &Tags::default(), Length::default(), None);
    let size = header.len();
    let (changed, audio) = data.split_at(data.len().min(3 * usize::from(*changes)));
    for change in changed.chunks_exact(3) {
        header[usize::from(u16::from_be_bytes([change[0], change[1]])) % size] = change[2];
    }
    let found = container::parse(&header);
    let _ = (container::parse(data), container::recording_id(data));
    let Some(found) = found.filter(|found| found.audio_at == size as u64) else {
        return;
    };
    let at_once = measure(&found, audio, audio.len().max(1));
    assert!(at_once.length.bytes <= audio.len() as u64 && at_once.length.frames <= at_once.output);
    assert_eq!(at_once, measure(&found, audio, usize::from(*part).max(1)));
}

fn measure(found: &ParsedHeader, audio: &[u8], part: usize) -> MeasuredAudio {
    let len = found.audio_at + audio.len() as u64;
    match found.shape.format.container().measure(found, len) {
        Measure::Known(measured) => measured,
        Measure::Scan(mut scan) => {
            let mut parts = audio.chunks(part);
            while parts.next().is_some_and(|bytes| scan.take(bytes)) {}
            scan.measured()
        }
    }
}
