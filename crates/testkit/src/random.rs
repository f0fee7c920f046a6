//! Seeded random numbers, the same on every machine.

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// One step of SplitMix64: neighbouring seeds give unrelated values.
pub fn splitmix64(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(STEP);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A sequence of random numbers.
#[derive(Clone, Debug)]
pub struct SeededRng(u64);

impl SeededRng {
    /// The sequence of SplitMix64 with `seed` as its first state.
    pub fn new(seed: u64) -> SeededRng {
        SeededRng(seed)
    }

    /// A sequence with a mixed seed, so that the sequences of neighbouring seeds differ from their
    /// first number on.
    pub fn scattered(seed: u64) -> SeededRng {
        SeededRng(splitmix64(seed).wrapping_add(STEP))
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        let rolled = splitmix64(self.0);
        self.0 = self.0.wrapping_add(STEP);
        rolled
    }

    /// A number from 0 to `limit - 1`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next_u64() % limit
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// True in `percent` of 100 cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// An index into something with `length` items.
    pub fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// One of these items.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.index(of.len())]
    }
}

/// Byte `at` of an endless sequence of random bytes.
pub fn byte_at(sequence: u64, at: u64) -> u8 {
    (splitmix64(sequence << 40 ^ at) >> 40) as u8
}

/// Random bytes of xorshift, which occur nowhere else.
pub fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut x = seed.wrapping_mul(STEP) | 1;
    (0..bytes)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            (x >> 32) as u8
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers of the reference implementation with seed 1234567.
    #[test]
    fn the_sequence_is_that_of_splitmix64() {
        let mut rng = SeededRng::new(1_234_567);
        let rolled = [rng.next_u64(), rng.next_u64(), rng.next_u64()];
        assert_eq!(
            rolled,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn numbers_stay_within_their_limits_and_reach_them() {
        let mut rng = SeededRng::scattered(1);
        let rolled: Vec<u64> = (0..1000).map(|_| rng.between(3, 7)).collect();
        assert_eq!((rolled.iter().min(), rolled.iter().max()), (Some(&3), Some(&7)));
        let chosen: Vec<i32> = (0..1000).map(|_| rng.pick(&[1, 2])).collect();
        assert!(chosen.contains(&1) && chosen.contains(&2));
        let yes = (0..10_000).filter(|_| rng.chance(30)).count();
        assert!((2_500..3_500).contains(&yes), "{yes}");
    }

    #[test]
    fn a_seed_gives_the_same_again_and_another_something_else() {
        let rolled = |mut rng: SeededRng| -> Vec<u64> { (0..10).map(|_| rng.next_u64()).collect() };
        assert_eq!(rolled(SeededRng::scattered(5)), rolled(SeededRng::scattered(5)));
        assert!(
            rolled(SeededRng::scattered(5))
                .iter()
                .all(|one| !rolled(SeededRng::scattered(6)).contains(one))
        );
        assert_eq!(noise(5, 100), noise(5, 100));
        assert_ne!(noise(5, 100), noise(6, 100));
    }
}
