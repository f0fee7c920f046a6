//! Each fault that can be planted in the timeline makes a test fail. Otherwise the tests
//! could not tell whether the timeline does what the fault breaks.

use std::panic::{AssertUnwindSafe, catch_unwind};

use callrec::media::ClockMode::Real;
use callrec::media::planted::{Fault, plant};
use callrec::words::{Codec, Format, PauseMode};

use crate::events::Numbering;
use crate::failures::Failures;
use crate::fixture::Visits::Even;
use crate::timestamps::TimestampError;
use crate::{bursts, clock, drift, duplicates, events, hold, model, pauses, restarts, timestamps, writes};

/// Of the model.
const SCHEDULES: std::ops::Range<u64> = 200..400;

type ScenarioResult = Result<(), String>;

/// What is played for each fault, and without any.
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

    /// A panic is a failure, too.
    fn outcome(&self, planted: Option<Fault>) -> ScenarioResult {
        plant(planted);
        let played = catch_unwind(AssertUnwindSafe(&self.play));
        plant(None);
        let outcome = played.unwrap_or_else(|_| Err("a panic".into()));
        outcome.map_err(|words| format!("{}: {words}", self.name))
    }
}

fn scenarios() -> Vec<Scenario> {
    let late = pauses::LATE.into_iter().chain(pauses::ANEW).map(|late| {
        Scenario::new(&format!("{late:?}"), move || {
            pauses::leak(late, Real, PauseMode::Silence, Even)
        })
    });
    let old = duplicates::CASES.into_iter().map(|old| {
        Scenario::new(&format!("{old:?}"), move || {
            duplicates::old_packets(old, Real, Even)
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
        Scenario::new("loss and reordering", || clock::network(Real, Even)),
        Scenario::new("a burst at once", || bursts::burst(1300, 1000, Even)),
        Scenario::new("a burst at double speed", || bursts::burst(1300, 2, Even)),
        Scenario::new("a hiccup", || writes::hiccup(140, Even)),
    ]
}

fn senders() -> Vec<Scenario> {
    vec![
        Scenario::new("digits in the audio's numbering", || {
            events::digits(Numbering::Shared, Real, Even)
        }),
        Scenario::new("digits far ahead", || {
            events::digits(Numbering::Ahead(5000), Real, Even)
        }),
        Scenario::new("a restart", || restarts::restarted(300, 0, Real, Even)),
        Scenario::new("changes of the SSRC", || {
            restarts::changed(&[50; 7], true, Real, Even)
        }),
        Scenario::new("a step back", || timestamps::stepped(-13_440, Real, Even)),
        Scenario::new("stuck", || timestamps::wrong(TimestampError::Stuck, Real, Even)),
        Scenario::new("a timestamp of zero", || timestamps::zero(Real, Even)),
        Scenario::new("a fast sender", || drift::drift(10_000.0, false, 20, Even)),
        Scenario::new("music", || hold::music(true, Even)),
    ]
}

fn points() -> Vec<Scenario> {
    vec![
        Scenario::new("points", || {
            clock::points(Codec::Pcmu, 8000, Format::WAV_ULAW, PauseMode::Silence, Even)
        }),
        Scenario::new("points after a stall", || bursts::points_after_a_stall(300, Even)),
        Scenario::new("a pause beside", || hold::paused_beside(Even)),
        Scenario::new("a stream that stays late", || pauses::delayed(Even)),
        Scenario::new("a leg ahead", || pauses::ahead(Even)),
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
    let is_found = |fault: Fault| {
        scenarios
            .iter()
            .any(|scenario| scenario.outcome(Some(fault)).is_err())
    };
    let missed: Vec<_> = Fault::ALL.into_iter().filter(|fault| !is_found(*fault)).collect();
    assert!(missed.is_empty(), "no test has found {missed:?}");
}
