//! A packet that has a position and is not decoded yet.

use super::pause_ends::{PauseEnd, PauseEnds};
use crate::FeedFormat;
use crate::concealment::CONCEALED_NS;
use crate::grid;
use crate::placement::{Audio, PacketNumber, Placement};

/// A packet that has a position.
#[derive(Debug)]
pub(super) struct PlacedPacket {
    pub number: PacketNumber,
    pub payload: Vec<u8>,
    pub format: FeedFormat,
    pub epoch: u32,
    /// The latest one before it was passed in.
    pub pause_end: Option<PauseEnd>,
    /// The pauses after which it was spoken, see [`PauseEnds::spoken_after`].
    pub spoken_after: Option<u64>,
    /// The number of its samples.
    pub len: u64,
    pub placement: Placement,
    /// The number of samples directly before it that were missing when it was decoded.
    pub gap: u64,
    /// What is before the gap begins in the pause, so it is not continued.
    pub continues_pause: bool,
    /// The numbers of its stream begin anew with it.
    pub is_restart: bool,
}

impl PlacedPacket {
    pub(super) fn new(
        audio: &Audio<'_>,
        number: PacketNumber,
        placement: Placement,
        pauses: &PauseEnds,
    ) -> PlacedPacket {
        let mut placed = PlacedPacket {
            number,
            payload: audio.payload.to_vec(),
            format: audio.format,
            epoch: audio.epoch,
            pause_end: None,
            spoken_after: None,
            len: audio.len,
            placement,
            gap: 0,
            continues_pause: false,
            is_restart: false,
        };
        placed.note_pauses(pauses);
        placed
    }

    pub(super) fn note_pauses(&mut self, pauses: &PauseEnds) {
        self.pause_end = pauses.before(self.epoch);
        let end = self.earliest().saturating_add_unsigned(self.len);
        self.spoken_after = pauses.spoken_after(self.epoch, end, self.format.rate);
    }

    /// The number of samples that are missing before it, if `next` is the number of the next packet
    /// to decode: a packet that was missing when this one was placed may have come since.
    pub(super) fn gap_since(&self, next: u16) -> u64 {
        let missing = u64::try_from(self.distance_from(next)).unwrap_or(0);
        match self.placement.missing {
            0 => 0,
            placed => self.placement.lost * missing.min(placed) / placed,
        }
    }

    /// The time of its beginning.
    pub(super) fn begin_ns(&self) -> u64 {
        grid::time(self.placement.at.max(0) as u64, self.format.rate)
    }

    /// The earliest position at which its first sample may have been spoken.
    fn earliest(&self) -> i64 {
        let Placement { at, hidden_delay, .. } = self.placement;
        at.saturating_sub_unsigned(hidden_delay)
    }

    /// Whether the samples up to `end`, counted from its first one, were spoken before the end of the
    /// pause, or may have been.
    fn is_before_resume(&self, end: i64) -> bool {
        let earliest = self.earliest();
        let resumed = |end: PauseEnd| grid::index(end.at_ns, self.format.rate) as i64;
        self.pause_end
            .is_some_and(|pause| earliest.saturating_add(end) <= resumed(pause))
    }

    /// Whether any of it is of the pause.
    pub(super) fn begins_in_pause(&self) -> bool {
        self.is_before_resume(1)
    }

    /// Whether any of the packet before it, which is missing, is of the pause.
    pub(super) fn follows_pause(&self) -> bool {
        self.is_before_resume(1 - self.len as i64)
    }

    /// The audio that is decoded for it.
    pub(super) fn audio_ns(&self) -> u64 {
        grid::time(self.len + self.concealable() as u64, self.format.rate)
    }

    /// The part of the gap that may be concealed.
    pub(super) fn concealable(&self) -> usize {
        match self.continues_pause {
            true => 0,
            false => self.gap.min(grid::index(CONCEALED_NS, self.format.rate)) as usize,
        }
    }

    /// The number of sequence numbers from `sequence` to this packet; negative if it is before.
    pub(super) fn distance_from(&self, sequence: u16) -> i16 {
        self.number.sequence.wrapping_sub(sequence) as i16
    }
}
