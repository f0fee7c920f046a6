//! What a drain has found out about a leg that concerns each recording.

use crate::ledger::{DropReason, LossReason, OutsideReason};

/// What happened to a stretch of a leg that its timeline does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// Audio came for it after some recording had settled it.
    Late {
        was_missing: bool,
    },
    /// A recording had settled it as silence, but packets are missing there.
    Lost(LossReason),
    Dropped(DropReason),
    /// Refused by the feed: handed in, but known by its length only.
    Refused(DropReason),
    Duplicate,
    /// Left out to follow the sender's clock.
    Slipped,
    /// Not meant for any recording.
    Outside(OutsideReason),
}

/// Positions on the leg's timeline, in samples.
#[derive(Clone, Copy, Debug)]
pub struct LedgerEntry {
    pub from: u64,
    pub to: u64,
    pub rate: u32,
    /// In which the audio was handed in; 0 for what never came.
    pub epoch: u32,
    pub kind: EntryKind,
}

/// What a drain has counted, told to the statistics once.
#[derive(Debug, Default)]
pub struct Tally {
    pub frames_in: u64,
    pub unknown: u64,
    pub late: u64,
    pub lost: i64,
    pub last_arrival_ns: u64,
}

impl Tally {
    pub fn add(&mut self, other: &mut Tally) {
        let other = std::mem::take(other);
        self.frames_in += other.frames_in;
        self.unknown += other.unknown;
        self.late += other.late;
        self.lost += other.lost;
        self.last_arrival_ns = self.last_arrival_ns.max(other.last_arrival_ns);
    }
}

/// The count's growth since it was last looked at; never backwards.
pub(super) fn counter_increase(count: u32, known: &mut u32) -> u32 {
    let more = count.wrapping_sub(*known);
    if more > u32::MAX / 2 {
        return 0;
    }
    *known = count;
    more
}
