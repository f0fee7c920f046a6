//! The RTP streams of one leg: assigns packets to streams, and holds those that need confirmation.

mod unconfirmed;

use std::collections::VecDeque;

use smallvec::SmallVec;

use super::lateness::samples;
use super::rtp_stream::{RtpStream, SequenceOrder};
use super::suspect::{Suspect, SuspectKind};
use super::{HeldPacket, IncomingPacket, Placement, PlacementContext, PlacementSink, RejectReason};
use crate::grid;
use crate::planted::TimelineFault;
use crate::time::NS_PER_MS;

/// The maximum number of streams. The one that has been silent longest is forgotten first.
const STREAMS: usize = 8;
const SUSPECTS: usize = 4;
/// Packets placed without confirmation that are remembered, because duplicates follow soon.
const LONE_PACKETS: usize = 16;
/// Forgotten SSRCs that are remembered, so that late packets do not begin new streams.
const FORGOTTEN: usize = 64;
/// Streams that alternate within this time send concurrently.
const TURN_NS: u64 = 60 * NS_PER_MS;
const TURNS: u32 = 4;

/// The fields that every packet needs come first, followed by the front stream.
#[derive(Debug, Default)]
#[repr(C)]
pub struct RtpStreams {
    /// The SSRC of the front stream, which had the newest packet.
    front: Option<u32>,
    /// Whether the present feed has not delivered anything yet.
    is_new_feed: bool,
    /// The latest packets placed without confirmation. No stream knows them.
    lone_packets: VecDeque<LonePacket>,
    /// When the present feed was opened.
    opened_ns: u64,
    /// The latest idle period of the feed.
    idle: IdlePeriod,
    turns: u32,
    suspects: Vec<Suspect>,
    /// SSRCs of forgotten streams, oldest first.
    forgotten: VecDeque<u32>,
    /// Most legs have one stream, which needs no allocation.
    streams: SmallVec<[RtpStream; 1]>,
}

/// A packet that was placed without confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LonePacket {
    ssrc: u32,
    sequence: u16,
    hash: u16,
}

/// A period in which a feed delivered nothing.
#[derive(Clone, Copy, Debug, Default)]
struct IdlePeriod {
    from_ns: u64,
    to_ns: u64,
    /// The number of packets that arrived together at its end.
    packets: u32,
}

/// This many packets that arrive together were delayed; fewer are stragglers.
const BURST_PACKETS: u32 = 4;
/// Packets within this time arrive together.
const AT_ONCE_NS: u64 = 5 * NS_PER_MS;

impl RtpStreams {
    pub fn new() -> RtpStreams {
        RtpStreams {
            is_new_feed: true,
            ..RtpStreams::default()
        }
    }

    /// Begins a new feed. Its first packet needs no confirmation.
    pub fn attach(&mut self, now_ns: u64) {
        self.is_new_feed = true;
        self.opened_ns = now_ns;
        self.idle = IdlePeriod {
            from_ns: now_ns,
            to_ns: now_ns,
            packets: 0,
        };
        for stream in &mut self.streams {
            stream.hidden_delay.reopen_feed(samples(now_ns, stream.rate));
        }
    }

    fn find(&self, ssrc: u32) -> Option<usize> {
        self.streams.iter().position(|stream| stream.ssrc == ssrc)
    }

