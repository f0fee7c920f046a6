//! What may have become of a place in stream time, given all that came for it.

use crate::check::{ExpectedFile, FilePart};
use crate::model::{TimelinePlace, WrittenSample};

/// What is heard at a place, and how often it is told to be a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaceOutcome {
    pub sample: WrittenSample,
    pub told: u32,
}

impl PlaceOutcome {
    pub const NOTHING: PlaceOutcome = PlaceOutcome {
        sample: WrittenSample::Silence,
        told: 0,
    };
}

/// Something that came for the place: audio, or the news that it is missing.
#[derive(Clone, Copy, Debug)]
struct PlaceEvent {
    /// `None`: it is missing.
    sample: Option<WrittenSample>,
    order: u32,
    edge: u64,
    was_missing: bool,
}

fn events(place: &TimelinePlace) -> Vec<PlaceEvent> {
    let said = place.said.iter().map(|said| PlaceEvent {
        sample: Some(said.sample),
        order: said.order,
        edge: said.edge,
        was_missing: said.was_missing,
    });
    let gap = place.gap.map(|gap| PlaceEvent {
        sample: None,
        order: gap.order,
        edge: gap.edge,
        was_missing: false,
    });
    let mut events: Vec<PlaceEvent> = said.chain(gap).collect();
    events.sort_by_key(|event| event.order);
    events
}

/// All that may have become of a place. When a recording has settled it, and when one with a
/// limit is over, is known within bounds only: each moment that is possible is looked at.
pub fn outcomes(place: &TimelinePlace, at: u64, file: &ExpectedFile, part: &FilePart) -> Vec<PlaceOutcome> {
    let orders = part.stretch.orders;
    let concerns = |event: &PlaceEvent| orders.0 < event.order && event.order < file.ended;
    let events: Vec<PlaceEvent> = events(place).into_iter().filter(concerns).collect();
    let may_be_settled = |event: &PlaceEvent| event.edge > at || event.order > orders.1;
    let must_be_settled = |event: &PlaceEvent| event.order > orders.1;
    let may_be_over = |event: &PlaceEvent| {
        let end = part.from + part.frames;
        file.limited && (event.edge >= end || event.order > orders.1)
    };
    let mut outcomes = Vec::new();
    for settled in 0..=events.len() {
        let (open, closed) = events.split_at(settled);
        if open.iter().any(must_be_settled) || !closed.iter().all(may_be_settled) {
            continue;
        }
        for over in settled..=events.len() {
            if events[over..].iter().all(may_be_over) {
                outcomes.push(outcome(open, &events[settled..over], part, file));
            }
        }
    }
    outcomes
}

/// `open`: what came before the place was settled; `closed`: what came after that.
fn outcome(open: &[PlaceEvent], closed: &[PlaceEvent], part: &FilePart, file: &ExpectedFile) -> PlaceOutcome {
    let audio: Vec<WrittenSample> = open.iter().filter_map(|event| event.sample).collect();
    let gap = open.iter().any(|event| event.sample.is_none());
    // The first one wins, and fills what was missing.
    let mut told = match audio.len() as u32 {
        0 => u32::from(gap),
        several => several - 1,
    };
    for event in closed {
        told += match event.sample {
            None => 1,
            // It was told as missing; now it is told as late instead.
            Some(_) if event.was_missing => 0,
            Some(_) => u32::from(file.is_recorded(event.order, part)),
        };
    }
    PlaceOutcome {
        sample: audio.first().copied().unwrap_or(WrittenSample::Silence),
        told,
    }
}
