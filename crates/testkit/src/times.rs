//! Distributions of short times, and rows of results.

use std::time::Instant;

const STEP_NS: u64 = 10;
const STEPS: usize = 10_000;

/// Times in nanoseconds, counted in steps of 10 ns up to 100 µs. Longer ones are kept one by one.
pub struct Times {
    steps: Vec<u32>,
    long: Vec<u64>,
    pub count: u64,
}

impl Times {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Times {
        Times {
            steps: vec![0; STEPS],
            long: Vec::with_capacity(100_000),
            count: 0,
        }
    }

    #[inline]
    pub fn note(&mut self, ns: u64) {
        self.count += 1;
        match self.steps.get_mut((ns / STEP_NS) as usize) {
            Some(step) => *step += 1,
            None => self.long.push(ns),
        }
    }

    /// The quantile of this share, in nanoseconds.
    pub fn at(&mut self, share: f64) -> u64 {
        let rank = (self.count as f64 * share) as u64;
        let mut seen = 0;
        for (step, count) in self.steps.iter().enumerate() {
            seen += u64::from(*count);
            if seen > rank {
                return step as u64 * STEP_NS;
            }
        }
        self.long.sort_unstable();
        let last = self.long.len().saturating_sub(1);
        self.long
            .get(((rank - seen) as usize).min(last))
            .copied()
            .unwrap_or(0)
    }

    /// The longest one, in nanoseconds.
    pub fn max(&mut self) -> u64 {
        match self.long.iter().max() {
            Some(longest) => *longest,
            None => self.steps.iter().rposition(|count| *count > 0).unwrap_or(0) as u64 * STEP_NS,
        }
    }

    /// p50, p99, p99.9 and max in microseconds, less `overhead` ns.
    pub fn row(&mut self, overhead: u64) -> String {
        let us = |ns: u64| ns.saturating_sub(overhead) as f64 / 1000.0;
        format!(
            "p50 {:7.2}  p99 {:7.2}  p99.9 {:7.2}  max {:9.2} us  ({} times)",
            us(self.at(0.5)),
            us(self.at(0.99)),
            us(self.at(0.999)),
            us(self.max()),
            self.count
        )
    }
}

/// The median of an empty measurement, in nanoseconds.
pub fn clock_overhead() -> u64 {
    let mut times = Times::new();
    for _ in 0..1_000_000 {
        let begin = Instant::now();
        times.note(std::hint::black_box(begin).elapsed().as_nanos() as u64);
    }
    times.at(0.5)
}

/// The same for the thread's CPU clock.
#[cfg(unix)]
pub fn cpu_clock_overhead() -> u64 {
    let mut times = Times::new();
    for _ in 0..100_000 {
        let begin = crate::cpu::thread_cpu();
        times.note((crate::cpu::thread_cpu() - begin).as_nanos() as u64);
    }
    times.at(0.5)
}

/// The median of some values; 0 if there are none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// The median of some values, with their range.
pub fn spread(values: &[f64], digits: usize) -> String {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(0.0, f64::max);
    let middle = median(values.to_vec());
    if values.len() < 2 {
        return format!("{middle:.digits$}");
    }
    format!("{middle:.digits$} ({low:.digits$}-{high:.digits$})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_the_times_are_found() {
        let mut times = Times::new();
        (0..1000).for_each(|n| times.note(n * 10));
        assert_eq!((times.at(0.5), times.at(0.99), times.max()), (5000, 9900, 9990));
        for long in [3_000_000, 200_000] {
            times.note(long);
        }
        assert_eq!((times.at(1.0), times.max()), (3_000_000, 3_000_000));
        assert_eq!(times.at(0.9985), 200_000);
        assert_eq!(times.count, 1002);
    }

    #[test]
    fn a_row_leaves_the_overhead_out() {
        let mut times = Times::new();
        times.note(1500);
        assert_eq!(
            times.row(500),
            "p50    1.00  p99    1.00  p99.9    1.00  max      1.00 us  (1 times)"
        );
    }

    #[test]
    fn values_are_summed_up() {
        assert_eq!(median(vec![]), 0.0);
        assert_eq!(spread(&[2.0], 1), "2.0");
        assert_eq!(spread(&[3.0, 1.0, 2.0], 1), "2.0 (1.0-3.0)");
    }
}
