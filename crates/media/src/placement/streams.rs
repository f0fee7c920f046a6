//! The RTP streams of one leg: which one a packet belongs to, and whether to believe it.

use std::collections::VecDeque;

use smallvec::SmallVec;

use super::delay::samples;
use super::stream::{Order, Stream};
use super::suspect::{Kind, Suspect};
use super::{Coming, HeldPacket, Out, Placing, Refused, Scene};
use crate::grid;
use crate::planted::Fault;
use crate::time::NS_PER_MS;

/// More are forgotten, the one that has been silent for longest first.
const STREAMS: usize = 8;
const SUSPECTS: usize = 4;
/// Packets that stayed alone and may come again: duplicates follow soon.
const ADMITTED: usize = 16;
/// SSRCs of forgotten streams: stragglers of them are no new streams.
const FORGOTTEN: usize = 64;
/// Streams that take turns so quickly send at the same time.
const TURN_NS: u64 = 60 * NS_PER_MS;
const TURNS: u32 = 4;

/// What each packet needs comes first, and the stream in front right behind it.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Streams {
    /// The SSRC whose packet was the newest.
    front: Option<u32>,
    /// Nothing has come from the present feed yet.
    fresh: bool,
    /// What was placed without another packet that confirms it, the latest: no stream knows it.
    admitted: VecDeque<Admitted>,
    /// When the present feed was opened.
    opened_ns: u64,
    /// The latest time for which nothing came.
    nothing: Nothing,
    turns: u32,
    suspects: Vec<Suspect>,
    /// The SSRCs of streams that were forgotten, oldest first.
    forgotten: VecDeque<u32>,
    /// Most often there is one, which is not worth a place of its own in memory.
    streams: SmallVec<[Stream; 1]>,
}

/// A packet that has stayed alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Admitted {
    ssrc: u32,
    sequence: u16,
    hash: u16,
}

/// A time for which nothing came by a feed.
#[derive(Clone, Copy, Debug, Default)]
struct Nothing {
    from_ns: u64,
    to_ns: u64,
    /// So many packets came at once when it was over.
    packets: u32,
}

/// So many packets at once show that something has held them up; fewer are stragglers.
const BURST_PACKETS: u32 = 4;
/// What comes within so much comes at once.
const AT_ONCE_NS: u64 = 5 * NS_PER_MS;

impl Streams {
    pub fn new() -> Streams {
        Streams {
            fresh: true,
            ..Streams::default()
        }
    }

    /// A new feed: its first packet needs no confirmation.
    pub fn attach(&mut self, now_ns: u64) {
        self.fresh = true;
        self.opened_ns = now_ns;
        self.nothing = Nothing {
            from_ns: now_ns,
            to_ns: now_ns,
            packets: 0,
        };
        for stream in &mut self.streams {
            stream.proof.reopen(samples(now_ns, stream.rate));
        }
    }

    fn find(&self, ssrc: u32) -> Option<usize> {
        self.streams.iter().position(|stream| stream.ssrc == ssrc)
    }

    /// A packet with audio. True if it is the newest of its stream.
    pub fn audio(&mut self, coming: &Coming<'_>, scene: &Scene, out: &mut impl Out) -> bool {
        if self.knows_alone(coming) {
            self.refuse(Refused::Duplicate, coming, out);
            return false;
        }
        let fresh = std::mem::take(&mut self.fresh);
        let Some(n) = self.find(coming.packet.ssrc) else {
            self.note_nothing(coming);
            match fresh {
                true => self.begin(coming, None, scene, out),
                false => self.suspect(coming, Kind::New, None, scene, out),
            }
            return fresh;
        };
        if self.front == Some(coming.packet.ssrc) && self.streams[n].in_order(coming, scene, out) {
            return true;
        }
        self.note_nothing(coming);
        if self.streams[n].is_of_before(coming) {
            self.streams[n].late_of_before(coming, out);
            return false;
        }
        self.streams[n].take_up_again(coming, scene);
        let stream = &mut self.streams[n];
        if stream.rate != coming.format.rate {
            // The same sender at another clock rate: its numbers go on, its clock does not.
            if !stream.is_behind(coming) {
                self.restart(n, coming, None, scene, out);
                return true;
            }
            self.suspect(coming, Kind::Restart, None, scene, out);
            return false;
        }
        match stream.order(coming, scene) {
            Order::Duplicate if scene.planted.has(Fault::DuplicatePlaced) => stream.late(coming, scene, out),
            Order::Duplicate => self.refuse(Refused::Duplicate, coming, out),
            Order::Late => stream.late(coming, scene, out),
            Order::Suspect | Order::Ancient(_) if fresh => self.restart(n, coming, None, scene, out),
            Order::Suspect => self.suspect(coming, Kind::Restart, None, scene, out),
            Order::Ancient(_) if scene.planted.has(Fault::StragglersVouch) => {
                self.suspect(coming, Kind::Restart, None, scene, out)
            }
            Order::Ancient(at) => self.suspect(coming, Kind::Restart, Some(at), scene, out),
            Order::Next => {
                let returns = self.front != Some(coming.packet.ssrc);
                if returns && !fresh && scene.real && !stream.is_in_time(coming) {
                    self.suspect(coming, Kind::Returns, None, scene, out);
                    return false;
                }
                self.next(n, coming, returns, scene, out);
                return true;
            }
        }
        false
    }

