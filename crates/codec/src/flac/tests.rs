//! Files as a whole: written, cut, damaged and continued.

use super::decoded::{DecodedFlac, decode, decode_whole_frames};
use super::frame_header::BLOCK;
use super::*;
use crate::EncodedPackets;
use crate::container::{AudioScan, FileFacts, MeasuredAudio};
use proptest::prelude::*;

const ID: Uuid = Uuid::from_u128(7);

fn shape(rate: u32, channels: u16, level: u32) -> Shape {
    let format = Format::of(&FORMATS[0]);
    let format = format.with_parameters(&format!("level={level}"));
    Shape {
        format: format.expect("a level"),
        rate,
        channels,
    }
}

/// A sweep with some noise, at most `peak` loud.
fn sweep(frames: usize, channels: u16, peak: f64) -> Vec<u8> {
    let mut noise = 1u32;
    let mut sample = |n: usize, channel: u16| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let phase = n as f64 * (0.05 + n as f64 * 1e-6) + f64::from(channel);
        (phase.sin() * peak * 0.9 + (f64::from(noise >> 16) / 65536.0 - 0.5) * peak * 0.1) as i16
    };
    let frames = (0..frames).flat_map(|n| (0..channels).map(move |channel| (n, channel)));
    frames
        .flat_map(|(n, channel)| sample(n, channel).to_le_bytes())
        .collect()
}

/// The file of a recording that one encoder has written, or that a second one has continued after
/// `cut` frames.
fn file_of(shape: &Shape, samples: &[u8], cut: Option<usize>) -> Vec<u8> {
    let tags = Tags::of(ID);
    let facts = FileFacts { shape, tags: &tags };
    let frame_bytes = shape.block_frame_bytes();
    let mut file = Flac.header(shape, &tags, Length::default(), None);
    let mut packets = EncodedPackets::default();
    let mut encoder = shape.format.encoder(shape);
    let mut output = 0;
    if let Some(cut) = cut {
        encoder.encode(&samples[..cut * frame_bytes], &mut packets);
        output = packets.frames();
        Flac.wrap(&facts, &mut packets, 0, &mut file);
        encoder = shape.format.encoder(shape);
        encoder.resume(output);
    }
    let from = encoder.resume_from(output) as usize;
    for piece in samples[from * frame_bytes..].chunks(777 * frame_bytes) {
        encoder.encode(piece, &mut packets);
    }
    let trim = encoder.finish(&mut packets);
    output += packets.frames();
    Flac.wrap(&facts, &mut packets, output, &mut file);
    Flac.append_end(&facts, trim, output, &mut file);
    let end = AudioEnd {
        output,
        md5: encoder.audio_md5(),
    };
    let length = Length {
        frames: output,
        bytes: (file.len() - HEADER_BYTES) as u64,
    };
    file.splice(..HEADER_BYTES, Flac.header(shape, &tags, length, Some(&end)));
    file
}

fn scan_of(file: &[u8]) -> Box<dyn AudioScan> {
    let found = Flac.parse(file).expect("a header");
    match Flac.measure(&found, file.len() as u64) {
        Measure::Scan(scan) => scan,
        Measure::Known(_) => panic!("frames must be scanned"),
    }
}

/// The result of measuring a file that is read in parts of `part` bytes.
fn measured(file: &[u8], part: usize) -> MeasuredAudio {
    let mut scan = scan_of(file);
    let mut parts = file[HEADER_BYTES..].chunks(part);
    while parts.next().is_some_and(|bytes| scan.take(bytes)) {}
    scan.measured()
}

fn check_whole(shape: &Shape, samples: &[u8], cut: Option<usize>) -> Vec<u8> {
    let file = file_of(shape, samples, cut);
    let frames = samples.len() / shape.block_frame_bytes();
    let expected = DecodedFlac {
        rate: shape.rate,
        channels: shape.channels,
        samples: samples.to_vec(),
        stated_frames: frames as u64,
        md5_matches: match cut {
            Some(cut) if cut >= BLOCK => None,
            _ => Some(true),
        },
    };
    let decoded = decode(&file).expect("whole frames");
    assert!(
        decoded == expected,
        "{shape:?}, {frames} frames, continued after {cut:?}"
    );
    file
}

