//! Packets that are lost, late, duplicated or out of order, in stream time.

use callrec::capi::*;
use callrec_testkit::g711::Law;
use callrec_testkit::random::noise;
use callrec_testkit::rtp::{RtpHeader, packet};

use crate::fixture::*;

/// Packets with 20 ms of µ-law. The sequence number and the timestamp wrap.
pub struct ReorderedStream {
    pub audio: Vec<u8>,
}

impl ReorderedStream {
    pub fn new(seed: u64, packets: usize) -> ReorderedStream {
        ReorderedStream {
            audio: noise(seed, packets * 160),
        }
    }

    pub fn piece(&self, n: usize) -> &[u8] {
        &self.audio[n * 160..n * 160 + 160]
    }

    pub fn packet(&self, n: usize) -> Vec<u8> {
        let header = RtpHeader {
            payload_type: 0,
            sequence: 65_530u16.wrapping_add(n as u16),
            timestamp: 0xffff_f800u32.wrapping_add(n as u32 * 160),
            ssrc: 0x1234_5678,
        };
        packet(header, self.piece(n))
    }

    pub fn send(&self, feed: rec_feed, numbers: impl IntoIterator<Item = usize>) {
        for n in numbers {
            let packet = self.packet(n);
            until_accepted(feed, || rtp(feed, &packet));
        }
    }

    /// The expected samples, with silence where packets are missing.
    pub fn samples(&self, numbers: std::ops::Range<usize>, missing: &[usize]) -> LegSamples {
        let piece = |n: usize| match missing.contains(&n) {
            true => silence(160),
            false => self.piece(n).iter().map(|byte| Coded(Law::Mu, *byte)).collect(),
        };
        numbers.flat_map(piece).collect()
    }
}

fn loss(leg: &'static str, from: u64, to: u64) -> (&'static str, &'static str, u64, u64, u64) {
    ("loss", leg, from * 160, to * 160, (to - from) * 20)
}

#[test]
fn a_loss_is_silence_of_the_same_length() {
    let fixture = RecordingFixture::new(&[]);
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let ids: Vec<String> = FORMATS
        .iter()
        .flat_map(|format| LAYOUTS.map(|layout| fixture.start(layout, format, REC_PAUSE_SILENCE)))
        .collect();
    let (a, b) = (ReorderedStream::new(1, 50), ReorderedStream::new(2, 50));
    let (lost_a, lost_b) = ([3, 10, 11, 12, 30], [11, 12, 13, 20]);
    for n in 0..50 {
        a.send(local, [n].into_iter().filter(|n| !lost_a.contains(n)));
        b.send(remote, [n].into_iter().filter(|n| !lost_b.contains(n)));
    }
    let (expected_a, expected_b) = (a.samples(0..50, &lost_a), b.samples(0..50, &lost_b));
    let spans_a = [loss("local", 3, 4), loss("local", 10, 13), loss("local", 30, 31)];
    let spans_b = [loss("remote", 11, 14), loss("remote", 20, 21)];
    let both: Vec<_> = spans_a.into_iter().chain(spans_b).collect();
    for id in &ids {
        let finished = fixture.stop_and_read(id);
        finished.assert_holds(&expected_a, &expected_b);
        match finished.recording.layout {
            REC_LAYOUT_LOCAL => finished.assert_reported(0, 100, &spans_a),
            REC_LAYOUT_REMOTE => finished.assert_reported(0, 80, &spans_b),
            _ => finished.assert_reported(0, 180, &both),
        }
        assert!(fixture.engine.events.kinds(id).contains(&REC_EVENT_LOSS));
    }
    assert_eq!(fixture.engine.stats().frames_lost, 9);
    fixture.close();
}

#[test]
fn reordered_and_duplicate_packets_are_placed_by_their_timestamp() {
    let fixture = RecordingFixture::new(&[]);
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    let (a, b) = (ReorderedStream::new(3, 60), ReorderedStream::new(4, 60));
    for n in (0..60).step_by(3) {
        a.send(local, [n, n + 2, n + 1, n + 1, n]);
        b.send(remote, if n == 0 { [0, 2, 1] } else { [n + 2, n + 1, n] });
    }
    let finished = fixture.stop_and_read(&id);
    finished.assert_holds(&a.samples(0..60, &[]), &b.samples(0..60, &[]));
    finished.assert_reported(0, 0, &[]);
    assert_eq!(fixture.engine.stats().frames_lost, 0);
    fixture.close();
}

/// The window is measured in media time. Here the worker runs, and a block is due, between a packet
/// and the one that should have come before it.
#[test]
fn the_reorder_window_holds_while_blocks_are_written() {
    let fixture = RecordingFixture::new(&[("storage.flush_ms", "100")]);
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav", REC_PAUSE_SILENCE);
    let (a, b) = (ReorderedStream::new(5, 100), ReorderedStream::new(6, 100));
    let mut sent = 0;
    for n in (0..100).step_by(2) {
        b.send(remote, [n, n + 1]);
        if n == 0 {
            a.send(local, [0, 1]);
        } else {
            // 20 ms out of order, within the window of 60.
            a.send(local, [n + 1]);
            fixture.wait_for_packets(local, sent + 3);
            a.send(local, [n]);
        }
        sent += 4;
    }
    let finished = fixture.stop_and_read(&id);
    finished.assert_holds(&a.samples(0..100, &[]), &b.samples(0..100, &[]));
    finished.assert_reported(0, 0, &[]);
    fixture.close();
}

