//! By the names of its samples alone: nothing that was handed in during a pause is in a file.

use std::collections::HashSet;

use callrec::words::Format;
use callrec_testkit::wav::pcm16;

use crate::hold;
use crate::model::CallModel;
use crate::plan::PlannedRecording;
use crate::run::{RecordingResult, UNIQUE, value};

/// Without a look at places: what was handed in while it was paused is not in the file
/// under its own name.
pub fn paused_names(
    model: &CallModel,
    tape: usize,
    wish: PlannedRecording,
    taken: &RecordingResult,
    channels: &[Vec<usize>],
) -> Result<(), String> {
    for (channel, leg) in named_channels(model, wish, channels) {
        let said = model.said_while_paused(leg, tape);
        let paused: HashSet<i16> = said.map(|name| value(leg, name)).collect();
        let found = samples(taken, channel, channels.len()).find(|sample| paused.contains(sample));
        hold!(found.is_none(), "{found:?} of leg {leg} was said while paused");
    }
    Ok(())
}

/// Channels that tell the names of their leg's samples.
pub fn named_channels(
    model: &CallModel,
    wish: PlannedRecording,
    channels: &[Vec<usize>],
) -> Vec<(usize, usize)> {
    if wish.format != Format::WAV {
        return Vec::new();
    }
    let single = channels.iter().enumerate();
    let single = single.filter_map(|(channel, heard)| match heard[..] {
        [leg] => Some((channel, leg)),
        _ => None,
    });
    single.filter(|(_, leg)| is_named(model, *leg)).collect()
}

/// G.711 codes of the same leg could look like another sample's name.
fn is_named(model: &CallModel, leg: usize) -> bool {
    let all = |handed: &crate::model::WrittenBlock| handed.linear && handed.name + handed.samples <= UNIQUE;
    model.legs[leg].handed.iter().all(all)
}

pub fn samples(taken: &RecordingResult, channel: usize, channels: usize) -> impl Iterator<Item = i16> + '_ {
    pcm16(&taken.bytes, channels, channel)
}
