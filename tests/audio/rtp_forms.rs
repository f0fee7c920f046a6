//! RTP in every form that a network brings.

use callrec::capi::*;
use callrec_testkit::g711::Law;
use callrec_testkit::random::noise;
use callrec_testkit::rtp::{RtpHeader, packet};
use callrec_testkit::tree::files_with_extension;
use callrec_testkit::wait::PATIENCE;
use callrec_testkit::wav::WavFile;

use crate::fixture::*;
use crate::support::StartFields;

/// One leg's packets, made one by one.
struct PacketMaker {
    feed: rec_feed,
    next: RtpHeader,
    heard: LegSamples,
    sent: u64,
}

impl PacketMaker {
    fn new(feed: rec_feed) -> PacketMaker {
        let next = RtpHeader {
            payload_type: 0,
            sequence: 7,
            timestamp: 1000,
            ssrc: 42,
        };
        PacketMaker {
            feed,
            next,
            heard: Vec::new(),
            sent: 0,
        }
    }

    fn step(&mut self, samples: usize) {
        self.next.sequence = self.next.sequence.wrapping_add(1);
        self.next.timestamp = self.next.timestamp.wrapping_add(samples as u32);
    }

    fn raw(&mut self, packet: &[u8]) {
        until_accepted(self.feed, || rtp(self.feed, packet));
        self.sent += 1;
    }

    /// Audio of a law or of network-order L16.
    fn audio(&mut self, payload_type: u8, law: Option<Law>, seed: u64, samples: usize) {
        self.shaped(payload_type, law, seed, samples, |header, payload| {
            packet(header, payload)
        });
    }

    fn shaped(
        &mut self,
        payload_type: u8,
        law: Option<Law>,
        seed: u64,
        samples: usize,
        shape: impl Fn(RtpHeader, &[u8]) -> Vec<u8>,
    ) {
        self.next.payload_type = payload_type;
        let payload = noise(seed + 77, samples * if law.is_some() { 1 } else { 2 });
        let made = shape(self.next, &payload);
        self.raw(&made);
        self.step(samples);
        match law {
            Some(law) => self.heard.extend(payload.iter().map(|byte| Coded(law, *byte))),
            None => {
                let pairs = payload.chunks_exact(2);
                self.heard
                    .extend(pairs.map(|p| Linear(i16::from_be_bytes([p[0], p[1]]))));
            }
        }
    }

    fn ulaw(&mut self, seed: u64) {
        self.audio(0, Some(Law::Mu), seed, 160);
    }
}

/// One local leg, recorded as each format; what `act` says is what has to be there.
fn heard_as(codec: i32, rate: u32, act: impl Fn(&RecordingFixture, &mut PacketMaker)) {
    let fixture = RecordingFixture::new(&[]);
    let ids = FORMATS.map(|format| fixture.start(REC_LAYOUT_LOCAL, format, REC_PAUSE_SILENCE));
    let ids = if rate == 8000 { &ids[..] } else { &ids[..1] };
    let mut made = PacketMaker::new(fixture.feed(REC_LEG_LOCAL, codec, rate));
    act(&fixture, &mut made);
    for id in ids {
        let done = fixture.stop_done(id);
        done.assert_holds(&made.heard, &[]);
        done.assert_reported(0, 0, &[]);
        assert_eq!(done.wav.rate, rate);
    }
    assert_eq!(fixture.engine.stats().frames_lost, 0);
    fixture.engine.close();
}

