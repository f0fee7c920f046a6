//! Ranges that are known as lost.

use super::{AudioSource, Content, Track, TrackChunk};
use crate::ledger::LossReason;

impl TrackChunk {
    /// Whether audio from a source replaces it, or loss for a reason. What is known as lost is no
    /// silence of the sender, and only what the network lost is concealed.
    pub(super) fn yields_to(&self, source: Option<AudioSource>, reason: LossReason) -> bool {
        use AudioSource::Concealed;
        let is_noise = source.is_some_and(AudioSource::is_noise);
        match (self.content, self.origin.source, source) {
            (Content::Loss(_), _, None) => false,
            (Content::Loss(_), _, _) if is_noise => false,
            (Content::Loss(lost), _, Some(Concealed)) => lost == LossReason::Network,
            (Content::Loss(_), _, Some(_)) => true,
            (_, known, _) if known.is_noise() => true,
            (_, Concealed, None) => reason != LossReason::Network,
            (_, Concealed, Some(_)) => !is_noise,
            _ => false,
        }
    }
}

impl Track {
    /// Marks ranges without audio as lost, and those with comfort noise.
    pub fn mark_lost(&mut self, start: u64, end: u64, reason: LossReason) {
        let start = start.max(self.floor);
        if self.is_kept && start < end {
            self.fill(start, end, None, reason, &mut Vec::new());
        }
    }

    /// Clears loss in a range, because the missing packet had no audio.
    pub fn unmark_lost(&mut self, start: u64, end: u64) {
        let mut i = self.chunks.partition_point(|chunk| chunk.end() <= start);
        while let Some(chunk) = self.chunks.get(i).copied().filter(|chunk| chunk.start < end) {
            let is_missing = chunk.content == Content::Loss(LossReason::Network)
                || chunk.origin.source == AudioSource::Concealed;
            if !is_missing {
                i += 1;
                continue;
            }
            self.chunks.remove(i);
            if chunk.start < start {
                self.chunks.insert(i, chunk.part(chunk.start, start));
                i += 1;
            }
            if chunk.end() > end {
                self.chunks.insert(i, chunk.part(end, chunk.end()));
                i += 1;
            }
        }
    }
}
