//! Residuals in partitions of Rice codes: RFC 9639, section 9.2.7.

use super::bit_writer::FlacBitWriter;

/// The highest partition order that is chosen.
pub const PARTITION_ORDER_MAX: u32 = 6;
const PARTITIONS_MAX: usize = 1 << PARTITION_ORDER_MAX;
/// The parameter 15 escapes to another code.
const PARAMETER_MAX: u32 = 14;
const PARAMETER_BITS: u32 = 4;

/// A division of a block's residuals into partitions.
#[derive(Clone, Copy)]
pub struct RicePartitions {
    order: u32,
    parameters: [u8; PARTITIONS_MAX],
}

impl RicePartitions {
    /// Partitions before any are chosen.
    pub const NONE: RicePartitions = RicePartitions {
        order: 0,
        parameters: [0; PARTITIONS_MAX],
    };
}

/// The value that is written for a residual.
#[inline(always)]
pub fn fold(residual: i32) -> u32 {
    ((residual << 1) ^ (residual >> 31)) as u32
}

/// The residual of a folded value.
#[inline(always)]
pub fn unfold(folded: u32) -> i32 {
    (folded >> 1) as i32 ^ -((folded & 1) as i32)
}

/// The residuals of a block of `frames` frames. The first `order` frames have none.
#[derive(Clone, Copy)]
pub struct BlockResidual<'a> {
    pub residual: &'a [i32],
    pub frames: usize,
    pub order: usize,
}

impl<'a> BlockResidual<'a> {
    /// The parts of the residuals for partitions of this order.
    fn parts(self, order: u32) -> impl Iterator<Item = &'a [i32]> {
        let len = self.frames >> order;
        let (first, others) = self.residual.split_at(len - self.order);
        std::iter::once(first).chain(others.chunks_exact(len.max(1)))
    }

    /// Chooses partitions of at most this order. Returns also the estimated number of bits.
    pub fn partitions(self, order_max: u32) -> (RicePartitions, u64) {
        let mut order = order_max
            .min(PARTITION_ORDER_MAX)
            .min(self.frames.trailing_zeros());
        while order > 0 && self.frames >> order <= self.order {
            order -= 1;
        }
        let mut sums = [0u64; PARTITIONS_MAX];
        for (sum, part) in sums.iter_mut().zip(self.parts(order)) {
            *sum = part.iter().map(|value| u64::from(value.unsigned_abs())).sum();
        }
        let mut best = self.with_sums(order, &sums);
        while order > 0 {
            order -= 1;
            for at in 0..1 << order {
                sums[at] = sums[2 * at] + sums[2 * at + 1];
            }
            let next = self.with_sums(order, &sums);
            if next.1 < best.1 {
                best = next;
            }
        }
        best
    }

    /// The partitions of one order. `sums`: of the absolute residuals of each.
    fn with_sums(self, order: u32, sums: &[u64; PARTITIONS_MAX]) -> (RicePartitions, u64) {
        let mut partitions = RicePartitions {
            order,
            ..RicePartitions::NONE
        };
        let mut bits = 0;
        let mut count = ((self.frames >> order) - self.order) as u64;
        for (parameter, sum) in partitions.parameters.iter_mut().zip(&sums[..1 << order]) {
            let (best, its_bits) = best_parameter(count, *sum);
            *parameter = best as u8;
            bits += its_bits + u64::from(PARAMETER_BITS);
            count = (self.frames >> order) as u64;
        }
        (partitions, bits)
    }

    /// The exact number of bits with these partitions.
    pub fn bits(self, partitions: &RicePartitions) -> u64 {
        let parts = self.parts(partitions.order).zip(partitions.parameters);
        let bits = parts.map(|(part, parameter)| {
            let unary: u64 = part
                .iter()
                .map(|value| u64::from(fold(*value) >> parameter))
                .sum();
            unary + part.len() as u64 * u64::from(parameter + 1) + u64::from(PARAMETER_BITS)
        });
        6 + bits.sum::<u64>()
    }

    pub fn put(self, partitions: &RicePartitions, writer: &mut FlacBitWriter<'_>) {
        writer.put(0, 2);
        writer.put(partitions.order, 4);
        for (part, parameter) in self.parts(partitions.order).zip(partitions.parameters) {
            let parameter = u32::from(parameter);
            writer.put(parameter, PARAMETER_BITS);
            for value in part {
                writer.put_rice(fold(*value), parameter);
            }
        }
    }
}

/// The parameter for `count` residuals, and the estimated bits of their codes. `sum`: of the
/// absolute residuals.
fn best_parameter(count: u64, sum: u64) -> (u32, u64) {
    let folded = 2 * sum;
    let bits =
        |parameter: u32| count * u64::from(parameter + 1) + (folded.saturating_sub(count / 2) >> parameter);
    let mean = folded.checked_div(count).unwrap_or(0);
    let high = mean.checked_ilog2().unwrap_or(0).min(PARAMETER_MAX);
    let low = high.saturating_sub(1);
    match bits(low) < bits(high) {
        true => (low, bits(low)),
        false => (high, bits(high)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_is_reversible() {
        for value in [0, -1, 1, -2, 65_535, -65_536, 1 << 30, i32::MAX, -i32::MAX] {
            assert_eq!(unfold(fold(value)), value);
        }
        assert_eq!([0, -1, 1, -2].map(fold), [0, 1, 2, 3]);
    }

    #[test]
    fn the_bits_are_those_that_are_written() {
        for (frames, order) in [(4096, 0), (4096, 12), (192, 4), (100, 12), (17, 1), (16, 0)] {
            let noise = |n: usize| (n * n * 7919 % 4001) as i32 >> (n / 512);
            let residual: Vec<i32> = (order..frames).map(|n| noise(n) - 5).collect();
            let block = BlockResidual {
                residual: &residual,
                frames,
                order,
            };
            for order_max in [0, 3, 6, 9] {
                let (partitions, estimate) = block.partitions(order_max);
                let mut bytes = Vec::new();
                let mut writer = FlacBitWriter::new(&mut bytes);
                block.put(&partitions, &mut writer);
                writer.finish();
                let bits = block.bits(&partitions);
                assert_eq!(bytes.len() as u64, bits.div_ceil(8));
                assert!(estimate.abs_diff(bits) <= bits / 8, "{estimate} for {bits} bits");
                assert!(partitions.order <= order_max);
            }
        }
    }

    /// More partitions are worth their parameters when the volume changes.
    #[test]
    fn a_block_is_divided_where_that_saves_bits() {
        let of = |residual: &[i32]| {
            let block = BlockResidual {
                residual,
                frames: residual.len(),
                order: 0,
            };
            let (partitions, _) = block.partitions(6);
            (
                partitions.order,
                partitions.parameters[0],
                partitions.parameters[1],
            )
        };
        let steady = [100, -100].repeat(2048);
        assert_eq!(of(&steady), (0, 7, 0));
        let rising = [vec![0; 2048], [1000, -1000].repeat(1024)].concat();
        assert_eq!(of(&rising), (1, 0, 10));
    }
}
