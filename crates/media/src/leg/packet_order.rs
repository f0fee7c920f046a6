//! The order in which the decoder of a stream gets its packets: that of their sequence numbers.
//!
//! A packet has its position before it is decoded. It waits for the packets before it until they
//! count as lost; most packets wait for none.

use std::collections::VecDeque;

use super::placed_packet::PlacedPacket;
use crate::FeedFormat;
use crate::external::DecoderState;

/// The maximum number of packets that wait for one that is missing.
const WAITING_MAX: usize = 32;

/// The packets of one stream.
pub(super) struct PacketOrder {
    pub ssrc: u32,
    pub format: FeedFormat,
    /// The number of the next packet, and the epoch of the last one. `None`: the decoder begins
    /// anew.
    next: Option<(u16, u32)>,
    /// In the order of their numbers.
    waiting: VecDeque<PlacedPacket>,
}

impl PacketOrder {
    pub fn new(ssrc: u32, format: FeedFormat) -> PacketOrder {
        PacketOrder {
            ssrc,
            format,
            next: None,
            waiting: VecDeque::new(),
        }
    }

    pub fn is_of(&self, ssrc: u32, format: FeedFormat) -> bool {
        self.ssrc == ssrc && self.format == format
    }

    /// The packets that wait.
    pub fn waiting(&self) -> impl Iterator<Item = &PlacedPacket> {
        self.waiting.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub fn add(&mut self, packet: PlacedPacket) {
        let after = |other: &PlacedPacket| other.distance_from(packet.number.sequence) <= 0;
        let at = self.waiting.partition_point(after);
        self.waiting.insert(at, packet);
    }

    /// Takes the first packet if it waits for no other: none is missing before it, or the missing
    /// ones count as lost, because it arrived `waited_ns` ago. `now_ns`: `None` if no packet waits
    /// any longer.
    pub fn take_ready(&mut self, now_ns: Option<u64>, waited_ns: u64) -> Option<PlacedPacket> {
        let first = self.waiting.front()?;
        let follows = self.next.is_none_or(|(next, _)| first.distance_from(next) <= 0);
        let is_due = now_ns.is_none_or(|now_ns| now_ns.saturating_sub(first.number.arrival_ns) >= waited_ns);
        let is_ready = follows || first.placement.missing == 0 || is_due || self.waiting.len() > WAITING_MAX;
        is_ready.then(|| self.waiting.pop_front())?
    }

    /// The state with which a packet is decoded, whose gap is set; `None` if it is not decoded.
    /// `is_kept`: whether any recording keeps it; otherwise the decoder begins anew with the next
    /// packet that is kept, so that no audio of a pause remains in its state. From `fresh_epoch` on,
    /// audio must not depend on audio of earlier epochs.
    pub fn begin(
        &mut self,
        packet: &mut PlacedPacket,
        is_kept: bool,
        fresh_epoch: u32,
    ) -> Option<DecoderState> {
        let is_cut = |(_, epoch): (u16, u32)| (epoch < fresh_epoch) != (packet.epoch < fresh_epoch);
        self.next.take_if(|last| is_cut(*last));
        // Its successors have been decoded.
        let is_late = self.next.is_some_and(|(next, _)| packet.distance_from(next) < 0);
        if !is_kept {
            self.next.take_if(|_| !is_late);
            return None;
        }
        packet.gap = match self.next {
            Some((next, epoch)) if epoch == packet.epoch => packet.gap_since(next),
            _ => 0,
        };
        Some(match self.next {
            None => DecoderState::New,
            Some(_) if is_late => DecoderState::Own,
            Some(_) => DecoderState::Kept,
        })
    }

    /// A packet has been given to the decoder whose state is kept.
    pub fn advance(&mut self, packet: &PlacedPacket) {
        self.next = Some((packet.number.sequence.wrapping_add(1), packet.epoch));
    }

    /// The decoder begins anew with the next packet.
    pub fn restart(&mut self) {
        self.next = None;
    }
}
