//! Recording in real time, on a machine of any load: the order of the audio, and which audio is not
//! in a file. `tests/timeline` checks exact positions in simulated time.

use std::ops::Range;
use std::time::Duration;

use callrec::capi::*;
use callrec_testkit::manifest::spans_of;
use callrec_testkit::random::noise;

use crate::fixture::*;

/// Numbers of packets.
const START: usize = 5;
const PAUSE: usize = 60;
const RESUME: usize = 70;
const STOP: usize = 130;
const END: usize = 135;
/// For this many packets after a start or a resume, a feed may be behind the clock.
const SETTLED: usize = 35;

/// Sleeps for the length of a packet, relative to now: a delayed host is late from then on, and never
/// ahead of the clock.
pub fn sleep_packet_time() {
    std::thread::sleep(Duration::from_millis(20));
}

/// The bytes of one channel of a file.
fn channel(finished: &FinishedRecording, channel: usize) -> Vec<u8> {
    let size = usize::from(finished.wav.bits) / 8;
    let frames = finished
        .wav
        .data
        .chunks(size * usize::from(finished.wav.channels));
    frames
        .flat_map(|frame| frame[channel * size..(channel + 1) * size].to_vec())
        .collect()
}

/// The position of `piece`, not before `from`.
pub fn find(recorded: &[u8], piece: &[u8], from: usize) -> Option<usize> {
    let at = recorded[from..]
        .windows(piece.len())
        .position(|window| window == piece);
    at.map(|at| from + at)
}

/// The end of a packet, which the correction for clock drift does not change. The correction omits at
/// most one sample in fifty at the beginning of a packet, or repeats one before each of that many
/// equal parts of it.
fn tail(packet: &[u8], sample_bytes: usize) -> &[u8] {
    let samples = packet.len() / sample_bytes;
    let parts = (samples / 50).max(1);
    &packet[(samples - samples / parts) * sample_bytes..]
}

/// The audio of both legs, and which packets the feeds accepted.
struct RealTimeCall {
    packet_bytes: usize,
    sample_bytes: usize,
    audio: [Vec<u8>; 2],
    accepted: Vec<[bool; 2]>,
}

impl RealTimeCall {
    fn packet(&self, leg: usize, n: usize) -> &[u8] {
        &self.audio[leg][n * self.packet_bytes..(n + 1) * self.packet_bytes]
    }

    fn write(&mut self, feeds: [rec_feed; 2], n: usize) {
        self.accepted.push([0, 1].map(|leg| {
            let status = write(feeds[leg], self.packet(leg, n));
            assert!(matches!(status, REC_OK | REC_ERR_OVERRUN), "status {status}");
            status == REC_OK
        }));
    }

    /// Checks the order of the packets in a channel. Returns how many accepted packets are missing.
    fn assert_in_order(&self, recorded: &[u8], leg: usize, packets: Range<usize>, from: usize) -> usize {
        let (mut at, mut missing) = (from, 0);
        for n in packets.filter(|n| self.accepted[*n][leg]) {
            let tail = tail(self.packet(leg, n), self.sample_bytes);
            match find(recorded, tail, from) {
                Some(found) => {
                    assert!(found >= at, "leg {leg}: packet {n} is not after byte {at}");
                    at = found + tail.len();
                }
                None => missing += 1,
            }
        }
        missing
    }
}

/// How many packets the losses of a leg can have affected.
fn affected_packets(finished: &FinishedRecording, leg: usize) -> usize {
    let mut losses = spans_of(&finished.manifest, "loss");
    losses.retain(|loss| loss.leg == ["local", "remote"][leg]);
    let packets = losses.iter().map(|loss| loss.length_ms as usize / 20 + 2);
    packets.sum()
}

fn assert_consistent(finished: &FinishedRecording, call: &RealTimeCall, mode: i32) {
    let name = format!(
        "{} layout {} pause {mode}",
        finished.format(),
        finished.recording.layout
    );
    let reported = |field: &str| finished.manifest[field].as_u64().unwrap();
    assert_eq!(reported("samples") as usize, finished.wav.frames(), "{name}");
    let pauses = spans_of(&finished.manifest, "pause");
    assert_eq!(pauses.len(), 1, "{name}: {pauses:?}");
    let (from, to) = (pauses[0].from_frame as usize, pauses[0].to_frame as usize);
    assert_eq!(pauses[0].length_ms, reported("paused_ms"), "{name}");
    assert_eq!(mode == REC_PAUSE_SKIP, from == to, "{name}: {pauses:?}");
    let legs: &[usize] = match finished.recording.layout {
        REC_LAYOUT_STEREO => &[0, 1],
        REC_LAYOUT_LOCAL => &[0],
        _ => &[1],
    };
    for (n, leg) in legs.iter().enumerate() {
        let recorded = channel(finished, n);
        let size = usize::from(finished.wav.bits) / 8;
        let before = &recorded[..from * size];
        let missing = call.assert_in_order(before, *leg, START + SETTLED..PAUSE - 2, 0)
            + call.assert_in_order(&recorded, *leg, RESUME + SETTLED..STOP - 2, to * size);
        let most = affected_packets(finished, *leg);
        assert!(
            missing <= most,
            "{name}: leg {leg} misses {missing} packets, {:?}",
            finished.manifest["spans"]
        );
    }
}

/// A start during speech, a pause, a resume and a stop, in every layout with separate legs and both
/// pause modes.
#[test]
fn audio_is_recorded_in_order() {
    let fixture = RecordingFixture::new(&[("media.clock", "real")]);
    let (codec, rate) = (REC_CODEC_PCM16, 8000);
    let (local, remote) = fixture.legs(codec, rate);
    let packet_bytes = rate as usize / 50 * sample_bytes(codec);
    let mut call = RealTimeCall {
        packet_bytes,
        sample_bytes: sample_bytes(codec),
        audio: [noise(1, END * packet_bytes), noise(2, END * packet_bytes)],
        accepted: Vec::new(),
    };
    let mut ids = Vec::new();
    for n in 0..END {
        match n {
            START => {
                for layout in [REC_LAYOUT_STEREO, REC_LAYOUT_LOCAL, REC_LAYOUT_REMOTE] {
                    ids.extend(PAUSES.map(|mode| (mode, fixture.start(layout, "wav", mode))));
                }
            }
            PAUSE => fixture.pause(),
            RESUME => fixture.resume(),
            STOP => ids.iter().for_each(|(_, id)| fixture.stop(id)),
            _ => {}
        }
        call.write([local, remote], n);
        sleep_packet_time();
    }
    for (mode, id) in &ids {
        assert_consistent(&fixture.read_finished(id), &call, *mode);
    }
    for (from, to) in [(0, START), (PAUSE, RESUME), (STOP, END)] {
        let part = |leg: usize| written(codec, &call.audio[leg][from * packet_bytes..to * packet_bytes]);
        assert_not_on_disk(&fixture, &part(0), &part(1));
    }
    fixture.close();
}
