//! The failures of a test's recordings. They are collected before the test fails, so that one run
//! shows every pattern that does not work.

use callrec::media::ledger::{OutsideReason, TICKS_PER_S, ms, ticks};
use callrec::media::{LegLedger, SpanKind};
use callrec::types::Leg;

use crate::fixture::{ChannelAudio, MarkedRecording};

#[derive(Default)]
pub struct Failures {
    failures: Vec<String>,
}

impl Failures {
    pub fn check(&mut self, good: bool, text: impl FnOnce() -> String) {
        if !good {
            self.failures.push(text());
        }
    }

    pub fn add(&mut self, case: &str, other: Failures) {
        let named = other.failures.iter().map(|text| format!("{case}: {text}"));
        self.failures.extend(named);
    }

    /// The failures, if there are any.
    #[cfg(feature = "faults")]
    pub fn result(self) -> Result<(), String> {
        match self.failures.is_empty() {
            true => Ok(()),
            false => Err(self.failures.join("\n")),
        }
    }

    pub fn end(self) {
        let count = self.failures.len();
        assert!(count == 0, "{count} failures:\n{}", self.failures.join("\n"));
    }
}

/// Checks that the ledger balances, and that it agrees with the file and the other counts.
pub fn check_ledger(failures: &mut Failures, file: &MarkedRecording) {
    for (leg, audio) in &file.legs {
        let leg_ledger = file.ledger.leg(*leg);
        failures.check(leg_ledger.fed, || format!("{leg:?} leg is not marked as fed"));
        failures.check(leg_ledger.handed == leg_ledger.accounted(), || {
            format!("{leg:?} leg does not balance: {leg_ledger:?}")
        });
        check_handed(failures, *leg, leg_ledger, audio);
        let found = ticks(audio.found.total() + audio.found.unknown, audio.rate);
        failures.check(leg_ledger.in_file + leg_ledger.repeated == found, || {
            let counted = samples_of(leg_ledger.in_file, audio.rate);
            let real = samples_of(found, audio.rate);
            format!("{leg:?} leg: {counted} samples in_file, but the file has {real}")
        });
        check_spans(failures, file, *leg, leg_ledger);
    }
    let lost = ms(file.ledger.lost());
    failures.check(lost.abs_diff(file.lost_ms) <= 1, || {
        format!("ledger: {lost} ms lost, lost_ms: {}", file.lost_ms)
    });
}

/// Checks the written samples: all before the stop, and at most all after it.
fn check_handed(failures: &mut Failures, leg: Leg, leg_ledger: &LegLedger, audio: &ChannelAudio) {
    let rate = audio.rate;
    let (during, after) = (ticks(audio.during, rate), ticks(audio.after, rate));
    let least = ticks(audio.least, rate);
    let most = during + after.min(leg_ledger.outside[OutsideReason::AfterStop as usize]);
    failures.check((least..=most).contains(&leg_ledger.handed), || {
        let counted = samples_of(leg_ledger.handed, rate);
        let real = samples_of(during, rate);
        format!("{leg:?} leg: {counted} samples handed, but {real} written")
    });
}

fn check_spans(failures: &mut Failures, file: &MarkedRecording, leg: Leg, leg_ledger: &LegLedger) {
    let of_leg = file
        .losses
        .iter()
        .filter(|span| matches!(span.kind, SpanKind::Loss(of, _) if of == leg));
    let (spans, ns) = of_leg.fold((0, 0), |(n, ns), span| (n + 1, ns + span.length_ns));
    let lost_ns = (u128::from(leg_ledger.lost()) * 1_000_000_000 / u128::from(TICKS_PER_S)) as u64;
    // Each span is rounded to whole frames.
    let slack = 1_000_000 + spans * 1_000_000_000 / u64::from(file.rate.max(1));
    failures.check(ns.abs_diff(lost_ns) <= slack, || {
        format!("{leg:?} leg: {lost_ns} ns lost, but {ns} ns in {spans} spans")
    });
}

fn samples_of(ticks: u64, rate: u32) -> u64 {
    ticks / (TICKS_PER_S / u64::from(rate))
}
