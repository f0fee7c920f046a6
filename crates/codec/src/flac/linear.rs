//! Linear predictors: RFC 9639, section 9.2.6.

use std::f32::consts::PI;

use super::level::LevelSettings;

/// The highest order in the subset of RFC 9639, section 7, for rates up to 48 kHz.
pub const ORDER_MAX: usize = 12;
const LAGS_MAX: usize = ORDER_MAX + 1;
/// The largest shift.
const SHIFT_MAX: i32 = 15;
/// Blocks with fewer frames have fixed predictors only.
const FRAMES_MIN: usize = 64;
/// Zeros before the first windowed sample, so that every lag can be read.
const MARGIN: usize = 16;

#[derive(Clone, Copy, Debug)]
pub struct LinearPredictor {
    pub order: usize,
    /// For the latest sample first.
    pub coefficients: [i32; ORDER_MAX],
    pub shift: u32,
    /// Bits of a coefficient.
    pub precision: u32,
}

impl LinearPredictor {
    /// Replaces `out` by the residuals from sample `order` on.
    ///
    /// No sum overflows: a sample of 16 bits has coefficients of 12 bits, one of 17 has 11.
    pub fn residual(&self, samples: &[i32], out: &mut Vec<i32>) {
        match self.order {
            1 => self.residual_of::<1>(samples, out),
            2 => self.residual_of::<2>(samples, out),
            3 => self.residual_of::<3>(samples, out),
            4 => self.residual_of::<4>(samples, out),
            5 => self.residual_of::<5>(samples, out),
            6 => self.residual_of::<6>(samples, out),
            7 => self.residual_of::<7>(samples, out),
            8 => self.residual_of::<8>(samples, out),
            9 => self.residual_of::<9>(samples, out),
            10 => self.residual_of::<10>(samples, out),
            11 => self.residual_of::<11>(samples, out),
            _ => self.residual_of::<12>(samples, out),
        }
    }

    fn residual_of<const ORDER: usize>(&self, samples: &[i32], out: &mut Vec<i32>) {
        let reversed: [i32; ORDER] = std::array::from_fn(|at| self.coefficients[ORDER - 1 - at]);
        out.clear();
        out.resize(samples.len() - ORDER, 0);
        let predicted = samples.array_windows::<ORDER>().zip(&samples[ORDER..]);
        for (out, (before, sample)) in out.iter_mut().zip(predicted) {
            let mut sum = 0i32;
            for (coefficient, sample) in reversed.iter().zip(before) {
                sum = sum.wrapping_add(coefficient.wrapping_mul(*sample));
            }
            *out = sample - (sum >> self.shift);
        }
    }
}

/// Finds linear predictors for blocks. It has only buffers from one block to the next.
#[derive(Default)]
pub struct LinearAnalysis {
    /// The window of the last block.
    window: Vec<f32>,
    /// The window of its halves.
    half_window: Vec<f32>,
    /// Samples after a window, behind the margin.
    windowed: Vec<f32>,
}

impl LinearAnalysis {
    /// Predictors for samples of `bits` bits, of which any may be the best.
    pub fn predictors(
        &mut self,
        samples: &[i32],
        bits: u32,
        level: &LevelSettings,
    ) -> [Option<LinearPredictor>; 3] {
        if level.linear_order == 0 || samples.len() < FRAMES_MIN {
            return [None; 3];
        }
        let half = samples.len() / 2;
        if self.window.len() != samples.len() {
            self.window = tukey(samples.len());
            self.half_window = tukey(half);
        }
        let precision = precision(samples.len()).min(28 - bits);
        let search = PredictorSearch {
            order_max: level.linear_order,
            precision,
            order_bits: f64::from(precision + bits),
        };
        let whole = search.predictor(samples, &self.window, &mut self.windowed);
        if !level.seeks_in_halves {
            return [whole, None, None];
        }
        let (first, second) = (&samples[..half], &samples[samples.len() - half..]);
        let [first, second] =
            [first, second].map(|half| search.predictor(half, &self.half_window, &mut self.windowed));
        [whole, first, second]
    }
}

/// What is sought.
struct PredictorSearch {
    order_max: usize,
    precision: u32,
    /// The bits that each order costs.
    order_bits: f64,
}

impl PredictorSearch {
    fn predictor(&self, samples: &[i32], window: &[f32], windowed: &mut Vec<f32>) -> Option<LinearPredictor> {
        windowed.clear();
        windowed.resize(MARGIN, 0.0);
        let factors = samples.iter().zip(window);
        windowed.extend(factors.map(|(sample, factor)| *sample as f32 * factor));
        let correlation = match self.order_max {
            0..=6 => autocorrelation::<7>(windowed),
            7..=8 => autocorrelation::<9>(windowed),
            _ => autocorrelation::<LAGS_MAX>(windowed),
        };
        let (order, coefficients) = levinson(&correlation, self.order_max, samples.len(), self.order_bits)?;
        quantize(&coefficients[..order], self.precision)
    }
}

/// The window of Tukey, of which a half is tapered.
fn tukey(frames: usize) -> Vec<f32> {
    let taper = frames / 4;
    let factor = |at: usize| match at.min(frames - 1 - at) {
        edge if edge < taper => 0.5 - 0.5 * (PI * edge as f32 / taper as f32).cos(),
        _ => 1.0,
    };
    (0..frames).map(factor).collect()
}

/// Bits of a coefficient. More would cost more than they save.
fn precision(frames: usize) -> u32 {
    match frames {
        0..=192 => 7,
        193..=384 => 8,
        385..=576 => 9,
        577..=1152 => 10,
        1153..=2304 => 11,
        _ => 12,
    }
}

