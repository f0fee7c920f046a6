//! Audio that is made up where none was received.

use super::{Content, Origin, Track};
use callrec_codec::{AudioSlice, Codec};

impl Track {
    /// The samples of one epoch that directly precede a position, at most `most`. `resumed`: none that
    /// may have been spoken before this position, at which a pause ended.
    pub fn samples_before(&self, at: u64, most: u64, (epoch, resumed): (u32, Option<u64>)) -> Vec<i16> {
        let from = at.saturating_sub(most);
        let (mut samples, mut end) = (Vec::new(), from);
        for part in self.parts(from, at) {
            let is_said = part.origin.epoch == epoch && !part.origin.source.is_made_up();
            let heard = resumed.map_or(0, |resumed| resumed + u64::from(part.origin.hidden_delay));
            let begin = part.from.max(heard.min(part.to));
            if !matches!(part.content, Content::Audio(_)) || !is_said || begin != end {
                samples.clear();
            }
            end = part.to;
            if is_said && begin < part.to {
                self.read_part(begin, part.to, &mut samples);
            }
        }
        if end != at {
            samples.clear();
        }
        samples
    }

    fn read_part(&self, from: u64, to: u64, samples: &mut Vec<i16>) {
        if let Some((_, slice)) = self.audio_from(from).next() {
            let slice: AudioSlice<'_> = slice.first((to - from) as usize);
            slice.for_each(|sample| samples.push(sample));
        }
    }

    /// Places samples that are made up, where the track has none or has lost them. The media end
    /// stays where it is.
    pub fn make_up(&mut self, at: u64, samples: &[i16], origin: Origin) {
        let end = self.end;
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_ne_bytes()).collect();
        self.place(at, (Codec::Pcm16, origin), &bytes, &mut Vec::new());
        self.end = end;
    }

    /// Removes comfort noise from a position on. Returns the range of what was removed.
    pub fn end_noise(&mut self, at: u64) -> Option<(u64, u64)> {
        let mut noise = self
            .parts(at, u64::MAX)
            .filter(|part| part.origin.source.is_noise());
        let first = noise.next()?;
        let range = (first.from, noise.last().unwrap_or(first).to);
        // Audio within the range stays.
        let parts: Vec<(u64, u64)> = self
            .parts(range.0, range.1)
            .filter(|part| part.origin.source.is_noise())
            .map(|part| (part.from, part.to))
            .collect();
        for (from, to) in parts {
            self.erase(from, to);
        }
        Some(range)
    }
}
