//! Where a track has no place for audio.

use super::{Content, Track};

impl Track {
    /// Whether audio that nothing replaces covers all of a range.
    pub fn is_occupied(&self, start: u64, end: u64) -> bool {
        let mut at = start;
        for part in self.parts(start, end) {
            let is_audio = matches!(part.content, Content::Audio(_));
            if part.from > at || !is_audio || part.origin.source.is_made_up() {
                return false;
            }
            at = part.to;
        }
        at >= end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LossReason;
    use crate::track::{AudioSource, Origin};
    use callrec_codec::Codec;

    fn place(track: &mut Track, from: u64, samples: usize, source: AudioSource) {
        let origin = Origin {
            source,
            ..Origin::default()
        };
        let payload = vec![1; samples];
        track.place(from, (Codec::Pcmu, origin), &payload, &mut Vec::new());
    }

    #[test]
    fn audio_that_covers_all_of_a_range_occupies_it() {
        let mut track = Track::new(8000);
        track.retain_from(Some(0));
        place(&mut track, 0, 160, AudioSource::HandedIn);
        place(&mut track, 160, 160, AudioSource::Recovered);
        place(&mut track, 400, 160, AudioSource::HandedIn);
        place(&mut track, 560, 160, AudioSource::Concealed);
        track.mark_lost(720, 800, LossReason::Network);
        place(&mut track, 800, 160, AudioSource::HandedIn);
        for range in [(0, 160), (100, 320), (0, 320), (400, 560)] {
            assert!(track.is_occupied(range.0, range.1), "{range:?}");
        }
        for range in [
            (0, 321),
            (320, 400),
            (399, 560),
            (400, 561),
            (700, 900),
            (900, 1000),
        ] {
            assert!(!track.is_occupied(range.0, range.1), "{range:?}");
        }
    }
}
