//! What look-back may cost: other recordings, other calls of the worker, memory.

use super::lookback::{MS, call_of, keeping};
use super::*;
use crate::media::ledger::ms;
use crate::media::sim::RecordingOptions;
use crate::types::Layout;

/// A leg that changes its clock rate seven times a second.
#[test]
fn a_running_recording_loses_nothing_to_the_clock_rates_that_are_kept() {
    let dropped = [0, 60_000].map(|lookback_ms| {
        let mut sim = call_of(keeping(lookback_ms));
        sim.payload(Leg::Local, 96, WIDE);
        let recording = sim.start(RecordingOptions {
            rate: 16_000,
            layout: Layout::Local,
            ..RecordingOptions::default()
        });
        let mut timestamp = 0;
        for n in 0..500u64 {
            let is_wide = n / 7 % 2 == 1;
            let (payload_type, payload, samples): (u8, &[u8], u32) = match is_wide {
                true => (96, &[3; 640], 320),
                false => (0, &[0x30; 160], 160),
            };
            sim.rtp(Leg::Local, &packet(9, payload_type, n as u16, timestamp, payload));
            timestamp += samples;
            sim.now_ns += 20 * MS;
            if n % 5 == 4 {
                sim.visit();
            }
        }
        sim.end();
        sim.pass(6_000);
        ms(recording.progress.ledger().legs[Leg::Local as usize].dropped_sum())
    });
    assert_eq!(dropped, [0, 0], "ms, without and with look-back");
}