#[test]
fn a_packet_that_is_too_late_is_silence_and_counted() {
    let fixture = RecordingFixture::new(&[("storage.flush_ms", "100")]);
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav", REC_PAUSE_SILENCE);
    let (a, b) = (ReorderedStream::new(7, 100), ReorderedStream::new(8, 100));
    for n in 0..50 {
        b.send(remote, [n]);
        a.send(local, [n].into_iter().filter(|n| *n != 20));
    }
    fixture.wait_for_packets(local, 99);
    assert!(
        fixture.engine.get(None, &id).unwrap().duration_ms >= 500,
        "the place of the late packet is in the file"
    );
    a.send(local, [20]);
    for n in 50..100 {
        b.send(remote, [n]);
        a.send(local, [n]);
    }
    let finished = fixture.stop_and_read(&id);
    finished.assert_holds(&a.samples(0..100, &[20]), &b.samples(0..100, &[]));
    finished.assert_reported(0, 20, &[loss("local", 20, 21)]);
    assert_eq!(fixture.engine.stats().frames_lost, 1);
    fixture.close();
}

/// A leg is silence once the other leg is `media.leg_wait_ms` ahead. Audio that arrives later for that
/// time is dropped and counted.
#[test]
fn a_recording_waits_for_a_leg_only_up_to_a_limit() {
    let fixture = RecordingFixture::new(&[("storage.flush_ms", "100"), ("media.leg_wait_ms", "500")]);
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    let (a, b) = (noise(9, 8000), noise(10, 8000));
    // 400 ms ahead: the recording waits.
    write_in_turns(160, &[(local, &a[..3200])]);
    fixture.wait_for_packets(local, 20);
    write_in_turns(160, &[(remote, &b[..3200])]);
    // 600 ms ahead: up to the first 100 ms of the remote leg are lost.
    write_in_turns(160, &[(local, &a[3200..])]);
    fixture.wait_for_packets(local, 70);
    write_in_turns(160, &[(remote, &b[3200..])]);
    let finished = fixture.stop_and_read(&id);
    let recorded = finished.wav.g711(1);
    assert_eq!(finished.wav.g711(0), a);
    assert_eq!(recorded[..3200], b[..3200]);
    let late = recorded[3200..]
        .iter()
        .zip(&b[3200..])
        .take_while(|(recorded, _)| **recorded == 0xff)
        .count();
    assert_eq!(
        recorded[3200 + late..],
        b[3200 + late..],
        "audio that is not late is recorded"
    );
    // The local leg was 600 ms ahead; audio more than 500 ms behind it may be lost.
    assert!(late <= 800, "{late} samples are late");
    let lost = late as u64 / 8;
    assert_eq!(finished.manifest["lost_ms"].as_u64().unwrap(), lost);
    fixture.close();
}

/// A packet of the pause that arrives after the resume.
#[test]
fn a_late_packet_of_a_pause_is_not_recorded() {
    let fixture = RecordingFixture::new(&[("storage.flush_ms", "100")]);
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let mut ids = Vec::new();
    for format in FORMATS {
        for layout in LAYOUTS {
            ids.extend(PAUSES.map(|pause| (pause, fixture.start(layout, format, pause))));
        }
    }
    let (a, b) = (ReorderedStream::new(11, 50), ReorderedStream::new(12, 50));
    let send_both = |numbers: &[usize]| {
        a.send(local, numbers.iter().copied());
        b.send(remote, numbers.iter().copied());
    };
    for n in 0..20 {
        send_both(&[n]);
    }
    fixture.pause();
    send_both(&[20, 21, 22, 23, 24, 26, 27, 29]);
    fixture.resume();
    send_both(&[25]);
    send_both(&[30, 31, 28]);
    for n in 32..50 {
        send_both(&[n]);
    }
    for (pause, id) in &ids {
        let finished = fixture.stop_and_read(id);
        let silent = if *pause == REC_PAUSE_SKIP { 0 } else { 1600 };
        let expected = |stream: &ReorderedStream| {
            [
                stream.samples(0..20, &[]),
                silence(silent),
                stream.samples(30..50, &[]),
            ]
            .concat()
        };
        finished.assert_holds(&expected(&a), &expected(&b));
        finished.assert_reported(200, 0, &[("pause", "", 3200, 3200 + silent as u64, 200)]);
    }
    assert_not_on_disk(&fixture, &a.samples(20..30, &[]), &b.samples(20..30, &[]));
    fixture.close();
}

/// A packet of the time before the pause that arrives during the pause.
#[test]
fn a_late_packet_that_arrives_during_a_pause_is_not_recorded() {
    let fixture = RecordingFixture::new(&[]);
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav", REC_PAUSE_SKIP);
    let (a, b) = (ReorderedStream::new(13, 40), ReorderedStream::new(14, 40));
    a.send(local, (0..20).filter(|n| *n != 18));
    b.send(remote, 0..20);
    fixture.pause();
    a.send(local, [18]);
    a.send(local, 20..30);
    b.send(remote, 20..30);
    fixture.resume();
    a.send(local, 30..40);
    b.send(remote, 30..40);
    let finished = fixture.stop_and_read(&id);
    finished.assert_holds(
        &[a.samples(0..20, &[18]), a.samples(30..40, &[])].concat(),
        &[b.samples(0..20, &[]), b.samples(30..40, &[])].concat(),
    );
    finished.assert_reported(200, 20, &[("pause", "", 3200, 3200, 200), loss("local", 18, 19)]);
    assert_not_on_disk(&fixture, &a.samples(18..19, &[]), &[]);
    fixture.close();
}