/// The autocorrelation at the first lags of samples behind a margin.
fn autocorrelation<const LAGS: usize>(windowed: &[f32]) -> [f64; LAGS_MAX] {
    let mut lanes = [[0f32; 8]; LAGS];
    let mut at = MARGIN;
    while let Some(now) = windowed.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let Some(before) = windowed[at - MARGIN..].first_chunk::<24>() else {
            break;
        };
        for (lag, sums) in lanes.iter_mut().enumerate() {
            for lane in 0..8 {
                sums[lane] += now[lane] * before[MARGIN + lane - lag];
            }
        }
        at += 8;
    }
    let mut out = [0.0; LAGS_MAX];
    for (lag, (out, lanes)) in out.iter_mut().zip(lanes).enumerate() {
        let rest = (at..windowed.len()).map(|at| f64::from(windowed[at] * windowed[at - lag]));
        *out = lanes.iter().map(|lane| f64::from(*lane)).sum::<f64>() + rest.sum::<f64>();
    }
    out
}

/// The recursion of Levinson and Durbin. Returns the order that is expected to need the fewest
/// bits, and its coefficients. `order_bits`: the bits that each order costs.
fn levinson(
    correlation: &[f64; LAGS_MAX],
    order_max: usize,
    frames: usize,
    order_bits: f64,
) -> Option<(usize, [f64; ORDER_MAX])> {
    let mut error = correlation[0] * (1.0 + 1e-9);
    if error <= 0.0 || error.is_nan() {
        return None;
    }
    let mut coefficients = [0f64; ORDER_MAX];
    let (mut best, mut best_bits) = (None, f64::INFINITY);
    for order in 1..=order_max {
        let known = &coefficients[..order - 1];
        let predicted: f64 = known
            .iter()
            .zip(correlation[1..order].iter().rev())
            .map(|(a, r)| a * r)
            .sum();
        let reflection = (correlation[order] - predicted) / error;
        let before = coefficients;
        for at in 0..order - 1 {
            coefficients[at] -= reflection * before[order - 2 - at];
        }
        coefficients[order - 1] = reflection;
        error *= 1.0 - reflection * reflection;
        if error <= 0.0 || error.is_nan() {
            // The signal is predicted without an error.
            return Some((order, coefficients));
        }
        let per_frame = (0.5 * (error * 0.5 / frames as f64).log2()).max(0.0);
        let bits = per_frame * (frames - order) as f64 + order as f64 * order_bits;
        if bits < best_bits {
            best_bits = bits;
            best = Some((order, coefficients));
        }
    }
    best
}

/// Rounds coefficients, and passes the error of each on to the next.
fn quantize(coefficients: &[f64], precision: u32) -> Option<LinearPredictor> {
    let largest = coefficients
        .iter()
        .fold(0f64, |most, value| most.max(value.abs()));
    if !(largest > 0.0 && largest.is_finite()) {
        return None;
    }
    let exponent = largest.log2().floor() as i32 + 1;
    let shift = (precision as i32 - 1 - exponent).clamp(0, SHIFT_MAX);
    let (low, high) = (-(1 << (precision - 1)), (1 << (precision - 1)) - 1);
    let mut predictor = LinearPredictor {
        order: coefficients.len(),
        coefficients: [0; ORDER_MAX],
        shift: shift as u32,
        precision,
    };
    let mut error = 0.0;
    for (rounded, value) in predictor.coefficients.iter_mut().zip(coefficients) {
        error += value * f64::from(1 << shift);
        *rounded = (error.round() as i32).clamp(low, high);
        error -= f64::from(*rounded);
    }
    Some(predictor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(linear_order: usize) -> LevelSettings {
        LevelSettings {
            linear_order,
            ..LevelSettings::of(8)
        }
    }

    fn sine(frames: usize) -> Vec<i32> {
        let sample = |n: usize| (10_000.0 * (n as f64 * 0.3).sin()) as i32;
        (0..frames).map(sample).collect()
    }

    #[test]
    fn a_sine_is_predicted() {
        for (frames, order_max) in [(4096, 6), (4096, 8), (4096, 12), (1000, 8), (64, 8), (77, 12)] {
            let samples = sine(frames);
            let predictor = LinearAnalysis::default().predictors(&samples, 16, &level(order_max));
            let predictor = predictor[0].expect("a predictor");
            assert!((2..=order_max).contains(&predictor.order), "{predictor:?}");
            let mut residual = Vec::new();
            predictor.residual(&samples, &mut residual);
            assert_eq!(residual.len(), frames - predictor.order);
            let mean = residual.iter().map(|value| value.abs()).sum::<i32>() / residual.len() as i32;
            assert!(mean < 1000, "{frames} frames, order {order_max}: {mean}");
        }
    }

    #[test]
    fn some_blocks_have_no_predictor() {
        for (order_max, samples) in [(0, sine(4096)), (8, sine(63)), (8, vec![0; 4096])] {
            let found = LinearAnalysis::default().predictors(&samples, 16, &level(order_max));
            assert!(found.iter().all(Option::is_none), "{found:?}");
        }
    }

    /// Samples of the largest size, of which every product has the same sign.
    #[test]
    fn the_largest_sums_do_not_overflow() {
        for bits in [16, 17] {
            let precision = precision(4096).min(28 - bits);
            let predictor = LinearPredictor {
                order: ORDER_MAX,
                coefficients: [-(1 << (precision - 1)); ORDER_MAX],
                shift: 0,
                precision,
            };
            let samples = [-(1 << (bits - 1)); 40];
            let mut residual = Vec::new();
            predictor.residual(&samples, &mut residual);
            let product = i64::from(samples[0]) * i64::from(predictor.coefficients[0]);
            let expected = i64::from(samples[0]) - 12 * product;
            assert!(residual.iter().all(|value| i64::from(*value) == expected));
        }
    }
}
