//! RTP packets of every form.

use callrec::capi::*;
use callrec_testkit::g711::Law;
use callrec_testkit::random::noise;
use callrec_testkit::rtp::{RtpHeader, packet};
use callrec_testkit::tree::files_with_extension;
use callrec_testkit::wait::until_some;
use callrec_testkit::wav::WavFile;

use crate::fixture::*;
use crate::support::StartFields;

/// Sends the packets of one leg, and keeps the samples that the recording must have.
struct PacketSender {
    feed: rec_feed,
    next: RtpHeader,
    expected: LegSamples,
    sent: u64,
}

impl PacketSender {
    fn new(feed: rec_feed) -> PacketSender {
        let next = RtpHeader {
            payload_type: 0,
            sequence: 7,
            timestamp: 1000,
            ssrc: 42,
        };
        PacketSender {
            feed,
            next,
            expected: Vec::new(),
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
        let packet = shape(self.next, &payload);
        self.raw(&packet);
        self.step(samples);
        match law {
            Some(law) => self.expected.extend(payload.iter().map(|byte| Coded(law, *byte))),
            None => {
                let pairs = payload.chunks_exact(2);
                self.expected
                    .extend(pairs.map(|p| Linear(i16::from_be_bytes([p[0], p[1]]))));
            }
        }
    }

    fn ulaw(&mut self, seed: u64) {
        self.audio(0, Some(Law::Mu), seed, 160);
    }
}

/// Records one local leg in each format. Checks that the files have the samples that `act` has sent.
fn check_recorded(codec: i32, rate: u32, act: impl Fn(&RecordingFixture, &mut PacketSender)) {
    let fixture = RecordingFixture::new(&[]);
    let ids = FORMATS.map(|format| fixture.start(REC_LAYOUT_LOCAL, format, REC_PAUSE_SILENCE));
    let ids = if rate == 8000 { &ids[..] } else { &ids[..1] };
    let mut sender = PacketSender::new(fixture.feed(REC_LEG_LOCAL, codec, rate));
    act(&fixture, &mut sender);
    for id in ids {
        let finished = fixture.stop_and_read(id);
        finished.assert_holds(&sender.expected, &[]);
        finished.assert_reported(0, 0, &[]);
        assert_eq!(finished.wav.rate, rate);
    }
    assert_eq!(fixture.engine.stats().frames_lost, 0);
    fixture.engine.close();
}

#[test]
fn padding_csrc_and_header_extensions_are_not_audio() {
    check_recorded(REC_CODEC_PCMU, 8000, |_, sender| {
        sender.ulaw(1);
        sender.shaped(0, Some(Law::Mu), 2, 160, |header, payload| {
            let mut out = packet(header, payload);
            out[0] |= 0x20;
            out.extend([0, 0, 0, 4]);
            out
        });
        sender.shaped(0, Some(Law::Mu), 3, 160, |header, payload| {
            let mut out = packet(header, &[]);
            out[0] |= 2;
            out.extend([9; 8]);
            out.extend(payload);
            out
        });
        sender.shaped(0, Some(Law::Mu), 4, 160, |header, payload| {
            let mut out = packet(header, &[]);
            out[0] |= 0x10;
            out.extend([0xbe, 0xde, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]);
            out.extend(payload);
            out
        });
        // All of these in one packet, with the marker bit.
        sender.shaped(0, Some(Law::Mu), 5, 160, |header, payload| {
            let mut out = packet(header, &[]);
            out[0] |= 0x31;
            out[1] |= 0x80;
            out.extend([8; 4]);
            out.extend([0, 0, 0, 1, 0, 0, 0, 0]);
            out.extend(payload);
            out.extend([0, 2]);
            out
        });
        sender.ulaw(6);
    });
}

#[test]
fn telephone_events_rtcp_and_garbage_are_neither_audio_nor_loss() {
    let fixture = RecordingFixture::new(&[]);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
    let mut sender = PacketSender::new(fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000));
    for seed in 0..5 {
        sender.ulaw(seed);
    }
    // A key of 100 ms by RFC 4733: five packets with one timestamp, then three end packets.
    for n in 0..8u8 {
        let length = (u16::from(n.min(4)) + 1) * 160;
        let event = [
            5,
            if n < 5 { 10 } else { 0x8a },
            (length >> 8) as u8,
            length as u8,
        ];
        let event_packet = packet(
            RtpHeader {
                payload_type: 101,
                ..sender.next
            },
            &event,
        );
        sender.raw(&event_packet);
        sender.next.sequence += 1;
    }
    sender.next.timestamp += 800;
    sender.expected.extend(silence(800));
    sender.ulaw(10);
    // RTCP: sender report, receiver report, description, bye, application.
    for kind in 200..=204u8 {
        let mut report = vec![0x81, kind, 0, 6];
        report.extend(noise(u64::from(kind), 24));
        sender.raw(&report);
    }
    for garbage in [
        &[0x80][..],
        &[0x40, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0; 3],
    ] {
        sender.raw(garbage);
    }
    sender.ulaw(11);
    // Comfort noise has a sequence number, and is silence.
    let comfort = packet(
        RtpHeader {
            payload_type: 13,
            ..sender.next
        },
        &[60],
    );
    sender.raw(&comfort);
    sender.next.sequence += 1;
    sender.next.timestamp += 1600;
    sender.expected.extend(silence(1600));
    sender.ulaw(12);
    let finished = fixture.stop_and_read(&id);
    finished.assert_holds(&sender.expected, &[]);
    finished.assert_reported(0, 0, &[]);
    let stats = fixture.engine.stats();
    assert_eq!((stats.frames_lost, stats.frames_ignored), (0, 8 + 5 + 4));
    fixture.engine.close();
}

