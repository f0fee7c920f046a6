//! Random schedules of senders, recordings, pauses and private times, checked against a model that
//! counts the samples itself.
//!
//! `TIMELINE_SEED=n` plays one schedule, `TIMELINE_SCHEDULES=n` plays n instead of 10,000.

use callrec_testkit::environment::number;
use callrec_testkit::random::SeededRng;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::check::check;
use crate::plan::Schedule;
use crate::run::run;

const SCHEDULES: u64 = 10_000;
/// The shares run at the same time.
const SHARES: u64 = 4;
const FAILURES_SHOWN: usize = 10;

pub fn play(seed: u64) -> Result<(), String> {
    let mut rng = SeededRng::scattered(seed);
    let plan = Schedule::new(&mut rng);
    let played = catch_unwind(AssertUnwindSafe(|| check(&plan, &run(&plan, &mut rng))));
    let result = played.unwrap_or_else(|_| Err("a panic".into()));
    result.map_err(|text| {
        let again = format!("TIMELINE_SEED={seed} cargo test --test timeline model");
        format!("{again}: {text} ({plan:?})")
    })
}

fn share(n: u64) {
    let seeds = match number("TIMELINE_SEED") {
        Some(seed) => seed..seed + u64::from(n == 0),
        None => {
            let count = number("TIMELINE_SCHEDULES").unwrap_or(SCHEDULES) / SHARES;
            n * count..(n + 1) * count
        }
    };
    let failures: Vec<_> = seeds.clone().filter_map(|seed| play(seed).err()).collect();
    let shown = failures.iter().take(FAILURES_SHOWN).cloned().collect::<Vec<_>>();
    assert!(
        failures.is_empty(),
        "{} of schedules {seeds:?} fail:\n{}",
        failures.len(),
        shown.join("\n")
    );
}

#[test]
fn schedules_of_the_first_share() {
    share(0);
}

#[test]
fn schedules_of_the_second_share() {
    share(1);
}

#[test]
fn schedules_of_the_third_share() {
    share(2);
}

#[test]
fn schedules_of_the_fourth_share() {
    share(3);
}
