//! A recording's window on its call: from its start to its end, without its pauses.
//!
//! Its file has two frontiers. What is written may still be replaced, because a leg that
//! has stalled may bring it later; what is settled stays as it is, and is accounted for.

mod account;
mod render;
mod segments;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use uuid::Uuid;

use super::layout;
use super::ledger::DropReason;
use super::leg::{LegMedia, Note, What};
use super::outbox::{Out, Outbox};
use super::resample::{LOOKAHEAD_NS, LegResampler};
use super::{Progress, Shape, Span, SpanKind, TapSpec, grid};
use crate::clock::{NS_PER_MS, NS_PER_S};
use crate::words::{EndReason, Format, Layout, Leg, PauseMode};
use account::{Account, Place, Refusal};
use segments::Segments;

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

/// The moment of a control point: its time, and the epoch that it begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub ns: u64,
    /// When it was set; in stream time the same.
    pub clock_ns: u64,
    pub epoch: u32,
    pub real: bool,
}

#[derive(Clone, Copy, Debug)]
struct Closing {
    at_ns: u64,
    clock_ns: u64,
    reason: EndReason,
}

/// What was handed in before a stop is waited for so long: then it is decided.
const CLOSING_NS: u64 = 400 * NS_PER_MS;

pub(super) struct Tap {
    pub id: Uuid,
    layout: Layout,
    format: Format,
    pause_mode: PauseMode,
    max_duration_ms: u32,
    wanted_rate: u32,
    /// The rate of each leg's first audio since the start.
    rates: [Option<u32>; 3],
    flush_ns: u64,
    real: bool,
    start_ns: u64,
    next_cut_ns: u64,
    shape: Option<Shape>,
    /// The next frame to render, on the grid of the file's rate.
    cursor: u64,
    /// Frames in the file.
    frames: u64,
    limit: u64,
    segments: Segments,
    phase: Phase,
    /// Why it is paused: by itself, or because its call is private.
    paused: bool,
    private: bool,
    ever_paused: bool,
    /// Stopped, but audio of before still waits for its place.
    closing: Option<Closing>,
    /// What was due went beyond a stride.
    behind: bool,
    paused_ns: u64,
    settled_ns: u64,
    account: Account,
    resamplers: [Option<LegResampler>; 3],
    resampled: [Vec<u8>; 3],
    progress: Arc<Progress>,
    pub outbox: Outbox,
}

impl Tap {
    /// `private`: whether the call is, and since when that is so.
    pub(super) fn new(spec: TapSpec, at: At, flush_ns: u64, private: (bool, u64), legs: &Legs) -> Tap {
        let (private, private_ns) = private;
        let flush_ns = flush_ns.max(1);
        let mut tap = Tap {
            id: spec.id,
            layout: spec.layout,
            format: spec.format,
            pause_mode: spec.pause_mode,
            max_duration_ms: spec.max_duration_ms,
            wanted_rate: spec.rate,
            rates: [None; 3],
            flush_ns,
            real: at.real,
            start_ns: at.ns,
            // Recordings that begin together are not flushed together.
            next_cut_ns: at.ns + scatter(spec.id) % flush_ns,
            shape: None,
            cursor: 0,
            frames: 0,
            limit: u64::MAX,
            segments: Segments::new(at.ns),
            phase: Phase::Recording,
            paused: false,
            private,
            ever_paused: private,
            closing: None,
            behind: false,
            paused_ns: 0,
            settled_ns: at.ns,
            account: Account::new(legs, at.epoch),
            resamplers: Default::default(),
            resampled: Default::default(),
            outbox: Outbox::new(spec.sink, spec.progress.clone()),
            progress: spec.progress,
        };
        if private {
            tap.phase = Phase::Paused {
                since_ns: at.ns,
                from_frame: 0,
            };
            tap.outbox.push(Out::Paused(0));
        } else {
            // What was said while the call was private is not heard in it.
            tap.segments.open(at.ns, 0, at.epoch, private_ns);
            tap.ever_paused = private_ns > 0;
        }
        tap
    }

    /// Whether what the legs say may still be in its file. `ahead`: a leg has audio that was
    /// written ahead of the clock.
    pub(super) fn needs_legs(&self, ahead: bool) -> bool {
        let open = self.segments.last().and_then(|n| self.segments.get(n));
        let unsettled = open.is_some_and(|segment| self.settled_ns < segment.to_ns);
        match self.phase {
            Phase::Over => false,
            Phase::Recording => true,
            Phase::Paused { .. } => unsettled || ahead,
        }
    }

