//! The order in which the decoder of a stream gets its packets: that of their sequence numbers.
//!
//! A packet has its position before it is decoded. It waits for the packets before it until they
//! count as lost; most packets wait for none.

use std::collections::VecDeque;

use super::pause_ends::PauseEnd;
use super::placed_packet::PlacedPacket;
use crate::FeedFormat;
use crate::external::DecoderState;

/// The maximum number of packets that wait for one that is missing.
const WAITING_MAX: usize = 32;

/// The packet that a decoder has decoded last.
#[derive(Clone, Copy)]
struct DecodedLast {
    /// The number after its own.
    next: u16,
    epoch: u32,
    pause_end: Option<PauseEnd>,
    spoken_after: Option<u64>,
    begins_in_pause: bool,
}

impl DecodedLast {
    /// Whether a packet must be decoded with another state.
    ///
    /// A state holds what was said in the packets since it was new, and a pause is never heard. So a
    /// packet must not get a state that holds a packet which a recording may have to leave out, if
    /// that recording may keep the packet itself. This is so if one was passed in before the end of
    /// a pause and the other after it, if both were passed in after it but only the first was spoken
    /// before it (after a stall, of any of the pauses within it), and if they were passed in in
    /// reverse order, because a pause may have begun in between.
    fn is_cut_from(&self, packet: &PlacedPacket) -> bool {
        self.pause_end != packet.pause_end
            || self.epoch > packet.epoch
            || self.is_from_before_resume_of(packet)
    }

    /// Whether a pause ended between what the state holds and the packet, or may have ended there.
    fn is_from_before_resume_of(&self, packet: &PlacedPacket) -> bool {
        match (self.spoken_after, packet.spoken_after) {
            (Some(last), Some(next)) => last < next,
            _ => true,
        }
    }
}

/// The packets of one stream.
pub(super) struct PacketOrder {
    pub ssrc: u32,
    pub format: FeedFormat,
    /// `None`: the decoder begins anew.
    last: Option<DecodedLast>,
    /// The number of the newest packet.
    newest: Option<u16>,
    /// In the order of their numbers; after a restart, those from before it are first.
    waiting: VecDeque<PlacedPacket>,
}

impl PacketOrder {
    pub fn new(ssrc: u32, format: FeedFormat) -> PacketOrder {
        PacketOrder {
            ssrc,
            format,
            last: None,
            newest: None,
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

    pub fn add(&mut self, mut packet: PlacedPacket) {
        if packet.placement.is_newest {
            packet.is_restart = self
                .newest
                .is_some_and(|newest| packet.distance_from(newest) <= 0);
            self.newest = Some(packet.number.sequence);
            return self.waiting.push_back(packet);
        }
        let mut at = self.waiting.len();
        while let Some(other) = at.checked_sub(1).and_then(|before| self.waiting.get(before))
            && other.distance_from(packet.number.sequence) > 0
        {
            at -= 1;
            if other.is_restart {
                break;
            }
        }
        self.waiting.insert(at, packet);
    }

    /// Whether a packet is from before a restart of the numbers.
    fn is_left_over(&self, packet: &PlacedPacket) -> bool {
        let is_after = |newest: u16| packet.distance_from(newest) > 0;
        !packet.placement.is_newest && self.newest.is_some_and(is_after)
    }

    /// Takes the first packet if it waits for no other: none is missing before it, or the missing
    /// ones count as lost, because it arrived `waited_ns` ago. `now_ns`: `None` if no packet waits
    /// any longer.
    pub fn take_ready(&mut self, now_ns: Option<u64>, waited_ns: u64) -> Option<PlacedPacket> {
        let first = self.waiting.front()?;
        let follows = self.last.is_none_or(|last| first.distance_from(last.next) <= 0);
        let is_due = now_ns.is_none_or(|now_ns| now_ns.saturating_sub(first.number.arrival_ns) >= waited_ns);
        let is_ready = follows || first.placement.missing == 0 || is_due || self.waiting.len() > WAITING_MAX;
        is_ready.then(|| self.waiting.pop_front())?
    }

    /// The state with which a packet is decoded, whose gap is set; `None` if it is not decoded.
    /// `is_kept`: whether any recording keeps it; otherwise the decoder begins anew with the next
    /// packet that is kept.
    pub fn begin(&mut self, packet: &mut PlacedPacket, is_kept: bool) -> Option<DecoderState> {
        self.last.take_if(|_| packet.is_restart);
        // Its successors have been decoded.
        let is_behind = self.last.is_some_and(|last| packet.distance_from(last.next) < 0);
        let is_late = is_behind || self.is_left_over(packet);
        // A late packet gets a state of its own, and changes no other.
        self.last.take_if(|last| !is_late && last.is_cut_from(packet));
        if !is_kept {
            self.last.take_if(|_| !is_late);
            return None;
        }
        // A copy of a packet that may have been spoken before a control point is not used.
        packet.gap = match self.last {
            Some(last) if last.epoch == packet.epoch => packet.gap_since(last.next),
            _ => 0,
        };
        packet.continues_pause = self.last.is_some_and(|last| last.begins_in_pause);
        Some(match self.last {
            _ if is_late => DecoderState::Own,
            None => DecoderState::New,
            Some(_) => DecoderState::Kept,
        })
    }

    /// A packet has been given to the decoder whose state is kept.
    pub fn advance(&mut self, packet: &PlacedPacket) {
        self.last = Some(DecodedLast {
            next: packet.number.sequence.wrapping_add(1),
            epoch: packet.epoch,
            pause_end: packet.pause_end,
            spoken_after: packet.spoken_after,
            begins_in_pause: packet.begins_in_pause(),
        });
    }

    /// A packet could not be given to the decoder, whose state is kept without it.
    pub fn skip(&mut self, packet: &PlacedPacket) {
        if let Some(last) = &mut self.last {
            last.next = packet.number.sequence.wrapping_add(1);
        }
    }

    /// The decoder begins anew with the next packet.
    pub fn restart(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests;