    /// Places or holds a packet with audio. Returns true if it is the newest of its stream.
    pub fn place_or_hold(
        &mut self,
        incoming: &IncomingPacket<'_>,
        context: &PlacementContext,
        out: &mut impl PlacementSink,
    ) -> bool {
        if self.is_unconfirmed_duplicate(incoming) {
            self.reject(RejectReason::Duplicate, incoming, out);
            return false;
        }
        let is_new_feed = std::mem::take(&mut self.is_new_feed);
        let Some(n) = self.find(incoming.packet.ssrc) else {
            self.note_idle(incoming);
            match is_new_feed {
                true => self.begin(incoming, None, context, out),
                false => self.hold_suspect(incoming, SuspectKind::New, None, context, out),
            }
            return is_new_feed;
        };
        if self.front == Some(incoming.packet.ssrc)
            && self.streams[n].try_place_in_order(incoming, context, out)
        {
            return true;
        }
        self.note_idle(incoming);
        if self.streams[n].is_of_predecessor(incoming) {
            self.streams[n].place_late_of_predecessor(incoming, out);
            return false;
        }
        self.streams[n].resume_predecessor(incoming, context);
        let stream = &mut self.streams[n];
        if stream.rate != incoming.format.rate {
            // The same sender at another clock rate: the numbers continue, the clock does not.
            if !stream.is_behind(incoming) {
                self.restart(n, incoming, None, context, out);
                return true;
            }
            self.hold_suspect(incoming, SuspectKind::Restart, None, context, out);
            return false;
        }
        match stream.order(incoming, context) {
            SequenceOrder::Duplicate if context.planted.has(TimelineFault::DuplicatePlaced) => {
                stream.place_late(incoming, context, out)
            }
            SequenceOrder::Duplicate => self.reject(RejectReason::Duplicate, incoming, out),
            SequenceOrder::Late => stream.place_late(incoming, context, out),
            SequenceOrder::Suspect | SequenceOrder::Ancient(_) if is_new_feed => {
                self.restart(n, incoming, None, context, out)
            }
            SequenceOrder::Suspect => self.hold_suspect(incoming, SuspectKind::Restart, None, context, out),
            SequenceOrder::Ancient(_) if context.planted.has(TimelineFault::OldPacketsConfirmed) => {
                self.hold_suspect(incoming, SuspectKind::Restart, None, context, out)
            }
            SequenceOrder::Ancient(at) => {
                self.hold_suspect(incoming, SuspectKind::Restart, Some(at), context, out)
            }
            SequenceOrder::Next => {
                let returns = self.front != Some(incoming.packet.ssrc);
                if returns && !is_new_feed && context.is_real_time && !stream.is_in_time(incoming) {
                    self.hold_suspect(incoming, SuspectKind::Returns, None, context, out);
                    return false;
                }
                self.place_next(n, incoming, returns, context, out);
                return true;
            }
        }
        false
    }

    /// The front stream, if it has this SSRC and rate and can place packets in order, and no packet
    /// waits for a decision.
    pub fn calm_stream(&mut self, ssrc: u32, rate: u32) -> Option<&mut RtpStream> {
        let is_front = self.front == Some(ssrc) && !self.is_new_feed;
        let has_lone = || self.lone_packets.iter().any(|lone| lone.ssrc == ssrc);
        if !is_front || self.is_waiting() || has_lone() {
            return None;
        }
        let n = self.find(ssrc)?;
        self.streams
            .get_mut(n)
            .filter(|stream| stream.rate == rate && stream.is_calm())
    }

    /// Notes an idle period that ends with this packet, unless the packet is in order.
    fn note_idle(&mut self, incoming: &IncomingPacket<'_>) {
        let time = |at: i64, rate: u32| grid::time(at.max(0) as u64, rate);
        let came_ns = time(incoming.arrival, incoming.format.rate);
        let last = self
            .streams
            .iter()
            .map(|stream| time(stream.last_arrival, stream.rate));
        // Packets of an earlier feed do not matter.
        let last_ns = last.max().unwrap_or(0).max(self.opened_ns);
        if came_ns >= last_ns + TURN_NS {
            (self.idle.from_ns, self.idle.to_ns, self.idle.packets) = (last_ns, came_ns, 0);
        }
        if came_ns <= self.idle.to_ns + AT_ONCE_NS {
            self.idle.packets += 1;
        }
    }

    fn place_next(
        &mut self,
        n: usize,
        incoming: &IncomingPacket<'_>,
        returns: bool,
        context: &PlacementContext,
        out: &mut impl PlacementSink,
    ) {
        if returns {
            self.switch_front(n, incoming, out);
        }
        self.streams[n].place_next(incoming, returns, context, out);
        self.front = Some(incoming.packet.ssrc);
    }

    /// Counts that another stream becomes the front stream.
    fn switch_front(&mut self, n: usize, incoming: &IncomingPacket<'_>, out: &mut impl PlacementSink) {
        let ago = incoming.arrival - self.streams[n].last_arrival;
        self.turns = match ago <= samples(TURN_NS, incoming.format.rate) {
            true => self.turns + 1,
            false => 0,
        };
        if self.turns >= TURNS {
            out.count_concurrent();
        }
    }

