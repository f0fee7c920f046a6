//! Packets that are lost, late, doubled or out of order, in stream time.

use callrec::capi::*;
use callrec_testkit::g711::Law;
use callrec_testkit::random::noise;
use callrec_testkit::rtp::{RtpHeader, packet};

use crate::fixture::*;

/// 20 ms of µ-law a packet; number and timestamp wrap on the way.
pub struct ReorderedStream {
    pub said: Vec<u8>,
}

impl ReorderedStream {
    pub fn new(seed: u64, packets: usize) -> ReorderedStream {
        ReorderedStream {
            said: noise(seed, packets * 160),
        }
    }

    pub fn piece(&self, n: usize) -> &[u8] {
        &self.said[n * 160..n * 160 + 160]
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

    /// As heard, with silence where packets are missing.
    pub fn line(&self, numbers: std::ops::Range<usize>, missing: &[usize]) -> LegSamples {
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
fn loss_is_silence_of_the_right_length() {
    let fixture = RecordingFixture::new(&[]);
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let ids: Vec<String> = FORMATS
        .iter()
        .flat_map(|format| LAYOUTS.map(|layout| fixture.start(layout, format, REC_PAUSE_SILENCE)))
        .collect();
    let (a, b) = (ReorderedStream::new(1, 50), ReorderedStream::new(2, 50));
    let (gone_a, gone_b) = ([3, 10, 11, 12, 30], [11, 12, 13, 20]);
    for n in 0..50 {
        a.send(local, [n].into_iter().filter(|n| !gone_a.contains(n)));
        b.send(remote, [n].into_iter().filter(|n| !gone_b.contains(n)));
    }
    let (line_a, line_b) = (a.line(0..50, &gone_a), b.line(0..50, &gone_b));
    let spans_a = [loss("local", 3, 4), loss("local", 10, 13), loss("local", 30, 31)];
    let spans_b = [loss("remote", 11, 14), loss("remote", 20, 21)];
    let both: Vec<_> = spans_a.into_iter().chain(spans_b).collect();
    for id in &ids {
        let done = fixture.stop_done(id);
        done.assert_holds(&line_a, &line_b);
        match done.recording.layout {
            REC_LAYOUT_LOCAL => done.assert_reported(0, 100, &spans_a),
            REC_LAYOUT_REMOTE => done.assert_reported(0, 80, &spans_b),
            _ => done.assert_reported(0, 180, &both),
        }
        assert!(fixture.engine.events.kinds(id).contains(&REC_EVENT_LOSS));
    }
    assert_eq!(fixture.engine.stats().frames_lost, 9);
    fixture.close();
}

#[test]
fn reordered_and_doubled_packets_find_their_place() {
    let fixture = RecordingFixture::new(&[]);
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    let (a, b) = (ReorderedStream::new(3, 60), ReorderedStream::new(4, 60));
    for n in (0..60).step_by(3) {
        a.send(local, [n, n + 2, n + 1, n + 1, n]);
        b.send(remote, if n == 0 { [0, 2, 1] } else { [n + 2, n + 1, n] });
    }
    let done = fixture.stop_done(&id);
    done.assert_holds(&a.line(0..60, &[]), &b.line(0..60, &[]));
    done.assert_reported(0, 0, &[]);
    assert_eq!(fixture.engine.stats().frames_lost, 0);
    fixture.close();
}

/// The window is media time, not luck: the worker looks, and a block is due, between a
/// packet and the one that should have come before it.
#[test]
fn the_window_holds_while_blocks_are_cut() {
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
            fixture.wait_for_frames(local, sent + 3);
            a.send(local, [n]);
        }
        sent += 4;
    }
    let done = fixture.stop_done(&id);
    done.assert_holds(&a.line(0..100, &[]), &b.line(0..100, &[]));
    done.assert_reported(0, 0, &[]);
    fixture.close();
}

#[test]
fn too_late_is_silence_and_counted() {
    let fixture = RecordingFixture::new(&[("storage.flush_ms", "100")]);
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav", REC_PAUSE_SILENCE);
    let (a, b) = (ReorderedStream::new(7, 100), ReorderedStream::new(8, 100));
    for n in 0..50 {
        b.send(remote, [n]);
        a.send(local, [n].into_iter().filter(|n| *n != 20));
    }
    fixture.wait_for_frames(local, 99);
    assert!(
        fixture.engine.get(None, &id).unwrap().duration_ms >= 500,
        "its place is in the file"
    );
    a.send(local, [20]);
    for n in 50..100 {
        b.send(remote, [n]);
        a.send(local, [n]);
    }
    let done = fixture.stop_done(&id);
    done.assert_holds(&a.line(0..100, &[20]), &b.line(0..100, &[]));
    done.assert_reported(0, 20, &[loss("local", 20, 21)]);
    assert_eq!(fixture.engine.stats().frames_lost, 1);
    fixture.close();
}

/// The missing side is silence once the other is `media.leg_wait_ms` ahead; what comes
/// for it later is late, dropped and counted.
#[test]
fn a_leg_is_waited_for_and_not_for_ever() {
    let fixture = RecordingFixture::new(&[("storage.flush_ms", "100"), ("media.leg_wait_ms", "500")]);
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_STEREO, "wav-ulaw", REC_PAUSE_SILENCE);
    let (a, b) = (noise(9, 8000), noise(10, 8000));
    // 400 ms ahead: waited for.
    write_in_turns(160, &[(local, &a[..3200])]);
    fixture.wait_for_frames(local, 20);
    write_in_turns(160, &[(remote, &b[..3200])]);
    // 600 ms ahead: at least the first 100 minus a flush are gone.
    write_in_turns(160, &[(local, &a[3200..])]);
    fixture.wait_for_frames(local, 70);
    write_in_turns(160, &[(remote, &b[3200..])]);
    let done = fixture.stop_done(&id);
    let heard = done.wav.g711(1);
    assert_eq!(done.wav.g711(0), a);
    assert_eq!(heard[..3200], b[..3200]);
    let gone = heard[3200..]
        .iter()
        .zip(&b[3200..])
        .take_while(|(heard, _)| **heard == 0xff)
        .count();
    assert_eq!(
        heard[3200 + gone..],
        b[3200 + gone..],
        "what is not late is there"
    );
    // 600 ms were ahead of the remote leg: what lies 500 behind the end may be gone.
    assert!(gone <= 800, "{gone} samples are late");
    let lost = gone as u64 / 8;
    assert_eq!(done.manifest["lost_ms"].as_u64().unwrap(), lost);
    fixture.close();
}

