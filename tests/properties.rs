//! Random plans of everything that can happen to a call's audio, checked against a plain model of
//! which sample belongs where. `PROPTEST_CASES` sets the number of cases. Failing seeds are kept
//! beside the modules and tried first.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "support/support.rs"]
mod support;

#[path = "properties/abi.rs"]
mod abi;
#[path = "properties/check.rs"]
mod check;
#[cfg(feature = "faults")]
#[path = "properties/formats.rs"]
mod formats;
#[path = "properties/model.rs"]
mod model;
#[path = "properties/names.rs"]
mod names;
#[path = "properties/outcomes.rs"]
mod outcomes;
#[path = "properties/plan.rs"]
mod plan;
#[path = "properties/real.rs"]
mod real;
#[path = "properties/run.rs"]
mod run;
#[path = "properties/secrets.rs"]
mod secrets;
#[path = "properties/simulated.rs"]
mod simulated;

use proptest::test_runner::{Config, FileFailurePersistence, RngSeed};

/// A configuration with `count` cases, always the same ones; with `PROPTEST_CASES`, with that many
/// new ones. `seeds` is the file of the failing ones.
fn cases(count: u32, seeds: &'static str) -> Config {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let cases = if asked { Config::default().cases } else { count };
    let rng_seed = if asked {
        RngSeed::Random
    } else {
        RngSeed::Fixed(0x5eed)
    };
    Config {
        cases,
        rng_seed,
        // The share of rejected plans does not depend on their number.
        max_global_rejects: 1024.max(cases / 10),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(seeds))),
        ..Config::default()
    }
}

/// Returns an error with this text unless the condition holds; proptest then searches a smaller
/// case.
macro_rules! require {
    ($that:expr, $($words:tt)+) => {
        let met: bool = $that;
        if !met {
            return Err(format!($($words)+));
        }
    };
}
use require;

/// The file of a property's failing seeds.
macro_rules! seeds {
    ($name:literal) => {
        concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/properties/seeds/",
            $name,
            ".txt"
        )
    };
}
use seeds;