    fn reject(&mut self, reason: RejectReason, incoming: &IncomingPacket<'_>, out: &mut impl PlacementSink) {
        out.reject(
            reason,
            incoming.format,
            incoming.len,
            incoming.arrival,
            incoming.epoch,
        );
    }

    /// Begins a stream with an unknown history. `guard`: the minimum hidden delay, if it may be a
    /// restart.
    fn begin(
        &mut self,
        incoming: &IncomingPacket<'_>,
        guard: Option<i64>,
        context: &PlacementContext,
        out: &mut impl PlacementSink,
    ) {
        self.finish_front(context, out);
        if self.streams.len() == STREAMS {
            let oldest = (0..STREAMS).min_by_key(|n| self.streams[*n].last_arrival);
            let mut oldest = self.streams.remove(oldest.unwrap_or_default());
            oldest.force_decision(true, context, out);
            self.forget(oldest.ssrc);
        }
        out.count_stream();
        let mut stream = RtpStream::begin(incoming, guard, context, out);
        stream.feed_opened = grid::index(self.opened_ns, stream.rate) as i64;
        let came_ns = grid::time(incoming.arrival.max(0) as u64, stream.rate);
        let IdlePeriod {
            from_ns,
            to_ns,
            packets,
        } = self.idle;
        if came_ns <= to_ns + TURN_NS {
            stream.idle_since = Some(grid::index(from_ns, stream.rate) as i64);
            stream.came_in_burst = packets >= BURST_PACKETS;
        }
        self.streams.push(stream);
        self.front = Some(incoming.packet.ssrc);
    }

    fn forget(&mut self, ssrc: u32) {
        self.forgotten.retain(|known| *known != ssrc);
        if self.forgotten.len() == FORGOTTEN {
            self.forgotten.pop_front();
        }
        self.forgotten.push_back(ssrc);
    }

    /// Places the packets that other streams hold before a new stream begins.
    fn finish_front(&mut self, context: &PlacementContext, out: &mut impl PlacementSink) {
        for stream in &mut self.streams {
            if stream.is_holding() {
                stream.force_decision(true, context, out);
            }
        }
    }

    /// Replaces a stream of the same sender by a new sequence.
    fn restart(
        &mut self,
        n: usize,
        incoming: &IncomingPacket<'_>,
        guard: Option<i64>,
        context: &PlacementContext,
        out: &mut impl PlacementSink,
    ) {
        let mut old = self.streams.remove(n);
        old.force_decision(true, context, out);
        self.begin(incoming, guard, context, out);
        if let Some(new) = self.streams.last_mut() {
            new.set_predecessor(old);
        }
    }

    /// Notes the sequence number of a packet without audio.
    pub fn note_without_audio(&mut self, ssrc: u32, sequence: u16, out: &mut impl PlacementSink) {
        if let Some(n) = self.find(ssrc) {
            self.streams[n].note_without_audio(sequence, out);
        }
    }

    /// Notes comfort noise. Returns the position up to which the stream is silent, and its rate.
    pub fn note_silence(&mut self, ssrc: u32, timestamp: u32, arrival_ns: u64) -> Option<(i64, u32)> {
        let n = self.find(ssrc)?;
        let stream = &mut self.streams[n];
        let arrival = grid::index(arrival_ns, stream.rate) as i64;
        stream
            .hidden_delay
            .observe_packet(timestamp, arrival, stream.rate);
        Some((stream.silent_until(timestamp), stream.rate))
    }

    /// The position of a timestamp of a stream with audio, and its rate.
    pub fn position_of(&self, ssrc: u32, timestamp: u32) -> Option<(i64, u32)> {
        let stream = self.streams.iter().find(|stream| stream.ssrc == ssrc)?;
        Some((stream.silent_until(timestamp), stream.rate))
    }

    /// How far ahead of its arrival the newest audio of a stream is.
    pub fn ahead_ns(&self, ssrc: u32) -> u64 {
        let stream = self.streams.iter().find(|stream| stream.ssrc == ssrc);
        stream.map_or(0, |stream| grid::time(stream.ahead().max(0) as u64, stream.rate))
    }

