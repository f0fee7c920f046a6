//! Removes audio that must not be recorded.

use super::{AudioSource, Content, Origin, Track, TrackChunk, TrackPart};
use crate::ledger::LossReason;
use callrec_codec::AudioSlice;

impl Track {
    /// Removes audio between two positions, and returns its parts. A gap that was concealed is lost
    /// as before.
    pub fn erase(&mut self, start: u64, end: u64) -> Vec<TrackPart> {
        let is_audio = |part: &TrackPart| matches!(part.content, Content::Audio(_));
        let gone: Vec<TrackPart> = self.parts(start, end).filter(is_audio).collect();
        for part in &gone {
            let i = self.chunk_at(part.from);
            let chunk = self.chunks.remove(i);
            if part.to < chunk.end() {
                self.chunks.insert(i, chunk.part(part.to, chunk.end()));
            }
            if part.origin.source == AudioSource::Concealed {
                let lost = TrackChunk {
                    content: Content::Loss(LossReason::Network),
                    origin: Origin::default(),
                    ..chunk.part(part.from, part.to)
                };
                self.chunks.insert(i, lost);
            }
            if chunk.start < part.from {
                self.chunks.insert(i, chunk.part(chunk.start, part.from));
            }
        }
        gone
    }

    /// All audio from `start` on, by position, except repeated noise.
    pub fn audio_from(&self, start: u64) -> impl Iterator<Item = (u64, AudioSlice<'_>)> + '_ {
        let first = self.chunk_at(start);
        self.chunks.iter().skip(first).filter_map(move |chunk| {
            let Content::Audio(codec) = chunk.content else {
                return None;
            };
            if chunk.is_repeated() {
                return None;
            }
            let from = chunk.start.max(start);
            Some((from, self.audio_slice(chunk, codec, from, chunk.end())))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Origin, TrackView};
    use super::*;
    use callrec_codec::Codec;

    fn bytes(track: &Track, from: u64, to: u64) -> Vec<u8> {
        let view = TrackView {
            epochs: &[(0, u32::MAX)],
            own: (0, u32::MAX),
            guard: 0,
            end: u64::MAX,
        };
        let (mut at, mut hint, mut all) = (from, track.chunk_at(from), Vec::new());
        while at < to {
            let (slice, len) = track.read(&view, &mut hint, at, to);
            match slice {
                AudioSlice::Ulaw(samples) => all.extend_from_slice(samples),
                _ => all.extend(vec![0; len as usize]),
            }
            at += len;
        }
        all
    }

    #[test]
    fn only_the_audio_between_the_positions_is_removed() {
        let mut track = Track::new(8000);
        track.retain_from(Some(0));
        let origin = Origin::default();
        let place = |track: &mut Track, at: u64, samples: &[u8]| {
            track.place(at, (Codec::Pcmu, origin), samples, &mut Vec::new());
        };
        place(&mut track, 0, &[1, 2, 3, 4, 5, 6]);
        place(&mut track, 8, &[9, 10]);
        let gone = track.erase(2, 4);
        assert_eq!(
            gone.iter().map(|part| (part.from, part.to)).collect::<Vec<_>>(),
            [(2, 4)]
        );
        assert_eq!(bytes(&track, 0, 10), [1, 2, 0, 0, 5, 6, 0, 0, 9, 10]);
        let gone = track.erase(5, 9);
        assert_eq!(
            gone.iter().map(|part| (part.from, part.to)).collect::<Vec<_>>(),
            [(5, 6), (8, 9)]
        );
        assert_eq!(bytes(&track, 0, 10), [1, 2, 0, 0, 5, 0, 0, 0, 0, 10]);
        assert!(track.erase(2, 4).is_empty());
        let left: Vec<u64> = track.audio_from(1).map(|(from, _)| from).collect();
        assert_eq!(left, [1, 4, 9]);
    }
}
