//! Every codec, recorded in every layout and format and with each pause mode: 144 files. Stream time
//! makes the place of every sample check_exact.

use callrec::capi::*;
use callrec_testkit::g711::{self, Law};
use callrec_testkit::random::noise;

use crate::fixture::*;

/// Lengths in ms: before the start, recorded, paused, recorded, after the stop.
const PARTS: [u32; 5] = [100, 400, 200, 300, 100];

struct FeedCodec {
    codec: i32,
    rate: u32,
}

impl FeedCodec {
    fn samples(&self, ms: u32) -> usize {
        (self.rate * ms / 1000) as usize
    }

    fn bytes(&self, ms: u32) -> usize {
        self.samples(ms) * sample_bytes(self.codec)
    }
}

struct CodecRun {
    fixture: RecordingFixture,
    /// (layout, pause mode, id)
    recordings: Vec<(i32, i32, String)>,
    local: Vec<Vec<u8>>,
    remote: Vec<Vec<u8>>,
}

/// Makes all recordings of one call at the same time.
fn run(codec: &FeedCodec, formats: &[&str], speech: impl Fn(u64, usize, usize) -> Vec<u8>) -> CodecRun {
    let fixture = RecordingFixture::new(&[]);
    let (local, remote) = fixture.legs(codec.codec, codec.rate);
    let mut begin = 0;
    let mut audio = [Vec::new(), Vec::new()];
    for ms in PARTS {
        for (leg, audio) in audio.iter_mut().enumerate() {
            audio.push(speech(leg as u64, begin, codec.samples(ms)));
        }
        begin += codec.samples(ms);
    }
    let [l, r] = audio;
    let mut recordings = Vec::new();
    for part in 0..PARTS.len() {
        match part {
            1 => {
                for format in formats {
                    for layout in LAYOUTS {
                        for pause in PAUSES {
                            recordings.push((layout, pause, fixture.start(layout, format, pause)));
                        }
                    }
                }
            }
            2 => fixture.pause(),
            3 => fixture.resume(),
            4 => recordings.iter().for_each(|(_, _, id)| fixture.stop(id)),
            _ => {}
        }
        write_in_turns(codec.bytes(20), &[(local, &l[part]), (remote, &r[part])]);
    }
    CodecRun {
        fixture,
        recordings,
        local: l,
        remote: r,
    }
}

fn assert_report(finished: &FinishedRecording, pause: i32) {
    let rate = u64::from(finished.wav.rate);
    let ms = |ms: u32| u64::from(ms) * rate / 1000;
    let from = ms(PARTS[1]);
    let to = if pause == REC_PAUSE_SKIP {
        from
    } else {
        from + ms(PARTS[2])
    };
    let length = PARTS[2].into();
    finished.assert_reported(length, 0, &[("pause", "", from, to, length)]);
    assert_eq!(finished.recording.end_reason, REC_END_STOPPED);
}

fn check_exact(codec: FeedCodec, formats: &[&str]) {
    let size = sample_bytes(codec.codec);
    let run = run(&codec, formats, |leg, begin, count| {
        noise(leg * 1_000_003 + begin as u64 + 1, count * size)
    });
    let expected = |audio: &[Vec<u8>], pause: i32| {
        let mut samples = written(codec.codec, &audio[1]);
        if pause == REC_PAUSE_SILENCE {
            samples.extend(silence(codec.samples(PARTS[2])));
        }
        samples.extend(written(codec.codec, &audio[3]));
        samples
    };
    for (_, pause, id) in &run.recordings {
        let finished = run.fixture.read_finished(id);
        assert_eq!(finished.wav.rate, codec.rate);
        finished.assert_holds(&expected(&run.local, *pause), &expected(&run.remote, *pause));
        assert_report(&finished, *pause);
    }
    for part in [0, 2, 4] {
        assert_not_on_disk(
            &run.fixture,
            &written(codec.codec, &run.local[part]),
            &written(codec.codec, &run.remote[part]),
        );
    }
    let stats = run.fixture.engine.stats();
    assert_eq!(
        (stats.frames_lost, stats.frames_ignored, stats.bytes_dropped),
        (0, 0, 0)
    );
    assert_eq!(stats.frames_in, u64::from(PARTS.iter().sum::<u32>() / 20 * 2));
    run.fixture.close();
}

