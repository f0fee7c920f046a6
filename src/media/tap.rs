//! A recording's window on its call: from its start to its end, without its pauses.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use uuid::Uuid;

use super::layout::{self, Reader};
use super::leg::{LegMedia, Missed};
use super::outbox::{Losses, Out, Outbox};
use super::parts::{Part, Parts};
use super::resample::{LOOKAHEAD_NS, LegResampler};
use super::track::Track;
use super::{LossReason, Progress, Shape, Span, SpanKind, TapSpec, grid};
use crate::clock::NS_PER_S;
use crate::words::{EndReason, Format, Layout, Leg, PauseMode};

pub(super) type Legs = [LegMedia; 3];

/// Stream time: as much is rendered of a recording before other calls have their turn.
/// A peer's timestamps decide how long a silence is.
const STRIDE_NS: u64 = 60 * NS_PER_S;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Recording,
    Paused { since_ns: u64, from_frame: u64 },
    Over,
}

pub(super) struct Tap {
    pub id: Uuid,
    layout: Layout,
    format: Format,
    pause_mode: PauseMode,
    max_duration_ms: u32,
    wanted_rate: u32,
    flush_ns: u64,
    start_ns: u64,
    /// The last start or resume: nothing that was said before it is heard after it.
    since_ns: u64,
    next_cut_ns: u64,
    shape: Option<Shape>,
    /// The next frame to render, on the grid of the file's rate.
    cursor: u64,
    /// Frames in the file.
    frames: u64,
    limit: u64,
    /// Where recording last began: cursor and frame.
    segment: (u64, u64),
    /// What was recorded before its latest pauses.
    parts: Parts,
    phase: Phase,
    /// What was due went beyond a stride.
    behind: bool,
    paused_ns: u64,
    late: Losses,
    resamplers: [Option<LegResampler>; 3],
    resampled: [Vec<u8>; 3],
    progress: Arc<Progress>,
    pub outbox: Outbox,
}

impl Tap {
    pub(super) fn new(spec: TapSpec, at_ns: u64, flush_ns: u64) -> Tap {
        let flush_ns = flush_ns.max(1);
        Tap {
            id: spec.id,
            layout: spec.layout,
            format: spec.format,
            pause_mode: spec.pause_mode,
            max_duration_ms: spec.max_duration_ms,
            wanted_rate: spec.rate,
            flush_ns,
            start_ns: at_ns,
            since_ns: at_ns,
            // Recordings that begin together are not flushed together.
            next_cut_ns: at_ns + scatter(spec.id) % flush_ns,
            shape: None,
            cursor: 0,
            frames: 0,
            limit: u64::MAX,
            segment: (0, 0),
            parts: Parts::default(),
            phase: Phase::Recording,
            behind: false,
            paused_ns: 0,
            late: Losses::default(),
            resamplers: Default::default(),
            resampled: Default::default(),
            outbox: Outbox::new(spec.sink, spec.progress.clone()),
            progress: spec.progress,
        }
    }

    /// From when on it still needs what the legs say; `None` while it needs nothing.
    pub(super) fn wants_from_ns(&self) -> Option<u64> {
        match (self.phase, self.shape) {
            (Phase::Recording, Some(shape)) => Some(grid::time(self.cursor, shape.rate)),
            (Phase::Recording, None) => Some(self.start_ns),
            _ => None,
        }
    }

    /// How far its file has come, but for a pause that is still open.
    pub(super) fn edge_ns(&self) -> Option<u64> {
        match (self.phase, self.parts.end(), self.shape) {
            (Phase::Paused { .. }, Some(end), Some(shape)) => Some(grid::time(end, shape.rate)),
            _ => self.wants_from_ns(),
        }
    }

    /// The legs that are heard in it.
    pub(super) fn legs(&self, legs: &Legs) -> Vec<Leg> {
        let heard = |leg: &Leg| layout::hears(self.layout, *leg as usize);
        let fed = |leg: &Leg| legs[*leg as usize].had_feed;
        Leg::ALL.into_iter().filter(heard).filter(fed).collect()
    }

