//! Finds DTMF tones (ITU-T Q.23, Q.24) in a leg's audio.
//!
//! Windows of 20 ms overlap; a new one begins every 5 ms. Each is compared with the eight
//! frequencies. It holds a tone if one frequency of each group, at about the same level, has most
//! of its energy, which speech hardly ever has.

use std::f32::consts::PI;

const LOW_HZ: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH_HZ: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
/// Samples are averaged to about this rate.
const RATE: u32 = 8000;
/// Windows that must hold the same tone: it lasts for about 35 ms by then.
const ALIKE: u32 = 4;
/// Windows without it after which a tone is over.
const MISSES: u32 = 3;
/// The minimum power of a sample: -46 dBm0.
const MIN_POWER: f32 = 32_768.0 * 32_768.0 * 0.5 * 2.5e-5;
/// The minimum share of the two frequencies in the energy of a window.
const MIN_SHARE: f32 = 0.70;
/// The power of the high frequency relative to the low one.
const TWIST: std::ops::Range<f32> = 0.08..12.0;

/// The sine and cosine of one frequency, weighted by the window.
struct Wave {
    sine: Vec<f32>,
    cosine: Vec<f32>,
}

impl Wave {
    fn new(hz: f32, rate: f32, window: &[f32]) -> Wave {
        let phase = |n: usize| 2.0 * PI * hz * n as f32 / rate;
        let weighted = |of: fn(f32) -> f32| {
            let windows = window.iter().enumerate();
            windows.map(|(n, weight)| of(phase(n)) * weight).collect()
        };
        Wave {
            sine: weighted(f32::sin),
            cosine: weighted(f32::cos),
        }
    }

    fn power(&self, samples: &[f32]) -> f32 {
        dot(&self.sine, samples).powi(2) + dot(&self.cosine, samples).powi(2)
    }
}

/// The sum of the products. Eight sums at a time, so that the processor adds them at once.
fn dot(left: &[f32], right: &[f32]) -> f32 {
    let (left, left_rest) = left.as_chunks::<8>();
    let (right, right_rest) = right.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (left, right) in left.iter().zip(right) {
        for (sum, (left, right)) in sums.iter_mut().zip(left.iter().zip(right)) {
            *sum += left * right;
        }
    }
    let rest = left_rest.iter().zip(right_rest).map(|(left, right)| left * right);
    sums.iter().sum::<f32>() + rest.sum::<f32>()
}

/// Detects tones in consecutive samples.
pub struct ToneDetector {
    /// The number of samples that are averaged to one.
    averaged: u64,
    window: Vec<f32>,
    low: [Wave; 4],
    high: [Wave; 4],
    /// A window's energy has this share in a frequency's power if it holds nothing else.
    gain: f32,
    sum: i64,
    summed: u64,
    samples: Vec<f32>,
    /// The position of the first of `samples`.
    at: u64,
    /// The tone of the latest windows, how many held it, and where the first of them begins.
    tone: Option<(usize, usize)>,
    alike: u32,
    misses: u32,
    begin: u64,
}

impl ToneDetector {
    /// `rate`: of the samples, at least 4,000 Hz.
    pub fn new(rate: u32) -> ToneDetector {
        let averaged = (rate / RATE).max(1);
        let rate = rate as f32 / averaged as f32;
        let len = (rate * 0.02) as usize;
        let weight = |n: usize| 0.5 - 0.5 * (2.0 * PI * (n as f32 + 0.5) / len as f32).cos();
        let window: Vec<f32> = (0..len).map(weight).collect();
        let gain = window.iter().sum::<f32>() / 2.0;
        ToneDetector {
            averaged: averaged.into(),
            low: LOW_HZ.map(|hz| Wave::new(hz, rate, &window)),
            high: HIGH_HZ.map(|hz| Wave::new(hz, rate, &window)),
            window,
            gain,
            sum: 0,
            summed: 0,
            samples: Vec::new(),
            at: 0,
            tone: None,
            alike: 0,
            misses: 0,
            begin: 0,
        }
    }

    /// Begins at a position, because the samples before it are missing.
    pub fn restart(&mut self, at: u64) {
        self.samples.clear();
        (self.at, self.tone, self.sum, self.summed) = (at, None, 0, 0);
    }

    pub fn push(&mut self, sample: i16) {
        self.sum += i64::from(sample);
        self.summed += 1;
        if self.summed == self.averaged {
            self.samples.push(self.sum as f32 / self.averaged as f32);
            (self.sum, self.summed) = (0, 0);
        }
    }