fn tone(leg: u64, at: f64) -> f64 {
    let hertz = [310.0, 450.0][leg as usize];
    6000.0 * (at * hertz * std::f64::consts::TAU).sin()
}

/// For a file of another rate. Compares the wave form, because no sample is the same.
fn check_resampled(codec: FeedCodec, formats: &[&str]) {
    let run = run(&codec, formats, |leg, begin, count| {
        let samples =
            (begin..begin + count).map(|n| tone(leg, n as f64 / f64::from(codec.rate)).round() as i16);
        samples.flat_map(i16::to_ne_bytes).collect()
    });
    for (layout, pause, id) in &run.recordings {
        let finished = run.fixture.read_finished(id);
        assert_report(&finished, *pause);
        let law = if finished.format() == "wav-ulaw" {
            Law::Mu
        } else {
            Law::A
        };
        let silence = if law == Law::Mu { 0xff } else { 0xd5 };
        assert_eq!(finished.wav.rate, 8000);
        let [before, first, gap, second, _] = PARTS.map(|ms| ms as usize * 8);
        let silent = if *pause == REC_PAUSE_SKIP { 0 } else { gap };
        assert_eq!(finished.wav.frames(), first + silent + second);
        for channel in 0..usize::from(finished.wav.channels) {
            let recorded = finished.wav.g711(channel);
            let name = format!(
                "{} layout {layout} channel {channel} of {} Hz",
                finished.format(),
                codec.rate
            );
            assert!(
                recorded[first..first + silent]
                    .iter()
                    .all(|byte| *byte == silence),
                "{name}: pause"
            );
            let legs: &[u64] = match (*layout, channel) {
                (REC_LAYOUT_MONO, _) => &[0, 1],
                (REC_LAYOUT_LOCAL, _) | (REC_LAYOUT_STEREO, 0) => &[0],
                _ => &[1],
            };
            // The filter needs 10 ms at either end of a part.
            let first_part = (80..first - 80).map(|n| (n, n + before));
            let second_part = (80..second - 80).map(|n| (first + silent + n, before + first + gap + n));
            for (frame, time) in first_part.chain(second_part) {
                let expected: f64 = legs.iter().map(|leg| tone(*leg, time as f64 / 8000.0)).sum();
                let found = f64::from(g711::decode(law, recorded[frame]));
                assert!(
                    (expected - found).abs() < 600.0,
                    "{name}: frame {frame} is {found}, not {expected}"
                );
            }
        }
    }
    run.fixture.close();
}

fn pcm(rate: u32) -> FeedCodec {
    FeedCodec {
        codec: REC_CODEC_PCM16,
        rate,
    }
}

#[test]
fn pcm16_at_8000_hz() {
    check_exact(pcm(8000), &FORMATS);
}

#[test]
fn pcm16_at_16000_hz() {
    check_exact(pcm(16_000), &["wav"]);
}

#[test]
fn pcm16_at_44100_hz() {
    check_exact(pcm(44_100), &["wav"]);
}

#[test]
fn pcm16_at_48000_hz() {
    check_exact(pcm(48_000), &["wav"]);
}

#[test]
fn pcm16_at_16000_hz_as_g711() {
    check_resampled(pcm(16_000), &FORMATS[1..]);
}

#[test]
fn pcm16_at_44100_hz_as_g711() {
    check_resampled(pcm(44_100), &FORMATS[1..]);
}

#[test]
fn pcm16_at_48000_hz_as_g711() {
    check_resampled(pcm(48_000), &FORMATS[1..]);
}

#[test]
fn pcmu() {
    check_exact(
        FeedCodec {
            codec: REC_CODEC_PCMU,
            rate: 8000,
        },
        &FORMATS,
    );
}

#[test]
fn pcma() {
    check_exact(
        FeedCodec {
            codec: REC_CODEC_PCMA,
            rate: 8000,
        },
        &FORMATS,
    );
}
