//! What is wrong with a test's recordings. All of it is gathered before the test fails,
//! so that one run shows every pattern that does not work.

use callrec::media::ledger::{Outside, TICKS_PER_S, ms, ticks};
use callrec::media::{LegLedger, SpanKind};
use callrec::words::Leg;

use crate::fixture::{ChannelMarks, MarkedRecording};

#[derive(Default)]
pub struct Failures {
    failures: Vec<String>,
}

impl Failures {
    pub fn check(&mut self, good: bool, words: impl FnOnce() -> String) {
        if !good {
            self.failures.push(words());
        }
    }

    pub fn add(&mut self, case: &str, other: Failures) {
        let named = other.failures.iter().map(|words| format!("{case}: {words}"));
        self.failures.extend(named);
    }

    /// What is wrong, if anything is.
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

/// The ledger balances, and agrees with what is in the file and with all other counts.
pub fn check_ledger(failures: &mut Failures, file: &MarkedRecording) {
    for (leg, heard) in &file.heard {
        let book = file.ledger.leg(*leg);
        failures.check(book.fed, || format!("{leg:?} leg is not marked as fed"));
        failures.check(book.handed == book.accounted(), || {
            format!("{leg:?} leg does not balance: {book:?}")
        });
        check_handed(failures, *leg, book, heard);
        let found = ticks(heard.found.total() + heard.found.unknown, heard.rate);
        failures.check(book.in_file + book.repeated == found, || {
            let told = in_samples(book.in_file, heard.rate);
            let real = in_samples(found, heard.rate);
            format!("{leg:?} leg: {told} samples in_file, but the file has {real}")
        });
        check_spans(failures, file, *leg, book);
    }
    let lost = ms(file.ledger.lost());
    failures.check(lost.abs_diff(file.lost_ms) <= 1, || {
        format!("ledger: {lost} ms lost, lost_ms: {}", file.lost_ms)
    });
}

/// What came before the stop is all handed in; what came after it need not be looked at.
fn check_handed(failures: &mut Failures, leg: Leg, book: &LegLedger, heard: &ChannelMarks) {
    let rate = heard.rate;
    let (during, after) = (ticks(heard.during, rate), ticks(heard.after, rate));
    let least = ticks(heard.least, rate);
    let most = during + after.min(book.outside[Outside::AfterStop as usize]);
    failures.check((least..=most).contains(&book.handed), || {
        let told = in_samples(book.handed, rate);
        let real = in_samples(during, rate);
        format!("{leg:?} leg: {told} samples handed, really {real}")
    });
}

fn check_spans(failures: &mut Failures, file: &MarkedRecording, leg: Leg, book: &LegLedger) {
    let of_leg = file
        .losses
        .iter()
        .filter(|span| matches!(span.kind, SpanKind::Loss(of, _) if of == leg));
    let (spans, ns) = of_leg.fold((0, 0), |(n, ns), span| (n + 1, ns + span.length_ns));
    let lost_ns = (u128::from(book.lost()) * 1_000_000_000 / u128::from(TICKS_PER_S)) as u64;
    // Each span is rounded to whole frames.
    let slack = 1_000_000 + spans * 1_000_000_000 / u64::from(file.rate.max(1));
    failures.check(ns.abs_diff(lost_ns) <= slack, || {
        format!("{leg:?} leg: {lost_ns} ns lost, but {ns} ns in {spans} spans")
    });
}

fn in_samples(ticks: u64, rate: u32) -> u64 {
    ticks / (TICKS_PER_S / u64::from(rate))
}