    /// Whether the same packet is held as a suspect, or was one that stayed alone.
    #[inline]
    fn knows_alone(&self, coming: &Coming<'_>) -> bool {
        let known = Admitted {
            ssrc: coming.packet.ssrc,
            sequence: coming.packet.sequence,
            hash: coming.hash,
        };
        self.suspects.iter().any(|suspect| suspect.has(coming)) || self.admitted.contains(&known)
    }

    /// Notes where nothing had come for a while, before a packet that is not as expected.
    fn note_nothing(&mut self, coming: &Coming<'_>) {
        let time = |at: i64, rate: u32| grid::time(at.max(0) as u64, rate);
        let came_ns = time(coming.arrival, coming.format.rate);
        let last = self
            .streams
            .iter()
            .map(|stream| time(stream.last_arrival, stream.rate));
        // What came by an earlier feed says nothing of the present one.
        let last_ns = last.max().unwrap_or(0).max(self.opened_ns);
        if came_ns >= last_ns + TURN_NS {
            (self.nothing.from_ns, self.nothing.to_ns, self.nothing.packets) = (last_ns, came_ns, 0);
        }
        if came_ns <= self.nothing.to_ns + AT_ONCE_NS {
            self.nothing.packets += 1;
        }
    }

    fn next(&mut self, n: usize, coming: &Coming<'_>, returns: bool, scene: &Scene, out: &mut impl Out) {
        if returns {
            self.turn(n, coming, out);
        }
        self.streams[n].next(coming, returns, scene, out);
        self.front = Some(coming.packet.ssrc);
    }

    /// Another stream is in front now.
    fn turn(&mut self, n: usize, coming: &Coming<'_>, out: &mut impl Out) {
        let ago = coming.arrival - self.streams[n].last_arrival;
        self.turns = match ago <= samples(TURN_NS, coming.format.rate) {
            true => self.turns + 1,
            false => 0,
        };
        if self.turns >= TURNS {
            out.concurrent();
        }
    }

    fn refuse(&mut self, why: Refused, coming: &Coming<'_>, out: &mut impl Out) {
        out.refused(why, coming.format, coming.len, coming.arrival, coming.epoch);
    }

    /// A stream that nothing is known of.
    /// `guard`: it may have been going on since so long ago.
    fn begin(&mut self, coming: &Coming<'_>, guard: Option<i64>, scene: &Scene, out: &mut impl Out) {
        self.finish_front(scene, out);
        if self.streams.len() == STREAMS {
            let oldest = (0..STREAMS).min_by_key(|n| self.streams[*n].last_arrival);
            let mut oldest = self.streams.remove(oldest.unwrap_or_default());
            oldest.give_up(true, scene, out);
            self.forget(oldest.ssrc);
        }
        out.new_stream();
        let mut stream = Stream::begin(coming, guard, scene, out);
        stream.opened = grid::index(self.opened_ns, stream.rate) as i64;
        let came_ns = grid::time(coming.arrival.max(0) as u64, stream.rate);
        let Nothing {
            from_ns,
            to_ns,
            packets,
        } = self.nothing;
        if came_ns <= to_ns + TURN_NS {
            stream.nothing_since = Some(grid::index(from_ns, stream.rate) as i64);
            stream.has_company = packets >= BURST_PACKETS;
        }
        self.streams.push(stream);
        self.front = Some(coming.packet.ssrc);
    }

