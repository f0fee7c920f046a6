//! Packets that are not the newest of their stream.

use super::super::{Coming, Out, Placing, Scene};
use super::{Fault, Stream};

impl Stream {
    /// A packet behind others lies where its timestamp has it: moves that came after it
    /// are not its own.
    pub(in crate::media) fn late(&mut self, coming: &Coming<'_>, scene: &Scene, out: &mut impl Out) {
        let packet = coming.packet;
        if scene.real && self.is_holding() {
            self.give_up(true, scene, out);
        }
        self.window.audio(packet.sequence, coming.hash);
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

    /// A packet without audio: its number has been received, and nothing else follows.
    pub(in crate::media) fn other(&mut self, sequence: u16, out: &mut impl Out) {
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
