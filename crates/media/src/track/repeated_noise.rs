//! Noise for a silence of any length. One second of it is stored; more would let the sender of a
//! timestamp decide how much memory a call takes.

use super::{AudioSource, Content, Origin, Track, TrackChunk};
use callrec_codec::Codec;

impl TrackChunk {
    /// Whether its bytes are one second of noise, in which a position modulo the rate is looked up.
    pub(super) fn is_repeated(&self) -> bool {
        self.origin.source == AudioSource::RepeatedNoise
    }
}

impl Track {
    /// Where the sample for a position is within the second.
    pub(super) fn repeated_at(&self, at: u64) -> u64 {
        at % u64::from(self.rate)
    }

    /// The position after which the second is read from its beginning again.
    pub(super) fn repeated_until(&self, at: u64) -> u64 {
        at - self.repeated_at(at) + u64::from(self.rate)
    }

    /// Fills what is empty between two positions with `second`, which has as many samples as the
    /// rate says. The media end stays where it is.
    pub fn repeat_noise(&mut self, from: u64, to: u64, second: &[i16], epoch: u32) {
        let mut at = from.max(self.floor);
        if !self.is_kept || at >= to {
            return;
        }
        let off = self.bytes.len();
        let bytes: Vec<u8> = second.iter().flat_map(|sample| sample.to_ne_bytes()).collect();
        self.append(&bytes);
        let origin = Origin {
            epoch,
            source: AudioSource::RepeatedNoise,
            ..Origin::default()
        };
        let mut i = self.chunk_at(at);
        while at < to {
            let next = self.chunks.get(i).copied();
            at = match next {
                Some(chunk) if chunk.start <= at => chunk.end(),
                _ => {
                    let stop = next.map_or(to, |chunk| chunk.start.min(to));
                    let noise = TrackChunk {
                        start: at,
                        len: stop - at,
                        off,
                        content: Content::Audio(Codec::Pcm16),
                        origin,
                    };
                    self.chunks.insert(i, noise);
                    stop
                }
            };
            i += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::TrackView;
    use super::*;
    use callrec_codec::AudioSlice;

    fn samples(track: &Track, from: u64, to: u64) -> Vec<i16> {
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
                AudioSlice::Silence => all.extend(vec![0; len as usize]),
                slice => slice.for_each(|sample| all.push(sample)),
            }
            at += len;
        }
        all
    }

    #[test]
    fn one_second_fills_any_silence_around_what_was_said() {
        let mut track = Track::new(8000);
        track.retain_from(Some(0));
        let said: Vec<u8> = [-5i16; 100].iter().flat_map(|s| s.to_ne_bytes()).collect();
        let place = (Codec::Pcm16, Origin::default());
        track.place(20_000, place, &said, &mut Vec::new());
        let second: Vec<i16> = (1..=8000).collect();
        track.repeat_noise(500, 100_000_000, &second, 0);
        track.place(50_000, place, &said, &mut Vec::new());
        track.erase(30_000, 30_010);
        assert!(track.bytes.len() <= 16_000 + 400);
        assert_eq!(track.end(), 50_100, "noise does not move it");
        let expected = |at: u64| match at {
            20_000..20_100 | 50_000..50_100 => -5,
            30_000..30_010 => 0,
            _ if at < 500 => 0,
            _ => 1 + (at % 8000) as i16,
        };
        let all: Vec<i16> = (0..80_000).map(expected).collect();
        assert_eq!(samples(&track, 0, 80_000), all);
        track.retain_from(Some(60_003));
        assert_eq!(samples(&track, 60_003, 80_000), all[60_003..]);
        let range = track.end_noise(70_000);
        assert_eq!(range, Some((70_000, 100_000_000)));
        assert_eq!(samples(&track, 69_999, 70_001), [all[69_999], 0]);
        assert!(track.audio_from(0).next().is_none());
    }
}