    fn forget(&mut self, ssrc: u32) {
        self.forgotten.retain(|known| *known != ssrc);
        if self.forgotten.len() == FORGOTTEN {
            self.forgotten.pop_front();
        }
        self.forgotten.push_back(ssrc);
    }

    /// What the stream in front still holds comes before another one's.
    fn finish_front(&mut self, scene: &Scene, out: &mut impl Out) {
        for stream in &mut self.streams {
            if stream.is_holding() {
                stream.give_up(true, scene, out);
            }
        }
    }

    /// The same sender, from here on with a new sequence.
    fn restart(
        &mut self,
        n: usize,
        coming: &Coming<'_>,
        guard: Option<i64>,
        scene: &Scene,
        out: &mut impl Out,
    ) {
        let mut old = self.streams.remove(n);
        old.give_up(true, scene, out);
        self.begin(coming, guard, scene, out);
        if let Some(new) = self.streams.last_mut() {
            new.follows_on(old);
        }
    }

    fn suspect(
        &mut self,
        coming: &Coming<'_>,
        kind: Kind,
        past: Option<i64>,
        scene: &Scene,
        out: &mut impl Out,
    ) {
        if let Some(n) = self.suspects.iter().position(|s| s.is_joined_by(coming)) {
            self.suspects[n].join(coming);
            if self.suspects[n].is_confirmed() {
                let suspect = self.suspects.remove(n);
                self.confirm(suspect, coming, scene, out);
            }
            return;
        }
        if !scene.real || self.suspects.len() == SUSPECTS {
            // In stream time nothing else tells that it stays alone.
            self.admit_all(out);
        }
        self.suspects.push(Suspect::new(coming, kind, past));
    }

    /// Others have confirmed it: all of it is placed, the first where it came.
    fn confirm(&mut self, suspect: Suspect, last: &Coming<'_>, scene: &Scene, out: &mut impl Out) {
        let (kind, early) = (suspect.kind, suspect.early(last.arrival));
        self.admit_before(&suspect, out);
        for (place, held) in suspect.held.into_iter().enumerate() {
            let packet = held.packet();
            let coming = held.coming(&packet, out.end(held.format.rate), last.clock_ns);
            match self.find(held.ssrc) {
                Some(n) if place > 0 || kind == Kind::Returns => {
                    self.next(n, &coming, place == 0, scene, out)
                }
                // What begins anew in a known stream may be older than it looks.
                Some(n) => {
                    let guard = Some(early).filter(|_| !scene.planted.has(Fault::SuspectTrusted));
                    self.restart(n, &coming, guard, scene, out);
                }
                None => {
                    let guard = Some(early).filter(|_| self.forgotten.contains(&held.ssrc));
                    self.begin(&coming, guard, scene, out);
                }
            }
        }
    }

    /// Whoever is alone is placed at its arrival, as something that may be old.
    fn admit(&mut self, suspect: Suspect, out: &mut impl Out) {
        let early = suspect.held.first().map_or(0, |held| suspect.early(held.arrival));
        for held in suspect.held {
            if self.admitted.len() == ADMITTED {
                self.admitted.pop_front();
            }
            self.admitted.push_back(Admitted {
                ssrc: held.ssrc,
                sequence: held.sequence,
                hash: held.hash,
            });
            let placing = Placing {
                at: held.wanted,
                early: early as u64,
                ..Placing::default()
            };
            out.audio(&held.audio(), placing);
        }
    }

    /// Who came before a sequence that is confirmed now lies before it.
    fn admit_before(&mut self, confirmed: &Suspect, out: &mut impl Out) {
        let came = |suspect: &Suspect| suspect.held.first().map(|held| held.arrival);
        let first = came(confirmed);
        let (before, others) = std::mem::take(&mut self.suspects)
            .into_iter()
            .partition(|suspect| came(suspect) < first);
        self.suspects = others;
        let before: Vec<Suspect> = before;
        before.into_iter().for_each(|suspect| self.admit(suspect, out));
    }

    fn admit_all(&mut self, out: &mut impl Out) {
        for suspect in std::mem::take(&mut self.suspects) {
            self.admit(suspect, out);
        }
    }

    /// A packet without audio: its number counts, and nothing else.
    pub fn other(&mut self, ssrc: u32, sequence: u16, out: &mut impl Out) {
        if let Some(n) = self.find(ssrc) {
            self.streams[n].other(sequence, out);
        }
    }

