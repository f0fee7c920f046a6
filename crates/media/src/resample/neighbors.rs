//! The audio around a track, in tracks with other rates.

use crate::grid;
use crate::track::{Track, TrackView};

/// The tracks before and after one. A filter that took a change of rate for silence would let the
/// audio fade at it, which is a click.
#[derive(Default)]
pub struct NeighborTracks<'a> {
    pub before: Option<(&'a Track, TrackView<'a>)>,
    pub after: Option<(&'a Track, TrackView<'a>)>,
}

impl NeighborTracks<'_> {
    /// Sets the samples from position `at` of a track on that lie outside it, up to `limit`.
    pub(super) fn fill(&self, track: &Track, at: u64, limit: u64, input: &mut [f32]) {
        let rate = track.rate();
        let end = (at + input.len() as u64).min(limit);
        if let Some((before, view)) = &self.before {
            let to = grid::convert(before.end(), before.rate(), rate).min(end);
            fill_from(
                before,
                view,
                rate,
                (at, to),
                &mut input[..to.saturating_sub(at) as usize],
            );
        }
        if let Some((after, view)) = &self.after
            && track.end() < end
        {
            let from = track.end().max(at);
            let part = &mut input[(from - at) as usize..(end - at) as usize];
            fill_from(after, view, rate, (from, end), part);
        }
    }
}

/// Converts a neighbor's samples to positions at another rate: by their mean if it has more of them,
/// otherwise on lines between them. Only the filter uses them.
fn fill_from(track: &Track, view: &TrackView<'_>, rate: u32, (from, to): (u64, u64), input: &mut [f32]) {
    if from >= to {
        return;
    }
    let ratio = f64::from(track.rate()) / f64::from(rate);
    let first = (from as f64 * ratio - ratio).max(0.0) as u64;
    let last = (to as f64 * ratio + ratio) as u64 + 2;
    let mut samples = Vec::with_capacity((last - first) as usize);
    append(track, view, (first, last), &mut samples);
    let sample = |at: usize| samples.get(at).copied().unwrap_or(0.0);
    for (n, value) in input.iter_mut().enumerate() {
        let at = (from + n as u64) as f64 * ratio - first as f64;
        let count = ratio.round() as usize;
        *value = match count > 1 {
            true => {
                let begin = (at - (count - 1) as f64 / 2.0).round().max(0.0) as usize;
                (begin..begin + count).map(sample).sum::<f32>() / count as f32
            }
            false => {
                let share = at.fract() as f32;
                sample(at as usize) * (1.0 - share) + sample(at as usize + 1) * share
            }
        };
    }
}

/// Appends the samples of a range, as far as a recording includes them.
pub(super) fn append(track: &Track, view: &TrackView<'_>, (from, to): (u64, u64), out: &mut Vec<f32>) {
    let (mut at, mut chunk) = (from, track.chunk_at(from));
    while at < to {
        let (slice, len) = track.read(view, &mut chunk, at, to);
        let end = out.len() + len as usize;
        slice.for_each(|sample| out.push(f32::from(sample) / 32768.0));
        out.resize(end, 0.0);
        at += len;
    }
}
