use std::f64::consts::TAU;
use std::ops::Range;

use opus_pure::OpusDecoder;
use uuid::Uuid;

use super::*;
use crate::PARAMETERS_MAX;
use crate::container;
use crate::measure::MeasuredAudio;

const ID: Uuid = Uuid::from_u128(0x69a7_e12a_b6dc_401e_ab20_43a3_3aaf_8a9c);

fn shape(rate: u32, channels: u16, parameters: &str) -> Shape {
    let format = Format::named("opus").expect("in this build");
    Shape {
        format: format.with_parameters(parameters).expect("valid"),
        rate,
        channels,
    }
}

fn tags() -> Tags {
    Tags {
        call_id: "7f1c2a90".to_owned(),
        local: "102".to_owned(),
        ..Tags::of(ID)
    }
}

/// A voice in each channel: harmonics under a moving formant, and silence in between.
fn sample(rate: u32, channel: u16, n: usize) -> i16 {
    let t = n as f64 / f64::from(rate) + 0.35 * f64::from(channel);
    let (pitch, formant) = (110.0 + 70.0 * f64::from(channel), 600.0 + 300.0 * (7.0 * t).sin());
    let harmonics = (1..20).map(|k| pitch * f64::from(k)).map(|hz| {
        let gain = (-((hz - formant) / 300.0).powi(2)).exp();
        gain * (TAU * hz * t).sin()
    });
    let loudness = (TAU * 1.3 * t).sin().max(0.0);
    (4000.0 * loudness * harmonics.sum::<f64>()) as i16
}

fn speech(shape: &Shape, frames: Range<usize>) -> Vec<u8> {
    let (rate, channels) = (shape.rate, shape.channels);
    let of_frame = |n: usize| (0..channels).map(move |channel| sample(rate, channel, n));
    frames.flat_map(of_frame).flat_map(i16::to_le_bytes).collect()
}

/// What one encoder adds to a file that holds `output` output frames, given the recording's frames
/// up to `to`. With `ends`, the end follows. Returns the output frames of the file.
fn write(shape: &Shape, file: &mut Vec<u8>, output: u64, to: usize, ends: bool) -> u64 {
    let tags = tags();
    let facts = FileFacts { shape, tags: &tags };
    let mut encoder = shape.format.encoder(shape);
    if output > 0 {
        encoder.resume(output);
    }
    let from = encoder.resume_from(output) as usize;
    let mut packets = EncodedPackets::default();
    for begin in (from..to).step_by(777) {
        encoder.encode(&speech(shape, begin..to.min(begin + 777)), &mut packets);
    }
    let more = packets.frames();
    OggOpus.wrap(&facts, &mut packets, output, file);
    let mut output = output + more;
    if ends {
        let trim = encoder.finish(&mut packets);
        let (mut last, more) = (Vec::new(), packets.frames());
        OggOpus.wrap(&facts, &mut packets, output, &mut last);
        output += more;
        OggOpus.append_end(&facts, trim, output, &mut last);
        file.extend_from_slice(&last);
    }
    output
}

fn header(shape: &Shape) -> Vec<u8> {
    OggOpus.header(shape, &tags(), Length::default(), None)
}

fn file(shape: &Shape, frames: usize) -> Vec<u8> {
    let mut file = header(shape);
    write(shape, &mut file, 0, frames, true);
    file
}

/// Interleaved samples of the whole pages of a file, whether it has an end, and the bytes of these
/// pages with the header.
fn decode(file: &[u8]) -> (Vec<i16>, bool, usize) {
    let found = OggOpus.parse(file).expect("a header");
    let channels = usize::from(found.shape.channels);
    let mut decoder = OpusDecoder::new(found.shape.rate as i32, channels).expect("a decoder");
    let packet = (PACKET / scale(found.shape.rate)) as usize;
    let (mut samples, mut position, mut ended) = (Vec::new(), 0, false);
    let mut at = found.audio_at as usize;
    while let Some(page) = OggPage::at(&file[at..]).filter(|_| !ended) {
        for bytes in page.packets().expect("whole packets") {
            let mut pcm = vec![0; packet * channels];
            let decoded = decoder.decode_s16(bytes, packet, &mut pcm);
            assert_eq!(decoded.expect("a valid packet"), packet);
            samples.extend_from_slice(&pcm);
        }
        (position, ended) = (page.position, page.flags == LAST);
        at += page.bytes;
    }
    samples.truncate((position / scale(found.shape.rate)) as usize * channels);
    let delay = (DELAY / scale(found.shape.rate)) as usize * channels;
    samples.drain(..delay.min(samples.len()));
    (samples, ended, at)
}

