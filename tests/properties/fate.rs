//! What may have become of a place in stream time, given all that came for it.

use crate::check::{File, Part};
use crate::model::{Cell, Place};

/// What is heard at a place, and how often it is told to be a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    pub cell: Cell,
    pub told: u32,
}

impl Fate {
    pub const NOTHING: Fate = Fate {
        cell: Cell::Silent,
        told: 0,
    };
}

/// Something that came for the place: audio, or the news that it is missing.
#[derive(Clone, Copy, Debug)]
struct Event {
    /// `None`: it is missing.
    cell: Option<Cell>,
    order: u32,
    edge: u64,
    was_missing: bool,
}

fn events(place: &Place) -> Vec<Event> {
    let said = place.said.iter().map(|said| Event {
        cell: Some(said.cell),
        order: said.order,
        edge: said.edge,
        was_missing: said.was_missing,
    });
    let gap = place.gap.map(|gap| Event {
        cell: None,
        order: gap.order,
        edge: gap.edge,
        was_missing: false,
    });
    let mut events: Vec<Event> = said.chain(gap).collect();
    events.sort_by_key(|event| event.order);
    events
}

/// All that may have become of a place. When a recording has settled it, and when one with a
/// limit is over, is known within bounds only: each moment that is possible is looked at.
pub fn fates(place: &Place, at: u64, file: &File, part: &Part) -> Vec<Fate> {
    let orders = part.stretch.orders;
    let concerns = |event: &Event| orders.0 < event.order && event.order < file.ended;
    let events: Vec<Event> = events(place).into_iter().filter(concerns).collect();
    let may_be_settled = |event: &Event| event.edge > at || event.order > orders.1;
    let must_be_settled = |event: &Event| event.order > orders.1;
    let may_be_over = |event: &Event| {
        let end = part.from + part.frames;
        file.limited && (event.edge >= end || event.order > orders.1)
    };
    let mut fates = Vec::new();
    for settled in 0..=events.len() {
        let (open, closed) = events.split_at(settled);
        if open.iter().any(must_be_settled) || !closed.iter().all(may_be_settled) {
            continue;
        }
        for over in settled..=events.len() {
            if events[over..].iter().all(may_be_over) {
                fates.push(fate(open, &events[settled..over], part, file));
            }
        }
    }
    fates
}

/// `open`: what came before the place was settled; `closed`: what came after that.
fn fate(open: &[Event], closed: &[Event], part: &Part, file: &File) -> Fate {
    let audio: Vec<Cell> = open.iter().filter_map(|event| event.cell).collect();
    let gap = open.iter().any(|event| event.cell.is_none());
    // The first one wins, and fills what was missing.
    let mut told = match audio.len() as u32 {
        0 => u32::from(gap),
        several => several - 1,
    };
    for event in closed {
        told += match event.cell {
            None => 1,
            // It was told as missing; now it is told as late instead.
            Some(_) if event.was_missing => 0,
            Some(_) => u32::from(file.is_recorded(event.order, part)),
        };
    }
    Fate {
        cell: audio.first().copied().unwrap_or(Cell::Silent),
        told,
    }
}
