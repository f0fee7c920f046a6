//! One RTP stream (an SSRC at one clock rate): where each of its packets lies.

mod behind;
mod follow;
mod in_order;

use std::collections::VecDeque;

use super::delay::{JUDGED_NS, Lateness, STALL_NS, Verdict, samples};
use super::drift::Drift;
use super::gaps::{Gap, Gaps};
use super::proof::Proof;
use super::timestamps::{Step, Timestamps};
use super::window::{NUMBERS, Received, Window};
use super::{Coming, HeldPacket, Out, Placing, Refused, Scene};
use crate::planted::{Fault, Planted};
use crate::time::NS_PER_MS;

/// Later than this by its timestamp, a packet's delay is judged.
const SLACK_NS: u64 = 100 * NS_PER_MS;
/// So near behind the newest, a number is late whatever its timestamp says.
const NEAR: u16 = 32;
/// So near ahead, a number follows whatever its timestamp says.
const NEXT: u16 = 16;
/// Further ahead of the clock nothing is placed: a peer would decide how much is kept.
const AHEAD_NS: u64 = 10_000 * NS_PER_MS;
/// In stream time a leg is taken out of its ring while another still waits in its own.
const RING_NS: u64 = 1_000 * NS_PER_MS;
/// In stream time a longer silence is a jump of the timestamps.
const LONGEST_S: i64 = 1800;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Ahead of all others.
    Next,
    /// Behind others, and not received before.
    Late,
    Duplicate,
    /// Perhaps the first of a sequence that begins anew.
    Suspect,
    /// The same, or a very old one, which lay here: nobody knows any more whether it came.
    /// A restart at the numbers and timestamps that the stream began with looks so, too.
    Ancient(i64),
}

/// What each packet in order needs comes first, in as few cache lines as it takes.
#[derive(Debug)]
#[repr(C)]
pub struct Stream {
    pub ssrc: u32,
    pub rate: u32,
    /// The newest audio packet's number.
    highest: u16,
    /// Its first packet's.
    first: u16,
    /// Held from its first packet on, until it is known how much of a backlog there is.
    anchoring: bool,
    real: bool,
    planted: Planted,
    /// After the last sample that was placed.
    end: i64,
    timestamps: Timestamps,
    pub last_arrival: i64,
    /// By how much the newest packet lies later than it came.
    lead: i64,
    /// The same sender's stream before it began anew.
    before: Option<Box<Stream>>,
    /// What waits for a judgement, oldest first.
    held: Vec<HeldPacket<'static>>,
    /// What came behind others before it was known where the stream begins.
    behind: Vec<HeldPacket<'static>>,
    pub proof: Proof,
    lateness: Lateness,
    drift: Drift,
    /// By how much it was moved when its first packets had come.
    anchored_by: i64,
    /// When its feed was opened: what comes by it was not said before.
    pub opened: i64,
    /// Nothing had come by it from here on until this stream came; others came with it.
    pub nothing_since: Option<i64>,
    pub has_company: bool,
    /// The loudest sample of late, while a lead waits for a silence.
    loudest: i32,
    /// Where the stream was moved: the highest number before, and by how much.
    moves: VecDeque<(u16, i64)>,
    gaps: Gaps,
    window: Window,
}

impl Stream {
    /// Begins with its first packet. In real time it is placed once its neighbours of the
    /// same moment are known.
    pub fn begin(coming: &Coming<'_>, guard: Option<i64>, scene: &Scene, out: &mut impl Out) -> Stream {
        let packet = coming.packet;
        let first = match (scene.real, coming.clock()) {
            (true, _) => coming.arrival,
            // The leg was silent while the others went on.
            (false, Some(clock)) if coming.has_been_silent(clock) => clock,
            (false, _) => coming.leg_end,
        };
        let mut stream = Stream {
            ssrc: packet.ssrc,
            rate: coming.format.rate,
            window: Window::new(),
            highest: packet.sequence,
            first: packet.sequence,
            timestamps: Timestamps::new(packet.timestamp, first, coming.len),
            lateness: Lateness::new(SLACK_NS),
            drift: Drift::default(),
            proof: Proof::default(),
            held: Vec::new(),
            behind: Vec::new(),
            anchoring: scene.real,
            real: scene.real,
            anchored_by: 0,
            opened: 0,
            nothing_since: None,
            has_company: false,
            end: first,
            moves: VecDeque::new(),
            gaps: Gaps::default(),
            last_arrival: coming.arrival,
            lead: 0,
            loudest: 0,
            before: None,
            planted: scene.planted,
        };
        stream.window.audio(packet.sequence, coming.hash);
        stream
            .proof
            .sees(packet.timestamp, coming.arrival, coming.format.rate);
        if let Some(early) = guard {
            stream.proof.guard(first, early, coming.format.rate);
        }
        match scene.real {
            true => stream.held.push(coming.hold(first, 0).own()),
            false => {
                let placing = Placing {
                    early: stream.proof.early(first),
                    ..coming.plain(first)
                };
                stream.emit(coming, placing, out);
            }
        }
        stream
    }

