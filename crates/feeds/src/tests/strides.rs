//! Long silences in stream time are rendered in strides, so that other calls are not delayed.

use super::*;
use crate::sim::{RecordingOptions, SinkEnd};
use callrec_base::types::{EndReason, Format, Layout, PauseMode};

/// 29 minutes. A longer gap counts as a jump of the timestamps.
const JUMP: u64 = 29 * 60 * 8000;
/// Frames that one visit may render, and that may already be rendered before it.
const STRIDE: u64 = 61 * 8000;

fn options(pause_mode: PauseMode) -> RecordingOptions {
    RecordingOptions {
        layout: Layout::Local,
        format: Format::WAV_ULAW,
        pause_mode,
        ..RecordingOptions::default()
    }
}

/// Feeds 20 ms of audio, a long silence according to the timestamps, and 20 ms.
fn jumped(pause_mode: PauseMode, jump: u64) -> (Sim, SimRecording) {
    let mut sim = Sim::stream();
    sim.attach(Leg::Local, ULAW);
    let recording = sim.start(options(pause_mode));
    sim.rtp(Leg::Local, &ulaw(0));
    let after = packet(7, 0, 1, jump as u32, &[tag(1); 160]);
    sim.rtp(Leg::Local, &after);
    (sim, recording)
}

/// Visits the call until it has ended. Fails if a visit writes more than a stride.
fn visits(sim: &mut Sim, recording: &SimRecording) -> usize {
    for count in 1..1000 {
        let before = recording.out.lock().frames();
        sim.visit();
        let written = recording.out.lock().frames() - before;
        assert!(written <= STRIDE, "{written} frames in one visit");
        if sim.is_over() {
            return count;
        }
    }
    panic!("the call does not end");
}

#[test]
fn a_long_silence_is_rendered_in_strides() {
    // The second one ends where the rest after a stride is too short for a block.
    for jump in [JUMP, JUMP + 19_200] {
        let (mut sim, recording) = jumped(PauseMode::Silence, jump);
        let mut seen = 0;
        // A leg waits 2 s for the other one, and for packets out of order.
        while recording.out.lock().frames() < jump - 3 * 8000 {
            sim.visit();
            let frames = recording.out.lock().frames();
            assert!(frames > seen && frames - seen <= STRIDE, "{seen}, then {frames}");
            seen = frames;
        }
        let last = packet(7, 0, 2, jump as u32 + 160, &[tag(2); 160]);
        sim.rtp(Leg::Local, &last);
        sim.end();
        visits(&mut sim, &recording);
        let out = recording.out.lock();
        assert_eq!(out.bytes[..160], [tag(0); 160]);
        assert!(out.bytes[160..jump as usize].iter().all(|byte| *byte == 0xff));
        let audio = [[tag(1); 160], [tag(2); 160]].concat();
        assert_eq!(out.bytes[jump as usize..], audio);
    }
}

#[test]
fn control_points_after_a_long_silence_keep_their_positions() {
    for pause_mode in [PauseMode::Silence, PauseMode::Skip] {
        let (mut sim, recording) = jumped(pause_mode, JUMP);
        let other = sim.start(options(PauseMode::Silence));
        sim.pause(&recording);
        // The same silence again, during the pause.
        for (seq, ts) in [(2, JUMP + 160), (3, 2 * JUMP)] {
            sim.rtp(Leg::Local, &packet(7, 0, seq, ts as u32, &[tag(9); 160]));
        }
        sim.resume(&recording);
        let last = packet(7, 0, 4, 2 * JUMP as u32 + 160, &[tag(4); 160]);
        sim.rtp(Leg::Local, &last);
        sim.end();
        assert!(visits(&mut sim, &recording) > 29);
        let out = recording.out.lock();
        assert!(!out.bytes.contains(&tag(9)), "{pause_mode:?}");
        assert_eq!(out.bytes[JUMP as usize..][..160], [tag(1); 160]);
        assert_eq!(out.bytes[out.bytes.len() - 160..], [tag(4); 160]);
        let paused = if pause_mode == PauseMode::Skip { 0 } else { JUMP };
        assert_eq!(out.frames(), JUMP + 160 + paused + 160);
        assert_eq!(recording.progress.paused_ms(), JUMP / 8);
        assert_eq!(out.ending, Some(SinkEnd::Finished(EndReason::CallEnded, None)));
        // It began at the first pause and was never paused.
        assert_eq!(other.out.lock().frames(), JUMP + 160);
    }
}

#[test]
fn later_packets_wait_in_the_ring() {
    let (mut sim, recording) = jumped(PauseMode::Silence, JUMP);
    let mut taken = 2;
    for n in 2..400u64 {
        // The steps differ: equal ones would look like a sender that counts wrongly.
        let ts = n * JUMP + n * n;
        let bytes = packet(7, 0, n as u16, ts as u32, &[tag(n); 160]);
        if sim.rtp(Leg::Local, &bytes) == callrec_base::types::Status::Ok {
            taken += 1;
        }
        sim.visit();
    }
    // At most the content of two rings.
    assert!(taken < 100, "{taken} packets");
    assert!(recording.out.lock().frames() < 460 * STRIDE);
}
