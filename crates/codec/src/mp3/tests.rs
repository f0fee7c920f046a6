//! Whole files, with a library that encodes nothing but the number of each frame.

use super::encoder::{MP3_DELAY, Mp3Encoder};
use super::*;
use crate::format::FileFacts;
use crate::measure::MeasuredAudio;
use crate::{EncodedPackets, Encoder};

/// Encodes each frame as silence with the first of its samples behind the side information, after
/// the delay of LAME.
struct FrameNumbers;

struct FrameNumbersStream {
    kind: FrameKind,
    line: Vec<i16>,
}

fn frame_numbers() -> Result<&'static dyn Mp3Library, String> {
    Ok(&FrameNumbers)
}

impl Mp3Library for FrameNumbers {
    fn begin(&self, settings: &Mp3Settings) -> Result<Box<dyn Mp3Stream>, String> {
        let kind = FrameKind {
            rate: settings.rate,
            channels: settings.channels,
            bitrate: settings.bitrate,
        };
        Ok(Box::new(FrameNumbersStream {
            kind,
            line: vec![-1; 576],
        }))
    }
}

impl Mp3Stream for FrameNumbersStream {
    fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) -> Result<(), String> {
        self.line.extend_from_slice(samples);
        let frame = self.kind.samples() as usize * usize::from(self.kind.channels);
        while self.line.len() >= frame + 176 {
            let mut bytes = self.kind.silent();
            let at = 4 + self.kind.side_information();
            bytes[at..at + 2].copy_from_slice(&self.line[0].to_be_bytes());
            out.append(&mut bytes);
            self.line.drain(..frame);
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        self.encode(&[-2; 3000], out)
    }
}

fn shape() -> Shape {
    Shape {
        format: Format::of(&FORMATS[0]),
        rate: 8000,
        channels: 1,
    }
}

fn samples(frames: std::ops::Range<u64>) -> Vec<u8> {
    frames.flat_map(|n| (n as i16).to_le_bytes()).collect()
}

fn encoder() -> Mp3Encoder {
    Mp3Encoder::new(FrameKind::of(&shape()), frame_numbers)
}

/// A file that one encoder has written, or two of which the second continues after `cut` frames.
fn file(frames: u64, cut: Option<u64>) -> Vec<u8> {
    let (shape, tags) = (shape(), Tags::of(Uuid::from_u128(7)));
    let mut file = Mp3.header(&shape, &tags, Length::default(), None);
    let facts = FileFacts {
        shape: &shape,
        tags: &tags,
    };
    let mut packets = EncodedPackets::default();
    let (mut encoder, mut output) = (encoder(), 0);
    if let Some(cut) = cut {
        encoder.encode(&samples(0..cut), &mut packets);
        output = packets.frames();
        Mp3.wrap(&facts, &mut packets, 0, &mut file);
        encoder = self::encoder();
        encoder.resume(output);
    }
    encoder.encode(&samples(encoder.resume_from(output)..frames), &mut packets);
    let trim = encoder.finish(&mut packets);
    assert_eq!(encoder.failure(), None);
    output += packets.frames();
    Mp3.wrap(&facts, &mut packets, output, &mut file);
    let length = Length {
        frames,
        bytes: (file.len() - HEADER_MAX) as u64,
    };
    assert_eq!(output, if frames == 0 { 0 } else { frames + MP3_DELAY + trim });
    assert!(trim < 576);
    let header = Mp3.header(&shape, &tags, length, Some(&AudioEnd::default()));
    file.splice(..HEADER_MAX, header);
    file
}

fn measured(file: &[u8], part: usize) -> MeasuredAudio {
    let found = Mp3.parse(file).expect("a header");
    assert_eq!((found.shape, found.audio_at), (shape(), 4096));
    assert_eq!(found.recording, Some(Uuid::from_u128(7)));
    let Measure::Scan(mut scan) = Mp3.measure(&found, file.len() as u64) else {
        panic!("frames must be scanned");
    };
    let mut parts = file[HEADER_MAX..].chunks(part);
    while parts.next().is_some_and(|bytes| scan.take(bytes)) {}
    scan.measured()
}

#[test]
fn a_finished_file_has_its_exact_length() {
    for frames in [0, 1, 46, 47, 48, 575, 576, 577, 1000, 8000] {
        let file = file(frames, None);
        let measured = measured(&file, 1 << 20);
        assert_eq!((measured.length.frames, measured.ended), (frames, true));
        assert_eq!(measured.length.bytes as usize, file.len() - HEADER_MAX);
    }
}

#[test]
fn another_encoder_continues_a_file() {
    for cut in [0, 1, 575, 700, 800, 1500, 2000, 3999] {
        assert!(file(4000, Some(cut)) == file(4000, None), "cut after {cut}");
    }
}

/// Its header states the same length as that of the finished file, but recovery looks for the end.
#[test]
fn a_growing_file_states_its_length_and_has_no_end() {
    let finished = file(576 * 10 - MP3_DELAY, None);
    let audio = finished[HEADER_MAX..].to_vec();
    let length = Length {
        frames: 576 * 10 - MP3_DELAY,
        bytes: audio.len() as u64,
    };
    let header = Mp3.header(&shape(), &Tags::of(Uuid::from_u128(7)), length, None);
    let info = InfoTag::parse(&header[id3_size(&header).expect("a tag")..]).expect("an Info frame");
    let stated = InfoAudio {
        bytes: length.bytes,
        frames: 10,
        trim: 0,
    };
    assert_eq!((info.audio, info.ends, info.lead), (Some(stated), false, 0));
    let growing = measured(&[header, audio].concat(), 1 << 20);
    assert_eq!((growing.length, growing.ended), (length, false));
    let ended = measured(&finished, 1 << 20);
    assert_eq!((ended.length, ended.ended), (length, true));
}

