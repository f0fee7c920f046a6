//! The samples of one channel of a block, as a subframe stores them.

use super::fixed;

#[derive(Default)]
pub struct ChannelSignal {
    /// Without the wasted bits.
    pub samples: Vec<i32>,
    /// Bits of a sample, without the wasted ones.
    pub bits: u32,
    /// Zeros at the low end of every sample (RFC 9639, section 9.2.2). Audio that was G.711 has
    /// two or three.
    pub wasted: u32,
    /// See [`fixed::residual_sums`].
    pub sums: [u64; fixed::ORDER_MAX + 1],
}

impl ChannelSignal {
    /// Replaces the samples, which have `bits` bits.
    pub fn fill(&mut self, samples: impl Iterator<Item = i32>, bits: u32) {
        self.samples.clear();
        self.samples.extend(samples);
        let used = self.samples.iter().fold(0, |used, sample| used | sample);
        self.wasted = match used {
            0 => 0,
            _ => used.trailing_zeros().min(bits - 1),
        };
        if self.wasted > 0 {
            self.samples.iter_mut().for_each(|sample| *sample >>= self.wasted);
        }
        self.bits = bits - self.wasted;
        self.sums = fixed::residual_sums(&self.samples);
    }

    /// An estimate that grows with the bits of the channel's subframe.
    pub fn cost(&self) -> f32 {
        let smallest = self.sums.iter().min().copied().unwrap_or(0);
        ((smallest + 1) as f32).log2()
    }

    pub fn is_constant(&self) -> bool {
        self.sums[1] == 0 && self.samples.iter().all(|sample| *sample == self.samples[0])
    }
}