    /// How far its file has been written, and how far it is settled.
    pub(super) fn frontiers_ns(&self) -> Option<(u64, u64)> {
        (self.phase != Phase::Over).then(|| (self.position_ns(), self.settled_ns))
    }

    /// Since when it records, if it has never been paused.
    pub(super) fn unbroken_since_ns(&self) -> Option<u64> {
        (self.phase == Phase::Recording && !self.ever_paused).then_some(self.start_ns)
    }

    /// Time has come this far. True if something was rendered.
    pub(super) fn advance(&mut self, frontier_ns: u64, legs: &Legs) -> bool {
        let end_ns = self.closing.map_or(u64::MAX, |closing| closing.at_ns);
        let frontier_ns = frontier_ns.min(end_ns);
        if let Phase::Paused { since_ns, .. } = self.phase {
            let paused = self.paused_ns + frontier_ns.saturating_sub(since_ns);
            self.progress.paused_ns.store(paused, Relaxed);
        }
        let due = match self.real {
            true => frontier_ns >= self.next_cut_ns,
            false => frontier_ns >= self.position_ns().saturating_add(self.flush_ns),
        };
        self.behind = false;
        if !due || self.phase == Phase::Over {
            return false;
        }
        let behind = frontier_ns.saturating_sub(self.next_cut_ns) / self.flush_ns;
        self.next_cut_ns += (behind + 1) * self.flush_ns;
        if self.waits_for_audio(frontier_ns) {
            return false;
        }
        let resampling = self.phase == Phase::Recording && self.resamples(legs);
        let ahead = if resampling { LOOKAHEAD_NS } else { 0 };
        let to_ns = frontier_ns.saturating_sub(ahead);
        let most_ns = if self.real { u64::MAX } else { self.stride_ns() };
        self.behind = most_ns < to_ns;
        self.reach(to_ns.min(most_ns), legs);
        true
    }

    /// The first audio fixes the file's rate; until then there is nothing that could be
    /// lost.
    fn waits_for_audio(&self, frontier_ns: u64) -> bool {
        let decided = self.shape.is_some() || self.format != Format::Wav || self.wanted_rate != 0;
        let waited_ms = frontier_ns.saturating_sub(self.start_ns) / 1_000_000;
        let limited = self.max_duration_ms > 0 && waited_ms >= u64::from(self.max_duration_ms);
        let heard = self.rates.iter().any(Option::is_some);
        let waits = !decided && !limited && !heard;
        if waits {
            self.progress.waiting_ms.store(waited_ms, Relaxed);
        }
        waits
    }

    /// The first decodable audio of each leg since the start.
    pub(super) fn note_rates(&mut self, legs: &Legs) {
        if self.shape.is_some() {
            return;
        }
        for n in 0..legs.len() {
            let since = self.account.has_packets(n, &legs[n].line.totals);
            if self.rates[n].is_none() && since && self.hears(n) {
                self.rates[n] = legs[n].audio_rate;
            }
        }
    }