/// Wherever a file is cut off or damaged, whole frames remain.
#[test]
fn a_cut_off_file_is_measured_in_whole_frames() {
    let whole = file(4000, None);
    for len in HEADER_MAX..whole.len() {
        let measured = measured(&whole[..len], 1 << 20);
        let frames = (len - HEADER_MAX) / 144;
        assert_eq!(measured.length.bytes as usize, 144 * frames);
        assert_eq!(measured.output as usize, 576 * frames);
        assert_eq!(measured.length.frames, measured.output.saturating_sub(MP3_DELAY));
        let audible = measured.length.frames.min(4000);
        assert!(!measured.ended && measured.length.frames - audible <= measured.padding_max);
    }
    for at in (HEADER_MAX + 3..whole.len()).step_by(144) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x80;
        let measured = measured(&damaged, 1 << 20);
        assert_eq!(measured.length.bytes as usize, at - 3 - HEADER_MAX);
    }
}

#[test]
fn measuring_does_not_depend_on_the_size_of_reads() {
    let whole = file(4000, None);
    let mut longer = whole.clone();
    longer.extend_from_slice(&[0xff, 0xe3, 0x28]);
    let mut junk = whole.clone();
    junk.extend_from_slice(b"TAG");
    junk.resize(junk.len() + 5000, 0xff);
    for (file, ended) in [(&whole, true), (&longer, false), (&junk, false)] {
        let at_once = measured(file, 1 << 20);
        assert_eq!(at_once.length.bytes as usize, whole.len() - HEADER_MAX);
        assert_eq!(at_once.ended, ended);
        for part in [1, 7, 999] {
            assert_eq!(measured(file, part), at_once);
        }
    }
}

#[test]
fn every_header_has_the_same_size_and_the_id() {
    let tags = Tags {
        call_id: "é".repeat(300),
        local: "l".repeat(300),
        remote: "r".repeat(300),
        started_at: "2026-11-27T00:11:13.123Z".to_owned(),
        ..Tags::of(Uuid::from_u128(7))
    };
    for parameters in ["", "bitrate=8000", "bitrate=320000"] {
        let format = Format::of(&FORMATS[0]).with_parameters(parameters);
        let format = format.expect("valid parameters");
        for (rate, channels) in [(0, 0), (8000, 1), (8000, 2), (32_000, 2), (192_000, 9)] {
            let shape = Shape {
                format,
                rate,
                channels,
            };
            let kind = FrameKind::of(&shape);
            let end = AudioEnd::default();
            for (bytes, end) in [(0, None), (100_000, None), (0, Some(&end)), (100_000, Some(&end))] {
                let length = Length { frames: 0, bytes };
                let header = Mp3.header(&shape, &tags, length, end);
                assert_eq!(header.len(), HEADER_MAX);
                assert_eq!(Mp3.recording_id(&header), Some(Uuid::from_u128(7)));
                let found = Mp3.parse(&header).expect("a header");
                assert_eq!(
                    (found.shape.rate, found.shape.channels),
                    (kind.rate, kind.channels)
                );
                assert_eq!(FrameKind::of(&found.shape), kind);
                assert_eq!(found.claim.map(|claim| claim.audio_bytes), end.map(|_| bytes));
                let last = b"REMOTE_PARTY\0rrr";
                // Without audio, the room is for silence.
                assert!(bytes == 0 || header.windows(last.len()).any(|part| part == last));
                assert_eq!(Mp3.parse(&header[..HEADER_MAX - 1]), None);
            }
        }
    }
}

#[test]
fn an_encoder_without_a_library_fails() {
    let mut encoder = Mp3Encoder::new(FrameKind::of(&shape()), || Err("not there".to_owned()));
    let mut packets = EncodedPackets::default();
    encoder.encode(&[], &mut packets);
    assert_eq!(encoder.failure(), None);
    encoder.encode(&samples(0..5), &mut packets);
    assert_eq!(encoder.failure(), Some("not there"));
    encoder.finish(&mut packets);
    assert_eq!(packets, EncodedPackets::default());
}

struct Broken;

impl Mp3Library for Broken {
    fn begin(&self, _: &Mp3Settings) -> Result<Box<dyn Mp3Stream>, String> {
        Ok(Box::new(Broken))
    }
}

impl Mp3Stream for Broken {
    fn encode(&mut self, _: &[i16], out: &mut Vec<u8>) -> Result<(), String> {
        out.extend_from_slice(b"no frame");
        Ok(())
    }

    fn finish(&mut self, _: &mut Vec<u8>) -> Result<(), String> {
        Ok(())
    }
}

#[test]
fn an_encoder_fails_if_its_library_returns_no_frames() {
    let mut encoder = Mp3Encoder::new(FrameKind::of(&shape()), || Ok(&Broken));
    let mut packets = EncodedPackets::default();
    encoder.encode(&samples(0..5), &mut packets);
    let failure = encoder.failure().expect("a failure");
    assert!(failure.contains("something else than frames"), "{failure}");
    assert_eq!(packets, EncodedPackets::default());
}