#[test]
fn padding_csrc_and_header_extensions_are_not_audio() {
    heard_as(REC_CODEC_PCMU, 8000, |_, made| {
        made.ulaw(1);
        made.shaped(0, Some(Law::Mu), 2, 160, |header, payload| {
            let mut out = packet(header, payload);
            out[0] |= 0x20;
            out.extend([0, 0, 0, 4]);
            out
        });
        made.shaped(0, Some(Law::Mu), 3, 160, |header, payload| {
            let mut out = packet(header, &[]);
            out[0] |= 2;
            out.extend([9; 8]);
            out.extend(payload);
            out
        });
        made.shaped(0, Some(Law::Mu), 4, 160, |header, payload| {
            let mut out = packet(header, &[]);
            out[0] |= 0x10;
            out.extend([0xbe, 0xde, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]);
            out.extend(payload);
            out
        });
        // All at once, and the marker.
        made.shaped(0, Some(Law::Mu), 5, 160, |header, payload| {
            let mut out = packet(header, &[]);
            out[0] |= 0x31;
            out[1] |= 0x80;
            out.extend([8; 4]);
            out.extend([0, 0, 0, 1, 0, 0, 0, 0]);
            out.extend(payload);
            out.extend([0, 2]);
            out
        });
        made.ulaw(6);
    });
}

#[test]
fn events_rtcp_and_garbage_are_no_audio_and_no_loss() {
    let fixture = RecordingFixture::new(&[]);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
    let mut made = PacketMaker::new(fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000));
    for seed in 0..5 {
        made.ulaw(seed);
    }
    // A key of 100 ms: RFC 4733, five packets of one timestamp, then three ends.
    for n in 0..8u8 {
        let length = (u16::from(n.min(4)) + 1) * 160;
        let event = [
            5,
            if n < 5 { 10 } else { 0x8a },
            (length >> 8) as u8,
            length as u8,
        ];
        let made_packet = packet(
            RtpHeader {
                payload_type: 101,
                ..made.next
            },
            &event,
        );
        made.raw(&made_packet);
        made.next.sequence += 1;
    }
    made.next.timestamp += 800;
    made.heard.extend(silence(800));
    made.ulaw(10);
    // RTCP: sender report, receiver report, description, bye, application.
    for kind in 200..=204u8 {
        let mut report = vec![0x81, kind, 0, 6];
        report.extend(noise(u64::from(kind), 24));
        made.raw(&report);
    }
    for garbage in [
        &[0x80][..],
        &[0x40, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0; 3],
    ] {
        made.raw(garbage);
    }
    made.ulaw(11);
    // Comfort noise counts as a number, and is silence.
    let comfort = packet(
        RtpHeader {
            payload_type: 13,
            ..made.next
        },
        &[60],
    );
    made.raw(&comfort);
    made.next.sequence += 1;
    made.next.timestamp += 1600;
    made.heard.extend(silence(1600));
    made.ulaw(12);
    let done = fixture.stop_done(&id);
    done.assert_holds(&made.heard, &[]);
    done.assert_reported(0, 0, &[]);
    let stats = fixture.engine.stats();
    assert_eq!((stats.frames_lost, stats.frames_ignored), (0, 8 + 5 + 4));
    fixture.engine.close();
}

#[test]
fn a_new_ssrc_goes_on_where_the_old_one_ended() {
    heard_as(REC_CODEC_PCMU, 8000, |_, made| {
        for seed in 0..10 {
            made.ulaw(seed);
        }
        made.next = RtpHeader {
            ssrc: 43,
            sequence: 50_000,
            timestamp: 0xdead_beef,
            payload_type: 0,
        };
        for seed in 10..20 {
            made.ulaw(seed);
        }
        // Both wrap.
        made.next = RtpHeader {
            ssrc: 44,
            sequence: 65_533,
            timestamp: 0xffff_ff00,
            payload_type: 0,
        };
        for seed in 20..30 {
            made.ulaw(seed);
        }
    });
}

#[test]
fn silence_suppression_and_jumps_of_the_timestamp() {
    heard_as(REC_CODEC_PCMU, 8000, |_, made| {
        made.ulaw(1);
        // The sender says nothing for a second.
        made.next.timestamp += 8000;
        made.heard.extend(silence(8000));
        made.ulaw(2);
        // A jump back, and one of hours: neither can be a silence.
        made.next.timestamp = made.next.timestamp.wrapping_sub(1_000_000);
        made.ulaw(3);
        made.next.timestamp = made.next.timestamp.wrapping_add(1_000_000_000);
        made.ulaw(4);
        made.ulaw(5);
    });
}