    /// Examines the samples pushed. Adds the ranges of samples that hold a tone to `found`; they
    /// may overlap.
    pub fn examine(&mut self, found: &mut Vec<(u64, u64)>) {
        let (len, step) = (self.window.len(), self.window.len() / 4);
        let mut from = 0;
        while let Some(samples) = self.samples.get(from..from + len) {
            let tone = self.tone_in(samples);
            let begin = self.at + from as u64 * self.averaged;
            self.note(tone, begin);
            if self.alike >= ALIKE && tone.is_some() {
                found.push((self.begin, begin + len as u64 * self.averaged));
            }
            from += step;
        }
        self.samples.drain(..from);
        self.at += from as u64 * self.averaged;
    }

    /// Notes the tone of the window that begins at `begin`.
    fn note(&mut self, tone: Option<(usize, usize)>, begin: u64) {
        match tone {
            Some(_) if tone == self.tone => {
                self.alike += 1;
                self.misses = 0;
            }
            Some(_) => {
                (self.tone, self.alike, self.misses) = (tone, 1, 0);
                self.begin = begin;
            }
            None => {
                self.misses += 1;
                if self.misses >= MISSES {
                    (self.tone, self.alike) = (None, 0);
                }
            }
        }
    }

    /// The indexes of the low and the high frequency of the tone in a window.
    fn tone_in(&self, samples: &[f32]) -> Option<(usize, usize)> {
        let weighted = self.window.iter().zip(samples);
        let energy: f32 = weighted.map(|(weight, sample)| weight * sample * sample).sum();
        if energy < MIN_POWER * self.gain * 2.0 {
            return None;
        }
        let low = loudest(&self.low, samples);
        let high = loudest(&self.high, samples);
        let is_balanced = TWIST.contains(&(high.1 / low.1));
        let share = (low.1 + high.1) / (self.gain * energy);
        (is_balanced && share >= MIN_SHARE).then_some((low.0, high.0))
    }
}

fn loudest(waves: &[Wave; 4], samples: &[f32]) -> (usize, f32) {
    let powers = waves.iter().map(|wave| wave.power(samples)).enumerate();
    let louder = |a: (usize, f32), b: (usize, f32)| if b.1 > a.1 { b } else { a };
    powers.fold((0, f32::MIN_POSITIVE), louder)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tone with these levels in dB below full scale.
    fn tone((low, high): (f32, f32), levels: (f32, f32), rate: u32, ms: u32) -> Vec<i16> {
        let amplitude = |db: f32| 32_000.0 * 10f32.powf(-db / 20.0);
        let (low_amplitude, high_amplitude) = (amplitude(levels.0), amplitude(levels.1));
        let value = |n: u32| {
            let t = n as f32 / rate as f32;
            low_amplitude * (2.0 * PI * low * t).sin() + high_amplitude * (2.0 * PI * high * t).sin()
        };
        (0..rate * ms / 1000).map(|n| value(n) as i16).collect()
    }

    /// The first and the last sample found.
    fn found(rate: u32, samples: &[i16]) -> Option<(u64, u64)> {
        let mut detector = ToneDetector::new(rate);
        let mut found = Vec::new();
        for packet in samples.chunks(rate as usize / 50) {
            packet.iter().for_each(|sample| detector.push(*sample));
            detector.examine(&mut found);
        }
        let ends = found.iter().map(|(_, to)| *to).max();
        Some((found.first()?.0, ends?))
    }

    #[test]
    fn every_tone_is_found_at_its_place() {
        for rate in [8000, 11_025, 16_000, 24_000, 44_100, 48_000] {
            for low in LOW_HZ {
                for high in HIGH_HZ {
                    for (deviation, levels) in
                        [(1.0, (13.0, 13.0)), (1.015, (30.0, 26.0)), (0.985, (12.0, 18.0))]
                    {
                        let quiet = vec![0; rate as usize / 5];
                        let tone = tone((low * deviation, high * deviation), levels, rate, 50);
                        let samples = [&quiet[..], &tone, &quiet].concat();
                        let (from, to) = found(rate, &samples).expect("the tone");
                        let ms = |at: u64| at as i64 * 1000 / i64::from(rate);
                        assert!((185..=205).contains(&ms(from)), "{rate} {low} {high}: {from}");
                        assert!((240..=265).contains(&ms(to)), "{rate} {low} {high}: {to}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_single_frequency_noise_and_silence_are_no_tone() {
        let single = tone((697.0, 1209.0), (10.0, 90.0), 8000, 500);
        assert_eq!(found(8000, &single), None);
        assert_eq!(found(8000, &[0; 4000]), None);
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 17) as i16 - 16_384
        };
        let noise: Vec<i16> = (0..80_000).map(|_| noise()).collect();
        assert_eq!(found(8000, &noise), None);
        // Two frequencies that are those of no digit.
        assert_eq!(found(8000, &tone((480.0, 620.0), (13.0, 13.0), 8000, 500)), None);
        assert_eq!(found(8000, &tone((440.0, 1000.0), (13.0, 13.0), 8000, 500)), None);
    }
}