    /// The stream that its sender seems to have ended by beginning anew.
    pub fn follows_on(&mut self, mut old: Stream) {
        if old.rate != self.rate {
            let came = self.last_arrival * i64::from(old.rate) / i64::from(self.rate.max(1));
            let silent = came - old.timestamps.end();
            self.proof.inherit(&old.proof, silent, (old.rate, self.rate));
        }
        old.before = None;
        self.before = Some(Box::new(old));
    }

    /// Its number is not one of those that are still to come.
    pub fn is_behind(&self, coming: &Coming<'_>) -> bool {
        let ahead = coming.packet.sequence.wrapping_sub(self.highest);
        ahead == 0 || ahead >= 0x8000
    }

    fn continues(&self, coming: &Coming<'_>) -> bool {
        let ahead = coming.packet.sequence.wrapping_sub(self.highest);
        (1..=NEXT).contains(&ahead) && self.rate == coming.format.rate
    }

    /// A packet goes on with the numbers of before: what seemed to begin anew were old
    /// packets.
    pub fn take_up_again(&mut self, coming: &Coming<'_>, scene: &Scene) {
        let goes_on = |before: &mut Box<Stream>| before.continues(coming);
        if self.continues(coming) || self.is_holding() {
            return;
        }
        if let Some(mut before) = self.before.take_if(goes_on) {
            if !scene.real {
                // Something else has its place now.
                before.timestamps.shift(coming.leg_end - before.end);
                before.end = coming.leg_end;
            }
            *self = *before;
        }
    }

    pub fn order(&self, coming: &Coming<'_>, scene: &Scene) -> Order {
        let packet = coming.packet;
        let ahead = packet.sequence.wrapping_sub(self.highest);
        if ahead != 0 && ahead < 0x8000 {
            return match self.follows(coming, ahead, scene) {
                true => Order::Next,
                false => Order::Suspect,
            };
        }
        let back = ahead.wrapping_neg();
        match self.window.received(packet.sequence, coming.hash) {
            Received::Audio { same: true } if back < NUMBERS => Order::Duplicate,
            Received::Audio { same: false } if back < NUMBERS => Order::Suspect,
            _ if !self.timestamps.fits_behind(packet.timestamp, back, back < NEAR) => Order::Suspect,
            _ if back < NUMBERS => Order::Late,
            _ => Order::Ancient(self.timestamps.place(packet.timestamp)),
        }
    }

    fn follows(&self, coming: &Coming<'_>, ahead: u16, scene: &Scene) -> bool {
        if ahead <= NEXT {
            return true;
        }
        // No more can be missing than time has gone by, and what a stall may have held back.
        let elapsed = coming.arrival - self.last_arrival + samples(STALL_NS, self.rate);
        let possible = !scene.real || i64::from(ahead) * self.timestamps.len() <= elapsed;
        let timestamp = coming.packet.timestamp;
        possible && self.timestamps.fits_ahead(timestamp, ahead, self.rate)
    }

    /// Its timestamp says that it was said about now.
    pub fn is_in_time(&self, coming: &Coming<'_>) -> bool {
        let at = self.timestamps.place(coming.packet.timestamp);
        let slack = samples(SLACK_NS, self.rate);
        at >= self.end.max(self.timestamps.end()) && (coming.arrival - at).abs() <= slack
    }

    /// The newest packet. `returns`: another stream was in front meanwhile, so that
    /// numbers between are not missing.
    pub fn next(&mut self, coming: &Coming<'_>, returns: bool, scene: &Scene, out: &mut impl Out) {
        let packet = coming.packet;
        self.proof.sees(packet.timestamp, coming.arrival, self.rate);
        let before = self.highest;
        let missing = match returns {
            true => 0,
            false => self.window.missing(before, packet.sequence),
        };
        let step = self.step(coming, missing, returns, scene);
        let apart = packet.sequence.wrapping_sub(before);
        self.window.audio(packet.sequence, coming.hash);
        self.highest = packet.sequence;
        self.last_arrival = coming.arrival;
        let len = self.timestamps.len();
        let wanted = match step {
            Step::Fits(at) => at,
            Step::Broken(at) => {
                out.wrong_timestamp();
                self.give_up(true, scene, out);
                self.lateness.reset();
                self.proof.went_on(at - self.timestamps.end(), self.rate);
                at
            }
        };
        self.timestamps
            .newest(packet.timestamp, wanted, coming.len, apart);
        let mut held = coming.hold(wanted, missing);
        held.after = before;
        held.len_before = len;
        if !scene.real {
            return self.place(&held, 0, out);
        }
        let first = self.held.first().map_or(0, |held| held.arrival);
        if self.anchoring && coming.arrival - first < samples(JUDGED_NS, self.rate) {
            return self.held.push(held.own());
        }
        if self.anchoring {
            self.anchor(scene, out);
            held.wanted = wanted + self.anchored_by;
        }
        self.judge(held, out);
    }

