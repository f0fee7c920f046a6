//! Packets that are not the newest of their stream.

use super::super::{Coming, Out, Placing, Refused, Scene};
use super::{Fault, NUMBERS, Received, Stream};

impl Stream {
    /// A packet behind others lies where its timestamp has it: moves that came after it
    /// are not its own.
    pub fn late(&mut self, coming: &Coming<'_>, scene: &Scene, out: &mut impl Out) {
        let packet = coming.packet;
        self.window.audio(packet.sequence, coming.hash);
        if self.is_anchoring() && self.is_holding() {
            return self.behind.push(coming.hold(coming.arrival, 0).own());
        }
        if scene.real && self.is_holding() {
            self.give_up(true, scene, out);
        }
        let back = self.highest.wrapping_sub(packet.sequence);
        let moved: i64 = self
            .moves
            .iter()
            .filter(|(highest, _)| (highest.wrapping_sub(packet.sequence) as i16) >= 0)
            .map(|(_, by)| by)
            .sum();
        let mut at = self.timestamps.place_behind(packet.timestamp, back) - moved;
        let gap = self.gaps.found(packet.sequence);
        let mut early = 0;
        if let Some((from, to)) = gap
            && !(from..to).contains(&at)
        {
            // Its number says better than its timestamp where it belongs, and not exactly.
            at = to - coming.len;
            early = (to - from).max(0) as u64;
        }
        let was_missing = gap.is_some();
        let placing = Placing {
            at,
            early: early.max(self.proof.early_before(at, moved)),
            was_missing,
            newest: false,
            ..coming.plain(at)
        };
        out.audio(&coming.audio(), placing);
    }

    /// A packet of before a change of the clock rate, over which the numbers have gone on.
    pub fn is_of_before(&self, coming: &Coming<'_>) -> bool {
        let Some(before) = &self.before else {
            return false;
        };
        let changed = before.rate == coming.format.rate && before.rate != self.rate;
        let on = self.first.wrapping_sub(before.highest);
        let back = self.first.wrapping_sub(coming.packet.sequence);
        changed && (1..=NUMBERS).contains(&on) && (1..=NUMBERS).contains(&back)
    }

    /// Its time is over: what comes now for it is too late.
    pub fn late_of_before(&mut self, coming: &Coming<'_>, out: &mut impl Out) {
        let (packet, format) = (coming.packet, coming.format);
        let Some(before) = &mut self.before else {
            return;
        };
        let at = before.timestamps.place(packet.timestamp);
        let received = before.window.received(packet.sequence, coming.hash);
        if received == (Received::Audio { same: true }) {
            return out.refused(Refused::Duplicate, format, coming.len, at, coming.epoch);
        }
        before.window.audio(packet.sequence, coming.hash);
        let placing = Placing {
            at,
            early: before.proof.early(at),
            ..Placing::default()
        };
        out.audio(&coming.audio(), placing);
    }

    /// A packet without audio: its number has been received, and nothing else follows.
    pub fn other(&mut self, sequence: u16, out: &mut impl Out) {
        if self.planted.has(Fault::EventOrdersAudio) {
            self.highest = sequence;
        }
        let new = !self.window.has(sequence);
        self.window.other(sequence);
        if new && let Some((from, to)) = self.gaps.found(sequence) {
            out.not_missing(from, to.min(from + self.timestamps.len()));
        }
    }
}
