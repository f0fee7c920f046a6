//! Two voices that a lossy encoder keeps, and how alike two signals are.

/// A voice of this leg: harmonics that come and go, with pauses.
pub fn voice(leg: usize, rate: u32, samples: usize) -> Vec<i16> {
    let pitch = [110.0, 187.0][leg];
    let sample = |n: usize| {
        let t = n as f64 / f64::from(rate);
        let phase = std::f64::consts::TAU * (pitch * t + 4.0 * (1.3 * t).sin());
        let harmonics = (1..10).map(|k| (f64::from(k) * phase).sin() / f64::from(k));
        let loudness = (2.9 * t + leg as f64).sin().max(0.0);
        (6000.0 * loudness * harmonics.sum::<f64>()) as i16
    };
    (0..samples).map(sample).collect()
}

/// The correlation of two signals, as long as both last: 1 if they are alike.
pub fn correlation(a: &[i16], b: &[i16]) -> f64 {
    let both = a.len().min(b.len());
    let (a, b) = (&a[..both], &b[..both]);
    let product = |a: &[i16], b: &[i16]| {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
    };
    product(a, b) / (product(a, a) * product(b, b)).sqrt().max(1.0)
}

/// The energy of a signal over that of its difference from another one, in dB.
pub fn snr(signal: &[i16], other: &[i16]) -> f64 {
    let energy = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let signal_energy = energy(&mut signal.iter().map(|value| f64::from(*value)));
    let pairs = signal.iter().zip(other);
    let noise = energy(&mut pairs.map(|(a, b)| f64::from(*a) - f64::from(*b)));
    10.0 * (signal_energy / noise.max(1e-9)).log10()
}

/// One channel of interleaved samples.
pub fn channel(samples: &[i16], channels: usize, channel: usize) -> Vec<i16> {
    samples.iter().skip(channel).step_by(channels).copied().collect()
}
