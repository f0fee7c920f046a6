//! G.722 (ITU-T) at 64 kbit/s: two samples at 16 kHz from each byte.
//!
//! The operations, their order and their rounding are those of the Recommendation, so that the
//! samples are exactly the ones it prescribes. Names in comments are its names.

mod sub_band;
#[cfg(test)]
mod tests;

use super::{Decoder, InvalidPayload};
use sub_band::SubBand;

/// Pairs of sub-band samples that the filter spans.
const TAPS: usize = 12;
/// Every second coefficient of the quadrature mirror filter (H). The other ones are the same in
/// reverse.
const COEFFICIENTS: [i32; TAPS] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

/// Any bytes are a valid payload.
pub struct G722 {
    low: SubBand,
    high: SubBand,
    filter: BandFilter,
}

impl G722 {
    pub fn new() -> G722 {
        G722 {
            low: SubBand::low(),
            high: SubBand::high(),
            filter: BandFilter::default(),
        }
    }

    pub fn samples(payload: &[u8]) -> u64 {
        2 * payload.len() as u64
    }
}

impl Decoder for G722 {
    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), InvalidPayload> {
        out.reserve(2 * payload.len());
        for code in payload {
            let low = self.low.decode_low(code & 0x3f);
            let high = self.high.decode_high(code >> 6);
            out.extend_from_slice(&self.filter.join(low, high));
        }
        Ok(())
    }
}

/// The receiving quadrature mirror filter: two samples from one of each sub-band.
#[derive(Default)]
struct BandFilter {
    /// Differences (XD) and sums (XS) of the sub-bands. Each value is kept twice, so that the latest
    /// ones lie in a row.
    differences: [[i32; TAPS]; 2],
    sums: [[i32; TAPS]; 2],
    at: usize,
}

impl BandFilter {
    fn join(&mut self, low: i32, high: i32) -> [i16; 2] {
        self.at = self.at.checked_sub(1).unwrap_or(TAPS - 1);
        for half in 0..2 {
            self.differences[half][self.at] = low - high;
            self.sums[half][self.at] = low + high;
        }
        let differences = latest(&self.differences, self.at);
        let sums = latest(&self.sums, self.at);
        let (mut first, mut second) = (0, 0);
        for n in 0..TAPS {
            first += COEFFICIENTS[n] * differences[n];
            second += COEFFICIENTS[TAPS - 1 - n] * sums[n];
        }
        [saturated(first >> 11) as i16, saturated(second >> 11) as i16]
    }
}

/// The values from the latest to the earliest.
fn latest(values: &[[i32; TAPS]; 2], at: usize) -> &[i32] {
    &values.as_flattened()[at..at + TAPS]
}

/// The Recommendation's sums saturate at 16 bits.
#[inline(always)]
fn saturated(value: i32) -> i32 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX))
}
