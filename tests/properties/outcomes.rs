//! The possible outcomes for a place in stream time, given the audio that arrived for it.

use crate::check::{ExpectedFile, FilePart};
use crate::model::{TimelinePlace, WrittenSample};

/// The sample at a place, and how often the place is reported as lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaceOutcome {
    pub sample: WrittenSample,
    pub losses: u32,
}

impl PlaceOutcome {
    pub const NOTHING: PlaceOutcome = PlaceOutcome {
        sample: WrittenSample::Silence,
        losses: 0,
    };
}

/// An event for a place: audio has arrived, or was found to be missing.
#[derive(Clone, Copy, Debug)]
struct PlaceEvent {
    /// `None`: the audio is missing.
    sample: Option<WrittenSample>,
    order: u32,
    edge: u64,
    was_missing: bool,
}

fn events(place: &TimelinePlace) -> Vec<PlaceEvent> {
    let samples = place.samples.iter().map(|placed| PlaceEvent {
        sample: Some(placed.sample),
        order: placed.order,
        edge: placed.edge,
        was_missing: placed.was_missing,
    });
    let gap = place.gap.map(|gap| PlaceEvent {
        sample: None,
        order: gap.order,
        edge: gap.edge,
        was_missing: false,
    });
    let mut events: Vec<PlaceEvent> = samples.chain(gap).collect();
    events.sort_by_key(|event| event.order);
    events
}

/// All possible outcomes for a place. The moments at which a recording settles it, and at which a
/// recording reaches its limit, are known only within bounds: each possible moment is tried.
pub fn outcomes(place: &TimelinePlace, at: u64, file: &ExpectedFile, part: &FilePart) -> Vec<PlaceOutcome> {
    let orders = part.control_span.orders;
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

/// `open`: the events before the place was settled; `closed`: the events after that.
fn outcome(open: &[PlaceEvent], closed: &[PlaceEvent], part: &FilePart, file: &ExpectedFile) -> PlaceOutcome {
    let audio: Vec<WrittenSample> = open.iter().filter_map(|event| event.sample).collect();
    let gap = open.iter().any(|event| event.sample.is_none());
    // The first audio is kept, also for a missing place.
    let mut losses = match audio.len() as u32 {
        0 => u32::from(gap),
        several => several - 1,
    };
    for event in closed {
        losses += match event.sample {
            None => 1,
            // It was reported as missing; now it is reported as late instead.
            Some(_) if event.was_missing => 0,
            Some(_) => u32::from(file.is_recorded(event.order, part)),
        };
    }
    PlaceOutcome {
        sample: audio.first().copied().unwrap_or(WrittenSample::Silence),
        losses,
    }
}
