//! Renders the frames of a recording from its legs.

use std::sync::atomic::Ordering::Relaxed;

use super::{Phase, Tap};
use crate::grid;
use crate::layout::{self, LegReader};
use crate::leg::LegMedia;
use crate::legs::Legs;
use crate::planted::{TimelineFault, is_planted};
use crate::resample::{LOOKAHEAD_NS, LegResampler, NeighborTracks};
use crate::sink_queue::SinkCommand;
use crate::track::Track;
use crate::{EndReason, Layout, Leg, PauseMode};
use callrec_codec::{Block, Shape};

/// Frames to render, within one segment and one track of each leg.
#[derive(Clone, Copy)]
struct RenderWindow {
    cursor: u64,
    frames: u64,
    segment: usize,
    shape: Shape,
}

/// Resamplers of the legs with another rate than the file, and their output for a window.
#[derive(Default)]
pub(super) struct Resampling {
    filters: [Option<LegResampler>; 3],
    audio: [Vec<u8>; 3],
}

impl Tap {
    /// Drops the resamplers, whose filters would carry earlier audio into later frames.
    pub(super) fn forget_filters(&mut self) {
        self.take_filters();
    }

    fn take_filters(&mut self) -> [Option<LegResampler>; 3] {
        let resampling = self.resampling.as_mut();
        resampling
            .map(|r| std::mem::take(&mut r.filters))
            .unwrap_or_default()
    }

    pub(super) fn resamples(&self, legs: &Legs) -> bool {
        let rate = self.shape.map_or(0, |shape| shape.rate);
        let other = |track: &Track| track.rate() != rate;
        self.recorded_legs(legs)
            .any(|(_, leg)| other(leg.track()) || leg.timeline.past.iter().any(other))
    }

    /// The leg's track at a frame, and the frame at which the next track begins.
    fn track(leg: &LegMedia, cursor: u64, shape: Shape) -> (&Track, u64) {
        for past in &leg.timeline.past {
            let until = grid::index(past.end_ns(), shape.rate);
            if until > cursor {
                return (past, until);
            }
        }
        (leg.track(), u64::MAX)
    }

    /// The number of frames up to the next change of a leg's clock rate.
    fn uniform(cursor: u64, frames: u64, legs: &Legs, shape: Shape) -> u64 {
        let until = legs.fed().map(|(_, leg)| Self::track(leg, cursor, shape).1).min();
        frames.min(until.unwrap_or(u64::MAX) - cursor)
    }

    /// Renders, fills or skips up to a time.
    pub(super) fn render_until(&mut self, at_ns: u64, legs: &Legs) {
        let shape = self.decide_shape(legs);
        let to = grid::index(at_ns, shape.rate);
        let skips = self.audio.pause_mode == PauseMode::Skip || self.awaits_consent;
        while self.cursor < to {
            match self.phase {
                Phase::Over => return,
                Phase::Paused { .. } if skips => self.cursor = to,
                Phase::Paused { .. } => {
                    let frames = (to - self.cursor).min(self.limit - self.frames);
                    self.emit(Block::silence(frames));
                }
                Phase::Recording => {
                    let most = grid::index(self.flush_ns, shape.rate).max(u64::from(shape.rate));
                    let frames = (to - self.cursor).min(most).min(self.limit - self.frames);
                    let frames = Self::uniform(self.cursor, frames, legs, shape);
                    self.render_part(shape, frames, legs);
                }
            }
            if self.frames >= self.limit {
                self.end(grid::time(self.cursor, shape.rate), EndReason::Limit, legs);
            }
        }
    }

