//! The common case, in as few steps as it takes: the packet that follows the one before, in
//! time.

use super::super::delay::{Moment, samples};
use super::super::{Coming, Out, Placing, Scene};
use super::{AHEAD_NS, Fault, SLACK_NS, Stream, said_by};

impl Stream {
    /// Places the packet if it is the next one by its number, by its timestamp and by the
    /// clock, and nothing else waits. False if it needs a closer look: nothing has happened.
    pub fn in_order(&mut self, coming: &Coming<'_>, scene: &Scene, out: &mut impl Out) -> bool {
        let packet = coming.packet;
        let next = packet.sequence == self.highest.wrapping_add(1) && self.rate == coming.format.rate;
        if !next || !self.timestamps.is_next(packet.timestamp) || !self.is_calm() {
            return false;
        }
        let moment = Moment {
            wanted: self.timestamps.end(),
            arrival: coming.arrival,
            rate: self.rate,
        };
        let (excess, rate) = (moment.excess(), self.rate);
        if scene.real && (excess > samples(SLACK_NS, rate) || -excess > samples(AHEAD_NS, rate)) {
            return false;
        }
        let step = match scene.real {
            true => self.follow(coming, moment),
            false => 0,
        };
        if !scene.real && self.proof.owes_any() {
            self.proof.sees(packet.timestamp, coming.arrival, rate);
        }
        self.window.audio(packet.sequence, coming.hash);
        self.highest = packet.sequence;
        self.last_arrival = coming.arrival;
        let at = moment.wanted + step;
        self.timestamps.goes_on(packet.timestamp, at, coming.len);
        let early = self.proof.early(at).max(said_by(coming.aged, at, coming.arrival));
        let end = self.end;
        self.end = end.max(at + coming.len);
        self.lead = at - coming.arrival;
        let audio = coming.audio();
        if step != 0 || !out.follows_on(&audio, at, early) {
            let placing = Placing {
                at,
                trim: (end - at).max(0).min(step.min(0).abs()) as u64,
                repeat: step.max(0) as u64,
                early,
                newest: true,
                ..Placing::default()
            };
            out.audio(&audio, placing);
        }
        true
    }

    /// By how much the stream moves to follow its sender's clock.
    fn follow(&mut self, coming: &Coming<'_>, moment: Moment) -> i64 {
        let step = self.drift.observe(moment, coming.len);
        self.proof
            .sees(coming.packet.timestamp, coming.arrival, self.rate);
        if step != 0 {
            self.shift(self.highest, step);
            self.proof.follows(step, coming.arrival, self.rate);
        }
        step
    }

    /// Nothing waits, and no lead is to be taken back in a silence.
    fn is_calm(&self) -> bool {
        let leads = || !self.lateness.is_steady() || self.drift.lead(self.rate) != 0;
        !self.anchoring
            && self.held.is_empty()
            && self.before.is_none()
            && self.proof.reopened.is_none()
            && self.timestamps.end() == self.end
            && !(self.real && leads())
            && !self.planted.has(Fault::DriftIgnored)
    }
}