#[test]
fn a_new_ssrc_continues_where_the_old_one_ended() {
    check_recorded(REC_CODEC_PCMU, 8000, |_, sender| {
        for seed in 0..10 {
            sender.ulaw(seed);
        }
        sender.next = RtpHeader {
            ssrc: 43,
            sequence: 50_000,
            timestamp: 0xdead_beef,
            payload_type: 0,
        };
        for seed in 10..20 {
            sender.ulaw(seed);
        }
        // The sequence number and the timestamp wrap.
        sender.next = RtpHeader {
            ssrc: 44,
            sequence: 65_533,
            timestamp: 0xffff_ff00,
            payload_type: 0,
        };
        for seed in 20..30 {
            sender.ulaw(seed);
        }
    });
}

#[test]
fn a_timestamp_gap_is_silence_unless_it_is_a_jump() {
    check_recorded(REC_CODEC_PCMU, 8000, |_, sender| {
        sender.ulaw(1);
        // The sender suppresses one second of silence.
        sender.next.timestamp += 8000;
        sender.expected.extend(silence(8000));
        sender.ulaw(2);
        // A jump back, and one of hours: neither is silence.
        sender.next.timestamp = sender.next.timestamp.wrapping_sub(1_000_000);
        sender.ulaw(3);
        sender.next.timestamp = sender.next.timestamp.wrapping_add(1_000_000_000);
        sender.ulaw(4);
        sender.ulaw(5);
    });
}

#[test]
fn the_length_of_packets_may_change() {
    check_recorded(REC_CODEC_PCMU, 8000, |_, sender| {
        for (seed, samples) in [160, 160, 240, 240, 80, 80, 80, 480, 160, 7, 1, 160]
            .into_iter()
            .enumerate()
        {
            sender.audio(0, Some(Law::Mu), seed as u64, samples);
        }
    });
}

#[test]
fn the_payload_type_may_change_the_law() {
    check_recorded(REC_CODEC_PCMU, 8000, |_, sender| {
        for seed in 0..30 {
            let (payload_type, law) = if seed / 5 % 2 == 0 {
                (0, Law::Mu)
            } else {
                (8, Law::A)
            };
            sender.audio(payload_type, Some(law), seed, 160);
        }
    });
}

#[test]
fn dynamic_payload_types_are_decoded() {
    check_recorded(REC_CODEC_PCMU, 8000, |_, sender| {
        payload(sender.feed, 96, REC_CODEC_PCM16, 8000);
        payload(sender.feed, 97, REC_CODEC_PCMA, 8000);
        payload(sender.feed, 98, REC_CODEC_PCMU, 8000);
        for seed in 0..20 {
            match seed % 4 {
                0 => sender.audio(96, None, seed, 160),
                1 => sender.audio(97, Some(Law::A), seed, 160),
                2 => sender.audio(98, Some(Law::Mu), seed, 160),
                _ => sender.ulaw(seed),
            }
        }
        // The payload type gets another codec.
        payload(sender.feed, 96, REC_CODEC_PCMA, 8000);
        sender.audio(96, Some(Law::A), 20, 160);
    });
}

#[test]
fn linear_payloads_are_decoded_at_every_rate() {
    for rate in [16_000u32, 44_100, 48_000] {
        check_recorded(REC_CODEC_PCM16, rate, |_, sender| {
            payload(sender.feed, 110, REC_CODEC_PCM16, rate);
            for seed in 0..20 {
                sender.audio(110, None, seed, rate as usize / 100);
            }
        });
    }
    // RFC 3551: 11 is L16, 44,100 Hz, one channel.
    check_recorded(REC_CODEC_PCM16, 44_100, |_, sender| {
        for seed in 0..20 {
            sender.audio(11, None, seed, 441);
        }
    });
}

#[test]
fn an_unknown_payload_type_is_counted() {
    let fixture = RecordingFixture::new(&[]);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav", REC_PAUSE_SILENCE);
    let mut sender = PacketSender::new(fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000));
    sender.ulaw(1);
    sender.audio(99, Some(Law::Mu), 2, 160);
    sender.expected.truncate(160);
    sender.expected.extend(silence(160));
    sender.ulaw(3);
    let finished = fixture.stop_and_read(&id);
    finished.assert_holds(&sender.expected, &[]);
    finished.assert_reported(0, 0, &[]);
    let stats = fixture.engine.stats();
    assert_eq!(
        (stats.frames_in, stats.frames_ignored, stats.frames_lost),
        (2, 1, 0)
    );
    fixture.engine.close();
}

