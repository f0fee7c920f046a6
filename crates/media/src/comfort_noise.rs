//! Comfort noise (RFC 3389): noise with the level and the spectrum that its sender describes.

/// More coefficients than this are left out.
const ORDER: usize = 16;
/// A filter with a coefficient of 1 or more is not stable.
const STABLE: f32 = 0.999;

/// Generates the noise of one comfort noise packet.
#[derive(Debug)]
pub struct ComfortNoise {
    /// The largest value of the white noise that is filtered.
    amplitude: f32,
    /// The reflection coefficients of the filter.
    coefficients: Vec<f32>,
    /// The backward predictions of the previous sample.
    state: Vec<f32>,
    random: u32,
}

impl ComfortNoise {
    /// `payload`: the level in -dBov, then the reflection coefficients.
    pub fn new(payload: &[u8]) -> Option<ComfortNoise> {
        let (level, coefficients) = payload.split_first()?;
        let rms = 32_768.0 * 10f32.powf(-f32::from(level & 0x7f) / 20.0);
        let coefficient = |byte: &u8| {
            let coefficient = 258.0 * (f32::from(*byte) - 127.0) / 32_768.0;
            coefficient.clamp(-STABLE, STABLE)
        };
        let coefficients: Vec<f32> = coefficients.iter().take(ORDER).map(coefficient).collect();
        // What the filter adds to the power.
        let gain: f32 = coefficients.iter().map(|k| 1.0 - k * k).product();
        Some(ComfortNoise {
            amplitude: rms * (3.0 * gain.max(0.0)).sqrt(),
            state: vec![0.0; coefficients.len()],
            coefficients,
            random: 1,
        })
    }

    pub fn sample(&mut self) -> i16 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let white = (self.random >> 8) as f32 / (1 << 23) as f32 - 1.0;
        let mut forward = white * self.amplitude;
        for n in (0..self.coefficients.len()).rev() {
            forward -= self.coefficients[n] * self.state[n];
            let backward = self.state[n] + self.coefficients[n] * forward;
            if let Some(next) = self.state.get_mut(n + 1) {
                *next = backward;
            }
        }
        if let Some(first) = self.state.first_mut() {
            *first = forward;
        }
        forward as i16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(payload: &[u8]) -> Vec<f64> {
        let mut noise = ComfortNoise::new(payload).expect("a level");
        (0..40_000).map(|_| f64::from(noise.sample())).collect()
    }

    fn level(samples: &[f64]) -> f64 {
        let power = samples.iter().map(|sample| sample * sample).sum::<f64>() / samples.len() as f64;
        -20.0 * (power.sqrt() / 32_768.0).log10()
    }

    #[test]
    fn the_noise_has_the_stated_level() {
        for payload in [
            &[40u8][..],
            &[60],
            &[30, 220],
            &[50, 30, 200],
            &[45, 200, 60, 140, 127],
        ] {
            let level = level(&samples(payload));
            assert!(
                (level - f64::from(payload[0])).abs() < 1.0,
                "{payload:?}: {level}"
            );
        }
        assert!(ComfortNoise::new(&[]).is_none());
        let quiet = samples(&[127]);
        assert!(quiet.iter().all(|sample| sample.abs() <= 1.0));
    }

    /// RFC 3389 does not use the value 255, which would describe a filter that grows without end.
    #[test]
    fn every_coefficient_is_stable() {
        for byte in 0..=255u8 {
            let is_extreme = !(4..252).contains(&byte);
            for count in [1, 2, ORDER]
                .into_iter()
                .filter(|count| *count == 1 || is_extreme)
            {
                let payload = [&[40u8][..], &vec![byte; count]].concat();
                let mut noise = ComfortNoise::new(&payload).expect("a level");
                let rms = 32_768.0 * 10f32.powf(-2.0);
                for _ in 0..80_000 {
                    let sample = f32::from(noise.sample());
                    assert!(sample.abs() < 20.0 * rms, "{byte} x {count}: {sample}");
                }
                let is_bounded = |value: &f32| value.abs() < 20.0 * rms;
                assert!(noise.state.iter().all(is_bounded), "{byte} x {count}");
            }
        }
    }

    /// RFC 3389: a negative first coefficient raises low frequencies.
    #[test]
    fn the_coefficients_shape_the_spectrum() {
        let likeness = |samples: &[f64]| {
            let products = samples.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>();
            products / samples.iter().map(|sample| sample * sample).sum::<f64>()
        };
        let coefficient = |byte: f64| 258.0 * (byte - 127.0) / 32_768.0;
        assert!(likeness(&samples(&[40])).abs() < 0.03);
        for byte in [30u8, 200] {
            let expected = -coefficient(byte.into());
            let found = likeness(&samples(&[40, byte]));
            assert!((found - expected).abs() < 0.05, "{byte}: {found}, not {expected}");
        }
    }
}