    /// Time has come this far. True if something was rendered.
    pub(super) fn advance(&mut self, frontier_ns: u64, real: bool, legs: &Legs) -> bool {
        if let Phase::Paused { since_ns, .. } = self.phase {
            let paused = self.paused_ns + frontier_ns.saturating_sub(since_ns);
            self.progress.paused_ns.store(paused, Relaxed);
        }
        let due = match real {
            true => frontier_ns >= self.next_cut_ns,
            false => frontier_ns >= self.position_ns().saturating_add(self.flush_ns),
        };
        self.behind = false;
        if !due || self.phase == Phase::Over {
            return false;
        }
        let behind = frontier_ns.saturating_sub(self.next_cut_ns) / self.flush_ns;
        self.next_cut_ns += (behind + 1) * self.flush_ns;
        let resampling = self.phase == Phase::Recording && self.resamples(legs);
        let ahead = if resampling { LOOKAHEAD_NS } else { 0 };
        let to_ns = frontier_ns.saturating_sub(ahead);
        let most_ns = if real { u64::MAX } else { self.stride_ns() };
        self.behind = most_ns < to_ns;
        self.reach(to_ns.min(most_ns), legs);
        true
    }

    fn stride_ns(&self) -> u64 {
        self.position_ns().saturating_add(STRIDE_NS)
    }

    /// It must go on before anything more is taken in.
    pub(super) fn is_behind(&self) -> bool {
        self.behind && self.phase != Phase::Over
    }

    /// True if a point at this moment can be applied at once; else a stride is made
    /// towards it.
    pub(super) fn is_near(&mut self, at_ns: u64, legs: &Legs) -> bool {
        let stride_ns = self.stride_ns();
        if self.phase == Phase::Over || at_ns <= stride_ns {
            return true;
        }
        self.reach(stride_ns, legs);
        false
    }

    fn position_ns(&self) -> u64 {
        match self.shape {
            Some(shape) => grid::time(self.cursor, shape.rate),
            None => self.start_ns,
        }
    }

    fn resamples(&self, legs: &Legs) -> bool {
        let rate = self.shape.map_or(0, |shape| shape.rate);
        legs.iter()
            .enumerate()
            .filter(|(n, leg)| leg.had_feed && self.hears(*n))
            .any(|(_, leg)| leg.track.rate() != rate || leg.past.iter().any(|past| past.rate() != rate))
    }