    /// Decides the shape of the file when it is first needed.
    pub(super) fn decide_shape(&mut self, legs: &Legs) -> Shape {
        if let Some(shape) = self.shape {
            return shape;
        }
        // A leg without audio counts with its declared rate. A feed that was just closed counts,
        // too, because its audio is still to be rendered.
        let rates = self.recorded_legs(legs).map(|(leg, media)| {
            let first = self.rates[leg as usize];
            first.unwrap_or(media.declared_rate)
        });
        let first = rates.max();
        let rate = match (self.audio.rate, self.audio.format.rate()) {
            (0, Some(rate)) => rate,
            (0, None) => first.unwrap_or(8000),
            (rate, _) => rate,
        };
        let stereo = self.audio.layout == Layout::Stereo && !legs.is_fed(Leg::Mixed);
        let rate = self.audio.format.fit_rate(rate);
        let shape = Shape {
            format: self.audio.format,
            rate,
            channels: 1 + u16::from(stereo),
        };
        self.cursor = grid::index(self.position_ns(), rate);
        self.shape = Some(shape);
        if self.audio.max_duration_ms > 0 {
            let frames = (u64::from(self.audio.max_duration_ms) * u64::from(rate) + 500) / 1000;
            self.limit = frames.max(1);
        }
        self.sink_queue.shape(shape);
        shape
    }

    /// Renders frames, or silence if no leg has audio.
    fn render_part(&mut self, shape: Shape, frames: u64, legs: &Legs) {
        let window = RenderWindow {
            cursor: self.cursor,
            frames,
            segment: self.segments.last().unwrap_or_default(),
            shape,
        };
        if !self.has_audio(window, legs) {
            self.forget_filters();
            return self.emit(Block::silence(frames));
        }
        self.resample(window, None, legs);
        let block = self.render(window, legs);
        self.emit(block);
    }

    fn has_audio(&self, window: RenderWindow, legs: &Legs) -> bool {
        self.recorded_legs(legs).any(|(_, leg)| {
            let (track, _) = Self::track(leg, window.cursor, window.shape);
            let (from, to) = self.range(window, track);
            let ahead = match track.rate() == window.shape.rate {
                true => 0,
                false => grid::index(LOOKAHEAD_NS, track.rate()),
            };
            track.has_audio(from, to + ahead)
        })
    }

    /// The window on the grid of a leg.
    fn range(&self, window: RenderWindow, track: &Track) -> (u64, u64) {
        let (rate, file) = (track.rate(), window.shape.rate);
        let since = self.segments.get(window.segment).map_or(0, |s| s.from_ns);
        let from = grid::convert(window.cursor, file, rate).max(grid::index(since, rate));
        let to = grid::convert(window.cursor + window.frames, file, rate);
        (from, to.max(from))
    }

    fn render(&mut self, window: RenderWindow, legs: &Legs) -> Block {
        let mut bytes = self.sink_queue.buffer();
        let mut readers = Leg::ALL.map(|leg| self.reader(leg, legs, window));
        let channels = layout::channels(self.audio.layout, window.shape.channels);
        layout::render(
            &mut bytes,
            window.shape.format.samples(),
            channels,
            &mut readers,
            window.frames,
        );
        Block::coded(window.shape.format.samples(), window.frames, bytes)
    }

    /// `lead`: new filters begin so many frames earlier; `None`: only at a change of rate, in the
    /// audio before it.
    fn resample(&mut self, window: RenderWindow, lead: Option<u64>, legs: &Legs) {
        let file = window.shape.rate;
        let seam_lead = grid::index(LOOKAHEAD_NS, file).min(window.cursor);
        for (leg, media) in self.recorded_legs(legs) {
            let n = leg as usize;
            let (track, _) = Self::track(media, window.cursor, window.shape);
            let rate = track.rate();
            if rate == file {
                if let Some(resampling) = &mut self.resampling {
                    resampling.filters[n] = None;
                }
                continue;
            }
            let segments = &self.segments;
            let [before, after] = Self::neighbors(media, track)
                .map(|found| found.map(|track| (track, segments.view(window.segment, track.rate()))));
            let resampling = self.resampling.get_or_insert_default();
            let (filter, audio) = (&mut resampling.filters[n], &mut resampling.audio[n]);
            let segment = segments.get(window.segment);
            let included_ns = segment.map_or((0, u64::MAX), |s| (s.from_ns, s.to_ns));
            let mut early = 0;
            if filter.as_ref().is_none_or(|filter| filter.from() != rate) {
                early = lead.unwrap_or(if before.is_some() { seam_lead } else { 0 });
                *filter = LegResampler::new(rate, file, window.cursor - early, included_ns);
            }
            audio.clear();
            if let Some(filter) = filter {
                filter.end_at(included_ns.1);
                let view = segments.view(window.segment, rate);
                let neighbors = NeighborTracks { before, after };
                let frames = (early + window.frames) as usize;
                filter.render((track, &neighbors), &view, frames, audio);
                audio.drain(..(2 * early as usize).min(audio.len()));
            }
        }
    }

