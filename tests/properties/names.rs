//! Checks by the names of samples alone that a file has no audio of a pause.

use std::collections::HashSet;

use callrec::types::Format;
use callrec_testkit::wav::pcm16;

use crate::model::CallModel;
use crate::plan::PlannedRecording;
use crate::require;
use crate::run::{RecordingResult, UNIQUE, value};

/// Checks that no sample that was written during a pause is anywhere in the file.
pub fn paused_names(
    model: &CallModel,
    recording: usize,
    planned: PlannedRecording,
    result: &RecordingResult,
    channels: &[Vec<usize>],
) -> Result<(), String> {
    for (channel, leg) in named_channels(model, planned, channels) {
        let placed = model.written_while_paused(leg, recording);
        let paused: HashSet<i16> = placed.map(|name| value(leg, name)).collect();
        let found = samples(result, channel, channels.len()).find(|sample| paused.contains(sample));
        require!(found.is_none(), "{found:?} of leg {leg} was written while paused");
    }
    Ok(())
}

/// Channels whose samples show their names, with their legs.
pub fn named_channels(
    model: &CallModel,
    planned: PlannedRecording,
    channels: &[Vec<usize>],
) -> Vec<(usize, usize)> {
    if planned.format != Format::WAV {
        return Vec::new();
    }
    let single = channels.iter().enumerate();
    let single = single.filter_map(|(channel, legs_of_channel)| match legs_of_channel[..] {
        [leg] => Some((channel, leg)),
        _ => None,
    });
    single.filter(|(_, leg)| is_named(model, *leg)).collect()
}

/// Whether all samples of a leg show their names. Decoded G.711 could equal another sample's value.
fn is_named(model: &CallModel, leg: usize) -> bool {
    let all =
        |written: &crate::model::WrittenBlock| written.linear && written.name + written.samples <= UNIQUE;
    model.legs[leg].written.iter().all(all)
}

pub fn samples(result: &RecordingResult, channel: usize, channels: usize) -> impl Iterator<Item = i16> + '_ {
    pcm16(&result.bytes, channels, channel)
}
