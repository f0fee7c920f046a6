//! A model of a call: plain lists of samples and control points.
//!
//! Every written sample has an order number, a name (its number among the leg's samples) and, in
//! stream time, a place in its leg's time. A recording is a list of spans between two order
//! numbers. From these follows what a recording must have. In real time a sample's place depends
//! on how late its packet is, which `tests/timeline` simulates; here the model only says whether
//! a sample is in a file.

use std::collections::{HashMap, HashSet};

pub use callrec_testkit::sample::WrittenSample;

pub const NS_PER_MS: u64 = 1_000_000;
pub const MIXED: usize = 2;

/// The sample nearest to a moment.
pub fn index(ns: u64, rate: u32) -> u64 {
    ((u128::from(ns) * u128::from(rate) + 500_000_000) / 1_000_000_000) as u64
}

/// The moment of a sample.
pub fn time(index: u64, rate: u32) -> u64 {
    ((u128::from(index) * 1_000_000_000 + u128::from(rate / 2)) / u128::from(rate)) as u64
}

#[derive(Clone, Copy, Debug)]
pub struct PlacedSample {
    pub sample: WrittenSample,
    /// The sample's number in its leg.
    pub name: u64,
    pub order: u32,
    /// Places before this one may have been settled when the sample was written.
    pub edge: u64,
    /// A gap in the sequence numbers has shown before that it is missing.
    pub was_missing: bool,
}

/// A place that is missing by a gap in the sequence numbers.
#[derive(Clone, Copy, Debug)]
pub struct SequenceGap {
    pub order: u32,
    pub edge: u64,
}

#[derive(Clone, Debug, Default)]
pub struct TimelinePlace {
    /// The samples for this place, in the order of their arrival.
    pub samples: Vec<PlacedSample>,
    pub gap: Option<SequenceGap>,
}

/// One packet or write of a leg.
#[derive(Clone, Copy, Debug)]
pub struct WrittenBlock {
    pub order: u32,
    pub name: u64,
    pub samples: u64,
    /// The values of its samples show their names.
    pub linear: bool,
}

struct RtpStreamModel {
    highest: u64,
    seen: HashSet<u64>,
    /// The places of missing packets.
    missing: HashMap<u64, i64>,
    timestamp: i64,
    at: i64,
    len: u64,
    /// The first packet's timestamp and place.
    first: (i64, i64),
}

#[derive(Default)]
pub struct LegModel {
    pub places: Vec<TimelinePlace>,
    end: u64,
    pub written: Vec<WrittenBlock>,
    attached: bool,
    had_feed: bool,
    stream: Option<RtpStreamModel>,
    /// The first packet of a new sender, until the second one confirms it.
    suspect: Option<(PacketNumbers, NamedSamples, EventOrder)>,
    confirms: bool,
    anchor: Option<(u64, i64)>,
}

/// The number of an event, and the place before which files may be settled by then.
type EventOrder = (u32, u64);

/// The numbers of one packet, before they wrap.
#[derive(Clone, Copy)]
pub struct PacketNumbers {
    pub sequence: u64,
    pub timestamp: i64,
}

/// Consecutive samples, and the name of the first one.
#[derive(Clone)]
pub struct NamedSamples {
    pub samples: Vec<WrittenSample>,
    pub name: u64,
}

/// A span between two control points. The order numbers are exclusive.
#[derive(Clone, Copy, Debug)]
pub struct ControlSpan {
    pub from_ns: u64,
    pub to_ns: u64,
    pub orders: (u32, u32),
    pub paused: bool,
}

#[derive(Default)]
pub struct RecordingModel {
    pub spans: Vec<ControlSpan>,
    open: Option<ControlSpan>,
}

impl RecordingModel {
    pub fn is_live(&self) -> bool {
        self.open.is_some()
    }

    pub fn is_paused(&self) -> bool {
        self.open.is_some_and(|open| open.paused)
    }
}

pub struct CallModel {
    real: bool,
    pub rate: u32,
    reorder_ns: u64,
    leg_wait_ns: u64,
    pub now_ns: u64,
    pub legs: [LegModel; 3],
    pub recordings: Vec<RecordingModel>,
    order: u32,
    edge_ns: u64,
}

impl CallModel {
    pub fn new(real: bool, rate: u32, reorder_ms: u64, leg_wait_ms: u64) -> CallModel {
        CallModel {
            real,
            rate,
            reorder_ns: reorder_ms * NS_PER_MS,
            leg_wait_ns: leg_wait_ms * NS_PER_MS,
            now_ns: 0,
            legs: Default::default(),
            recordings: Vec::new(),
            order: 1,
            edge_ns: 0,
        }
    }

    fn end_ns(&self) -> u64 {
        let fed = self.legs.iter().filter(|leg| leg.had_feed);
        fed.map(|leg| time(leg.end, self.rate)).max().unwrap_or(0)
    }

    /// The moment of a control point that is set now.
    fn point_ns(&self) -> u64 {
        if self.real {
            self.now_ns.max(self.end_ns())
        } else {
            self.end_ns()
        }
    }

