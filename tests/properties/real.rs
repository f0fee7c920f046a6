//! Compares a recording in real time with the model: every written sample is accounted for. Its
//! place depends on how late it was, which `tests/timeline` simulates.

use std::collections::HashMap;

use callrec::media::ledger::ticks;
use callrec::media::{Ledger, LegLedger};
use callrec::types::{EndReason, Leg};

use crate::check::{channels, is_near, losses, silent_in_pauses};
use crate::model::CallModel;
use crate::names::{named_channels, paused_names, samples};
use crate::plan::{CallPlan, PlannedRecording};
use crate::require;
use crate::run::{RecordingResult, value};

pub fn check(
    plan: &CallPlan,
    model: &CallModel,
    recording: usize,
    planned: PlannedRecording,
    result: &RecordingResult,
) -> Result<(), String> {
    let channels = channels(planned.layout, plan.mixed);
    require!(result.rate == plan.rate, "{} Hz, not {}", result.rate, plan.rate);
    require!(
        usize::from(result.channels) == channels.len(),
        "{} channels",
        result.channels
    );
    let size = planned.format.samples().bytes() * channels.len();
    require!(result.bytes.len().is_multiple_of(size), "half a frame");
    let frames = (result.bytes.len() / size) as u64;
    require!(
        result.frames == frames,
        "{} frames reported, not {frames}",
        result.frames
    );
    let limit = u64::from(planned.max_duration_ms) * u64::from(plan.rate);
    let limit = ((limit + 500) / 1000).max(1);
    let ended = match (result.reason, planned.max_duration_ms) {
        (Some(EndReason::Stopped), 0) => true,
        (Some(EndReason::Stopped), _) => frames < limit,
        (Some(EndReason::Limit), 1..) => frames == limit,
        _ => false,
    };
    require!(
        ended,
        "ended with {frames} frames: {:?}, the limit is {limit}",
        result.reason
    );
    pauses(result, frames)?;
    losses(&channels, plan.rate, frames, result, false)?;
    silent_in_pauses(&result.pauses, planned, result, size)?;
    paused_names(model, recording, planned, result, &channels)?;
    let ledger = result.ledger.as_ref().ok_or("no ledger")?;
    balance(plan, model, recording, &channels, result, ledger)?;
    names(plan, model, recording, planned, result, &channels, ledger)
}

fn pauses(result: &RecordingResult, frames: u64) -> Result<(), String> {
    let mut before = 0;
    for pause in &result.pauses {
        require!(
            before <= pause.from && pause.from <= pause.to && pause.to <= frames,
            "{pause:?} of {frames} frames, after {before}"
        );
        before = pause.to;
    }
    let sum: f64 = result.pauses.iter().map(|pause| pause.ms).sum();
    require!(
        is_near(sum, result.paused_ms as f64, true),
        "paused {} ms, not {sum}",
        result.paused_ms
    );
    Ok(())
}

/// Checks that the ledger of each leg has everything that was written while the recording was
/// live, once.
fn balance(
    plan: &CallPlan,
    model: &CallModel,
    recording: usize,
    channels: &[Vec<usize>],
    result: &RecordingResult,
    ledger: &Ledger,
) -> Result<(), String> {
    for leg in channels.iter().flatten().copied() {
        let leg_ledger = ledger.leg(Leg::ALL[leg]);
        require!(
            leg_ledger.handed == leg_ledger.accounted(),
            "leg {leg} does not balance: {leg_ledger:?}"
        );
        if result.reason == Some(EndReason::Limit) {
            // The model does not know the moment of the limit.
            continue;
        }
        let written = model.legs[leg].written.iter();
        let of_it = written.filter(|written| is_live(model, recording, written.order));
        let samples: u64 = of_it.map(|written| written.samples).sum();
        let written = ticks(samples, plan.rate);
        require!(
            leg_ledger.handed == written,
            "leg {leg}: {written} ticks written, the ledger says {leg_ledger:?}"
        );
    }
    Ok(())
}

fn is_live(model: &CallModel, recording: usize, order: u32) -> bool {
    model.is_within(recording, order, false) || model.is_within(recording, order, true)
}

/// Checks that every sample in the file was written while it was recording, and that the ledger
/// counts the samples.
fn names(
    plan: &CallPlan,
    model: &CallModel,
    recording: usize,
    planned: PlannedRecording,
    result: &RecordingResult,
    channels: &[Vec<usize>],
    ledger: &Ledger,
) -> Result<(), String> {
    for (channel, leg) in named_channels(model, planned, channels) {
        let recorded = model.legs[leg].written.iter();
        let recorded = recorded.filter(|written| model.is_within(recording, written.order, false));
        let names = recorded.flat_map(|written| written.name..written.name + written.samples);
        let mut found: HashMap<i16, u64> = names.map(|name| (value(leg, name), 0)).collect();
        for sample in samples(result, channel, channels.len()).filter(|sample| *sample != 0) {
            let count = found.get_mut(&sample);
            let count =
                count.ok_or_else(|| format!("{sample} of leg {leg} was not written for the recording"))?;
            *count += 1;
        }
        counted(&found, ledger.leg(Leg::ALL[leg]), plan.rate)
            .map_err(|words| format!("leg {leg}: {words}"))?;
    }
    Ok(())
}

fn counted(found: &HashMap<i16, u64>, leg_ledger: &LegLedger, rate: u32) -> Result<(), String> {
    let different = found.values().filter(|count| **count > 0).count() as u64;
    let again: u64 = found.values().map(|count| count.saturating_sub(1)).sum();
    let (in_file, repeated) = (ticks(different, rate), ticks(again, rate));
    require!(
        (leg_ledger.in_file, leg_ledger.repeated) == (in_file, repeated),
        "{in_file} ticks in the file and {repeated} again, the ledger says {leg_ledger:?}"
    );
    Ok(())
}