    fn step(&mut self, coming: &Coming<'_>, missing: u64, returns: bool, scene: &Scene) -> Step {
        let expected = self.timestamps.end() + missing as i64 * self.timestamps.len();
        let packet = coming.packet;
        let apart = packet.sequence.wrapping_sub(self.highest);
        if !scene.real {
            let horizon = match coming.clock() {
                Some(clock) if !packet.marker => clock.max(expected) + samples(RING_NS, self.rate),
                _ => expected + LONGEST_S * i64::from(self.rate),
            };
            let expected = if returns {
                expected.max(coming.leg_end)
            } else {
                expected
            };
            return self
                .timestamps
                .step(packet.timestamp, apart, expected, horizon, packet.marker);
        }
        let slack = samples(SLACK_NS, self.rate);
        let lead = (self.timestamps.end() - coming.arrival).max(self.lead).max(0);
        let horizon = coming.arrival + lead + slack;
        let step = self
            .timestamps
            .step(packet.timestamp, apart, expected, horizon, packet.marker);
        match step {
            // Its time is unknown; when it came, is not.
            Step::Broken(at) if coming.arrival - at > slack => Step::Broken(coming.arrival),
            Step::Broken(at) if self.was_silent(coming, at, horizon) => Step::Broken(coming.arrival),
            Step::Broken(_) if self.planted.has(Fault::TimestampBelieved) => {
                Step::Fits(self.timestamps.place(packet.timestamp))
            }
            step => step,
        }
    }

    /// Its timestamp says that the sender was silent, for longer than time has gone by, and so
    /// does the clock: the stream lay too late, by less than the longest stall.
    fn was_silent(&self, coming: &Coming<'_>, expected: i64, horizon: i64) -> bool {
        let at = self.timestamps.place(coming.packet.timestamp);
        let stalled = coming.arrival + samples(STALL_NS, self.rate);
        (horizon + 1..=stalled).contains(&at) && coming.arrival - expected > self.timestamps.len()
    }

    fn judge(&mut self, held: HeldPacket<'_>, out: &mut impl Out) {
        let moment = held.moment(self.rate);
        let opened = self.proof.reopened.take();
        if let Some(opened) = opened.filter(|_| moment.excess() > samples(SLACK_NS, self.rate)) {
            self.proof.is_no_older(held.arrival - opened);
            self.held.push(held.own());
            return self.settle_held(Verdict::Moved, out);
        }
        let verdict = self.lateness.judge(moment);
        match verdict {
            Verdict::Hold if !self.planted.has(Fault::BacklogAtArrival) => self.held.push(held.own()),
            Verdict::Hold | Verdict::Moved => {
                self.held.push(held.own());
                self.settle_held(Verdict::Moved, out);
            }
            Verdict::Place => {
                self.settle_held(Verdict::Place, out);
                let step = self.correct(&held);
                self.shift(held.after, step);
                let in_speech = held.wanted <= self.end;
                let mut held = held;
                held.wanted += step;
                self.place(&held, if in_speech { step } else { 0 }, out);
            }
        }
    }

    /// What waits is placed. The stream has moved: from the first of it on.
    fn settle_held(&mut self, verdict: Verdict, out: &mut impl Out) {
        let Some(first) = self.held.first() else {
            return;
        };
        if verdict == Verdict::Moved {
            let by = first.arrival.max(self.end) - first.wanted;
            let after = first.after;
            let proven = self.held.iter().any(|held| held.aged);
            self.shift(after, by);
            self.held.iter_mut().for_each(|held| held.wanted += by);
            self.proof.moved(by, proven, self.rate);
            self.drift.reset();
        }
        if verdict == Verdict::Place && !self.lateness.is_steady() {
            self.proof.drains(self.rate);
        }
        for held in std::mem::take(&mut self.held) {
            self.place(&held, 0, out);
        }
    }

    /// Decides what waits by what there is of it.
    pub fn give_up(&mut self, forced: bool, scene: &Scene, out: &mut impl Out) {
        if self.anchoring {
            return self.anchor(scene, out);
        }
        let Some(last) = self.held.last() else {
            return;
        };
        let verdict = self.lateness.give_up(last.moment(self.rate), forced);
        self.settle_held(verdict, out);
    }

