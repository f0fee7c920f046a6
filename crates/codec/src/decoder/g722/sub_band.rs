//! The adaptive differential decoder of one sub-band, at 8 kHz.

use super::saturated;

/// Levels of the low band's quantizer with 6 bits (QQ6 by IL), which reconstruct the signal.
const LOW_OUTPUT: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360,
    -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688,
    -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856,
    7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136,
    -432, -136,
];
/// Levels of the low band's quantizer with 4 bits (QQ4 by RIL), which the predictor follows.
pub(super) const LOW_PREDICTION: [i32; 16] = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0,
];
/// Steps of the low band's logarithmic scale factor (WL by RIL).
const LOW_STEPS: [i32; 16] = [
    -60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60,
];
/// Levels of the high band's quantizer with 2 bits (QQ2 by IH).
const HIGH_LEVELS: [i32; 4] = [-7408, -1616, 7408, 1616];
/// Steps of the high band's logarithmic scale factor (WH by IH).
const HIGH_STEPS: [i32; 4] = [798, -214, 798, -214];
/// The inverse logarithm to base 2, of 32nds (ILB).
const POWERS: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896,
    2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
/// Zeros of the predictor; it has two poles.
const ZEROS: usize = 6;

pub(super) struct SubBand {
    /// The logarithm of the scale factor (NB), and its limit.
    log_scale: i32,
    log_scale_max: i32,
    /// The exponent of the scale factor for a logarithm of 0, negated.
    exponent: i32,
    /// The scale factor (DET).
    scale: i32,
    /// Coefficients of the poles (A1, A2) and zeros (B1 to B6).
    poles: [i32; 2],
    zeros: [i32; ZEROS],
    /// The latest quantized differences (D).
    differences: [i32; ZEROS],
    /// The latest reconstructed samples (R), and those without the poles' part (P).
    samples: [i32; 2],
    partial: [i32; 2],
    /// The prediction of the zeros (SZ), and of all (S).
    zeros_prediction: i32,
    prediction: i32,
}

impl SubBand {
    pub(super) fn low() -> SubBand {
        SubBand::new(18_432, 8)
    }

    pub(super) fn high() -> SubBand {
        SubBand::new(22_528, 10)
    }

    fn new(log_scale_max: i32, exponent: i32) -> SubBand {
        SubBand {
            log_scale: 0,
            log_scale_max,
            exponent,
            scale: scale(0, exponent),
            poles: [0; 2],
            zeros: [0; ZEROS],
            differences: [0; ZEROS],
            samples: [0; 2],
            partial: [0; 2],
            zeros_prediction: 0,
            prediction: 0,
        }
    }

    /// Decodes a code of 6 bits.
    #[inline]
    pub(super) fn decode_low(&mut self, code: u8) -> i32 {
        self.decode_low_at(LOW_OUTPUT[usize::from(code & 0x3f)], code >> 2)
    }

    /// Decodes a code by its level and its first 4 bits: the same code has other levels at 56 and
    /// 48 kbit/s.
    #[inline(always)]
    pub(super) fn decode_low_at(&mut self, level: i32, coarse: u8) -> i32 {
        let coarse = usize::from(coarse & 0x0f);
        let output = self.prediction + ((self.scale * level) >> 15);
        let difference = (self.scale * LOW_PREDICTION[coarse]) >> 15;
        self.adapt_scale(LOW_STEPS[coarse]);
        self.predict(difference);
        limited(output)
    }

    /// Decodes a code of 2 bits.
    #[inline]
    pub(super) fn decode_high(&mut self, code: u8) -> i32 {
        let code = usize::from(code & 0x03);
        let difference = (self.scale * HIGH_LEVELS[code]) >> 15;
        let output = self.prediction + difference;
        self.adapt_scale(HIGH_STEPS[code]);
        self.predict(difference);
        limited(output)
    }

    /// LOGSCL and SCALEL, LOGSCH and SCALEH.
    #[inline(always)]
    fn adapt_scale(&mut self, step: i32) {
        let log_scale = ((self.log_scale * 127) >> 7) + step;
        self.log_scale = log_scale.clamp(0, self.log_scale_max);
        self.scale = scale(self.log_scale, self.exponent);
    }

    /// Adapts the predictor to a difference, and predicts the next sample.
    #[inline(always)]
    fn predict(&mut self, difference: i32) {
        let sample = saturated(self.prediction + difference);
        let partial = saturated(self.zeros_prediction + difference);
        self.adapt_poles(partial);
        self.adapt_zeros(difference);
        self.samples = [sample, self.samples[0]];
        self.partial = [partial, self.partial[0]];
        self.differences.copy_within(..ZEROS - 1, 1);
        self.differences[0] = difference;

        let product = |coefficient: i32, value: i32| (coefficient * saturated(2 * value)) >> 15;
        let zeros = self.zeros.iter().zip(&self.differences);
        let sum = |sum: i32, (zero, difference): (&i32, &i32)| saturated(sum + product(*zero, *difference));
        // FILTEZ begins with the oldest.
        self.zeros_prediction = zeros.rev().fold(0, sum);
        let [a1, a2] = self.poles;
        let [r1, r2] = self.samples;
        let poles_prediction = saturated(product(a1, r1) + product(a2, r2));
        self.prediction = saturated(poles_prediction + self.zeros_prediction);
    }

    /// UPPOL2 and UPPOL1.
    #[inline(always)]
    fn adapt_poles(&mut self, partial: i32) {
        let [a1, a2] = self.poles;
        let is_like = |other: i32| (partial < 0) == (other < 0);
        let quadruple = saturated(4 * a1);
        let toward = if is_like(self.partial[0]) {
            -quadruple
        } else {
            quadruple
        };
        let step = if is_like(self.partial[1]) { 128 } else { -128 };
        let second = (saturated(toward) >> 7) + step + ((a2 * 32_512) >> 15);
        let second = second.clamp(-12_288, 12_288);
        let step = if is_like(self.partial[0]) { 192 } else { -192 };
        let most = 15_360 - second;
        let first = (((a1 * 32_640) >> 15) + step).clamp(-most, most);
        self.poles = [first, second];
    }

    /// UPZERO.
    #[inline(always)]
    fn adapt_zeros(&mut self, difference: i32) {
        let size = if difference == 0 { 0 } else { 128 };
        for (zero, past) in self.zeros.iter_mut().zip(&self.differences) {
            let step = if (difference < 0) == (*past < 0) {
                size
            } else {
                -size
            };
            *zero = saturated(((*zero * 32_640) >> 15) + step);
        }
    }
}

/// The scale factor of its logarithm.
#[inline(always)]
fn scale(log_scale: i32, exponent: i32) -> i32 {
    let power = POWERS[((log_scale >> 6) & 31) as usize];
    // One more bit, because the greatest logarithm exceeds the exponent by one.
    ((power << 1) >> (exponent + 1 - (log_scale >> 11))) << 2
}

/// LIMIT: the output of a sub-band has 15 bits.
#[inline(always)]
fn limited(value: i32) -> i32 {
    value.clamp(-16_384, 16_383)
}
