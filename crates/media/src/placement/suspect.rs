//! Packets that may be the first of a new sequence: held until others confirm them.

use super::{HeldPacket, IncomingPacket};
use crate::placement::lateness::{STALL_NS, samples};
use crate::time::NS_PER_MS;

/// Alone for so long, a packet is decided without a successor.
const ALONE_NS: u64 = 300 * NS_PER_MS;
/// A successor may have so many numbers between: events share an audio stream's.
const APART: u16 = 16;

/// One more packet confirms a new sequence; one that may be very old needs more.
const SUCCESSOR: usize = 2;
const ANCIENT: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SuspectKind {
    /// A stream that has not been seen before.
    New,
    /// The same stream, with numbers that it has had or cannot have.
    Restart,
    /// A stream that was in front before.
    Returns,
}

#[derive(Debug)]
pub(super) struct Suspect {
    pub ssrc: u32,
    pub kind: SuspectKind,
    pub held: Vec<HeldPacket<'static>>,
    /// So many in a row confirm it.
    pub needed: usize,
    /// Where its first packet lay, if it is a very old one.
    pub old_place: Option<i64>,
    pub rate: u32,
}

impl Suspect {
    pub(super) fn new(incoming: &IncomingPacket<'_>, kind: SuspectKind, old_place: Option<i64>) -> Suspect {
        Suspect {
            ssrc: incoming.packet.ssrc,
            kind,
            held: vec![incoming.hold(free_place(incoming), 0).own()],
            needed: if old_place.is_some() { ANCIENT } else { SUCCESSOR },
            old_place,
            rate: incoming.format.rate,
        }
    }

    /// Whether the packet is one of its neighbours, in whatever order they come.
    pub(super) fn is_joined_by(&self, incoming: &IncomingPacket<'_>) -> bool {
        let near = |held: &HeldPacket<'_>| {
            let apart = incoming.packet.sequence.wrapping_sub(held.sequence) as i16;
            apart != 0 && apart.unsigned_abs() <= APART
        };
        let same = self.ssrc == incoming.packet.ssrc && self.rate == incoming.format.rate;
        same && self.held.iter().any(near)
    }

    pub(super) fn join(&mut self, incoming: &IncomingPacket<'_>) {
        let before =
            |held: &&HeldPacket<'_>| (incoming.packet.sequence.wrapping_sub(held.sequence) as i16) > 0;
        let place = self.held.iter().take_while(before).count();
        self.held.insert(place, incoming.hold(incoming.arrival, 0).own());
    }

    /// Samples by which what is placed here may have been said earlier.
    pub(super) fn hidden_delay(&self, at: i64) -> i64 {
        let stall = samples(STALL_NS, self.rate);
        self.old_place
            .map_or(stall, |old_place| stall.max(at - old_place))
    }

    pub(super) fn has(&self, incoming: &IncomingPacket<'_>) -> bool {
        let same =
            |held: &HeldPacket<'_>| held.sequence == incoming.packet.sequence && held.hash == incoming.hash;
        self.ssrc == incoming.packet.ssrc && self.held.iter().any(same)
    }

    pub(super) fn is_confirmed(&self) -> bool {
        self.held.len() >= self.needed
    }

    /// `now`: in samples at its rate.
    pub(super) fn is_alone(&self, now: i64) -> bool {
        let waited = |held: &HeldPacket<'_>| now - held.arrival >= samples(ALONE_NS, self.rate);
        self.held.last().is_some_and(waited)
    }
}

/// Where a packet that stays alone lies: at its arrival, or right behind what the leg has
/// then, if that reaches a little further.
fn free_place(incoming: &IncomingPacket<'_>) -> i64 {
    let end = incoming.leg_end.min(incoming.arrival + incoming.len);
    incoming.arrival.max(end)
}