    /// The tracks before and after one of a leg.
    fn neighbors<'a>(leg: &'a LegMedia, track: &Track) -> [Option<&'a Track>; 2] {
        let past = &leg.timeline.past;
        let at = past.iter().position(|known| std::ptr::eq(known, track));
        let at = at.unwrap_or(past.len());
        let after = match at < past.len() {
            true => past.get(at + 1).or(Some(leg.track())),
            false => None,
        };
        [at.checked_sub(1).and_then(|before| past.get(before)), after]
    }

    fn reader<'a>(&'a self, leg: Leg, legs: &'a Legs, window: RenderWindow) -> LegReader<'a> {
        let Some(media) = legs.get(leg).filter(|_| self.includes_leg(leg as usize)) else {
            return LegReader::Silent;
        };
        let (track, _) = Self::track(media, window.cursor, window.shape);
        if track.rate() != window.shape.rate {
            let resampling = self.resampling.as_ref();
            let bytes = resampling.map_or(&[][..], |r| &r.audio[leg as usize]);
            return LegReader::Resampled { bytes, at: 0 };
        }
        LegReader::Track {
            track,
            view: self.segments.view(window.segment, track.rate()),
            chunk: track.chunk_at(window.cursor),
            at: window.cursor,
        }
    }

    fn emit(&mut self, block: Block) {
        let (from_frame, is_early) = (self.frames, self.is_early());
        self.cursor += block.frames;
        self.frames += block.frames;
        self.progress.frames.store(self.frames, Relaxed);
        self.sink_queue.push(match is_early {
            true => SinkCommand::EarlyAudio(block),
            false => SinkCommand::Audio { from_frame, block },
        });
    }

    /// Renders a written range again, because a leg has more audio for it.
    pub fn patch(&mut self, leg: usize, from_ns: u64, to_ns: u64, legs: &Legs) {
        let Some(shape) = self.shape.filter(|_| {
            self.phase != Phase::Over && self.includes_leg(leg) && !is_planted(TimelineFault::PatchSkipped)
        }) else {
            return;
        };
        let margin = if self.resamples(legs) { LOOKAHEAD_NS } else { 0 };
        let from_ns = from_ns.saturating_sub(margin).max(self.settled_ns);
        let to_ns = to_ns.saturating_add(margin);
        let segments: Vec<_> = self
            .segments
            .iter()
            .filter(|(_, segment)| segment.from_ns < to_ns && from_ns < segment.to_ns)
            .map(|(n, segment)| (n, *segment))
            .collect();
        for (n, segment) in segments {
            let begin = grid::index(segment.from_ns, shape.rate);
            let end = match segment.to_ns {
                u64::MAX => self.cursor,
                ns => grid::index(ns, shape.rate).min(self.cursor),
            };
            let from = grid::index(from_ns, shape.rate).max(begin);
            let to = (grid::index(to_ns.min(segment.to_ns), shape.rate) + 1).min(end);
            let (mut cursor, base) = (from, segment.frame);
            while cursor < to {
                let frames = Self::uniform(cursor, to - cursor, legs, shape);
                let window = RenderWindow {
                    cursor,
                    frames,
                    segment: n,
                    shape,
                };
                let block = self.render_again(window, begin, legs);
                self.sink_queue.push(SinkCommand::Patch {
                    leg,
                    from_frame: base + cursor - begin,
                    block,
                });
                cursor += frames;
            }
        }
    }

    /// Renders with new resamplers, which begin a little earlier.
    fn render_again(&mut self, window: RenderWindow, begin: u64, legs: &Legs) -> Block {
        let filters = self.take_filters();
        let lead = grid::index(LOOKAHEAD_NS, window.shape.rate).min(window.cursor - begin);
        self.resample(window, Some(lead), legs);
        if let Some(resampling) = &mut self.resampling {
            resampling.filters = filters;
        }
        self.render(window, legs)
    }
}
