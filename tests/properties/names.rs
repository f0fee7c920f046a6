//! By the names of its samples alone: nothing that was handed in during a pause is in a file.

use std::collections::HashSet;

use callrec::types::Format;
use callrec_testkit::wav::pcm16;

use crate::hold;
use crate::model::Model;
use crate::plan::Wish;
use crate::run::{Taken, UNIQUE, value};

/// Without a look at places: what was handed in while it was paused is not in the file
/// under its own name.
pub fn paused_names(
    model: &Model,
    tape: usize,
    wish: Wish,
    taken: &Taken,
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
pub fn named_channels(model: &Model, wish: Wish, channels: &[Vec<usize>]) -> Vec<(usize, usize)> {
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
fn is_named(model: &Model, leg: usize) -> bool {
    let all = |handed: &crate::model::Handed| handed.linear && handed.name + handed.samples <= UNIQUE;
    model.legs[leg].handed.iter().all(all)
}

pub fn samples(taken: &Taken, channel: usize, channels: usize) -> impl Iterator<Item = i16> + '_ {
    pcm16(&taken.bytes, channels, channel)
}
