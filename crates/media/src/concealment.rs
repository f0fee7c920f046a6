//! Conceals missing packets of codecs without concealment of their own: repeats the last period of
//! the audio before them, ever more quietly.

use crate::time::NS_PER_MS;

/// At most this much of a gap is concealed.
pub const CONCEALED_NS: u64 = 60 * NS_PER_MS;
/// The audio before a gap from which it is continued.
pub const HISTORY_NS: u64 = 30 * NS_PER_MS;
/// Concealed audio has its full level for this long.
const FULL_MS: usize = 10;
/// The audio whose period is looked for.
const COMPARED_MS: usize = 10;

/// Continues `history`, which ends where the gap begins, by `count` samples. Returns none if the
/// history is too short.
pub fn continue_audio(history: &[i16], rate: u32, count: usize) -> Vec<i16> {
    let ms = rate as usize / 1000;
    let Some(period) = period_of(history, ms) else {
        return Vec::new();
    };
    let last = &history[history.len() - period..];
    let (full, end) = (FULL_MS * ms, CONCEALED_NS as usize / NS_PER_MS as usize * ms);
    let gain = |n: usize| match n.saturating_sub(full) {
        faded if faded < end - full => 1.0 - faded as f32 / (end - full) as f32,
        _ => 0.0,
    };
    let sample = |n: usize| (f32::from(last[n % period]) * gain(n)) as i16;
    (0..count).map(sample).collect()
}

/// The period, of 2.5 to 15 ms, with which the end of the audio is most alike to what precedes it.
fn period_of(history: &[i16], ms: usize) -> Option<usize> {
    let (shortest, longest) = (ms * 5 / 2, ms * 15);
    let compared = COMPARED_MS * ms;
    let longest = longest.min(history.len().checked_sub(compared)?);
    let end = history.len() - compared;
    let likeness = |period: usize| {
        let (mut product, mut energy) = (0.0, 1.0);
        for (late, early) in history[end..].iter().zip(&history[end - period..]) {
            product += f32::from(*late) * f32::from(*early);
            energy += f32::from(*early) * f32::from(*early);
        }
        product / energy.sqrt()
    };
    let periods = (shortest.max(1)..=longest).map(|period| (period, likeness(period)));
    let best = periods.reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map(|(period, _)| period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_periodic_signal_continues_and_fades() {
        for (rate, hz) in [(8000, 150.0), (8000, 333.0), (16_000, 220.0), (48_000, 97.0)] {
            let wave = |n: usize| {
                let phase = n as f64 * hz * std::f64::consts::TAU / f64::from(rate);
                (8000.0 * (phase.sin() + 0.3 * (2.0 * phase).sin())) as i16
            };
            let ms = rate as usize / 1000;
            let history: Vec<i16> = (0..30 * ms).map(wave).collect();
            let continued = continue_audio(&history, rate, 80 * ms);
            let error = |range: std::ops::Range<usize>| {
                let squares = range.map(|n| {
                    let expected = f64::from(wave(30 * ms + n));
                    ((f64::from(continued[n]) - expected).powi(2), expected.powi(2))
                });
                let (error, energy) = squares.fold((0.0, 0.0), |sum, next| (sum.0 + next.0, sum.1 + next.1));
                error / energy
            };
            assert!(error(0..10 * ms) < 0.05, "{rate} {hz}: {}", error(0..10 * ms));
            assert!(error(0..20 * ms) < 0.25, "{rate} {hz}: {}", error(0..20 * ms));
            assert!(continued[60 * ms..].iter().all(|sample| *sample == 0));
            assert!(continued[40 * ms..60 * ms].iter().any(|sample| *sample != 0));
        }
    }

    #[test]
    fn little_audio_is_not_continued() {
        assert!(continue_audio(&[], 8000, 160).is_empty());
        assert!(continue_audio(&[1000; 90], 8000, 160).is_empty());
    }
}
