//! Real time through the C ABI, as it is on any machine, however busy: order, and what is
//! not in a file. Where everything lies to the sample is tested in simulated time, in
//! `tests/timeline`.

use std::ops::Range;
use std::time::Duration;

use callrec::capi::*;
use callrec_testkit::manifest::spans_of;
use callrec_testkit::random::noise;

use crate::fixture::*;

const START: usize = 5;
const PAUSE: usize = 60;
const RESUME: usize = 70;
const STOP: usize = 130;
const END: usize = 135;
/// A feed may be behind the clock for so many frames after a start or a resume.
const SETTLED: usize = 35;

/// Until the next frame is due. One that comes late makes all others later: a host that
/// gets no turn is never ahead of the clock.
pub fn next_frame() {
    std::thread::sleep(Duration::from_millis(20));
}

/// The bytes of one channel of a file.
fn channel(done: &FinishedRecording, channel: usize) -> Vec<u8> {
    let size = usize::from(done.wav.bits) / 8;
    let frames = done.wav.data.chunks(size * usize::from(done.wav.channels));
    frames
        .flat_map(|frame| frame[channel * size..(channel + 1) * size].to_vec())
        .collect()
}

/// Where this stands, from a place on.
pub fn find(heard: &[u8], piece: &[u8], from: usize) -> Option<usize> {
    let at = heard[from..]
        .windows(piece.len())
        .position(|window| window == piece);
    at.map(|at| from + at)
}

/// The end of a frame that stays in a row when the host's clock is followed: one sample in
/// fifty at most is then left out at a frame's beginning, or repeated before one of as many
/// equal parts of it.
fn tail(frame: &[u8], sample_bytes: usize) -> &[u8] {
    let samples = frame.len() / sample_bytes;
    let parts = (samples / 50).max(1);
    &frame[(samples - samples / parts) * sample_bytes..]
}

/// What both legs say, and which frames were taken.
struct RealTimeCall {
    bytes: usize,
    sample_bytes: usize,
    said: [Vec<u8>; 2],
    taken: Vec<[bool; 2]>,
}

impl RealTimeCall {
    fn frame(&self, leg: usize, n: usize) -> &[u8] {
        &self.said[leg][n * self.bytes..(n + 1) * self.bytes]
    }

    fn hand_in(&mut self, feeds: [rec_feed; 2], n: usize) {
        self.taken.push([0, 1].map(|leg| {
            let status = write(feeds[leg], self.frame(leg, n));
            assert!(matches!(status, REC_OK | REC_ERR_OVERRUN), "status {status}");
            status == REC_OK
        }));
    }

    /// The frames that are in the channel are there in order; gives how many of those that
    /// were taken are not.
    fn assert_in_order(&self, heard: &[u8], leg: usize, frames: Range<usize>, from: usize) -> usize {
        let (mut at, mut missing) = (from, 0);
        for n in frames.filter(|n| self.taken[*n][leg]) {
            let tail = tail(self.frame(leg, n), self.sample_bytes);
            match find(heard, tail, from) {
                Some(found) => {
                    assert!(found >= at, "leg {leg}: frame {n} is not behind byte {at}");
                    at = found + tail.len();
                }
                None => missing += 1,
            }
        }
        missing
    }
}

/// So many frames of 20 ms the losses of a leg can have touched.
fn touched(done: &FinishedRecording, leg: usize) -> usize {
    let mut losses = spans_of(&done.manifest, "loss");
    losses.retain(|loss| loss.leg == ["local", "remote"][leg]);
    let frames = losses.iter().map(|loss| loss.length_ms as usize / 20 + 2);
    frames.sum()
}

fn assert_is_right(done: &FinishedRecording, talk: &RealTimeCall, mode: i32) {
    let name = format!("{} layout {} pause {mode}", done.format(), done.recording.layout);
    let told = |field: &str| done.manifest[field].as_u64().unwrap();
    assert_eq!(told("samples") as usize, done.wav.frames(), "{name}");
    let pauses = spans_of(&done.manifest, "pause");
    assert_eq!(pauses.len(), 1, "{name}: {pauses:?}");
    let (from, to) = (pauses[0].from_frame as usize, pauses[0].to_frame as usize);
    assert_eq!(pauses[0].length_ms, told("paused_ms"), "{name}");
    assert_eq!(mode == REC_PAUSE_SKIP, from == to, "{name}: {pauses:?}");
    let legs: &[usize] = match done.recording.layout {
        REC_LAYOUT_STEREO => &[0, 1],
        REC_LAYOUT_LOCAL => &[0],
        _ => &[1],
    };
    for (n, leg) in legs.iter().enumerate() {
        let heard = channel(done, n);
        let size = usize::from(done.wav.bits) / 8;
        let before = &heard[..from * size];
        let missing = talk.assert_in_order(before, *leg, START + SETTLED..PAUSE - 2, 0)
            + talk.assert_in_order(&heard, *leg, RESUME + SETTLED..STOP - 2, to * size);
        let most = touched(done, *leg);
        assert!(
            missing <= most,
            "{name}: leg {leg} misses {missing} frames, {:?}",
            done.manifest["spans"]
        );
    }
}

/// A start in the middle of speech, a pause, a resume, a stop, in all layouts that keep the
/// legs apart and with both kinds of pause.
#[test]
fn what_is_said_while_it_is_recorded_is_there_in_order() {
    let fixture = RecordingFixture::new(&[("media.clock", "real")]);
    let (codec, rate) = (REC_CODEC_PCM16, 8000);
    let (local, remote) = fixture.legs(codec, rate);
    let bytes = rate as usize / 50 * sample_bytes(codec);
    let mut talk = RealTimeCall {
        bytes,
        sample_bytes: sample_bytes(codec),
        said: [noise(1, END * bytes), noise(2, END * bytes)],
        taken: Vec::new(),
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
        talk.hand_in([local, remote], n);
        next_frame();
    }
    for (mode, id) in &ids {
        assert_is_right(&fixture.done(id), &talk, *mode);
    }
    for (from, to) in [(0, START), (PAUSE, RESUME), (STOP, END)] {
        let part = |leg: usize| written(codec, &talk.said[leg][from * bytes..to * bytes]);
        assert_not_on_disk(&fixture, &part(0), &part(1));
    }
    fixture.close();
}
