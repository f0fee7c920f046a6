//! Decides where the held packets of a stream belong.

use super::*;

impl RtpStream {
    pub(super) fn judge(&mut self, held: HeldPacket<'_>, out: &mut impl PlacementSink) {
        let timing = held.timing(self.rate);
        let opened = self.hidden_delay.reopened.take();
        if let Some(opened) = opened.filter(|_| timing.excess() > samples(SLACK_NS, self.rate)) {
            self.hidden_delay.limit_next_move(held.arrival - opened);
            self.held.push(held.own());
            return self.settle_held(LatenessDecision::Moved, out);
        }
        let decision = self.lateness.judge(timing);
        match decision {
            LatenessDecision::Hold if !self.planted.has(TimelineFault::BacklogAtArrival) => {
                self.held.push(held.own())
            }
            LatenessDecision::Hold | LatenessDecision::Moved => {
                self.held.push(held.own());
                self.settle_held(LatenessDecision::Moved, out);
            }
            LatenessDecision::Place => {
                self.settle_held(LatenessDecision::Place, out);
                let step = self.correct(&held);
                self.shift(held.after, step);
                let in_speech = held.mapped <= self.end;
                let mut held = held;
                held.mapped += step;
                self.place(&held, if in_speech { step } else { 0 }, out);
            }
        }
    }

    /// Places the held packets. If the stream has moved, the move begins with the first of them.
    pub(super) fn settle_held(&mut self, decision: LatenessDecision, out: &mut impl PlacementSink) {
        let Some(first) = self.held.first() else {
            return;
        };
        if decision == LatenessDecision::Moved {
            let by = first.arrival.max(self.end) - first.mapped;
            let after = first.after;
            let proven = self.held.iter().any(|held| held.is_aged);
            self.shift(after, by);
            self.held.iter_mut().for_each(|held| held.mapped += by);
            self.hidden_delay.add_move(by, proven, self.rate);
            self.drift.reset();
        }
        if decision == LatenessDecision::Place && !self.lateness.is_steady() {
            self.hidden_delay.revoke_standstill(self.rate);
        }
        for held in std::mem::take(&mut self.held) {
            self.place(&held, 0, out);
        }
    }

    /// Decides on the held packets although no packet follows.
    pub fn force_decision(&mut self, forced: bool, context: &PlacementContext, out: &mut impl PlacementSink) {
        if self.is_anchoring {
            return self.anchor(context, out);
        }
        let Some(last) = self.held.last() else {
            return;
        };
        let decision = self.lateness.force_decision(last.timing(self.rate), forced);
        self.settle_held(decision, out);
    }

    /// Anchors the stream. Its first packets arrived together; the newest of them was spoken at its
    /// arrival.
    pub(super) fn anchor(&mut self, context: &PlacementContext, out: &mut impl PlacementSink) {
        self.is_anchoring = false;
        let Some(first) = self.held.first() else {
            return;
        };
        let lead = self.held.iter().map(|held| held.mapped - held.arrival).max();
        let lead = lead.unwrap_or(0).max(0).min(samples(STALL_NS, self.rate));
        let floor = out
            .end(self.rate)
            .max(context.begin(self.rate).min(self.feed_opened));
        let spoken_at = first.arrival - lead;
        let at = spoken_at.max(floor);
        let by = at - first.mapped;
        self.hidden_delay.add_move(at - spoken_at, false, self.rate);
        if let Some(since) = self.idle_since.filter(|_| lead > 0 || self.came_in_burst) {
            // Something delayed them, possibly for the whole idle time.
            let hidden_delay = (first.arrival - since).clamp(0, samples(STALL_NS, self.rate));
            let last = self.held.last().map_or(first.arrival, |held| held.arrival);
            self.hidden_delay.guard_burst(last + 1, hidden_delay);
        }
        self.anchor_shift = by;
        self.end = at;
        self.timestamps.shift(by);
        self.held.iter_mut().for_each(|held| held.mapped += by);
        for held in std::mem::take(&mut self.held) {
            self.place(&held, 0, out);
        }
        for held in std::mem::take(&mut self.held_late) {
            let packet = held.packet();
            self.place_late(&held.incoming(&packet, self.end, None), context, out);
        }
    }
}