    /// The leg's track at the cursor, and the frame where the next one takes over.
    fn track<'a>(&self, leg: &'a LegMedia, shape: Shape) -> (&'a Track, u64) {
        for past in &leg.past {
            let until = grid::index(past.end_ns(), shape.rate);
            if until > self.cursor {
                return (past, until);
            }
        }
        (&leg.track, u64::MAX)
    }

    /// Up to the next change of a leg's clock rate.
    fn uniform(&self, frames: u64, legs: &Legs, shape: Shape) -> u64 {
        let until = legs.iter().map(|leg| self.track(leg, shape).1).min();
        frames.min(until.unwrap_or(u64::MAX) - self.cursor)
    }

    pub(super) fn is_recording(&self) -> bool {
        self.phase == Phase::Recording
    }

    fn hears(&self, leg: usize) -> bool {
        layout::hears(self.layout, leg)
    }

    pub(super) fn pause(&mut self, at_ns: u64, legs: &Legs) {
        if self.phase != Phase::Recording {
            return;
        }
        self.reach(at_ns, legs);
        if self.phase != Phase::Recording {
            return;
        }
        self.parts.push(self.present());
        self.outbox.push(Out::Paused(self.frames));
        self.phase = Phase::Paused {
            since_ns: at_ns,
            from_frame: self.frames,
        };
    }

    pub(super) fn resume(&mut self, at_ns: u64, legs: &Legs) {
        let Phase::Paused { .. } = self.phase else {
            return;
        };
        self.reach(at_ns, legs);
        let Some(span) = self.pause_until(at_ns) else {
            return;
        };
        self.paused_ns += span.length_ns;
        self.progress.paused_ns.store(self.paused_ns, Relaxed);
        self.outbox.push(Out::Resumed(span));
        self.phase = Phase::Recording;
        self.segment = (self.cursor, self.frames);
        self.since_ns = at_ns;
        // A filter's memory would carry what was said while paused.
        self.resamplers = Default::default();
    }

    pub(super) fn finish(&mut self, at_ns: u64, reason: EndReason, legs: &Legs) {
        // What is discarded needs no more audio, which could bring it to its limit, and
        // so to another end.
        if reason != EndReason::Discarded {
            self.reach(at_ns, legs);
        } else if self.shape.is_none() {
            self.settle(legs);
        }
        self.over(at_ns, reason);
    }

    fn over(&mut self, at_ns: u64, reason: EndReason) {
        if self.phase == Phase::Over {
            return;
        }
        let open = self.pause_until(at_ns);
        if let Some(span) = open {
            self.paused_ns += span.length_ns;
            self.progress.paused_ns.store(self.paused_ns, Relaxed);
        }
        self.tell_late();
        self.outbox.push(Out::Finish(reason, open));
        self.phase = Phase::Over;
    }

    /// Without audio.
    fn tell_late(&mut self) {
        if !self.late.spans.is_empty() {
            let losses = std::mem::take(&mut self.late);
            self.emit(None, 0, losses);
        }
    }

    fn pause_until(&self, at_ns: u64) -> Option<Span> {
        match self.phase {
            Phase::Paused { since_ns, from_frame } => Some(Span {
                kind: SpanKind::Pause,
                from_frame,
                to_frame: self.frames,
                length_ns: at_ns.saturating_sub(since_ns),
            }),
            _ => None,
        }
    }

    /// What is in the file since recording last began.
    fn present(&self) -> Part {
        let (from, frame) = self.segment;
        Part {
            from,
            to: self.cursor,
            frame,
        }
    }

    /// A stretch of a leg that is too late for what is already in the file. A pause takes
    /// nothing away from what was lost before it; what is said only now is on its other
    /// side.
    pub(super) fn missed(&mut self, leg: Leg, missed: Missed, rate: u32) {
        let Some(shape) = self.shape.filter(|_| self.phase != Phase::Over) else {
            return;
        };
        if !self.hears(leg as usize) {
            return;
        }
        let from = grid::convert(missed.from, rate, shape.rate);
        let to = grid::convert(missed.to, rate, shape.rate);
        let earlier = self.parts.iter().filter(|_| missed.is_gap);
        let present = self.is_recording().then(|| self.present());
        for part in earlier.chain(present) {
            if let Some(span) = part.loss(leg, from, to, shape.rate) {
                self.late.add(span);
            }
        }
    }

    /// Renders, fills or skips up to a moment.
    fn reach(&mut self, at_ns: u64, legs: &Legs) {
        let shape = self.settle(legs);
        let to = grid::index(at_ns, shape.rate);
        let skips = self.pause_mode == PauseMode::Skip;
        while self.cursor < to {
            match self.phase {
                Phase::Over => return,
                Phase::Paused { .. } if skips => {
                    self.tell_late();
                    self.cursor = to;
                }
                Phase::Paused { .. } => {
                    let frames = (to - self.cursor).min(self.limit - self.frames);
                    let losses = std::mem::take(&mut self.late);
                    self.emit(None, frames, losses);
                }
                Phase::Recording => {
                    let most = grid::index(self.flush_ns, shape.rate).max(u64::from(shape.rate));
                    let frames = (to - self.cursor).min(most).min(self.limit - self.frames);
                    let frames = self.uniform(frames, legs, shape);
                    self.piece(shape, frames, legs);
                }
            }
            if self.frames >= self.limit {
                self.over(grid::time(self.cursor, shape.rate), EndReason::Limit);
            }
        }
    }

    /// The shape of the file is decided when it is first needed.
    fn settle(&mut self, legs: &Legs) -> Shape {
        if let Some(shape) = self.shape {
            return shape;
        }
        // Also one whose feed has just been closed: its audio is still to be rendered.
        let fed = legs.iter().filter(|leg| leg.had_feed);
        let rate = match (self.wanted_rate, self.format) {
            (0, Format::WavUlaw | Format::WavAlaw) => 8000,
            (0, Format::Wav) => fed.map(|leg| leg.told_rate).max().unwrap_or(8000),
            (rate, _) => rate,
        };
        let stereo = self.layout == Layout::Stereo && !legs[Leg::Mixed as usize].had_feed;
        let shape = Shape {
            format: self.format,
            rate,
            channels: 1 + u16::from(stereo),
        };
        self.shape = Some(shape);
        self.cursor = grid::index(self.start_ns, rate);
        self.segment = (self.cursor, 0);
        if self.max_duration_ms > 0 {
            let frames = (u64::from(self.max_duration_ms) * u64::from(rate) + 500) / 1000;
            self.limit = frames.max(1);
        }
        self.outbox.shape(shape);
        shape
    }

    /// Some frames of audio, or of silence if nobody says anything.
    fn piece(&mut self, shape: Shape, frames: u64, legs: &Legs) {
        let mut losses = std::mem::take(&mut self.late);
        let mut said = false;
        for (n, leg) in legs.iter().enumerate() {
            if self.hears(n) && leg.had_feed {
                let (track, _) = self.track(leg, shape);
                let (from, to) = self.range(frames, track, shape);
                let ahead = match track.rate() == shape.rate {
                    true => 0,
                    false => grid::index(LOOKAHEAD_NS, track.rate()),
                };
                said |= track.has_audio(from, to + ahead);
                self.find_losses(Leg::ALL[n], track, (from, to), shape, &mut losses);
            }
        }
        if !said {
            self.resamplers = Default::default();
            return self.emit(None, frames, losses);
        }
        let mut block = self.outbox.buffer();
        self.resample(shape, frames, legs);
        let mut readers = [0, 1, 2].map(|n| self.reader(n, &legs[n], shape));
        let channels = layout::channels(self.layout, shape.channels);
        layout::render(&mut block, shape.format, channels, &mut readers, frames);
        self.emit(Some(block), frames, losses);
    }

    /// The next `frames` frames on a leg's grid.
    fn range(&self, frames: u64, track: &Track, shape: Shape) -> (u64, u64) {
        let rate = track.rate();
        let from = grid::convert(self.cursor, shape.rate, rate).max(grid::index(self.since_ns, rate));
        (
            from,
            grid::convert(self.cursor + frames, shape.rate, rate).max(from),
        )
    }

    fn find_losses(
        &self,
        name: Leg,
        track: &Track,
        (from, to): (u64, u64),
        shape: Shape,
        losses: &mut Losses,
    ) {
        let rate = track.rate();
        let frame = |at| grid::convert(at, rate, shape.rate).saturating_sub(self.cursor);
        for (from, to) in track.losses(from, to) {
            losses.add(Span {
                kind: SpanKind::Loss(name, LossReason::Network),
                from_frame: self.frames + frame(from),
                to_frame: self.frames + frame(to),
                length_ns: grid::time(to - from, rate),
            });
        }
    }

    fn resample(&mut self, shape: Shape, frames: u64, legs: &Legs) {
        for (n, leg) in legs.iter().enumerate() {
            let (track, _) = self.track(leg, shape);
            let rate = track.rate();
            if rate == shape.rate || !leg.had_feed || !layout::hears(self.layout, n) {
                self.resamplers[n] = None;
                continue;
            }
            if self.resamplers[n].as_ref().is_none_or(|r| r.from() != rate) {
                self.resamplers[n] = LegResampler::new(rate, shape.rate, self.cursor, self.since_ns);
            }
            self.resampled[n].clear();
            if let Some(resampler) = &mut self.resamplers[n] {
                resampler.render(track, frames as usize, &mut self.resampled[n]);
            }
        }
    }

    fn reader<'a>(&'a self, n: usize, leg: &'a LegMedia, shape: Shape) -> Reader<'a> {
        if !leg.had_feed || !self.hears(n) {
            return Reader::Nothing;
        }
        let (track, _) = self.track(leg, shape);
        if track.rate() != shape.rate {
            let bytes = &self.resampled[n];
            return Reader::Resampled { bytes, at: 0 };
        }
        Reader::Track {
            track,
            run: 0,
            at: self.cursor,
        }
    }

    fn emit(&mut self, block: Option<Vec<u8>>, frames: u64, losses: Losses) {
        let from_frame = self.frames;
        self.cursor += frames;
        self.frames += frames;
        let bytes = self.frames * self.shape.map_or(0, |s| s.frame_bytes()) as u64;
        self.progress.frames.store(self.frames, Relaxed);
        self.progress.bytes.store(bytes, Relaxed);
        self.outbox.push(Out::Audio {
            block,
            from_frame,
            frames,
            losses,
        });
    }
}

fn scatter(id: Uuid) -> u64 {
    let (high, low) = id.as_u64_pair();
    (high ^ low).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
}