    /// Whether what waits has waited long enough.
    pub fn is_due(&self, now: i64) -> bool {
        let waited = |held: &HeldPacket<'_>| now - held.arrival >= samples(super::delay::HELD_NS, self.rate);
        !self.anchoring && self.held.first().is_some_and(waited)
    }

    /// Its first packets wait for what comes with them.
    pub fn is_anchoring(&self) -> bool {
        self.anchoring
    }

    /// Where packets are missing that may be out of order, by so much at most; and the rate.
    pub fn earliest_gap(&self, now_ns: u64, reorder_ns: u64) -> Option<(i64, u32)> {
        let since = samples(now_ns.saturating_sub(reorder_ns), self.rate);
        Some((self.gaps.earliest_open(since)?, self.rate))
    }

    /// What has no place yet.
    pub(super) fn held(&self) -> impl Iterator<Item = &HeldPacket<'static>> {
        self.held.iter().chain(&self.behind)
    }

    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// The first packets have come at once: the newest of them was said last, and now.
    fn anchor(&mut self, scene: &Scene, out: &mut impl Out) {
        self.anchoring = false;
        let Some(first) = self.held.first() else {
            return;
        };
        let lead = self.held.iter().map(|held| held.wanted - held.arrival).max();
        let lead = lead.unwrap_or(0).max(0).min(samples(STALL_NS, self.rate));
        let floor = out.end(self.rate).max(scene.begin(self.rate).min(self.opened));
        let said = first.arrival - lead;
        let at = said.max(floor);
        let by = at - first.wanted;
        self.proof.moved(at - said, false, self.rate);
        if let Some(since) = self.nothing_since.filter(|_| lead > 0 || self.has_company) {
            // Something has held them up, perhaps all the time.
            let early = (first.arrival - since).clamp(0, samples(STALL_NS, self.rate));
            let last = self.held.last().map_or(first.arrival, |held| held.arrival);
            self.proof.guard_burst(last + 1, early);
        }
        self.anchored_by = by;
        self.end = at;
        self.timestamps.shift(by);
        self.held.iter_mut().for_each(|held| held.wanted += by);
        for held in std::mem::take(&mut self.held) {
            self.place(&held, 0, out);
        }
        for held in std::mem::take(&mut self.behind) {
            let packet = held.packet();
            self.late(&held.coming(&packet, self.end, None), scene, out);
        }
    }

    /// `slipped`: samples that the stream has been moved by here, where no silence hides it.
    fn place(&mut self, held: &HeldPacket<'_>, slipped: i64, out: &mut impl Out) {
        let gap = (held.wanted - self.end).max(0);
        let lost = (held.missing as i64 * held.len_before).min(gap);
        if held.missing > 0 {
            self.gaps.push(Gap {
                after: held.after,
                before: held.sequence,
                missing: held.missing,
                from: held.wanted - gap,
                to: held.wanted,
                seen: held.arrival,
            });
        }
        if self.real && held.wanted - held.arrival > samples(AHEAD_NS, self.rate) {
            let (arrival, epoch) = (held.arrival, held.epoch);
            return out.refused(Refused::Ahead, held.format, held.len, arrival, epoch);
        }
        let placing = Placing {
            at: held.wanted,
            trim: (self.end - held.wanted).max(0).min(slipped.min(0).abs()) as u64,
            repeat: slipped.max(0) as u64,
            missing: held.missing,
            refused: held.refused,
            lost: lost as u64,
            early: self
                .proof
                .early(held.wanted)
                .max(said_by(held.aged, held.wanted, held.arrival)),
            newest: true,
            was_missing: false,
        };
        self.end = self.end.max(held.wanted + held.len);
        self.lead = held.wanted - held.arrival;
        out.audio(&held.audio(), placing);
    }

    fn emit(&mut self, coming: &Coming<'_>, placing: Placing, out: &mut impl Out) {
        self.end = self.end.max(placing.at + coming.len);
        out.audio(&coming.audio(), placing);
    }

    /// Samples of the newest packet.
    pub fn packet_len(&self) -> i64 {
        self.timestamps.len()
    }

    /// The stream is known to be silent up to here.
    pub fn silent_until(&self, timestamp: u32) -> i64 {
        self.timestamps.place(timestamp)
    }
}

/// Samples by which audio lies later than it came, where the host says when that was: it
/// cannot have been said after it.
fn said_by(aged: bool, at: i64, arrival: i64) -> u64 {
    if aged { (at - arrival).max(0) as u64 } else { 0 }
}
