//! Results of a drain that every recording accounts for.

use crate::ledger::{DropReason, LossReason, OutsideReason};

/// The reason for a ledger entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// Audio arrived after a recording had settled its position.
    Late {
        was_missing: bool,
    },
    /// A recording had settled the range as silence, but packets are missing there.
    Lost(LossReason),
    Dropped(DropReason),
    /// Refused by the feed. Only the length is known.
    Refused(DropReason),
    Duplicate,
    /// Left out to follow the sender's clock.
    Slipped,
    /// Not meant for any recording.
    Outside(OutsideReason),
}

/// A range of a leg that its timeline does not hold. Positions are in samples on the leg's
/// timeline.
#[derive(Clone, Copy, Debug)]
pub struct LedgerEntry {
    pub from: u64,
    pub to: u64,
    pub rate: u32,
    /// The epoch in which the audio was handed in; 0 for audio that never arrived.
    pub epoch: u32,
    pub kind: EntryKind,
}

/// Counts of one drain, added to the statistics.
#[derive(Debug, Default)]
pub struct Tally {
    /// Accepted packets and writes.
    pub frames_in: u64,
    /// Packets without audio: RTCP, other data, unknown payload types.
    pub unknown: u64,
    /// Packets that arrived after their position was settled.
    pub late: u64,
    /// Packets that are missing or dropped; negative if more were found than lost.
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

/// Returns the increase of a wrapping counter since the previous call, or 0 if it went backwards.
pub(super) fn counter_increase(count: u32, known: &mut u32) -> u32 {
    let more = count.wrapping_sub(*known);
    if more > u32::MAX / 2 {
        return 0;
    }
    *known = count;
    more
}