#[test]
fn packet_times_change() {
    heard_as(REC_CODEC_PCMU, 8000, |_, made| {
        for (seed, samples) in [160, 160, 240, 240, 80, 80, 80, 480, 160, 7, 1, 160]
            .into_iter()
            .enumerate()
        {
            made.audio(0, Some(Law::Mu), seed as u64, samples);
        }
    });
}

#[test]
fn the_payload_type_changes_the_law() {
    heard_as(REC_CODEC_PCMU, 8000, |_, made| {
        for seed in 0..30 {
            let (payload_type, law) = if seed / 5 % 2 == 0 {
                (0, Law::Mu)
            } else {
                (8, Law::A)
            };
            made.audio(payload_type, Some(law), seed, 160);
        }
    });
}

#[test]
fn dynamic_payload_types() {
    heard_as(REC_CODEC_PCMU, 8000, |_, made| {
        payload(made.feed, 96, REC_CODEC_PCM16, 8000);
        payload(made.feed, 97, REC_CODEC_PCMA, 8000);
        payload(made.feed, 98, REC_CODEC_PCMU, 8000);
        for seed in 0..20 {
            match seed % 4 {
                0 => made.audio(96, None, seed, 160),
                1 => made.audio(97, Some(Law::A), seed, 160),
                2 => made.audio(98, Some(Law::Mu), seed, 160),
                _ => made.ulaw(seed),
            }
        }
        // Given another meaning, from here on.
        payload(made.feed, 96, REC_CODEC_PCMA, 8000);
        made.audio(96, Some(Law::A), 20, 160);
    });
}

#[test]
fn linear_payloads_at_other_rates() {
    for rate in [16_000u32, 44_100, 48_000] {
        heard_as(REC_CODEC_PCM16, rate, |_, made| {
            payload(made.feed, 110, REC_CODEC_PCM16, rate);
            for seed in 0..20 {
                made.audio(110, None, seed, rate as usize / 100);
            }
        });
    }
    // RFC 3551: 11 is L16, 44,100 Hz, one channel.
    heard_as(REC_CODEC_PCM16, 44_100, |_, made| {
        for seed in 0..20 {
            made.audio(11, None, seed, 441);
        }
    });
}

#[test]
fn an_unknown_payload_type_is_counted() {
    let fixture = RecordingFixture::new(&[]);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav", REC_PAUSE_SILENCE);
    let mut made = PacketMaker::new(fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000));
    made.ulaw(1);
    made.audio(99, Some(Law::Mu), 2, 160);
    made.heard.truncate(160);
    made.heard.extend(silence(160));
    made.ulaw(3);
    let done = fixture.stop_done(&id);
    done.assert_holds(&made.heard, &[]);
    done.assert_reported(0, 0, &[]);
    let stats = fixture.engine.stats();
    assert_eq!(
        (stats.frames_in, stats.frames_ignored, stats.frames_lost),
        (2, 1, 0)
    );
    fixture.engine.close();
}

/// In stream time a packet's age says nothing: its place is its timestamp's.
#[test]
fn an_age_is_nothing_in_stream_time() {
    let fixture = RecordingFixture::new(&[]);
    let id = fixture.start_with(&StartFields {
        layout: REC_LAYOUT_LOCAL,
        ..StartFields::default()
    });
    let mut made = PacketMaker::new(fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000));
    for n in 0..20u32 {
        let said = noise(u64::from(n), 160);
        let bytes = packet(made.next, &said);
        let age = (20 - n) * 20_000;
        until_accepted(made.feed, || unsafe {
            rec_feed_rtp_at(made.feed, age, bytes.as_ptr().cast(), bytes.len())
        });
        made.step(160);
        made.heard.extend(said.iter().map(|byte| Coded(Law::Mu, *byte)));
    }
    fixture.stop_done(&id).assert_holds(&made.heard, &[]);
    fixture.engine.close();
}

