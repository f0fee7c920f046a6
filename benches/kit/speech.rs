//! Speech for the benches of encoders.

/// Vowels of one voice for a second, then a pause of 0.6 s with noise; the other voice of a stereo
/// file speaks later.
pub fn speech(rate: u32, channels: u16, seconds: u64) -> Vec<i16> {
    let mut seed = 1u32;
    let mut noise = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from((seed >> 16) as i16) / 32768.0
    };
    let voice = |t: f64, pitch: f64| {
        let formant = 600.0 + 300.0 * (7.0 * t).sin();
        let harmonics = (1..24).map(|k| pitch * f64::from(k)).map(|hz| {
            let gain =
                (-((hz - formant) / 200.0).powi(2)).exp() + 0.1 * (-((hz - 2200.0) / 400.0).powi(2)).exp();
            gain * (std::f64::consts::TAU * hz * t).sin()
        });
        5000.0 * (0.6 + 0.4 * (25.0 * t).sin()) * harmonics.sum::<f64>()
    };
    let frames = u64::from(rate) * seconds;
    let sample = |n: u64| {
        let t = n as f64 / f64::from(rate);
        (0..channels).map(move |channel| {
            let offset = 0.8 * f64::from(channel);
            let speaks = (t + offset) % 1.6 < 1.0;
            (t, f64::from(u32::from(speaks)), 110.0 + 60.0 * f64::from(channel))
        })
    };
    (0..frames)
        .flat_map(sample)
        .map(|(t, gain, pitch)| (gain * voice(t, pitch) + 60.0 * noise()) as i16)
        .collect()
}