/// Handed in after the resume, from the middle of the paused time.
#[test]
fn a_late_packet_of_a_paused_span_is_nowhere() {
    let fixture = RecordingFixture::new(&[("storage.flush_ms", "100")]);
    let (local, remote) = fixture.legs(REC_CODEC_PCMU, 8000);
    let mut ids = Vec::new();
    for format in FORMATS {
        for layout in LAYOUTS {
            ids.extend(PAUSES.map(|pause| (pause, fixture.start(layout, format, pause))));
        }
    }
    let (a, b) = (ReorderedStream::new(11, 50), ReorderedStream::new(12, 50));
    let both = |numbers: &[usize]| {
        a.send(local, numbers.iter().copied());
        b.send(remote, numbers.iter().copied());
    };
    for n in 0..20 {
        both(&[n]);
    }
    fixture.pause();
    both(&[20, 21, 22, 23, 24, 26, 27, 29]);
    fixture.resume();
    both(&[25]);
    both(&[30, 31, 28]);
    for n in 32..50 {
        both(&[n]);
    }
    for (pause, id) in &ids {
        let done = fixture.stop_done(id);
        let kept = if *pause == REC_PAUSE_SKIP { 0 } else { 1600 };
        let line = |stream: &ReorderedStream| {
            [stream.line(0..20, &[]), silence(kept), stream.line(30..50, &[])].concat()
        };
        done.assert_holds(&line(&a), &line(&b));
        done.assert_reported(200, 0, &[("pause", "", 3200, 3200 + kept as u64, 200)]);
    }
    assert_not_on_disk(&fixture, &a.line(20..30, &[]), &b.line(20..30, &[]));
    fixture.close();
}

/// Of a recorded time, handed in while paused: not inside what is being recorded.
#[test]
fn a_late_packet_handed_in_while_paused_is_nowhere() {
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
    let done = fixture.stop_done(&id);
    done.assert_holds(
        &[a.line(0..20, &[18]), a.line(30..40, &[])].concat(),
        &[b.line(0..20, &[]), b.line(30..40, &[])].concat(),
    );
    done.assert_reported(200, 20, &[("pause", "", 3200, 3200, 200), loss("local", 18, 19)]);
    assert_not_on_disk(&fixture, &a.line(18..19, &[]), &[]);
    fixture.close();
}
