//! What belongs where: a call as plain lists of samples and orders of events.
//!
//! Nothing here is rendered, forgotten or flushed. Every sample that was handed in has
//! a place in its leg's time and a number in the order of events; a recording is a list
//! of stretches of time between two numbers. What is in a recording follows by looking.

use std::collections::{HashMap, HashSet};

use crate::g711::Law;

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

/// One sample as it was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    Silent,
    Coded(Law, u8),
    Linear(i16),
}

#[derive(Clone, Copy, Debug)]
pub struct Said {
    pub cell: Cell,
    /// Its number among the leg's samples.
    pub name: u64,
    pub order: u32,
    /// Time before this may have been in a file already when it came.
    pub edge: u64,
    /// No gap in a numbering has told of its absence.
    pub newest: bool,
}

/// A place that a gap in the sequence numbers has shown to be lost.
#[derive(Clone, Copy, Debug)]
pub struct Gap {
    pub order: u32,
    pub edge: u64,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    pub said: Option<Said>,
    pub gap: Option<Gap>,
    /// Something else came to it later; whether that is loss is not said.
    pub again: bool,
}

struct Stream {
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
    pub places: Vec<Place>,
    end: u64,
    attached: bool,
    had_feed: bool,
    fresh: bool,
    stream: Option<Stream>,
    anchor: Option<(u64, i64)>,
}

/// One packet, with its numbers before they wrap.
pub struct Packet {
    pub sequence: u64,
    pub timestamp: i64,
}

/// Samples and their names.
#[derive(Clone)]
pub struct Speech {
    pub cells: Vec<Cell>,
    pub name: u64,
}

struct Written {
    speech: Speech,
    arrival_ns: u64,
    order: u32,
    edge: u64,
}

/// A stretch between two points; the numbers are exclusive.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    pub from_ns: u64,
    pub to_ns: u64,
    pub orders: (u32, u32),
    pub paused: bool,
}

#[derive(Default)]
pub struct TapeModel {
    pub stretches: Vec<Stretch>,
    open: Option<Stretch>,
}

impl TapeModel {
    pub fn is_live(&self) -> bool {
        self.open.is_some()
    }

    pub fn is_paused(&self) -> bool {
        self.open.is_some_and(|open| open.paused)
    }
}

pub struct Model {
    real: bool,
    pub rate: u32,
    reorder_ns: u64,
    leg_wait_ns: u64,
    pub now_ns: u64,
    pub legs: [LegModel; 3],
    pub tapes: Vec<TapeModel>,
    written: [Vec<Written>; 3],
    order: u32,
    edge_ns: u64,
    resumed_ns: Option<u64>,
    /// A host was held up and caught up at once: where that goes depends on what had
    /// been rendered by then, of which this model knows nothing. Unit tests cover it.
    pub caught_up: bool,
}

impl Model {
    pub fn new(real: bool, rate: u32, reorder_ms: u64, leg_wait_ms: u64) -> Model {
        Model {
            real,
            rate,
            reorder_ns: reorder_ms * NS_PER_MS,
            leg_wait_ns: leg_wait_ms * NS_PER_MS,
            now_ns: 0,
            legs: Default::default(),
            tapes: Vec::new(),
            written: Default::default(),
            order: 1,
            edge_ns: 0,
            resumed_ns: None,
            caught_up: false,
        }
    }

