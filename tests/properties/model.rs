//! What belongs where: a call as plain lists of samples and orders of events.
//!
//! Nothing here is rendered, forgotten or flushed. Every sample that was handed in has a
//! number in the order of events and, in stream time, a place in its leg's time; a recording
//! is a list of stretches of time between two numbers. What is in a recording follows by
//! looking. Places in real time depend on how late each packet is, which is simulated in
//! `tests/timeline`; here real time is for what is in a file at all.

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
    /// Its number among the leg's samples.
    pub name: u64,
    pub order: u32,
    /// Time before this may have been settled in a file when it came.
    pub edge: u64,
    /// A gap in a numbering has told of its absence before.
    pub was_missing: bool,
}

/// A place that a gap in the sequence numbers has shown to be lost.
#[derive(Clone, Copy, Debug)]
pub struct SequenceGap {
    pub order: u32,
    pub edge: u64,
}

#[derive(Clone, Debug, Default)]
pub struct TimelinePlace {
    /// All that came for it, in the order in which it came.
    pub said: Vec<PlacedSample>,
    pub gap: Option<SequenceGap>,
}

/// What was handed in for a leg in one piece.
#[derive(Clone, Copy, Debug)]
pub struct WrittenBlock {
    pub order: u32,
    pub name: u64,
    pub samples: u64,
    /// Its samples tell their names.
    pub linear: bool,
}

struct RtpStreamModel {
    highest: u64,
    seen: HashSet<u64>,
    /// Where a missing one belongs.
    missing: HashMap<u64, i64>,
    timestamp: i64,
    at: i64,
    len: u64,
    /// Timestamp and place of the first.
    first: (i64, i64),
}

#[derive(Default)]
pub struct LegModel {
    pub places: Vec<TimelinePlace>,
    end: u64,
    pub handed: Vec<WrittenBlock>,
    attached: bool,
    had_feed: bool,
    stream: Option<RtpStreamModel>,
    /// Of a sender that has not been heard before: the second packet confirms it.
    suspect: Option<(PacketNumbers, NamedSamples, EventOrder)>,
    confirms: bool,
    anchor: Option<(u64, i64)>,
}

/// The number of an event, and how far files may have been settled by then.
type EventOrder = (u32, u64);

/// One packet, with its numbers before they wrap.
#[derive(Clone, Copy)]
pub struct PacketNumbers {
    pub sequence: u64,
    pub timestamp: i64,
}

/// Samples and their names.
#[derive(Clone)]
pub struct NamedSamples {
    pub samples: Vec<WrittenSample>,
    pub name: u64,
}

/// A stretch between two points; the numbers are exclusive.
#[derive(Clone, Copy, Debug)]
pub struct ControlSpan {
    pub from_ns: u64,
    pub to_ns: u64,
    pub orders: (u32, u32),
    pub paused: bool,
}