/// The result of measuring a file that is read in parts of `part` bytes.
fn measured(file: &[u8], part: usize) -> MeasuredAudio {
    let found = OggOpus.parse(file).expect("a header");
    let Measure::Scan(mut scan) = OggOpus.measure(&found, file.len() as u64) else {
        panic!("pages must be scanned");
    };
    let mut parts = file[found.audio_at as usize..].chunks(part);
    while parts.next().is_some_and(|bytes| scan.take(bytes)) {}
    scan.measured()
}

/// One channel's likeness to what was fed, from 0 to 1, in a range of frames.
fn likeness(shape: &Shape, samples: &[i16], channel: u16, frames: Range<usize>) -> f64 {
    let (mut both, mut fed, mut heard) = (0.0, 0.0, 0.0);
    for n in frames {
        let a = f64::from(sample(shape.rate, channel, n));
        let b = f64::from(samples[n * usize::from(shape.channels) + usize::from(channel)]);
        (both, fed, heard) = (both + a * b, fed + a * a, heard + b * b);
    }
    both / (fed * heard).sqrt()
}

#[test]
fn a_header_has_a_fixed_size_and_reads_back() {
    let long = "é".repeat(500);
    let longest = Tags {
        call_id: long.clone(),
        local: long.clone(),
        remote: long.clone(),
        started_at: long.clone(),
        ..Tags::of(ID)
    };
    for rate in RATES {
        for (channels, tags) in [(1, tags()), (2, longest.clone()), (2, Tags::of(ID))] {
            let shape = shape(*rate, channels, "");
            let header = OggOpus.header(&shape, &tags, Length::default(), Some(&AudioEnd::default()));
            assert_eq!(header.len(), HEADER_MAX);
            let found = container::parse(&header).expect("a header");
            assert_eq!((found.shape, found.recording), (shape, Some(ID)));
            assert_eq!((found.audio_at, found.claim), (HEADER_MAX as u64, None));
        }
    }
    const { assert!(FORMATS[0].parameters.len() <= PARAMETERS_MAX) };
}

#[test]
fn a_damaged_header_still_has_the_id() {
    let whole = header(&shape(8000, 2, ""));
    for at in 0..TAGS_PAGE_AT {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        assert!(OggOpus.parse(&damaged).is_none(), "{at}");
        assert_eq!(container::recording_id(&damaged), Some(ID), "{at}");
    }
    // The shape is known without the tags.
    for at in [TAGS_PAGE_AT, ID_AT - 1, HEADER_MAX - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        let found = OggOpus.parse(&damaged).expect("the first page");
        assert_eq!((found.recording, found.audio_at), (Some(ID), HEADER_MAX as u64));
    }
    for len in 0..whole.len() {
        assert_eq!(OggOpus.parse(&whole[..len]).is_some(), len >= TAGS_PAGE_AT);
        let id = OggOpus.recording_id(&whole[..len]);
        assert_eq!(id.is_some(), len >= ID_AT + ID_FIELD.len() + 1 + 36);
    }
}

/// The positions of the pages begin with 0, whatever the shape was when the header was written.
#[test]
fn a_header_is_written_for_any_shape() {
    for (rate, channels) in [(0, 0), (7999, 7), (u32::MAX, u16::MAX)] {
        assert_eq!(header(&shape(rate, channels, "")).len(), HEADER_MAX);
    }
}