/// Codec and clock rate change in mid-call: what was said before is still exact.
#[test]
fn the_format_changes_in_mid_call() {
    for format in FORMATS {
        let fixture = RecordingFixture::new(&[]);
        let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
        let id = fixture.start(REC_LAYOUT_LOCAL, format, REC_PAUSE_SILENCE);
        let mut heard = Vec::new();
        for (seed, codec) in [
            (1, REC_CODEC_PCMU),
            (2, REC_CODEC_PCMA),
            (3, REC_CODEC_PCM16),
            (4, REC_CODEC_PCMU),
        ] {
            set_format(local, codec, 8000);
            let size = sample_bytes(codec);
            let said = noise(seed, 4000 * size);
            write_in_turns(160 * size, &[(local, &said)]);
            write_in_turns(160, &[(remote, &noise(99, 4000))]);
            heard.extend(written(codec, &said));
        }
        let done = fixture.stop_done(&id);
        done.assert_holds(&heard, &[]);
        done.assert_reported(0, 0, &[]);
        fixture.close();
    }
}

#[test]
fn a_change_of_the_rate_leaves_what_came_before_as_it_was() {
    let fixture = RecordingFixture::new(&[]);
    let local = fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
    let (first, last) = (noise(1, 8000), noise(2, 8000));
    write_in_turns(160, &[(local, &first)]);
    set_format(local, REC_CODEC_PCM16, 16_000);
    write_in_turns(640, &[(local, &vec![0; 32_000])]);
    set_format(local, REC_CODEC_PCMU, 8000);
    write_in_turns(160, &[(local, &last)]);
    let done = fixture.stop_done(&id);
    assert_eq!(done.wav.frames(), 24_000);
    let heard = done.wav.g711(0);
    assert!(
        heard[..7900] == first[..7900],
        "G.711 before the change is not transcoded"
    );
    assert!(heard[8100..15_900].iter().all(|byte| *byte == 0xff));
    assert!(heard[16_100..] == last[100..], "nor that after it");
    done.assert_reported(0, 0, &[]);
    fixture.close();
}

/// The sender changes its clock rate with the payload type.
#[test]
fn the_payload_type_changes_the_rate() {
    let fixture = RecordingFixture::new(&[("recording.sample_rate", "16000")]);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav", REC_PAUSE_SILENCE);
    let mut made = PacketMaker::new(fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000));
    payload(made.feed, 96, REC_CODEC_PCM16, 16_000);
    for _ in 0..25 {
        let header = RtpHeader {
            payload_type: 0,
            ..made.next
        };
        made.raw(&packet(header, &[0xff; 160]));
        made.step(160);
    }
    for seed in 0..25 {
        made.audio(96, None, seed, 320);
    }
    let done = fixture.stop_done(&id);
    assert_eq!((done.wav.frames(), done.wav.rate), (16_000, 16_000));
    let wide: Vec<i16> = made.heard.iter().map(|cell| cell.value() as i16).collect();
    let heard = done.wav.pcm(0);
    assert!(heard[..7900].iter().all(|sample| *sample == 0));
    assert!(heard[8200..] == wide[200..], "at the file's own rate it is exact");
    done.assert_reported(0, 0, &[]);
    fixture.engine.close();
}

/// A live file is readable at any moment, and holds what was said.
#[test]
fn the_part_holds_what_was_handed_in() {
    let fixture = RecordingFixture::new(&[("storage.flush_ms", "100")]);
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    let said = noise(5, 80_000);
    write_in_turns(160, &[(local, &said), (remote, &said)]);
    fixture.wait_for_frames(local, 1000);
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let part = files_with_extension(&fixture.dir, "part").pop();
        let bytes = part.map_or_else(Vec::new, |part| std::fs::read(part).unwrap());
        if let Ok(live) = WavFile::parse(&bytes) {
            let heard = live.g711(0);
            assert_eq!(heard, said[..heard.len()], "a live file");
            if heard.len() >= 79_200 - 480 {
                break;
            }
        }
        assert!(std::time::Instant::now() < deadline, "never flushed");
        std::thread::yield_now();
    }
    fixture.stop(&id);
    fixture.done(&id);
    fixture.close();
}