    /// Comfort noise: the stream is silent up to here. Answers where that is.
    pub fn silence(&mut self, ssrc: u32, timestamp: u32, arrival_ns: u64) -> Option<(i64, u32)> {
        let n = self.find(ssrc)?;
        let stream = &mut self.streams[n];
        let arrival = grid::index(arrival_ns, stream.rate) as i64;
        stream.proof.sees(timestamp, arrival, stream.rate);
        Some((stream.silent_until(timestamp), stream.rate))
    }

    pub fn report(&mut self, ssrc: u32, ntp: u64, timestamp: u32) {
        if let Some(n) = self.find(ssrc) {
            let rate = self.streams[n].rate;
            self.streams[n].proof.report(ntp, timestamp, rate);
        }
    }

    /// Time has gone on: what has waited long enough is decided. `force`: everything that
    /// waits for its place is.
    pub fn tick(&mut self, now_ns: u64, force: bool, scene: &Scene, out: &mut impl Out) {
        for stream in &mut self.streams {
            let due = stream.is_anchoring() || stream.is_due(samples(now_ns, stream.rate));
            if stream.is_holding() && (force || due) {
                stream.give_up(!due, scene, out);
            }
        }
        self.admit_alone(now_ns, out);
    }

    /// The same before a packet that came at this time: others of its moment may follow.
    pub fn pass(&mut self, arrival_ns: u64, scene: &Scene, out: &mut impl Out) {
        for stream in &mut self.streams {
            if stream.is_holding() && stream.is_due(samples(arrival_ns, stream.rate)) {
                stream.give_up(false, scene, out);
            }
        }
        self.admit_alone(arrival_ns, out);
    }

    fn admit_alone(&mut self, now_ns: u64, out: &mut impl Out) {
        while let Some(n) = self
            .suspects
            .iter()
            .position(|s| s.is_alone(samples(now_ns, s.rate)))
        {
            let suspect = self.suspects.remove(n);
            self.admit(suspect, out);
        }
    }

    /// The end: nothing will confirm what waits.
    pub fn finish(&mut self, now_ns: u64, scene: &Scene, out: &mut impl Out) {
        self.tick(now_ns, true, scene, out);
        self.admit_all(out);
    }

    /// Samples of a packet of the stream in front, where there is one.
    pub fn packet_len(&self) -> i64 {
        let front = self.front.and_then(|ssrc| self.find(ssrc));
        front.map_or(0, |n| self.streams[n].packet_len())
    }

    /// The arrival of the oldest packet that nothing has confirmed yet, and its rate.
    pub fn oldest_suspect(&self) -> Option<(i64, u32)> {
        let first = |suspect: &Suspect| Some((suspect.held.first()?.arrival, suspect.rate));
        self.suspects.iter().filter_map(first).min()
    }

    /// Where packets are missing that may still be out of order: the earliest moment.
    pub fn earliest_gap_ns(&self, now_ns: u64, reorder_ns: u64) -> Option<u64> {
        let gaps = self
            .streams
            .iter()
            .filter_map(|stream| stream.earliest_gap(now_ns, reorder_ns));
        gaps.map(|(at, rate)| grid::time(at.max(0) as u64, rate)).min()
    }

    /// Packets that nothing has confirmed yet: place, samples, rate and epoch.
    pub fn unconfirmed(&self) -> impl Iterator<Item = (i64, i64, u32, u32)> + '_ {
        let held = self.suspects.iter().flat_map(|suspect| &suspect.held);
        held.map(|held| (held.arrival, held.len, held.format.rate, held.epoch))
    }

    /// Packets that have no place yet: as above.
    pub fn unplaced(&self) -> impl Iterator<Item = (i64, i64, u32, u32)> + '_ {
        let held = self.streams.iter().flat_map(Stream::held);
        held.map(|held| (held.arrival, held.len, held.format.rate, held.epoch))
    }

    pub fn is_holding(&self) -> bool {
        self.streams.iter().any(Stream::is_holding)
    }

    pub fn is_waiting(&self) -> bool {
        !self.suspects.is_empty() || self.is_holding()
    }
}

impl HeldPacket<'_> {
    pub(super) fn coming<'a>(
        &self,
        packet: &'a crate::rtp::Packet<'a>,
        leg_end: i64,
        clock_ns: Option<u64>,
    ) -> Coming<'a> {
        Coming {
            packet,
            hash: self.hash,
            format: self.format,
            len: self.len,
            arrival: self.arrival,
            epoch: self.epoch,
            aged: self.aged,
            refused: self.refused,
            leg_end,
            clock_ns,
        }
    }
}