    /// The legs that are heard in it and have had a feed.
    fn heard<'a>(&self, legs: &'a Legs) -> impl Iterator<Item = (Leg, &'a LegMedia)> + use<'a> {
        let layout = self.layout;
        super::leg::fed(legs).filter(move |(leg, _)| layout::hears(layout, *leg as usize))
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

    pub(super) fn is_recording(&self) -> bool {
        self.phase == Phase::Recording && self.closing.is_none()
    }

    /// It has been stopped, and waits for audio of before to find its place.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    fn hears(&self, leg: usize) -> bool {
        layout::hears(self.layout, leg)
    }

    pub(super) fn pause(&mut self, at: At, legs: &Legs) {
        self.paused = true;
        self.follow(at, legs);
    }

    /// Clears the recording's own pause, and no other.
    pub(super) fn resume(&mut self, at: At, legs: &Legs) {
        self.paused = false;
        self.follow(at, legs);
    }

    pub(super) fn private(&mut self, on: bool, at: At, legs: &Legs) {
        self.private = on;
        self.follow(at, legs);
    }

    /// It records while it is neither paused nor its call private.
    fn follow(&mut self, at: At, legs: &Legs) {
        if self.closing.is_some() {
            return;
        }
        match (self.phase, self.paused || self.private) {
            (Phase::Recording, true) => self.begin_pause(at, legs),
            (Phase::Paused { .. }, false) => self.end_pause(at, legs),
            _ => {}
        }
    }

    fn begin_pause(&mut self, at: At, legs: &Legs) {
        self.reach(at.ns, legs);
        if self.phase != Phase::Recording {
            return;
        }
        self.ever_paused = true;
        self.segments.close(at.ns, at.clock_ns, at.epoch);
        self.outbox.push(Out::Paused(self.frames));
        self.phase = Phase::Paused {
            since_ns: at.ns,
            from_frame: self.frames,
        };
    }

    fn end_pause(&mut self, at: At, legs: &Legs) {
        self.reach(at.ns, legs);
        let Some(span) = self.pause_until(at.ns) else {
            return;
        };
        self.paused_ns += span.length_ns;
        self.progress.paused_ns.store(self.paused_ns, Relaxed);
        self.outbox.push(Out::Resumed(span));
        self.phase = Phase::Recording;
        self.segments.open(at.ns, self.frames, at.epoch, at.ns);
        // A filter's memory would carry what was said while paused.
        self.resamplers = Default::default();
    }

    /// Stopped at this moment; what was handed in before, and nothing else, may still come
    /// to its place.
    pub(super) fn close(&mut self, at: At, reason: EndReason, legs: &Legs) {
        if self.phase == Phase::Over || self.closing.is_some() {
            return;
        }
        if let Phase::Recording = self.phase {
            self.segments.close(at.ns, at.clock_ns, at.epoch);
        }
        self.account.freeze(legs, at.epoch);
        self.closing = Some(Closing {
            at_ns: at.ns,
            clock_ns: at.clock_ns,
            reason,
        });
    }

    /// Ends it, if nothing is waited for any more. `waits`: some leg still does.
    pub(super) fn finish_closing(&mut self, now_ns: u64, waits: bool, legs: &Legs) {
        if let Some(closing) = self.closing
            && (!waits || now_ns >= closing.clock_ns + CLOSING_NS)
        {
            self.finish(closing.at_ns, closing.reason, legs);
        }
    }

    pub(super) fn finish(&mut self, at_ns: u64, reason: EndReason, legs: &Legs) {
        // What is discarded needs no more audio, which could bring it to its limit, and
        // so to another end.
        if reason != EndReason::Discarded {
            self.reach(at_ns, legs);
        } else if self.shape.is_none() {
            self.decide_shape(legs);
        }
        self.over(at_ns, reason, legs);
    }

    fn over(&mut self, at_ns: u64, reason: EndReason, legs: &Legs) {
        if self.phase == Phase::Over {
            return;
        }
        let open = self.pause_until(at_ns);
        if let Some(span) = open {
            self.paused_ns += span.length_ns;
            self.progress.paused_ns.store(self.paused_ns, Relaxed);
        }
        self.deliver();
        self.close_account(at_ns, legs);
        self.outbox.push(Out::Finish(reason, open));
        self.phase = Phase::Over;
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

    /// Real time: gives what is ready to the sink, and notes what that has to refuse.
    fn deliver(&mut self) {
        if !self.real {
            return;
        }
        self.outbox.flush_real();
        for (only, from_frame, to_frame) in self.outbox.refused.drain(..) {
            let legs = (0..3).filter(|leg| only.is_none_or(|only| only == *leg));
            for leg in legs {
                let same = |last: &&mut Refusal| last.leg == leg && last.to_frame == from_frame;
                match self.account.refusals.iter_mut().rev().find(same) {
                    Some(last) => last.to_frame = to_frame,
                    None => self.account.refusals.push(Refusal {
                        leg,
                        from_frame,
                        to_frame,
                    }),
                }
            }
        }
    }

    pub(super) fn flush(&mut self, now_ns: u64, backlog_ns: u64) {
        match self.real {
            true => self.deliver(),
            false => self.outbox.flush_stream(now_ns, backlog_ns),
        }
    }

    /// Nothing before `to_ns` changes any more: it is accounted for.
    pub(super) fn settle(&mut self, to_ns: u64, legs: &Legs) {
        let Some(shape) = self.shape.filter(|_| self.phase != Phase::Over) else {
            return;
        };
        let to_ns = to_ns.min(self.position_ns());
        if to_ns <= self.settled_ns {
            return;
        }
        self.settle_legs(to_ns, shape, legs);
        self.settled_ns = to_ns;
        let settled = self.frame_at(to_ns, shape);
        self.account.refusals.retain(|refusal| refusal.to_frame > settled);
        self.publish(shape, settled, legs);
    }

    /// Counts what lies between the settled frontier and `to_ns`.
    fn settle_legs(&mut self, to_ns: u64, shape: Shape, legs: &Legs) {
        for (leg, media) in self.heard(legs) {
            let place = Place {
                leg,
                segments: &self.segments,
                file_rate: shape.rate,
            };
            let mut begin = 0;
            for past in &media.line.past {
                if self.settled_ns < past.end_ns() {
                    let to = if to_ns >= past.end_ns() {
                        u64::MAX
                    } else {
                        grid::index(to_ns, past.rate())
                    };
                    let from = grid::index(self.settled_ns, past.rate());
                    self.account.settle(place, past, from, to);
                }
                begin = past.end_ns();
            }
            let track = media.track();
            if to_ns >= begin {
                let from = if self.settled_ns < begin {
                    0
                } else {
                    grid::index(self.settled_ns, track.rate())
                };
                self.account
                    .settle(place, track, from, grid::index(to_ns, track.rate()));
            }
        }
    }

    /// The frame of the file at a moment.
    fn frame_at(&self, at_ns: u64, shape: Shape) -> u64 {
        let behind = self.cursor.saturating_sub(grid::index(at_ns, shape.rate));
        self.frames.saturating_sub(behind)
    }

    /// Tells the sink and whoever asks.
    fn publish(&mut self, shape: Shape, settled_frames: u64, legs: &Legs) {
        for leg in Leg::ALL {
            let media = &legs[leg as usize];
            let heard = media.had_feed && self.hears(leg as usize);
            self.account.totals(leg, &media.line.totals, heard, shape.rate);
        }
        self.progress.lost_ns.store(self.account.lost_ns(), Relaxed);
        self.progress
            .set_ledger(self.account.ledger(settled_frames).clone());
        let spans = std::mem::take(&mut self.account.spans);
        if !spans.is_empty() {
            self.outbox.push(Out::Losses(self.account.lost_ns(), spans));
        }
    }

    /// Everything that the legs still hold is settled, or lies behind the end.
    fn close_account(&mut self, at_ns: u64, legs: &Legs) {
        let Some(shape) = self.shape else {
            return;
        };
        self.settle_legs(at_ns, shape, legs);
        self.settled_ns = at_ns;
        for (leg, media) in self.heard(legs) {
            let place = Place {
                leg,
                segments: &self.segments,
                file_rate: shape.rate,
            };
            let track = media.track();
            let from = grid::index(at_ns, track.rate());
            self.account.after_stop(place, track, from);
            for (at, len, epoch) in media.unconfirmed() {
                let note = Note {
                    from: at,
                    to: at + len,
                    rate: track.rate(),
                    epoch,
                    what: What::Dropped(DropReason::Unconfirmed),
                };
                self.account.note(place, note, at_ns);
            }
            let end = track.end().min(from);
            let refused = Note {
                from: end.saturating_sub(media.refused_samples()),
                to: end,
                rate: track.rate(),
                epoch: media.line.epoch,
                what: What::Refused(DropReason::Overflow),
            };
            self.account.note(place, refused, at_ns);
        }
        self.publish(shape, self.frames, legs);
    }

    /// What the legs hold is about to be forgotten: it is in no recorded stretch.
    pub(super) fn forget(&mut self, legs: &Legs) {
        if self.phase == Phase::Over {
            return;
        }
        for (leg, media) in self.heard(legs) {
            let track = media.track();
            let place = Place {
                leg,
                segments: &self.segments,
                file_rate: self.shape.map_or(track.rate(), |shape| shape.rate),
            };
            let from = grid::index(self.settled_ns, track.rate());
            self.account.settle(place, track, from, u64::MAX);
        }
    }

    /// Something that a leg's timeline does not hold.
    pub(super) fn note(&mut self, leg: Leg, note: Note) {
        if self.phase == Phase::Over || !self.hears(leg as usize) {
            return;
        }
        let place = Place {
            leg,
            segments: &self.segments,
            file_rate: self.shape.map_or(note.rate, |shape| shape.rate),
        };
        self.account.note(place, note, self.settled_ns);
    }
}

fn scatter(id: Uuid) -> u64 {
    let (high, low) = id.as_u64_pair();
    (high ^ low).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
}