    /// Notes that the worker has visited the call: files may be settled up to the frontier.
    pub fn visit(&mut self) {
        let frontier = self.stream_frontier();
        self.edge_ns = self.edge_ns.max(frontier.saturating_sub(self.reorder_ns));
    }

    fn stream_frontier(&self) -> u64 {
        let mixed = self.legs[MIXED].had_feed;
        let waits = |n: usize, leg: &LegModel| leg.attached || (n != MIXED && !mixed && !leg.had_feed);
        let awaited = self.legs.iter().enumerate().filter(|(n, leg)| waits(*n, leg));
        let furthest = self.end_ns();
        let least = awaited.map(|(_, leg)| time(leg.end, self.rate)).min();
        least
            .unwrap_or(furthest)
            .min(furthest)
            .max(furthest.saturating_sub(self.leg_wait_ns))
    }

    pub fn attach(&mut self, leg: usize) {
        let end = index(self.end_ns(), self.rate);
        let real = self.real;
        let leg = &mut self.legs[leg];
        if leg.had_feed && !real {
            leg.end = leg.end.max(end);
        }
        (leg.attached, leg.had_feed, leg.confirms) = (true, true, true);
        (leg.stream, leg.suspect, leg.anchor) = (None, None, None);
    }

    /// The feed has a new sender.
    pub fn new_sender(&mut self, leg: usize) {
        let leg = &mut self.legs[leg];
        (leg.stream, leg.suspect, leg.confirms) = (None, None, false);
    }

    /// Whether the present feed has had no packet yet.
    pub fn is_fresh(&self, leg: usize) -> bool {
        let leg = &self.legs[leg];
        !self.real && leg.stream.is_none() && leg.confirms
    }

    /// Whether the leg's next packet begins a stream after a silence so long that it may continue
    /// at the end of the other legs.
    pub fn has_been_silent(&self, leg: usize) -> bool {
        let behind_ns = self.end_ns() - time(self.legs[leg].end, self.rate);
        self.legs[leg].stream.is_none() && behind_ns > 1_900 * NS_PER_MS
    }

    pub fn detach(&mut self, leg: usize) {
        self.legs[leg].attached = false;
    }

    /// The feed has a new format.
    pub fn reformat(&mut self, leg: usize) {
        self.legs[leg].anchor = None;
    }

    pub fn start(&mut self) {
        let control_span = self.control_span(self.point_ns(), false);
        self.recordings.push(RecordingModel {
            spans: Vec::new(),
            open: Some(control_span),
        });
    }

    fn control_span(&mut self, from_ns: u64, paused: bool) -> ControlSpan {
        self.order += 1;
        ControlSpan {
            from_ns,
            to_ns: 0,
            orders: (self.order, 0),
            paused,
        }
    }

    fn close(&mut self, recording: usize) -> u64 {
        let at_ns = self.point_ns();
        self.order += 1;
        if let Some(open) = self.recordings[recording].open.take() {
            let orders = (open.orders.0, self.order);
            self.recordings[recording].spans.push(ControlSpan {
                to_ns: at_ns,
                orders,
                ..open
            });
        }
        at_ns
    }

    pub fn pause(&mut self, recording: usize) {
        let at_ns = self.close(recording);
        self.recordings[recording].open = Some(self.control_span(at_ns, true));
    }

    pub fn resume(&mut self, recording: usize) {
        let at_ns = self.close(recording);
        self.recordings[recording].open = Some(self.control_span(at_ns, false));
    }

    pub fn stop(&mut self, recording: usize) {
        self.close(recording);
    }

    /// Notes a packet or a write.
    fn note_write(&mut self, leg: usize, block: &NamedSamples) -> EventOrder {
        self.order += 1;
        self.legs[leg].written.push(WrittenBlock {
            order: self.order,
            name: block.name,
            samples: block.samples.len() as u64,
            linear: block
                .samples
                .iter()
                .all(|sample| matches!(sample, WrittenSample::Linear(_))),
        });
        (self.order, index(self.edge_ns, self.rate))
    }

    pub fn write(&mut self, leg: usize, block: &NamedSamples) {
        let now = self.note_write(leg, block);
        let at = self.legs[leg].end as i64;
        self.put(leg, at, block, false, now);
    }

    pub fn write_at(&mut self, leg: usize, position: u64, block: &NamedSamples) {
        let now = self.note_write(leg, block);
        let end = self.legs[leg].end as i64;
        let (known, place) = *self.legs[leg].anchor.get_or_insert((position, end));
        let at = place + position as i64 - known as i64;
        self.put(leg, at, block, false, now);
    }