/// In stream time the timestamp places a packet.
#[test]
fn the_age_of_a_packet_has_no_effect_in_stream_time() {
    let fixture = RecordingFixture::new(&[]);
    let id = fixture.start_with(&StartFields {
        layout: REC_LAYOUT_LOCAL,
        ..StartFields::default()
    });
    let mut sender = PacketSender::new(fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000));
    for n in 0..20u32 {
        let audio = noise(u64::from(n), 160);
        let bytes = packet(sender.next, &audio);
        let age = (20 - n) * 20_000;
        until_accepted(sender.feed, || unsafe {
            rec_feed_rtp_at(sender.feed, age, bytes.as_ptr().cast(), bytes.len())
        });
        sender.step(160);
        sender
            .expected
            .extend(audio.iter().map(|byte| Coded(Law::Mu, *byte)));
    }
    fixture.stop_and_read(&id).assert_holds(&sender.expected, &[]);
    fixture.engine.close();
}

#[test]
fn the_codec_may_change_during_a_call() {
    for format in FORMATS {
        let fixture = RecordingFixture::new(&[]);
        let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
        let id = fixture.start(REC_LAYOUT_LOCAL, format, REC_PAUSE_SILENCE);
        let mut expected = Vec::new();
        for (seed, codec) in [
            (1, REC_CODEC_PCMU),
            (2, REC_CODEC_PCMA),
            (3, REC_CODEC_PCM16),
            (4, REC_CODEC_PCMU),
        ] {
            set_format(local, codec, 8000);
            let size = sample_bytes(codec);
            let audio = noise(seed, 4000 * size);
            write_in_turns(160 * size, &[(local, &audio)]);
            write_in_turns(160, &[(remote, &noise(99, 4000))]);
            expected.extend(written(codec, &audio));
        }
        let finished = fixture.stop_and_read(&id);
        finished.assert_holds(&expected, &[]);
        finished.assert_reported(0, 0, &[]);
        fixture.close();
    }
}

#[test]
fn a_change_of_the_rate_does_not_change_earlier_audio() {
    let fixture = RecordingFixture::new(&[]);
    let local = fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
    let (first, last) = (noise(1, 8000), noise(2, 8000));
    write_in_turns(160, &[(local, &first)]);
    set_format(local, REC_CODEC_PCM16, 16_000);
    write_in_turns(640, &[(local, &vec![0; 32_000])]);
    set_format(local, REC_CODEC_PCMU, 8000);
    write_in_turns(160, &[(local, &last)]);
    let finished = fixture.stop_and_read(&id);
    assert_eq!(finished.wav.frames(), 24_000);
    let recorded = finished.wav.g711(0);
    assert!(
        recorded[..7900] == first[..7900],
        "G.711 before the change is not transcoded"
    );
    assert!(recorded[8100..15_900].iter().all(|byte| *byte == 0xff));
    assert!(
        recorded[16_100..] == last[100..],
        "G.711 after the change is not transcoded"
    );
    finished.assert_reported(0, 0, &[]);
    fixture.close();
}

#[test]
fn the_payload_type_may_change_the_clock_rate() {
    let fixture = RecordingFixture::new(&[("recording.sample_rate", "16000")]);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav", REC_PAUSE_SILENCE);
    let mut sender = PacketSender::new(fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000));
    payload(sender.feed, 96, REC_CODEC_PCM16, 16_000);
    for _ in 0..25 {
        let header = RtpHeader {
            payload_type: 0,
            ..sender.next
        };
        sender.raw(&packet(header, &[0xff; 160]));
        sender.step(160);
    }
    for seed in 0..25 {
        sender.audio(96, None, seed, 320);
    }
    let finished = fixture.stop_and_read(&id);
    assert_eq!((finished.wav.frames(), finished.wav.rate), (16_000, 16_000));
    let wide: Vec<i16> = sender.expected.iter().map(|cell| cell.value() as i16).collect();
    let recorded = finished.wav.pcm(0);
    assert!(recorded[..7900].iter().all(|sample| *sample == 0));
    assert!(
        recorded[8200..] == wide[200..],
        "audio with the rate of the file is exact"
    );
    finished.assert_reported(0, 0, &[]);
    fixture.engine.close();
}

/// A live file is readable at any time.
#[test]
fn a_file_in_progress_has_the_recorded_audio() {
    let fixture = RecordingFixture::new(&[("storage.flush_ms", "100")]);
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    let audio = noise(5, 80_000);
    write_in_turns(160, &[(local, &audio), (remote, &audio)]);
    fixture.wait_for_packets(local, 1000);
    until_some("the audio is flushed", || {
        let part = files_with_extension(&fixture.dir, "part").pop();
        let bytes = part.map_or_else(Vec::new, |part| std::fs::read(part).unwrap());
        let recorded = WavFile::parse(&bytes).map_or_else(|_| Vec::new(), |live| live.g711(0));
        assert_eq!(recorded, audio[..recorded.len()], "a live file");
        match recorded.len() {
            78_720.. => Ok(()),
            length => Err(length),
        }
    });
    fixture.stop(&id);
    fixture.read_finished(&id);
    fixture.close();
}
