//! After a stall, nothing stays where it does not belong.

use super::*;

const MS: u64 = NS_PER_MS;

/// The backlog of 2 s comes so slowly that it looks like live speech. What lies too late then
/// is taken back as soon as nobody speaks, on a line that is never quite silent.
#[test]
fn a_slow_drain_leaves_nothing_displaced_after_a_silence() {
    for noise in [100i16, 1500] {
        let (mut sim, tape) = one_leg();
        let begin = sim.now_ns;
        let (loud, weak) = (
            audio_codec_algorithms::encode_ulaw(30_000),
            audio_codec_algorithms::encode_ulaw(noise),
        );
        let last = audio_codec_algorithms::encode_ulaw(-30_000);
        let mut comes = begin;
        for n in 0..1500u64 {
            let said = begin + n * 20 * MS;
            comes = match n {
                0..50 => said,
                50 => said + 2000 * MS,
                _ => said.max(comes + 18 * MS),
            };
            let byte = match n {
                1200..1350 => weak,
                1400.. => last,
                _ => loud,
            };
            sim.now_ns = comes;
            let bytes = packet(7, 0, n as u16, n as u32 * 160, &[byte; 160]);
            sim.rtp(Leg::Local, &bytes);
            if n % 5 == 0 {
                sim.visit();
            }
        }
        sim.stop(&tape);
        sim.visit();
        let out = tape.out.lock();
        let at = out.bytes.iter().position(|byte| *byte == last).unwrap_or(0);
        assert!(
            at.abs_diff(1400 * 160) <= 160,
            "noise {noise}: {at} instead of {}",
            1400 * 160
        );
        assert_eq!(tape.progress.lost_ms(), 0);
    }
}