    fn samples(&self, ms: u64) -> i64 {
        index(ms * NS_PER_MS, self.rate) as i64
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

    /// From here on, time before this may be in a file.
    pub fn visit(&mut self) {
        self.settle();
        let frontier = if self.real {
            self.now_ns
        } else {
            self.stream_frontier()
        };
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
        self.settle();
        let end = index(self.end_ns(), self.rate);
        let real = self.real;
        let leg = &mut self.legs[leg];
        if leg.had_feed && !real {
            leg.end = leg.end.max(end);
        }
        (leg.attached, leg.had_feed, leg.fresh) = (true, true, true);
        (leg.stream, leg.anchor) = (None, None);
    }

    /// Somebody else speaks on the same feed.
    pub fn new_sender(&mut self, leg: usize) {
        self.legs[leg].stream = None;
    }

    pub fn detach(&mut self, leg: usize) {
        self.settle();
        self.legs[leg].attached = false;
    }

    /// The feed's format was set anew.
    pub fn reformat(&mut self, leg: usize) {
        self.settle();
        self.legs[leg].anchor = None;
    }

    pub fn start(&mut self) {
        self.settle();
        let stretch = self.stretch(self.point_ns(), false);
        self.tapes.push(TapeModel {
            stretches: Vec::new(),
            open: Some(stretch),
        });
    }

    fn stretch(&mut self, from_ns: u64, paused: bool) -> Stretch {
        self.order += 1;
        Stretch {
            from_ns,
            to_ns: 0,
            orders: (self.order, 0),
            paused,
        }
    }

    fn close(&mut self, tape: usize) -> u64 {
        self.settle();
        let at_ns = self.point_ns();
        self.order += 1;
        if let Some(open) = self.tapes[tape].open.take() {
            let orders = (open.orders.0, self.order);
            self.tapes[tape].stretches.push(Stretch {
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
        self.resumed_ns = Some(at_ns);
        self.tapes[tape].open = Some(self.stretch(at_ns, false));
    }

    pub fn stop(&mut self, tape: usize) {
        self.close(tape);
    }

    /// Its place depends on what follows it at once.
    pub fn write(&mut self, leg: usize, speech: Speech, arrival_ns: u64) {
        self.order += 1;
        let (order, edge) = (self.order, index(self.edge_ns, self.rate));
        self.written[leg].push(Written {
            speech,
            arrival_ns,
            order,
            edge,
        });
    }

    /// Whatever happens next sees what was written so far.
    fn settle(&mut self) {
        for leg in 0..3 {
            let written = std::mem::take(&mut self.written[leg]);
            for n in 0..written.len() {
                let burst = self.burst(&written[n..]);
                self.write_before(leg, &written[n], burst);
            }
        }
    }

    /// Samples that came so close behind the first that they were waiting with it.
    fn burst(&self, written: &[Written]) -> i64 {
        let mut burst = 0;
        for pair in written.windows(2) {
            let len = pair[1].speech.cells.len() as u64;
            if pair[1].arrival_ns.saturating_sub(pair[0].arrival_ns) * 2 >= time(len, self.rate) {
                break;
            }
            burst += len as i64;
        }
        burst
    }

    fn write_before(&mut self, leg: usize, written: &Written, burst: i64) {
        let arrival = index(written.arrival_ns, self.rate) as i64;
        let len = written.speech.cells.len() as i64;
        let mut at = self.legs[leg].end as i64;
        if self.real {
            if at > arrival + self.samples(2000) {
                return;
            }
            let silence = arrival - at - len - burst;
            if self.legs[leg].fresh {
                at = at.max(arrival);
            } else if silence + burst > self.samples(60) {
                if silence > self.samples(60) {
                    at += silence;
                }
                self.caught_up |= burst > 0;
            }
        }
        self.legs[leg].fresh = false;
        self.put(leg, at, &written.speech, true, (written.order, written.edge));
    }

    pub fn write_at(&mut self, leg: usize, position: u64, speech: &Speech, arrival_ns: u64) {
        let arrival = index(arrival_ns, self.rate) as i64;
        let end = self.legs[leg].end as i64;
        let begin = if self.real { end.max(arrival) } else { end };
        let (known, place) = *self.legs[leg].anchor.get_or_insert((position, begin));
        let mut at = place + position as i64 - known as i64;
        if self.real && at.abs_diff(arrival) > self.samples(2000) as u64 && !self.was_paused(at, arrival_ns) {
            at = begin;
            self.legs[leg].anchor = Some((position, begin));
        }
        self.legs[leg].fresh = false;
        self.place(leg, at, speech, true);
    }

    /// What was said before the last resume stays there, if it comes soon after.
    fn was_paused(&self, at: i64, arrival_ns: u64) -> bool {
        self.resumed_ns
            .is_some_and(|ns| arrival_ns < ns + 60_000 * NS_PER_MS && at < index(ns, self.rate) as i64)
    }

    pub fn rtp(&mut self, leg: usize, packet: &Packet, speech: &Speech, arrival_ns: u64) {
        let len = speech.cells.len() as u64;
        let Some(mut stream) = self.legs[leg].stream.take() else {
            let at = self.first_place(leg, arrival_ns);
            let seen = HashSet::from([packet.sequence]);
            let (highest, timestamp) = (packet.sequence, packet.timestamp);
            let (missing, first) = (HashMap::new(), (timestamp, at));
            self.legs[leg].stream = Some(Stream {
                highest,
                seen,
                missing,
                timestamp,
                at,
                len,
                first,
            });
            self.legs[leg].fresh = false;
            return self.place(leg, at, speech, true);
        };
        if !stream.seen.insert(packet.sequence) {
            self.legs[leg].stream = Some(stream);
            return;
        }
        if packet.sequence < stream.highest {
            let before_all = stream.first.1 + packet.timestamp - stream.first.0;
            let at = stream
                .missing
                .get(&packet.sequence)
                .copied()
                .unwrap_or(before_all);
            self.legs[leg].stream = Some(stream);
            return self.place(leg, at, speech, false);
        }
        let at = stream.at + packet.timestamp - stream.timestamp;
        for sequence in stream.highest + 1..packet.sequence {
            let before = (packet.sequence - sequence) * stream.len;
            stream.missing.insert(sequence, at - before as i64);
        }
        self.gap(leg, at, (packet.sequence - stream.highest - 1) * stream.len);
        stream.highest = packet.sequence;
        (stream.timestamp, stream.at, stream.len) = (packet.timestamp, at, len);
        self.legs[leg].stream = Some(stream);
        self.place(leg, at, speech, true);
    }

    fn first_place(&self, leg: usize, arrival_ns: u64) -> i64 {
        let (end, arrival) = (self.legs[leg].end as i64, index(arrival_ns, self.rate) as i64);
        match self.real {
            false => end,
            true if end - arrival > self.samples(200) => arrival,
            true => end.max(arrival),
        }
    }

    /// Whether the delay of a stream has grown beyond the window with this packet, or its
    /// timestamps have run further ahead of the clock than any sender is followed.
    pub fn is_astray(&self, leg: usize, packet: &Packet, arrival_ns: u64) -> bool {
        let Some(stream) = &self.legs[leg].stream else {
            return false;
        };
        let wanted = stream.at + packet.timestamp - stream.timestamp;
        let window = index(self.reorder_ns, self.rate) as i64;
        let arrival = index(arrival_ns, self.rate) as i64;
        let late = wanted < arrival - window && !self.was_paused(wanted, arrival_ns);
        let ahead = wanted > arrival + self.samples(2000);
        self.real && packet.sequence > stream.highest && (late || ahead)
    }

    /// Lost: so many places before `at`, as far as nothing has been there yet.
    fn gap(&mut self, leg: usize, at: i64, lost: u64) {
        self.order += 1;
        let gap = Gap {
            order: self.order,
            edge: index(self.edge_ns, self.rate),
        };
        let leg = &mut self.legs[leg];
        let from = (at - lost as i64).max(leg.end as i64);
        for at in from..at {
            leg.at(at as u64).gap = Some(gap);
        }
    }

    fn place(&mut self, leg: usize, at: i64, speech: &Speech, newest: bool) {
        self.order += 1;
        let now = (self.order, index(self.edge_ns, self.rate));
        self.put(leg, at, speech, newest, now);
    }

    fn put(&mut self, leg: usize, at: i64, speech: &Speech, newest: bool, (order, edge): (u32, u64)) {
        let leg = &mut self.legs[leg];
        for (n, &cell) in speech.cells.iter().enumerate() {
            let at = at + n as i64;
            if at < 0 {
                continue;
            }
            let name = speech.name + n as u64;
            let place = leg.at(at as u64);
            place.again |= place.said.is_some();
            place.said.get_or_insert(Said {
                cell,
                name,
                order,
                edge,
                newest,
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

    /// Names of what a leg said while a recording was paused, and of nothing else.
    pub fn said_while_paused(&self, leg: usize, tape: usize) -> impl Iterator<Item = u64> + '_ {
        let paused: Vec<_> = self.tapes[tape].stretches.iter().filter(|s| s.paused).collect();
        let said = self.legs[leg].places.iter().filter_map(|place| place.said);
        said.filter(move |said| {
            paused
                .iter()
                .any(|s| s.orders.0 < said.order && said.order < s.orders.1)
        })
        .map(|said| said.name)
    }
}

impl LegModel {
    fn at(&mut self, index: u64) -> &mut Place {
        let index = index as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, Place::default());
        }
        &mut self.places[index]
    }
}