#[derive(Default)]
pub struct RecordingModel {
    pub stretches: Vec<ControlSpan>,
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
    pub tapes: Vec<RecordingModel>,
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
            tapes: Vec::new(),
            order: 1,
            edge_ns: 0,
        }
    }

    fn end_ns(&self) -> u64 {
        let fed = self.legs.iter().filter(|leg| leg.had_feed);
        fed.map(|leg| time(leg.end, self.rate)).max().unwrap_or(0)
    }

    /// The moment of a point that is set now.
    fn point_ns(&self) -> u64 {
        if self.real {
            self.now_ns.max(self.end_ns())
        } else {
            self.end_ns()
        }
    }

    /// From here on, time before this may be settled in a file.
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

    /// Somebody else speaks on the same feed.
    pub fn new_sender(&mut self, leg: usize) {
        let leg = &mut self.legs[leg];
        (leg.stream, leg.suspect, leg.confirms) = (None, None, false);
    }

    /// Nothing has come from the present feed.
    pub fn is_fresh(&self, leg: usize) -> bool {
        let leg = &self.legs[leg];
        !self.real && leg.stream.is_none() && leg.confirms
    }

    /// The leg's next packet is the first one of a stream, and the leg has been silent for
    /// so long that it may go on where the others are.
    pub fn has_been_silent(&self, leg: usize) -> bool {
        let behind_ns = self.end_ns() - time(self.legs[leg].end, self.rate);
        self.legs[leg].stream.is_none() && behind_ns > 1_900 * NS_PER_MS
    }

    pub fn detach(&mut self, leg: usize) {
        self.legs[leg].attached = false;
    }

    /// The feed's format was set anew.
    pub fn reformat(&mut self, leg: usize) {
        self.legs[leg].anchor = None;
    }

    pub fn start(&mut self) {
        let stretch = self.stretch(self.point_ns(), false);
        self.tapes.push(RecordingModel {
            stretches: Vec::new(),
            open: Some(stretch),
        });
    }

    fn stretch(&mut self, from_ns: u64, paused: bool) -> ControlSpan {
        self.order += 1;
        ControlSpan {
            from_ns,
            to_ns: 0,
            orders: (self.order, 0),
            paused,
        }
    }

    fn close(&mut self, tape: usize) -> u64 {
        let at_ns = self.point_ns();
        self.order += 1;
        if let Some(open) = self.tapes[tape].open.take() {
            let orders = (open.orders.0, self.order);
            self.tapes[tape].stretches.push(ControlSpan {
                to_ns: at_ns,
                orders,
                ..open
            });
        }
        at_ns
    }

    pub fn pause(&mut self, tape: usize) {
        let at_ns = self.close(tape);
        self.tapes[tape].open = Some(self.stretch(at_ns, true));
    }

    pub fn resume(&mut self, tape: usize) {
        let at_ns = self.close(tape);
        self.tapes[tape].open = Some(self.stretch(at_ns, false));
    }

    pub fn stop(&mut self, tape: usize) {
        self.close(tape);
    }

    /// Counts what is handed in.
    fn hand(&mut self, leg: usize, speech: &NamedSamples) -> EventOrder {
        self.order += 1;
        self.legs[leg].handed.push(WrittenBlock {
            order: self.order,
            name: speech.name,
            samples: speech.samples.len() as u64,
            linear: speech
                .samples
                .iter()
                .all(|sample| matches!(sample, WrittenSample::Linear(_))),
        });
        (self.order, index(self.edge_ns, self.rate))
    }

    pub fn write(&mut self, leg: usize, speech: &NamedSamples) {
        let now = self.hand(leg, speech);
        let at = self.legs[leg].end as i64;
        self.put(leg, at, speech, false, now);
    }

    pub fn write_at(&mut self, leg: usize, position: u64, speech: &NamedSamples) {
        let now = self.hand(leg, speech);
        let end = self.legs[leg].end as i64;
        let (known, place) = *self.legs[leg].anchor.get_or_insert((position, end));
        let at = place + position as i64 - known as i64;
        self.put(leg, at, speech, false, now);
    }

    pub fn rtp(&mut self, leg: usize, packet: PacketNumbers, speech: &NamedSamples) {
        let now = self.hand(leg, speech);
        if self.real {
            return;
        }
        let Some(stream) = &mut self.legs[leg].stream else {
            return self.first(leg, packet, speech, now);
        };
        if !stream.seen.insert(packet.sequence) {
            return;
        }
        if packet.sequence < stream.highest {
            let before_all = stream.first.1 + packet.timestamp - stream.first.0;
            let missing = stream.missing.get(&packet.sequence).copied();
            let at = missing.unwrap_or(before_all);
            return self.put(leg, at, speech, missing.is_some(), now);
        }
        let at = stream.at + packet.timestamp - stream.timestamp;
        for sequence in stream.highest + 1..packet.sequence {
            let before = (packet.sequence - sequence) * stream.len;
            stream.missing.insert(sequence, at - before as i64);
        }
        let lost = (packet.sequence - stream.highest - 1) * stream.len;
        stream.highest = packet.sequence;
        (stream.timestamp, stream.at) = (packet.timestamp, at);
        stream.len = speech.samples.len() as u64;
        self.gap(leg, at, lost, now);
        self.put(leg, at, speech, false, now);
    }

    /// A stream's first packet, or the second one, which confirms it.
    fn first(&mut self, leg: usize, packet: PacketNumbers, speech: &NamedSamples, now: EventOrder) {
        if !self.legs[leg].confirms {
            self.legs[leg].suspect = Some((packet, speech.clone(), now));
            self.legs[leg].confirms = true;
            return;
        }
        let second = (packet, speech.clone(), now);
        let (packet, speech, now) = match self.legs[leg].suspect.take() {
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
            len: speech.samples.len() as u64,
            first: (packet.timestamp, at),
        });
        self.put(leg, at, &speech, false, now);
    }

    /// What has confirmed a stream follows its first packet at once.
    fn follow(&mut self, leg: usize, (packet, speech, now): (PacketNumbers, NamedSamples, EventOrder)) {
        if let Some(stream) = &mut self.legs[leg].stream {
            stream.at += packet.timestamp - stream.timestamp;
            stream.timestamp = packet.timestamp;
            stream.highest = packet.sequence;
            stream.seen.insert(packet.sequence);
            let at = stream.at;
            self.put(leg, at, &speech, false, now);
        }
    }

    /// Lost: so many places before `at`, as far as nothing has been there yet.
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
        speech: &NamedSamples,
        was_missing: bool,
        (order, edge): EventOrder,
    ) {
        if self.real {
            return;
        }
        let leg = &mut self.legs[leg];
        for (n, &sample) in speech.samples.iter().enumerate() {
            let at = at + n as i64;
            if at < 0 {
                continue;
            }
            let name = speech.name + n as u64;
            leg.at(at as u64).said.push(PlacedSample {
                sample,
                name,
                order,
                edge,
                was_missing,
            });
            leg.end = leg.end.max(at as u64 + 1);
        }
    }

    /// Whether what came to a place with that number can be in a recording.
    pub fn may_hold(&self, tape: usize, at: u64, order: u32) -> bool {
        let recorded = self.tapes[tape].stretches.iter().filter(|s| !s.paused);
        recorded.into_iter().any(|s| {
            let (from, to) = (index(s.from_ns, self.rate), index(s.to_ns, self.rate));
            (from..to).contains(&at) && s.orders.0 < order && order < s.orders.1
        })
    }

    /// Whether what was handed in with that number came while a recording was paused
    /// (`true`), or while it recorded.
    pub fn is_within(&self, tape: usize, order: u32, paused: bool) -> bool {
        let stretches = self.tapes[tape].stretches.iter();
        let mut of_that = stretches.filter(|stretch| stretch.paused == paused);
        of_that.any(|s| s.orders.0 < order && order < s.orders.1)
    }

    /// Names of what a leg said while a recording was paused.
    pub fn said_while_paused(&self, leg: usize, tape: usize) -> impl Iterator<Item = u64> + '_ {
        let handed = self.legs[leg].handed.iter();
        let paused = handed.filter(move |handed| self.is_within(tape, handed.order, true));
        paused.flat_map(|handed| handed.name..handed.name + handed.samples)
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
