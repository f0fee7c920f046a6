//! Resamples a leg to the rate of the file.

mod neighbors;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Resampler, SincInterpolationParameters, WindowFunction};

use crate::grid;
use crate::time::NS_PER_MS;
use crate::track::{Track, TrackView};
pub use neighbors::NeighborTracks;

/// The resampler reads up to this far ahead: its filter and one chunk.
pub const LOOKAHEAD_NS: u64 = 12 * NS_PER_MS;

const FILTER: usize = 64;
const CHUNKS_PER_S: u32 = 500;

/// Resamples one leg for one recording, without a seam between blocks.
pub struct LegResampler {
    inner: Async<f32>,
    from: u32,
    /// The next sample of the track to read.
    at: u64,
    /// The samples to use are `begin..end`.
    begin: u64,
    end: u64,
    /// The number of output samples to skip: the delay of the filter.
    skip: usize,
    input: Vec<f32>,
    output: Vec<f32>,
    ready: Vec<f32>,
}

impl LegResampler {
    /// Begins at a frame on the grid of the file. Audio outside `included_ns` is silent, because a
    /// frame may span several samples and the filter looks ahead. Returns `None` for rates that no
    /// filter supports.
    pub fn new(from: u32, to: u32, frame: u64, included_ns: (u64, u64)) -> Option<LegResampler> {
        let ratio = f64::from(to) / f64::from(from);
        // The filter has the same duration whichever rate is lower.
        let length = FILTER * (from / to.max(1)).max(1) as usize;
        let filter = SincInterpolationParameters::new(length, WindowFunction::BlackmanHarris2);
        let chunk = (from / CHUNKS_PER_S).max(8) as usize;
        let inner = Async::new_sinc(ratio, 1.0, &filter, chunk, 1, FixedAsync::Input).ok()?;
        Some(LegResampler {
            // The first output lies one step after the first input.
            skip: inner.output_delay().saturating_sub(1),
            output: vec![0.0; inner.output_frames_max()],
            inner,
            from,
            at: grid::convert(frame, to, from),
            begin: grid::index(included_ns.0, from),
            end: end_index(included_ns.1, from),
            input: Vec::new(),
            ready: Vec::new(),
        })
    }

    pub fn from(&self) -> u32 {
        self.from
    }

    /// Sets the end of the audio to use, after a pause or stop was set.
    pub fn end_at(&mut self, end_ns: u64) {
        self.end = end_index(end_ns, self.from);
    }

    /// Appends the next `frames` native-endian samples to `out`.
    pub fn render(
        &mut self,
        (track, neighbors): (&Track, &NeighborTracks<'_>),
        view: &TrackView<'_>,
        frames: usize,
        out: &mut Vec<u8>,
    ) {
        while self.ready.len() < frames && self.step((track, neighbors), view) {}
        self.ready.resize(self.ready.len().max(frames), 0.0);
        for sample in self.ready.drain(..frames) {
            let sample = (sample * 32768.0).round().clamp(-32768.0, 32767.0) as i16;
            out.extend_from_slice(&sample.to_ne_bytes());
        }
    }

    fn step(&mut self, tracks: (&Track, &NeighborTracks<'_>), view: &TrackView<'_>) -> bool {
        let chunk = self.inner.input_frames_next();
        self.read(tracks, view, chunk as u64);
        let capacity = self.output.len();
        let (Ok(input), Ok(mut output)) = (
            InterleavedSlice::new(&self.input, 1, chunk),
            InterleavedSlice::new_mut(&mut self.output, 1, capacity),
        ) else {
            return false;
        };
        let Ok((_, produced)) = self.inner.process_into_buffer(&input, &mut output, None) else {
            return false;
        };
        let skip = self.skip.min(produced);
        self.skip -= skip;
        self.ready.extend_from_slice(&self.output[skip..produced]);
        true
    }

    fn read(&mut self, (track, neighbors): (&Track, &NeighborTracks<'_>), view: &TrackView<'_>, count: u64) {
        let end = self.at + count;
        let from = self.begin.clamp(self.at, end);
        let to = end.min(self.end).max(from);
        self.input.clear();
        self.input.resize((from - self.at) as usize, 0.0);
        neighbors::append(track, view, (from, to), &mut self.input);
        let silent = (from - self.at) as usize;
        neighbors.fill(track, from, to, &mut self.input[silent..]);
        self.input.resize(count as usize, 0.0);
        self.at = end;
    }
}

/// Converts a time to samples, keeping an open end.
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
    fn the_filter_delay_is_removed() {
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
            let neighbors = NeighborTracks::default();
            resampler.render((&track, &neighbors), &view, to as usize / 2, &mut out);
            let resampled: Vec<f64> = out
                .chunks_exact(2)
                .map(|pair| f64::from(i16::from_ne_bytes([pair[0], pair[1]])))
                .collect();
            for (n, sample) in resampled.iter().enumerate().take(3000).skip(2000) {
                let error = (sample - tone(n, to)).abs();
                assert!(error < 300.0, "{from} to {to} Hz: sample {n} is off by {error}");
            }
        }
    }
}