    pub fn observe_report(&mut self, ssrc: u32, ntp: u64, timestamp: u32) {
        if let Some(n) = self.find(ssrc) {
            let rate = self.streams[n].rate;
            self.streams[n].hidden_delay.observe_report(ntp, timestamp, rate);
        }
    }

    /// Decides on held packets that are due. `force`: on all packets that are held for their pace.
    pub fn tick(
        &mut self,
        now_ns: u64,
        force: bool,
        context: &PlacementContext,
        out: &mut impl PlacementSink,
    ) {
        for stream in &mut self.streams {
            let due = stream.is_anchoring() || stream.is_due(samples(now_ns, stream.rate));
            if stream.is_holding() && (force || due) {
                stream.force_decision(!due, context, out);
            }
        }
        self.place_lone(now_ns, out);
    }

    /// Decides on packets that were due before a packet arrived; others may arrive with it.
    pub fn decide_due(&mut self, arrival_ns: u64, context: &PlacementContext, out: &mut impl PlacementSink) {
        for stream in &mut self.streams {
            if stream.is_holding() && stream.is_due(samples(arrival_ns, stream.rate)) {
                stream.force_decision(false, context, out);
            }
        }
        self.place_lone(arrival_ns, out);
    }

    fn place_lone(&mut self, now_ns: u64, out: &mut impl PlacementSink) {
        while let Some(n) = self
            .suspects
            .iter()
            .position(|s| s.is_alone(samples(now_ns, s.rate)))
        {
            let suspect = self.suspects.remove(n);
            self.place_unconfirmed(suspect, out);
        }
    }

    /// Decides on all held packets at the end.
    pub fn finish(&mut self, now_ns: u64, context: &PlacementContext, out: &mut impl PlacementSink) {
        self.tick(now_ns, true, context, out);
        self.place_all_unconfirmed(out);
    }

    /// The length of a packet of the front stream in samples; 0 without a front stream.
    pub fn packet_len(&self) -> i64 {
        let front = self.front.and_then(|ssrc| self.find(ssrc));
        front.map_or(0, |n| self.streams[n].packet_len())
    }

    /// The arrival of the oldest suspect.
    pub fn oldest_suspect_ns(&self) -> Option<u64> {
        let first = |suspect: &Suspect| {
            let at = suspect.held.first()?.arrival;
            Some(grid::time(at.max(0) as u64, suspect.rate))
        };
        self.suspects.iter().filter_map(first).min()
    }

    /// The time of the earliest gap that packets out of order may still fill.
    pub fn earliest_gap_ns(&self, now_ns: u64, reorder_ns: u64) -> Option<u64> {
        let gaps = self
            .streams
            .iter()
            .filter_map(|stream| stream.earliest_gap(now_ns, reorder_ns));
        gaps.map(|(at, rate)| grid::time(at.max(0) as u64, rate)).min()
    }

    /// Suspects: arrival, samples, rate and epoch.
    pub fn unconfirmed(&self) -> impl Iterator<Item = (i64, i64, u32, u32)> + '_ {
        let held = self.suspects.iter().flat_map(|suspect| &suspect.held);
        held.map(|held| (held.arrival, held.len, held.format.rate, held.epoch))
    }

    /// Packets without a position: arrival, samples, rate and epoch.
    pub fn unplaced(&self) -> impl Iterator<Item = (i64, i64, u32, u32)> + '_ {
        let held = self.streams.iter().flat_map(RtpStream::held);
        held.map(|held| (held.arrival, held.len, held.format.rate, held.epoch))
    }

    pub fn is_holding(&self) -> bool {
        self.streams.iter().any(RtpStream::is_holding)
    }

    pub fn is_waiting(&self) -> bool {
        !self.suspects.is_empty() || self.is_holding()
    }
}

impl HeldPacket<'_> {
    pub(super) fn incoming<'a>(
        &self,
        packet: &'a crate::rtp::RtpPacket<'a>,
        leg_end: i64,
        clock_ns: Option<u64>,
    ) -> IncomingPacket<'a> {
        IncomingPacket {
            packet,
            hash: self.hash,
            format: self.format,
            len: self.len,
            arrival: self.arrival,
            epoch: self.epoch,
            is_aged: self.is_aged,
            refused: self.refused,
            leg_end,
            clock_ns,
        }
    }
}

#[cfg(test)]
mod tests;
