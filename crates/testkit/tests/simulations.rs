//! The first 2,000 simulations of the engine. `cargo run -p callrec-testkit --release -- --seed N`
//! plays one again, with its trace.

use callrec_testkit::environment::number;
use callrec_testkit::sim::play;

const SEEDS: u64 = 2000;
/// The shares are played at the same time.
const SHARES: u64 = 4;
const SHOWN: usize = 5;

fn share(of: u64) {
    let seeds = number("SIMULATION_SEEDS").unwrap_or(SEEDS);
    let mut failed = Vec::new();
    for seed in (of..seeds).step_by(SHARES as usize) {
        if let Some(words) = play(seed).wrong.first() {
            failed.push(format!("seed {seed}: {words}"));
        }
    }
    let shown = failed.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n");
    assert!(failed.is_empty(), "{} seeds fail:\n{shown}", failed.len());
}

#[test]
fn seeds_of_the_first_share() {
    share(0);
}

#[test]
fn seeds_of_the_second_share() {
    share(1);
}

#[test]
fn seeds_of_the_third_share() {
    share(2);
}

#[test]
fn seeds_of_the_fourth_share() {
    share(3);
}

/// Recordings that are behind at nearly every visit.
#[cfg(feature = "faults")]
#[test]
fn seeds_with_strides_of_40_ms() {
    callrec_core::media::planted::set_stride_ns(Some(40_000_000));
    let seeds = number("SIMULATION_SEEDS").unwrap_or(SEEDS) / SHARES / 4;
    for seed in 0..seeds {
        let wrong = play(seed).wrong;
        assert!(wrong.is_empty(), "seed {seed}: {:?}", wrong.first());
    }
}

/// A failure can be repeated: the same seed has the same trace.
#[test]
fn a_seed_has_the_same_trace_each_time() {
    let mut lines = 0;
    for seed in 0..40 {
        let (first, second) = (play(seed), play(seed));
        lines += first.trace.len();
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_eq!(first.wrong, second.wrong, "seed {seed}");
    }
    assert!(lines > 40 * 20, "a short trace: {lines} lines");
}
