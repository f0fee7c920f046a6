//! Packets that may begin a new sequence. They are held until other packets confirm them, as RFC
//! 3550 does by probation (appendix A.1).

use super::{HeldPacket, IncomingPacket};
use crate::placement::lateness::{STALL_NS, samples};
use crate::time::NS_PER_MS;

/// A packet that stays alone is placed after this time.
const ALONE_NS: u64 = 300 * NS_PER_MS;
/// The maximum distance of sequence numbers between neighbours. Events share the numbers of audio.
const APART: u16 = 16;

/// Packets needed to confirm a new sequence, and one that may be very old.
const SUCCESSOR: usize = 2;
const ANCIENT: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SuspectKind {
    /// A new SSRC.
    New,
    /// A known SSRC whose sequence numbers were used before or are out of range.
    Restart,
    /// A known stream that was not the front stream.
    Returns,
}

#[derive(Debug)]
pub(super) struct Suspect {
    pub ssrc: u32,
    pub kind: SuspectKind,
    pub held: Vec<HeldPacket<'static>>,
    /// The number of packets needed to confirm it.
    pub needed: usize,
    /// The earlier position of its first packet, if it may be very old.
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

    /// Whether the packet is a neighbour by its sequence number, in any order.
    pub(super) fn is_neighbour(&self, incoming: &IncomingPacket<'_>) -> bool {
        let near = |held: &HeldPacket<'_>| {
            let apart = incoming.packet.sequence.wrapping_sub(held.sequence) as i16;
            apart != 0 && apart.unsigned_abs() <= APART
        };
        let same = self.ssrc == incoming.packet.ssrc && self.rate == incoming.format.rate;
        same && self.held.iter().any(near)
    }

    pub(super) fn add(&mut self, incoming: &IncomingPacket<'_>) {
        let before =
            |held: &&HeldPacket<'_>| (incoming.packet.sequence.wrapping_sub(held.sequence) as i16) > 0;
        let place = self.held.iter().take_while(before).count();
        self.held.insert(place, incoming.hold(incoming.arrival, 0).own());
    }

    /// Upper bound of the hidden delay, in samples, for a suspect placed at `at`.
    pub(super) fn hidden_delay(&self, at: i64) -> i64 {
        let stall = samples(STALL_NS, self.rate);
        self.old_place
            .map_or(stall, |old_place| stall.max(at - old_place))
    }

    pub(super) fn contains(&self, incoming: &IncomingPacket<'_>) -> bool {
        let same =
            |held: &HeldPacket<'_>| held.sequence == incoming.packet.sequence && held.hash == incoming.hash;
        self.ssrc == incoming.packet.ssrc && self.held.iter().any(same)
    }

    pub(super) fn is_confirmed(&self) -> bool {
        self.held.len() >= self.needed
    }

    /// Whether no neighbour has arrived in time. `now` is in samples at its rate.
    pub(super) fn is_alone(&self, now: i64) -> bool {
        let waited = |held: &HeldPacket<'_>| now - held.arrival >= samples(ALONE_NS, self.rate);
        self.held.last().is_some_and(waited)
    }
}

/// The position of a packet that stays alone: its arrival, or the end of the leg if that is at most
/// a packet later.
fn free_place(incoming: &IncomingPacket<'_>) -> i64 {
    let end = incoming.leg_end.min(incoming.arrival + incoming.len);
    incoming.arrival.max(end)
}