#[test]
fn every_length_is_exact_to_the_frame() {
    for rate in RATES {
        for channels in [1, 2] {
            let shape = shape(*rate, channels, "complexity=0");
            let packet = (PACKET / scale(*rate)) as usize;
            let (page, delay) = (packet * PACKETS_PER_PAGE, (DELAY / scale(*rate)) as usize);
            let ends = [
                packet - delay,
                packet,
                page - packet,
                page - delay,
                page,
                page + packet - delay,
            ];
            let near = ends.into_iter().flat_map(|end| end - 1..=end + 1);
            for frames in [0, 1, 2].into_iter().chain(near) {
                let file = file(&shape, frames);
                let (samples, ended, bytes) = decode(&file);
                let found = (samples.len() / usize::from(channels), ended, bytes);
                assert_eq!(found, (frames, true, file.len()), "{rate}/{channels}");
                let measured = measured(&file, 1 << 20);
                assert_eq!(measured.length.frames, frames as u64);
                assert!(measured.ended && measured.length.bytes == (bytes - HEADER_MAX) as u64);
            }
        }
    }
}

/// Wherever a file is truncated, measuring and decoding agree.
#[test]
fn a_truncated_file_is_measured_in_whole_pages() {
    let shape = shape(8000, 1, "complexity=0;bitrate=6000");
    let whole = file(&shape, 13_000);
    let mut ends = vec![HEADER_MAX];
    while let Some(page) = OggPage::at(&whole[ends[ends.len() - 1]..]) {
        ends.push(ends[ends.len() - 1] + page.bytes);
    }
    assert_eq!(ends.last(), Some(&whole.len()));
    for (n, end) in ends.iter().enumerate() {
        let next = ends.get(n + 1).copied().unwrap_or(end + 1);
        let at_end = measured(&whole[..*end], 1 << 20);
        for len in end + 1..next {
            assert_eq!(measured(&whole[..len], 1 << 20), at_end, "{len}");
        }
        let (samples, ended, bytes) = decode(&whole[..*end]);
        assert_eq!((at_end.length.bytes as usize, bytes), (end - HEADER_MAX, *end));
        assert_eq!(at_end.length.frames as usize, samples.len());
        let is_whole = *end == whole.len();
        assert_eq!((at_end.ended, ended), (is_whole, is_whole));
        assert_eq!((at_end.padding_max, at_end.length.frames <= 13_000), (0, true));
        assert!(ended || at_end.output.is_multiple_of(25 * 160));
    }
}

#[test]
fn measuring_does_not_depend_on_the_size_of_reads() {
    let shape = shape(16_000, 2, "complexity=0");
    let whole = file(&shape, 50_000);
    let first = HEADER_MAX + OggPage::at(&whole[HEADER_MAX..]).expect("a page").bytes;
    let second = first + OggPage::at(&whole[first..]).expect("a page").bytes;
    let mut damaged = whole.clone();
    damaged.extend_from_slice(b"OggS, and no page");
    for (at, pages) in [
        (damaged.len(), 7),
        (second - 1, 1),
        (first + 4, 1),
        (HEADER_MAX, 0),
    ] {
        if let Some(byte) = damaged.get_mut(at) {
            *byte ^= 0xff;
        }
        let at_once = measured(&damaged, 1 << 20);
        assert_eq!(at_once.output.div_ceil(25 * 320), pages, "damaged at {at}");
        for part in [1, 7, 999] {
            assert_eq!(measured(&damaged, part), at_once, "damaged at {at}");
        }
    }
}

