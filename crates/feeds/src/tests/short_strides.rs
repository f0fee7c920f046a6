//! Recordings that are behind at nearly every visit have the same files as others.

use super::lookback::keeping;
use super::*;
use crate::ledger::Ledger;
use crate::planted::set_stride_ns;
use crate::sim::{RecordingOptions, SinkEnd};
use crate::{ClockMode, MediaConfig};
use callrec_base::types::{EndReason, Format, KeepRaw, Layout, PauseMode};

const MS: u64 = NS_PER_MS;
const SEEDS: u64 = 60;

/// A sequence of numbers that a seed determines.
struct Draw(u64);

impl Draw {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % most
    }
}

/// What a recording leaves: its file, its end and its ledger.
type SimOutput = (Vec<u8>, Option<SinkEnd>, Ledger, Vec<Vec<u8>>);

fn options(draw: &mut Draw) -> RecordingOptions {
    let formats = [Format::WAV_ULAW, Format::WAV, Format::WAV_ALAW];
    RecordingOptions {
        layout: [Layout::Stereo, Layout::Local, Layout::Mono][draw.below(3) as usize],
        format: formats[draw.below(3) as usize],
        pause_mode: [PauseMode::Silence, PauseMode::Skip][draw.below(2) as usize],
        max_duration_ms: [0, 0, 0, 2500][draw.below(4) as usize],
        rate: 0,
        keep_raw: [KeepRaw::Never, KeepRaw::Always][draw.below(2) as usize],
    }
}

/// One second of two legs, which lose packets. `may_stall`: the remote one may deliver all at its end.
fn speak(sim: &mut Sim, draw: &mut Draw, said: &mut [u64; 2], may_stall: bool) {
    let stalls = draw.below(3) == 0 && may_stall;
    let leg = [Leg::Local, Leg::Remote];
    for n in 0..50 {
        for which in 0..2 {
            let late = stalls && which == 1 && n < 49;
            if !late {
                let waiting = if stalls && which == 1 { 50 } else { 1 };
                for _ in 0..waiting {
                    if draw.below(40) != 0 {
                        sim.rtp(leg[which], &ulaw(said[which]));
                    }
                    said[which] += 1;
                }
            }
        }
        sim.now_ns += 20 * MS;
        if n % 4 == 3 {
            sim.visit();
        }
    }
}

fn play(seed: u64, stride_ns: Option<u64>, clock: ClockMode) -> Vec<SimOutput> {
    set_stride_ns(stride_ns);
    let mut draw = Draw(seed);
    let lookback_ms = if clock == ClockMode::Real { 3000 } else { 0 };
    let mut sim = Sim::new(MediaConfig {
        clock,
        overflow_bytes: 64 << 20,
        ..keeping(lookback_ms)
    });
    sim.attach(Leg::Local, ULAW);
    sim.attach(Leg::Remote, ULAW);
    let mut all: Vec<SimRecording> = Vec::new();
    let mut latest = sim.start(options(&mut draw));
    let mut said = [0; 2];
    for _ in 0..12 {
        // In stream time, what is late depends on how much has been written.
        speak(&mut sim, &mut draw, &mut said, clock == ClockMode::Real);
        match draw.below(9) {
            0 => sim.pause(&latest),
            1 => sim.resume(&latest),
            2 => sim.private(true),
            3 => sim.private(false),
            4 => {
                all.push(latest.clone());
                let options = options(&mut draw);
                latest = sim.transfer(&latest, options);
            }
            5 => {
                sim.stop(&latest);
                all.push(latest.clone());
                let from_ns = sim.now_ns - 2000 * MS;
                let options = options(&mut draw);
                latest = sim.start_from(from_ns, options);
            }
            6 => sim.hold(draw.below(2) == 0),
            _ => {}
        }
        if draw.below(2) == 0 {
            sim.visit();
        }
    }
    sim.end();
    sim.pass(1000);
    set_stride_ns(None);
    all.push(latest);
    let left = |recording: SimRecording| {
        let ledger = Ledger::clone(&recording.progress.ledger());
        let out = recording.out.lock();
        let raw = out.raw.iter().map(|packet| format!("{packet:?}").into_bytes());
        (out.bytes.clone(), out.ending.clone(), ledger, raw.collect())
    };
    all.into_iter().map(left).collect()
}

#[test]
fn short_strides_change_nothing() {
    for seed in 0..SEEDS {
        for clock in [ClockMode::Real, ClockMode::Stream] {
            let whole = play(seed, None, clock);
            for stride_ms in [40, 137] {
                let strides = play(seed, Some(stride_ms * MS), clock);
                assert_eq!(whole.len(), strides.len());
                for (n, (whole, strides)) in whole.iter().zip(&strides).enumerate() {
                    let words = format!("seed {seed}, {clock:?}, recording {n}, {stride_ms} ms");
                    assert!(whole.1.is_some(), "{words} has not ended");
                    assert_eq!(whole.1, strides.1, "{words}: the end");
                    let differs = whole.0.iter().zip(&strides.0).position(|(a, b)| a != b);
                    let lengths = (whole.0.len(), strides.0.len());
                    assert!(whole.0 == strides.0, "{words}: {differs:?} of {lengths:?}");
                    // What has been passed in by the maximum duration depends on the visit.
                    let is_limited = matches!(whole.1, Some(SinkEnd::Finished(EndReason::Limit, _)));
                    if !is_limited {
                        assert_eq!(whole.2, strides.2, "{words}: the ledger");
                    }
                    // In stream time, the epoch alone decides which packets are kept.
                    if !is_limited || clock == ClockMode::Real {
                        assert!(whole.3 == strides.3, "{words}: the packets");
                    }
                }
            }
        }
    }
}