/// The numbers of frames around the ends of blocks and of the fields for their size.
const LENGTHS: [usize; 17] = [
    0, 1, 2, 4, 5, 15, 16, 17, 63, 64, 256, 257, 4095, 4096, 4097, 8192, 9000,
];

#[test]
fn every_length_is_decoded_at_every_level() {
    for level in 0..=LEVEL_MAX {
        for frames in LENGTHS {
            for channels in [1, 2, 3] {
                check_whole(
                    &shape(8000, channels, level),
                    &sweep(frames, channels, 20_000.0),
                    None,
                );
            }
        }
    }
}

/// Silence, the ends of the range, steps between them, and noise as loud as possible.
#[test]
fn extreme_audio_is_decoded() {
    let stereo = |left: fn(usize) -> i16, right: fn(usize) -> i16| -> Vec<u8> {
        let frames = (0..5000).flat_map(|n| [left(n), right(n)]);
        frames.flat_map(i16::to_le_bytes).collect()
    };
    let noise = |n: usize| ((n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as i16;
    let square = |n: usize| {
        if (n / 40).is_multiple_of(2) {
            i16::MAX
        } else {
            i16::MIN
        }
    };
    let click = |n: usize| if n == 4000 { i16::MIN } else { 0 };
    let coarse = |n: usize| ((n as f64 * 0.1).sin() * 1000.0) as i16 * 8;
    let kinds: [fn(usize) -> i16; 7] = [|_| 0, |_| i16::MAX, |_| i16::MIN, noise, square, click, coarse];
    for level in 0..=LEVEL_MAX {
        for left in kinds {
            for right in kinds {
                check_whole(&shape(16_000, 2, level), &stereo(left, right), None);
            }
        }
    }
}

#[test]
fn every_rate_is_decoded() {
    for rate in [
        8000, 11_025, 12_345, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000,
    ] {
        let shape = shape(rate, 1, LEVEL_DEFAULT);
        let file = check_whole(&shape, &sweep(5000, 1, 8000.0), None);
        let found = Flac.parse(&file).expect("a header");
        assert_eq!((found.shape, found.recording), (shape, Some(ID)));
        assert_eq!((found.audio_at as usize, HEADER_BYTES), (HEADER_BYTES, 4096));
    }
}

/// Higher levels are smaller, or need at least no more than the one before by a hair.
#[test]
fn higher_levels_compress_more() {
    let samples = sweep(40_000, 2, 9000.0);
    let sizes: Vec<usize> = (0..=LEVEL_MAX)
        .map(|level| file_of(&shape(8000, 2, level), &samples, None).len())
        .collect();
    assert!(sizes.is_sorted_by(|lower, higher| higher <= lower), "{sizes:?}");
    assert!(sizes[8] < sizes[5] && sizes[5] < sizes[0], "{sizes:?}");
}

/// Silence costs almost nothing, and noise no more than its samples.
#[test]
fn frames_are_never_larger_than_their_samples() {
    let noise: Vec<u8> = (0..4 * 8192u64)
        .map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as u8)
        .collect();
    for level in [0, 5, 8] {
        let shape = shape(8000, 2, level);
        assert!(file_of(&shape, &[0; 4 * 8192], None).len() - HEADER_BYTES < 40);
        assert!(file_of(&shape, &noise, None).len() - HEADER_BYTES <= noise.len() + 2 * 20);
    }
}

/// Audio that was G.711 has zeros at the low end of its samples, which are not stored.
#[test]
fn bits_that_are_always_zero_cost_nothing() {
    let fine = sweep(8192, 1, 4000.0);
    let samples = fine.as_chunks::<2>().0.iter();
    let coarse: Vec<u8> = samples
        .flat_map(|bytes| (i16::from_le_bytes(*bytes) * 8).to_le_bytes())
        .collect();
    let [fine, coarse] = [fine, coarse].map(|samples| check_whole(&shape(8000, 1, 5), &samples, None).len());
    assert!(coarse.abs_diff(fine) < 16, "{coarse} and {fine}");
}

#[test]
fn another_encoder_continues_a_file() {
    let samples = sweep(3 * BLOCK + 100, 2, 9000.0);
    for cut in [0, 1, 4095, 4096, 4097, 8191, 8192, 12_288, 12_388] {
        let continued = check_whole(&shape(8000, 2, 5), &samples, Some(cut));
        let at_once = file_of(&shape(8000, 2, 5), &samples, None);
        assert_eq!(
            continued[HEADER_BYTES..],
            at_once[HEADER_BYTES..],
            "cut after {cut}"
        );
    }
}

/// Wherever a file is truncated, measuring and decoding agree.
#[test]
fn a_truncated_file_is_measured_in_whole_frames() {
    let samples = sweep(BLOCK + 300, 1, 100.0);
    let whole = file_of(&shape(8000, 1, 5), &samples, None);
    for len in HEADER_BYTES..=whole.len() {
        let measured = measured(&whole[..len], 1 << 20);
        let (decoded, bytes) = decode_whole_frames(&whole[..len]).expect("a header");
        assert_eq!(measured.length.bytes as usize, bytes - HEADER_BYTES, "{len}");
        assert_eq!(measured.length.frames as usize, decoded.samples.len() / 2);
        assert!(samples.starts_with(&decoded.samples));
        assert_eq!(measured.ended, len == whole.len());
        assert_eq!(
            (measured.output, measured.padding_max),
            (measured.length.frames, 0)
        );
    }
}

/// Also with bytes after the end, zeros as after a power cut, and damage.
#[test]
fn measuring_does_not_depend_on_the_size_of_reads() {
    let samples = sweep(4 * BLOCK, 1, 4000.0);
    let whole = file_of(&shape(8000, 1, 5), &samples, None);
    let frame = (whole.len() - HEADER_BYTES) / 4;
    let mut zeros = whole[..whole.len() - frame / 2].to_vec();
    zeros.resize(whole.len() + 50_000, 0);
    for (file, damaged, frames) in [
        (&whole, usize::MAX, 4),
        (&whole, HEADER_BYTES, 0),
        (&whole, HEADER_BYTES + 2 * frame + frame / 2, 2),
        (&whole, whole.len() - 1, 3),
        (&zeros, usize::MAX, 3),
    ] {
        let mut file = file.clone();
        if let Some(byte) = file.get_mut(damaged) {
            *byte ^= 0x10;
        }
        let at_once = measured(&file, 1 << 20);
        assert_eq!(at_once.output as usize, frames * BLOCK, "damaged at {damaged}");
        for part in [1, 7, 999, 9000] {
            assert_eq!(measured(&file, part), at_once, "damaged at {damaged}");
        }
    }
}

/// A frame counts only at its place.
#[test]
fn frames_of_another_place_or_file_are_not_measured() {
    let samples = sweep(3 * BLOCK, 1, 4000.0);
    let file = file_of(&shape(8000, 1, 5), &samples, None);
    let first = measured(&file[..HEADER_BYTES + (file.len() - HEADER_BYTES) / 2], 1 << 20);
    let second_at = HEADER_BYTES + first.length.bytes as usize;
    let mut moved = file[..HEADER_BYTES].to_vec();
    moved.extend_from_slice(&file[second_at..]);
    assert_eq!(
        measured(&moved, 1 << 20),
        MeasuredAudio {
            ..measured(&file[..HEADER_BYTES], 1)
        }
    );
    let other = file_of(&shape(16_000, 1, 5), &samples, None);
    let mixed = [&other[..HEADER_BYTES], &file[HEADER_BYTES..]].concat();
    assert_eq!(measured(&mixed, 1 << 20).output, 0);
}

/// A file whose last block is short has its end, which nothing follows.
#[test]
fn nothing_follows_a_short_block() {
    let file = file_of(&shape(8000, 1, 5), &sweep(BLOCK + 10, 1, 4000.0), None);
    let longer = [&file, &file[HEADER_BYTES..]].concat();
    let [expected, found] = [&file, &longer].map(|file| measured(file, 1 << 20));
    assert_eq!((expected, expected.ended), (found, true));
}

#[test]
fn the_recording_is_found_in_a_damaged_header() {
    let file = file_of(&shape(8000, 1, 5), &[], None);
    assert_eq!(Flac.recording_id(&file), Some(ID));
    let mut damaged = file.clone();
    damaged[4..4000].fill(0xee);
    assert_eq!(
        (Flac.parse(&damaged), Flac.recording_id(&damaged)),
        (None, Some(ID))
    );
    for len in 0..file.len() {
        assert_eq!(
            (Flac.parse(&file[..len]), Flac.recording_id(&file[..len])),
            (None, None)
        );
    }
    assert_eq!(Flac.recording_id(&[0; 4096]), None);
}

/// All tags at their longest fit.
#[test]
fn the_header_has_a_fixed_size() {
    let long = "é".repeat(300);
    let tags = Tags {
        recording: ID,
        call_id: long.clone(),
        local: long.clone(),
        remote: long.clone(),
        started_at: long,
    };
    for tags in [tags, Tags::of(ID)] {
        let header = Flac.header(&shape(8000, 1, 5), &tags, Length::default(), None);
        assert_eq!((header.len(), Flac.recording_id(&header)), (4096, Some(ID)));
    }
}

/// STREAMINFO has 36 bits for the number of frames.
#[test]
fn more_frames_than_fit_are_unknown() {
    let stated = |frames: u64| {
        let length = Length { frames, bytes: 0 };
        let end = AudioEnd::default();
        let header = Flac.header(&shape(48_000, 2, 5), &Tags::of(ID), length, Some(&end));
        assert_eq!(Flac.parse(&header).map(|found| found.shape.channels), Some(2));
        header::totals(&header).map(|totals| totals.frames)
    };
    assert_eq!(stated((1 << 36) - 1), Some((1 << 36) - 1));
    assert_eq!(stated(1 << 36), Some(0));
}

proptest! {
    #[test]
    fn any_samples_are_decoded(
        samples in prop::collection::vec(any::<i16>(), 0..600),
        shift in 0..16u32,
        repeat in 1..10usize,
        level in 0..=LEVEL_MAX,
        channels in 1..=2u16,
    ) {
        let mut bytes: Vec<u8> = samples.repeat(repeat).into_iter()
            .flat_map(|sample| (sample >> shift).to_le_bytes()).collect();
        bytes.truncate(bytes.len() / 4 * 4);
        check_whole(&shape(8000, channels, level), &bytes, None);
    }

    /// Damage never panics, and what is measured before it is intact.
    #[test]
    fn any_damage_is_survived(
        changes in prop::collection::vec((0..30_000usize, any::<u8>()), 1..20),
        len in 0..30_000usize,
    ) {
        let samples = sweep(3 * BLOCK + 99, 2, 300.0);
        let mut file = file_of(&shape(8000, 2, 5), &samples, None);
        for (at, byte) in changes {
            let at = HEADER_BYTES + at % (file.len() - HEADER_BYTES);
            file[at] = byte;
        }
        file.truncate(HEADER_BYTES + len);
        let (decoded, bytes) = decode_whole_frames(&file).expect("a header");
        prop_assert!(samples.starts_with(&decoded.samples));
        prop_assert_eq!(measured(&file, 4096).length.bytes as usize, bytes - HEADER_BYTES);
    }
}