/// Pages of other streams, repeated pages, and positions that no encoder of ours has written.
#[test]
fn pages_that_do_not_continue_the_file_are_not_counted() {
    let shape = shape(8000, 1, "complexity=0");
    let whole = file(&shape, 8000);
    let size = OggPage::at(&whole[HEADER_MAX..]).expect("a page").bytes;
    let (head, pages) = whole.split_at(HEADER_MAX);
    let count = |pages: &[u8]| measured(&[head, pages].concat(), 1 << 20);
    assert_eq!(count(pages).length.frames, 8000);
    assert_eq!(count(&[&pages[..size], pages].concat()).output, 4000);
    assert_eq!(count(&pages[size..]).output, 0);
    let other = |change: &dyn Fn(&mut PagePlace)| {
        let page = OggPage::at(pages).expect("a page");
        let mut place = PagePlace {
            flags: 0,
            position: page.position,
            serial: page.serial,
            sequence: page.sequence,
        };
        change(&mut place);
        let mut out = Vec::new();
        page::put(&mut out, place, &page.packets().expect("whole packets"));
        count(&out).output
    };
    assert_eq!(other(&|_| {}), 4000);
    assert_eq!(other(&|place| place.serial ^= 1), 0);
    assert_eq!(other(&|place| place.sequence = 3), 0);
    assert_eq!(other(&|place| place.position += 6), 0);
    assert_eq!(other(&|place| place.flags = FIRST), 0);
    assert_eq!(
        other(&|place| (place.flags, place.position) = (LAST, u64::MAX)),
        0
    );
    assert_eq!(other(&|place| (place.flags, place.position) = (LAST, 6006)), 1001);
}

/// The file has all its packets, but the tail and the end are lost.
#[test]
fn a_file_is_ended_without_its_last_packets() {
    for channels in [1, 2] {
        let shape = shape(8000, channels, "");
        let mut file = header(&shape);
        let output = write(&shape, &mut file, 0, 9000, false);
        assert_eq!(output, 8000);
        let before = measured(&file, 1 << 20);
        assert_eq!((before.length.frames, before.ended), (8000 - 52, false));
        let (mut end, tags) = (Vec::new(), tags());
        let facts = FileFacts {
            shape: &shape,
            tags: &tags,
        };
        OggOpus.append_end(&facts, 0, output, &mut end);
        file.extend_from_slice(&end);
        let after = measured(&file, 1 << 20);
        assert_eq!((after.length.frames, after.ended), (8000 - 52, true));
        assert_eq!(decode(&file).0.len() / usize::from(channels), 8000 - 52);
    }
}

/// Each channel holds what was fed into it, at its place.
#[test]
fn encoded_speech_is_decoded() {
    for (rate, channels, least) in [
        (8000, 1, 0.95),
        (8000, 2, 0.93),
        (16_000, 1, 0.95),
        (16_000, 2, 0.94),
        (48_000, 1, 0.9),
        (48_000, 2, 0.95),
    ] {
        let shape = shape(rate, channels, "");
        let frames = 3 * rate as usize + 1;
        let (samples, _, _) = decode(&file(&shape, frames));
        assert_eq!(samples.len(), frames * usize::from(channels));
        for channel in 0..channels {
            let found = likeness(&shape, &samples, channel, 0..frames);
            assert!(found > least, "{rate}/{channels}, channel {channel}: {found}");
        }
    }
}

/// The audio after the cut is nearly as good as that of one encoder, and begins without a click.
#[test]
fn another_encoder_continues_a_file() {
    for (rate, channels) in [(8000, 1), (16_000, 2), (48_000, 1), (48_000, 2)] {
        let shape = shape(rate, channels, "");
        let page = (PACKET / scale(rate)) as usize * PACKETS_PER_PAGE;
        let frames = 4 * page + 123;
        let (uncut, _, _) = decode(&file(&shape, frames));
        for pages in 0..=4 {
            // At the end of a page and in the middle of one.
            let cut = (pages * page + pages % 2 * page / 2).min(frames);
            let mut file = header(&shape);
            let output = write(&shape, &mut file, 0, cut, false);
            assert_eq!(output as usize, cut / page * page);
            write(&shape, &mut file, output, frames, true);
            let (samples, ended, bytes) = decode(&file);
            let found = (samples.len() / usize::from(channels), ended, bytes);
            assert_eq!(found, (frames, true, file.len()), "{rate}/{channels} {cut}");
            for channel in 0..channels {
                check_seam(&shape, &uncut, &samples, channel, output as usize);
            }
        }
    }
}