    pub fn rtp(&mut self, leg: usize, packet: PacketNumbers, block: &NamedSamples) {
        let now = self.note_write(leg, block);
        if self.real {
            return;
        }
        let Some(stream) = &mut self.legs[leg].stream else {
            return self.first(leg, packet, block, now);
        };
        if !stream.seen.insert(packet.sequence) {
            return;
        }
        if packet.sequence < stream.highest {
            let before_all = stream.first.1 + packet.timestamp - stream.first.0;
            let missing = stream.missing.get(&packet.sequence).copied();
            let at = missing.unwrap_or(before_all);
            return self.put(leg, at, block, missing.is_some(), now);
        }
        let at = stream.at + packet.timestamp - stream.timestamp;
        for sequence in stream.highest + 1..packet.sequence {
            let before = (packet.sequence - sequence) * stream.len;
            stream.missing.insert(sequence, at - before as i64);
        }
        let lost = (packet.sequence - stream.highest - 1) * stream.len;
        stream.highest = packet.sequence;
        (stream.timestamp, stream.at) = (packet.timestamp, at);
        stream.len = block.samples.len() as u64;
        self.gap(leg, at, lost, now);
        self.put(leg, at, block, false, now);
    }

    /// Places a stream's first packet, or the second one, which confirms it.
    fn first(&mut self, leg: usize, packet: PacketNumbers, block: &NamedSamples, now: EventOrder) {
        if !self.legs[leg].confirms {
            self.legs[leg].suspect = Some((packet, block.clone(), now));
            self.legs[leg].confirms = true;
            return;
        }
        let second = (packet, block.clone(), now);
        let (packet, block, now) = match self.legs[leg].suspect.take() {
            Some(first) => {
                self.first(leg, first.0, &first.1, first.2);
                return self.follow(leg, second);
            }
            None => second,
        };
        let at = self.legs[leg].end as i64;
        self.legs[leg].stream = Some(RtpStreamModel {
            highest: packet.sequence,
            seen: HashSet::from([packet.sequence]),
            missing: HashMap::new(),
            timestamp: packet.timestamp,
            at,
            len: block.samples.len() as u64,
            first: (packet.timestamp, at),
        });
        self.put(leg, at, &block, false, now);
    }

    /// Places the packet that has confirmed a stream behind its first packet.
    fn follow(&mut self, leg: usize, (packet, block, now): (PacketNumbers, NamedSamples, EventOrder)) {
        if let Some(stream) = &mut self.legs[leg].stream {
            stream.at += packet.timestamp - stream.timestamp;
            stream.timestamp = packet.timestamp;
            stream.highest = packet.sequence;
            stream.seen.insert(packet.sequence);
            let at = stream.at;
            self.put(leg, at, &block, false, now);
        }
    }

    /// Marks the `lost` places before `at` as missing, except those that are already known.
    fn gap(&mut self, leg: usize, at: i64, lost: u64, (order, edge): EventOrder) {
        let leg = &mut self.legs[leg];
        let from = (at - lost as i64).max(leg.end as i64);
        for at in from..at {
            leg.at(at as u64).gap = Some(SequenceGap { order, edge });
        }
    }

    fn put(
        &mut self,
        leg: usize,
        at: i64,
        block: &NamedSamples,
        was_missing: bool,
        (order, edge): EventOrder,
    ) {
        if self.real {
            return;
        }
        let leg = &mut self.legs[leg];
        for (n, &sample) in block.samples.iter().enumerate() {
            let at = at + n as i64;
            if at < 0 {
                continue;
            }
            let name = block.name + n as u64;
            leg.at(at as u64).samples.push(PlacedSample {
                sample,
                name,
                order,
                edge,
                was_missing,
            });
            leg.end = leg.end.max(at as u64 + 1);
        }
    }

    /// Whether a recording may have the sample that was written for a place with this order number.
    pub fn may_hold(&self, recording: usize, at: u64, order: u32) -> bool {
        let recorded = self.recordings[recording].spans.iter().filter(|s| !s.paused);
        recorded.into_iter().any(|s| {
            let (from, to) = (index(s.from_ns, self.rate), index(s.to_ns, self.rate));
            (from..to).contains(&at) && s.orders.0 < order && order < s.orders.1
        })
    }

    /// Whether a recording was paused (`paused` is true) or recording (false) at this order
    /// number.
    pub fn is_within(&self, recording: usize, order: u32, paused: bool) -> bool {
        let spans = self.recordings[recording].spans.iter();
        let mut of_that = spans.filter(|control_span| control_span.paused == paused);
        of_that.any(|s| s.orders.0 < order && order < s.orders.1)
    }

    /// Names of the samples that a leg wrote while a recording was paused.
    pub fn written_while_paused(&self, leg: usize, recording: usize) -> impl Iterator<Item = u64> + '_ {
        let written = self.legs[leg].written.iter();
        let paused = written.filter(move |written| self.is_within(recording, written.order, true));
        paused.flat_map(|written| written.name..written.name + written.samples)
    }
}

impl LegModel {
    fn at(&mut self, index: u64) -> &mut TimelinePlace {
        let index = index as usize;
        if self.places.len() <= index {
            self.places.resize_with(index + 1, TimelinePlace::default);
        }
        &mut self.places[index]
    }
}
