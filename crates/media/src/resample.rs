//! A leg at another rate than the file's.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Resampler, SincInterpolationParameters, WindowFunction};

use crate::grid;
use crate::time::NS_PER_MS;
use crate::track::{Track, TrackView};

/// So far ahead of what it renders does it look: filter and one chunk.
pub const LOOKAHEAD_NS: u64 = 12 * NS_PER_MS;

const FILTER: usize = 64;
const CHUNKS_PER_S: u32 = 500;

/// Resamples one leg for one recording, seamlessly from one block to the next.
pub struct LegResampler {
    inner: Async<f32>,
    from: u32,
    /// The track's next sample to go in.
    at: u64,
    /// Nothing before it is heard, and nothing from `end` on.
    begin: u64,
    end: u64,
    /// Of the first output, which is the filter's delay.
    skip: usize,
    input: Vec<f32>,
    output: Vec<f32>,
    ready: Vec<f32>,
}

impl LegResampler {
    /// Begins at a frame of the file's grid. What lies outside of `heard_ns` stays silent: a
    /// frame is as long as several samples, of which some may have been said before, and
    /// the filter looks ahead. `None`: rates that no filter can join.
    pub fn new(from: u32, to: u32, frame: u64, heard_ns: (u64, u64)) -> Option<LegResampler> {
        let ratio = f64::from(to) / f64::from(from);
        // As long in time whichever side is the slower one.
        let length = FILTER * (from / to.max(1)).max(1) as usize;
        let filter = SincInterpolationParameters::new(length, WindowFunction::BlackmanHarris2);
        let chunk = (from / CHUNKS_PER_S).max(8) as usize;
        let inner = Async::new_sinc(ratio, 1.0, &filter, chunk, 1, FixedAsync::Input).ok()?;
        Some(LegResampler {
            // Its first output already lies one step after its first input.
            skip: inner.output_delay().saturating_sub(1),
            output: vec![0.0; inner.output_frames_max()],
            inner,
            from,
            at: grid::convert(frame, to, from),
            begin: grid::index(heard_ns.0, from),
            end: end_index(heard_ns.1, from),
            input: Vec::new(),
            ready: Vec::new(),
        })
    }

    pub fn from(&self) -> u32 {
        self.from
    }

    /// A pause or a stop may have been set since: nothing behind it is heard.
    pub fn end_at(&mut self, end_ns: u64) {
        self.end = end_index(end_ns, self.from);
    }

    /// The next `frames` samples, native-endian, behind `out`.
    pub fn render(&mut self, track: &Track, view: &TrackView<'_>, frames: usize, out: &mut Vec<u8>) {
        while self.ready.len() < frames && self.step(track, view) {}
        self.ready.resize(self.ready.len().max(frames), 0.0);
        for sample in self.ready.drain(..frames) {
            let sample = (sample * 32768.0).round().clamp(-32768.0, 32767.0) as i16;
            out.extend_from_slice(&sample.to_ne_bytes());
        }
    }

    fn step(&mut self, track: &Track, view: &TrackView<'_>) -> bool {
        let chunk = self.inner.input_frames_next();
        self.read(track, view, chunk as u64);
        let room = self.output.len();
        let (Ok(input), Ok(mut output)) = (
            InterleavedSlice::new(&self.input, 1, chunk),
            InterleavedSlice::new_mut(&mut self.output, 1, room),
        ) else {
            return false;
        };
        let Ok((_, made)) = self.inner.process_into_buffer(&input, &mut output, None) else {
            return false;
        };
        let skip = self.skip.min(made);
        self.skip -= skip;
        self.ready.extend_from_slice(&self.output[skip..made]);
        true
    }

    fn read(&mut self, track: &Track, view: &TrackView<'_>, count: u64) {
        let silent = self.begin.saturating_sub(self.at).min(count);
        self.input.clear();
        self.input.resize(silent as usize, 0.0);
        let (mut chunk, end) = (track.chunk_at(self.at), self.at + count);
        self.at += silent;
        let heard_end = end.min(self.end);
        while self.at < heard_end {
            let (slice, len) = track.read(view, &mut chunk, self.at, heard_end);
            let to = self.input.len() + len as usize;
            slice.for_each(|sample| self.input.push(f32::from(sample) / 32768.0));
            self.input.resize(to, 0.0);
            self.at += len;
        }
        self.input.resize(count as usize, 0.0);
        self.at = end;
    }
}

/// In samples; a stretch that goes on has no end.
fn end_index(ns: u64, rate: u32) -> u64 {
    match ns {
        u64::MAX => u64::MAX,
        ns => grid::index(ns, rate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::Origin;
    use callrec_codec::Codec;

    fn tone(n: usize, rate: u32) -> f64 {
        8000.0 * (n as f64 / f64::from(rate) * 2764.6).sin()
    }

    #[test]
    fn the_filters_delay_is_taken_off() {
        for (from, to) in [
            (16_000, 8000),
            (8000, 16_000),
            (48_000, 8000),
            (8000, 48_000),
            (44_100, 8000),
            (8000, 44_100),
        ] {
            let mut track = Track::new(from);
            track.retain_from(Some(0));
            let bytes: Vec<u8> = (0..from as usize)
                .flat_map(|n| (tone(n, from) as i16).to_ne_bytes())
                .collect();
            track.place(0, (Codec::Pcm16, Origin::default()), &bytes, &mut Vec::new());
            let mut resampler = LegResampler::new(from, to, 0, (0, u64::MAX)).expect("known rates");
            let mut out = Vec::new();
            let view = TrackView {
                epochs: &[(0, 0)],
                own: (0, 0),
                guard: 0,
                end: u64::MAX,
            };
            resampler.render(&track, &view, to as usize / 2, &mut out);
            let heard: Vec<f64> = out
                .chunks_exact(2)
                .map(|pair| f64::from(i16::from_ne_bytes([pair[0], pair[1]])))
                .collect();
            for (n, heard) in heard.iter().enumerate().take(3000).skip(2000) {
                let far = (heard - tone(n, to)).abs();
                assert!(far < 300.0, "{from} to {to} Hz: sample {n} is {far} off");
            }
        }
    }
}