fn check_seam(shape: &Shape, uncut: &[i16], samples: &[i16], channel: u16, at: usize) {
    let (channels, frames) = (
        usize::from(shape.channels),
        uncut.len() / usize::from(shape.channels),
    );
    let after = at..(at + shape.rate as usize / 10).min(frames);
    let noise = |samples: &[i16]| {
        let of = |n: usize| {
            let heard = f64::from(samples[n * channels + usize::from(channel)]);
            heard - f64::from(sample(shape.rate, channel, n))
        };
        let all: Vec<f64> = after.clone().map(of).collect();
        let power = all.iter().map(|x| x * x).sum::<f64>() / all.len().max(1) as f64;
        (power.sqrt(), all.iter().fold(0.0, |max: f64, x| max.max(x.abs())))
    };
    let (expected, found) = (noise(uncut), noise(samples));
    assert!(
        found.0 < 1.5 * expected.0 + 5.0,
        "{at}: {found:?}, uncut {expected:?}"
    );
    assert!(
        found.1 < 1.5 * expected.1 + 10.0,
        "{at}: {found:?}, uncut {expected:?}"
    );
}

/// Ten seconds of silence, digital or with faint noise.
fn silence_bytes(rate: u32, noise: i32, parameters: &str) -> usize {
    let shape = shape(rate, 1, parameters);
    let mut encoder = shape.format.encoder(&shape);
    let mut seed = 7u32;
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((seed >> 16) as i32 % (2 * noise + 1) - noise) as i16
    };
    let samples: Vec<u8> = (0..10 * rate).flat_map(|_| next().to_le_bytes()).collect();
    let mut packets = EncodedPackets::default();
    encoder.encode(&samples, &mut packets);
    assert_eq!(packets.list.len(), 500);
    packets.bytes.len()
}

#[test]
fn dtx_makes_silence_small() {
    for rate in RATES {
        let (without, with) = (silence_bytes(*rate, 0, ""), silence_bytes(*rate, 0, "dtx=1"));
        assert!(
            3 * with < 2 * without || with < 1000,
            "{rate}: {with} of {without} bytes"
        );
    }
    // Below 16 kHz, what is a little louder than silence of A-law is encoded.
    for rate in [8000, 12_000] {
        let bytes = |noise| silence_bytes(rate, noise, "dtx=1");
        let (faint, louder) = (bytes(16), bytes(24));
        assert!(3 * faint < louder, "{rate}: {faint} and {louder} bytes");
    }
    for rate in [16_000, 24_000, 48_000] {
        let (without, with) = (
            silence_bytes(rate, 20, "bitrate=24000"),
            silence_bytes(rate, 20, "bitrate=24000;dtx=1"),
        );
        assert!(5 * with < without, "{rate}: {with} of {without} bytes");
    }
}

#[test]
fn a_bitrate_is_kept() {
    let bytes = |parameters: &str| file(&shape(16_000, 1, parameters), 80_000).len() - HEADER_MAX;
    let [low, default, high] = ["bitrate=8000", "", "bitrate=64000"].map(bytes);
    assert!(
        3 * low < 2 * default && 3 * default < 2 * high,
        "{low} {default} {high}"
    );
    assert!(bytes("bitrate=256000;complexity=10") > high);
}

/// A higher one finds packets that are more like the voice; at 8 kHz, there is little to find.
#[test]
fn a_complexity_is_kept() {
    for rate in [8000, 16_000, 48_000] {
        let frames = 3 * rate as usize;
        let of = |parameters: &str| file(&shape(rate, 1, parameters), frames);
        let [low, default, high] = ["complexity=0", "", "complexity=10"].map(of);
        assert!(default == of("complexity=5"), "{rate} Hz: another default");
        assert!(low != default && default != high, "{rate} Hz: equal packets");
        let likeness = |file| {
            let (samples, _, _) = decode(file);
            likeness(&shape(rate, 1, ""), &samples, 0, 0..frames)
        };
        let (low, high) = (likeness(&low), likeness(&high));
        assert!(rate == 8000 || high > low + 0.001, "{rate} Hz: {low}, {high}");
    }
}
