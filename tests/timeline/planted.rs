//! Each fault that can be planted in the timeline makes a test fail. Otherwise the tests would not
//! check what the fault breaks.

use std::panic::{AssertUnwindSafe, catch_unwind};

use callrec::media::ClockMode::Real;
use callrec::media::planted::{TimelineFault, plant};
use callrec::types::{Codec, Format, PauseMode};

use crate::events::Numbering;
use crate::failures::Failures;
use crate::fixture::Visits::Regular;
use crate::timestamps::TimestampError;
use crate::{bursts, clock, drift, duplicates, events, hold, model, pauses, restarts, timestamps, writes};

/// Seeds of the model's schedules.
const SCHEDULES: std::ops::Range<u64> = 200..400;

type ScenarioResult = Result<(), String>;

/// A test that is played with each fault, and without a fault.
struct Scenario {
    name: String,
    play: Box<dyn Fn() -> ScenarioResult>,
}

impl Scenario {
    fn new(name: &str, play: impl Fn() -> Failures + 'static) -> Scenario {
        Scenario {
            name: name.into(),
            play: Box::new(move || play().result()),
        }
    }

    fn schedule(seed: u64) -> Scenario {
        Scenario {
            name: "model".into(),
            play: Box::new(move || model::play(seed)),
        }
    }

    /// Plays the scenario. A panic is a failure, too.
    fn outcome(&self, planted: Option<TimelineFault>) -> ScenarioResult {
        plant(planted);
        let played = catch_unwind(AssertUnwindSafe(&self.play));
        plant(None);
        let outcome = played.unwrap_or_else(|_| Err("a panic".into()));
        outcome.map_err(|text| format!("{}: {text}", self.name))
    }
}

fn scenarios() -> Vec<Scenario> {
    let late = pauses::LATE.into_iter().chain(pauses::ANEW).map(|late| {
        Scenario::new(&format!("{late:?}"), move || {
            pauses::leak(late, Real, PauseMode::Silence, Regular)
        })
    });
    let old = duplicates::CASES.into_iter().map(|old| {
        Scenario::new(&format!("{old:?}"), move || {
            duplicates::old_packets(old, Real, Regular)
        })
    });
    let plain = networks().into_iter().chain(senders()).chain(points());
    plain
        .chain(late)
        .chain(old)
        .chain(SCHEDULES.map(Scenario::schedule))
        .collect()
}

fn networks() -> Vec<Scenario> {
    vec![
        Scenario::new("loss and reordering", || clock::network(Real, Regular)),
        Scenario::new("a burst at once", || bursts::burst(1300, 1000, Regular)),
        Scenario::new("a burst at double speed", || bursts::burst(1300, 2, Regular)),
        Scenario::new("a hiccup", || writes::hiccup(140, Regular)),
    ]
}

fn senders() -> Vec<Scenario> {
    vec![
        Scenario::new("digits in the audio's numbering", || {
            events::digits(Numbering::Shared, Real, Regular)
        }),
        Scenario::new("digits far ahead", || {
            events::digits(Numbering::Ahead(5000), Real, Regular)
        }),
        Scenario::new("a restart", || restarts::restarted(300, 0, Real, Regular)),
        Scenario::new("changes of the SSRC", || {
            restarts::changed(&[50; 7], true, Real, Regular)
        }),
        Scenario::new("a step back", || timestamps::stepped(-13_440, Real, Regular)),
        Scenario::new("stuck", || {
            timestamps::wrong(TimestampError::Stuck, Real, Regular)
        }),
        Scenario::new("a timestamp of zero", || timestamps::zero(Real, Regular)),
        Scenario::new("a fast sender", || drift::drift(10_000.0, false, 20, Regular)),
        Scenario::new("music", || hold::music(true, Regular)),
    ]
}

fn points() -> Vec<Scenario> {
    vec![
        Scenario::new("points", || {
            clock::points(Codec::Pcmu, 8000, Format::WAV_ULAW, PauseMode::Silence, Regular)
        }),
        Scenario::new("points after a stall", || {
            bursts::control_points_after_a_stall(300, Regular)
        }),
        Scenario::new("a pause beside", || hold::paused_beside(Regular)),
        Scenario::new("a stream that stays late", || pauses::delayed(Regular)),
        Scenario::new("a leg ahead", || pauses::ahead(Regular)),
    ]
}

#[test]
fn nothing_fails_without_a_planted_fault() {
    let failed = |scenario: &Scenario| scenario.outcome(None).err();
    let failures: Vec<_> = scenarios().iter().filter_map(failed).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn each_planted_fault_is_found() {
    let scenarios = scenarios();
    let is_found = |fault: TimelineFault| {
        scenarios
            .iter()
            .any(|scenario| scenario.outcome(Some(fault)).is_err())
    };
    let missed: Vec<_> = TimelineFault::ALL
        .into_iter()
        .filter(|fault| !is_found(*fault))
        .collect();
    assert!(missed.is_empty(), "no test has found {missed:?}");
}
