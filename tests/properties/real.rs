//! What a recording of real time left. Where each sample lies depends on how late it came,
//! which `tests/timeline` simulates; here every sample that was handed in is accounted for.

use std::collections::HashMap;

use callrec::media::ledger::ticks;
use callrec::media::{Ledger, LegLedger};
use callrec::words::{EndReason, Leg};

use crate::check::{channels, is_near, losses, silent_in_pauses};
use crate::hold;
use crate::model::CallModel;
use crate::names::{named_channels, paused_names, samples};
use crate::plan::{CallPlan, PlannedRecording};
use crate::run::{RecordingResult, value};

pub fn check(
    plan: &CallPlan,
    model: &CallModel,
    tape: usize,
    wish: PlannedRecording,
    taken: &RecordingResult,
) -> Result<(), String> {
    let channels = channels(wish.layout, plan.mixed);
    hold!(taken.rate == plan.rate, "{} Hz, not {}", taken.rate, plan.rate);
    hold!(
        usize::from(taken.channels) == channels.len(),
        "{} channels",
        taken.channels
    );
    let size = wish.format.samples().bytes() * channels.len();
    hold!(taken.bytes.len().is_multiple_of(size), "half a frame");
    let frames = (taken.bytes.len() / size) as u64;
    hold!(
        taken.frames == frames,
        "told of {} frames, not {frames}",
        taken.frames
    );
    let limit = u64::from(wish.max_duration_ms) * u64::from(plan.rate);
    let limit = ((limit + 500) / 1000).max(1);
    let ended = match (taken.reason, wish.max_duration_ms) {
        (Some(EndReason::Stopped), 0) => true,
        (Some(EndReason::Stopped), _) => frames < limit,
        (Some(EndReason::Limit), 1..) => frames == limit,
        _ => false,
    };
    hold!(
        ended,
        "ended with {frames} frames: {:?}, the limit is {limit}",
        taken.reason
    );
    pauses(taken, frames)?;
    losses(&channels, plan.rate, frames, taken, false)?;
    silent_in_pauses(&taken.pauses, wish, taken, size)?;
    paused_names(model, tape, wish, taken, &channels)?;
    let ledger = taken.ledger.as_ref().ok_or("no ledger")?;
    balance(plan, model, tape, &channels, taken, ledger)?;
    names(plan, model, tape, wish, taken, &channels, ledger)
}

fn pauses(taken: &RecordingResult, frames: u64) -> Result<(), String> {
    let mut before = 0;
    for pause in &taken.pauses {
        hold!(
            before <= pause.from && pause.from <= pause.to && pause.to <= frames,
            "{pause:?} of {frames} frames, after {before}"
        );
        before = pause.to;
    }
    let sum: f64 = taken.pauses.iter().map(|pause| pause.ms).sum();
    hold!(
        is_near(sum, taken.paused_ms as f64, true),
        "paused {} ms, not {sum}",
        taken.paused_ms
    );
    Ok(())
}

/// All that was handed in for a leg while the recording was live is in its ledger, once.
fn balance(
    plan: &CallPlan,
    model: &CallModel,
    tape: usize,
    channels: &[Vec<usize>],
    taken: &RecordingResult,
    ledger: &Ledger,
) -> Result<(), String> {
    for leg in channels.iter().flatten().copied() {
        let book = ledger.leg(Leg::ALL[leg]);
        hold!(
            book.handed == book.accounted(),
            "leg {leg} does not balance: {book:?}"
        );
        if taken.reason == Some(EndReason::Limit) {
            // When exactly it was over, only it knows.
            continue;
        }
        let handed = model.legs[leg].handed.iter();
        let of_it = handed.filter(|handed| is_live(model, tape, handed.order));
        let samples: u64 = of_it.map(|handed| handed.samples).sum();
        let handed = ticks(samples, plan.rate);
        hold!(
            book.handed == handed,
            "leg {leg}: {handed} ticks handed in, the ledger says {book:?}"
        );
    }
    Ok(())
}

fn is_live(model: &CallModel, tape: usize, order: u32) -> bool {
    model.is_within(tape, order, false) || model.is_within(tape, order, true)
}

/// Every sample in the file was handed in while it recorded, and the ledger counts as many
/// as there are.
fn names(
    plan: &CallPlan,
    model: &CallModel,
    tape: usize,
    wish: PlannedRecording,
    taken: &RecordingResult,
    channels: &[Vec<usize>],
    ledger: &Ledger,
) -> Result<(), String> {
    for (channel, leg) in named_channels(model, wish, channels) {
        let recorded = model.legs[leg].handed.iter();
        let recorded = recorded.filter(|handed| model.is_within(tape, handed.order, false));
        let names = recorded.flat_map(|handed| handed.name..handed.name + handed.samples);
        let mut found: HashMap<i16, u64> = names.map(|name| (value(leg, name), 0)).collect();
        for sample in samples(taken, channel, channels.len()).filter(|sample| *sample != 0) {
            let count = found.get_mut(&sample);
            let count = count.ok_or_else(|| format!("{sample} of leg {leg} was not handed in for it"))?;
            *count += 1;
        }
        counted(&found, ledger.leg(Leg::ALL[leg]), plan.rate)
            .map_err(|words| format!("leg {leg}: {words}"))?;
    }
    Ok(())
}

fn counted(found: &HashMap<i16, u64>, book: &LegLedger, rate: u32) -> Result<(), String> {
    let different = found.values().filter(|count| **count > 0).count() as u64;
    let again: u64 = found.values().map(|count| count.saturating_sub(1)).sum();
    let (in_file, repeated) = (ticks(different, rate), ticks(again, rate));
    hold!(
        (book.in_file, book.repeated) == (in_file, repeated),
        "{in_file} ticks in the file and {repeated} again, the ledger says {book:?}"
    );
    Ok(())
}
