//! The tap of a recording on its call, from start to stop, without pauses.
//!
//! The file has two frontiers. Audio up to the written frontier may still be replaced when a
//! stalled leg delivers late audio. Audio up to the settled frontier is final and in the ledger.

mod account;
mod earlier;
mod late_audio;
mod raw_keeper;
mod render;
mod segments;
mod settle;
mod strides;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use uuid::Uuid;

use crate::layout;
use crate::leg::LegMedia;
use crate::legs::Legs;
use crate::resample::LOOKAHEAD_NS;
use crate::sink_queue::{SinkCommand, SinkQueue};
use crate::time::NS_PER_MS;
use crate::track::TrackPart;
use crate::{AudioSpec, EndReason, Leg, Progress, Span, SpanKind, TapSpec, grid};
use account::Account;
use callrec_codec::Shape;
pub use earlier::EarlierStart;
use earlier::EarlyAudio;
use late_audio::LateAudio;
use raw_keeper::RawKeeper;
use render::Resampling;
use segments::Segments;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Recording,
    Paused { since_ns: u64, from_frame: u64 },
    Over,
}

/// The time of a control point, and the epoch that it begins.
#[derive(Clone, Copy, Debug)]
pub struct PointTime {
    pub ns: u64,
    /// When it was set; in stream time equal to `ns`.
    pub clock_ns: u64,
    pub epoch: u32,
    pub is_real_time: bool,
}

/// A stop that waits for held audio.
#[derive(Clone, Copy, Debug)]
struct PendingStop {
    at_ns: u64,
    clock_ns: u64,
    /// Begins with the stop.
    epoch: u32,
    reason: EndReason,
}

/// The moments of flushes in real time are multiples of this, if the interval is.
const CUT_STEP_NS: u64 = 100 * NS_PER_MS;
/// A stop includes audio that was handed in before it, up to this far ahead of the clock.
pub const STOP_NS: u64 = 2_000 * NS_PER_MS;
/// The maximum wait for held audio after a stop.
const STOP_WAIT_NS: u64 = 400 * NS_PER_MS;

/// The rendering of one recording, see the module.
pub struct Tap {
    pub id: Uuid,
    audio: AudioSpec,
    /// The rate of each leg's first audio since the start.
    rates: [Option<u32>; 3],
    flush_ns: u64,
    is_real_time: bool,
    start_ns: u64,
    early: EarlyAudio,
    next_cut_ns: u64,
    shape: Option<Shape>,
    /// The next frame to render, on the grid of the file's rate.
    cursor: u64,
    /// The number of frames in the file.
    frames: u64,
    limit: u64,
    segments: Segments,
    phase: Phase,
    /// Whether the recording itself is paused; `is_call_private`: whether its call is private.
    is_paused: bool,
    is_call_private: bool,
    /// Whether it is private because consent is awaited. The file has nothing of that time, whatever
    /// the pause mode: it would use up the maximum duration.
    awaits_consent: bool,
    /// Since when that has been so.
    awaits_since_ns: u64,
    /// Time of a pause before the shape is decided that is not in the file.
    left_out_ns: u64,
    was_ever_paused: bool,
    /// Set by a stop while audio handed in before it is still held.
    pending_stop: Option<PendingStop>,
    /// Set if another recording follows it: what is late after its stop may still belong to it.
    late: Option<LateAudio>,
    /// Whether more is due than one stride.
    behind: bool,
    paused_ns: u64,
    settled_ns: u64,
    account: Account,
    resampling: Option<Box<Resampling>>,
    /// `None` unless the recording keeps packets as they arrived.
    raw: Option<Box<RawKeeper>>,
    /// When the ledger was last published; 0: publish it when the next audio is settled.
    published_ns: u64,
    progress: Arc<Progress>,
    pub sink_queue: SinkQueue,
}

impl Tap {
    /// `private`: whether the call is private, and since when that has been so.
    pub fn new(spec: TapSpec, at: PointTime, flush_ns: u64, private: (bool, u64), legs: &Legs) -> Tap {
        let (private, private_ns) = private;
        let flush_ns = flush_ns.max(1);
        let mut tap = Tap {
            id: spec.id,
            audio: spec.audio,
            rates: [None; 3],
            flush_ns,
            is_real_time: at.is_real_time,
            start_ns: at.ns,
            early: EarlyAudio::default(),
            next_cut_ns: first_cut_ns(at, flush_ns, spec.id),
            shape: None,
            cursor: 0,
            frames: 0,
            limit: u64::MAX,
            segments: Segments::new(at.ns),
            phase: Phase::Recording,
            is_paused: false,
            is_call_private: private,
            awaits_consent: false,
            awaits_since_ns: at.ns,
            left_out_ns: 0,
            was_ever_paused: private,
            pending_stop: None,
            late: None,
            behind: false,
            paused_ns: 0,
            settled_ns: at.ns,
            account: Account::new(legs, at.epoch),
            resampling: None,
            raw: RawKeeper::new(spec.keep_raw, at.ns),
            published_ns: 0,
            sink_queue: SinkQueue::new(spec.sink, spec.progress.clone()),
            progress: spec.progress,
        };
        if private {
            tap.phase = Phase::Paused {
                since_ns: at.ns,
                from_frame: 0,
            };
            tap.sink_queue.push(SinkCommand::Paused(0));
        } else {
            // Audio spoken while the call was private is not recorded.
            tap.segments.open(at.ns, 0, at.epoch, private_ns);
            tap.was_ever_paused = private_ns > 0;
        }
        tap
    }

    /// Whether audio of the legs may still go into the file. `ahead`: a leg has audio that was
    /// written ahead of the clock.
    pub fn needs_legs(&self, ahead: bool) -> bool {
        let open = self.segments.last().and_then(|n| self.segments.get(n));
        let unsettled = open.is_some_and(|segment| self.settled_ns < segment.to_ns);
        match self.phase {
            Phase::Over => false,
            Phase::Recording => true,
            Phase::Paused { .. } => unsettled || ahead,
        }
    }

    /// The written and the settled frontier; `None` after the end.
    pub fn frontiers_ns(&self) -> Option<(u64, u64)> {
        (self.phase != Phase::Over).then(|| (self.position_ns(), self.settled_ns))
    }

    /// The start of the recording, if it has never been paused.
    pub fn unbroken_since_ns(&self) -> Option<u64> {
        (self.phase == Phase::Recording && !self.was_ever_paused).then_some(self.start_ns)
    }

    /// The time at which the tap is next due; 0 if it has pending work.
    pub fn next_due_ns(&self) -> u64 {
        let is_pending = self.phase != Phase::Recording || self.pending_stop.is_some() || self.behind;
        match self.shape {
            Some(_) if !is_pending && self.sink_queue.is_idle() => self.due_ns(),
            _ => 0,
        }
    }

    pub fn is_unshaped(&self) -> bool {
        self.shape.is_none()
    }

    /// The time at which the next block is due.
    fn due_ns(&self) -> u64 {
        match self.is_real_time {
            true => self.next_cut_ns,
            false => self.position_ns().saturating_add(self.flush_ns),
        }
    }

    /// Advances to a frontier. Returns true if anything was rendered.
    pub fn advance(&mut self, frontier_ns: u64, legs: &Legs) -> bool {
        let end_ns = self.pending_stop.map_or(u64::MAX, |stop| stop.at_ns);
        let frontier_ns = frontier_ns.min(end_ns);
        if let Phase::Paused { since_ns, .. } = self.phase {
            let paused = self.paused_ns + frontier_ns.saturating_sub(since_ns);
            self.progress.paused_ns.store(paused, Relaxed);
        }
        let catches_up = self.is_real_time && self.behind;
        let due = catches_up || frontier_ns >= self.due_ns() || self.is_rest_due(frontier_ns);
        self.behind = false;
        if !due || self.phase == Phase::Over {
            return false;
        }
        if let Some(late_ns) = frontier_ns.checked_sub(self.next_cut_ns) {
            self.next_cut_ns += (late_ns / self.flush_ns + 1) * self.flush_ns;
        }
        if self.waits_for_audio(frontier_ns) {
            self.pass_raw(frontier_ns);
            return false;
        }
        if self.waits_for_disk(frontier_ns) {
            return false;
        }
        let resampling = self.phase == Phase::Recording && self.resamples(legs);
        let ahead = if resampling { LOOKAHEAD_NS } else { 0 };
        let to_ns = frontier_ns.saturating_sub(ahead);
        let most_ns = self.stride_ns(to_ns, legs);
        self.behind = most_ns < to_ns;
        self.render_early_or_live(to_ns.min(most_ns), legs);
        // No further than the audio, which may yet reach the maximum duration.
        self.pass_raw(if self.behind { most_ns } else { frontier_ns });
        true
    }

    /// Whether to wait for the first audio, which fixes the rate of the file. Until then there is
    /// nothing to lose.
    fn waits_for_audio(&self, frontier_ns: u64) -> bool {
        let audio = &self.audio;
        let decided = self.shape.is_some() || audio.format.rate().is_some() || audio.rate != 0;
        let waited_ms = frontier_ns.saturating_sub(self.position_ns()) / 1_000_000;
        let is_limited = audio.max_duration_ms > 0 && !self.awaits_consent;
        let limited = is_limited && waited_ms >= u64::from(audio.max_duration_ms);
        let has_audio = self.rates.iter().any(Option::is_some);
        let waits = !decided && !limited && !has_audio;
        if waits {
            self.progress.waiting_ms.store(waited_ms, Relaxed);
        }
        waits
    }

    /// Notes the rate of the first audio of each leg since the start.
    pub fn note_rates(&mut self, legs: &Legs) {
        if self.shape.is_some() {
            return;
        }
        for (leg, media) in self.recorded_legs(legs) {
            let rate = &mut self.rates[leg as usize];
            *rate = rate.or(media.first_rate);
        }
    }

    /// The legs that are part of the recording and have had a feed.
    fn recorded_legs<'a>(&self, legs: &'a Legs) -> impl Iterator<Item = (Leg, &'a LegMedia)> + use<'a> {
        let layout = self.audio.layout;
        legs.fed()
            .filter(move |(leg, _)| layout::includes_leg(layout, *leg as usize))
    }

    fn position_ns(&self) -> u64 {
        match self.shape {
            Some(shape) => grid::time(self.cursor, shape.rate),
            None => self.start_ns + self.left_out_ns,
        }
    }

    pub fn is_recording(&self) -> bool {
        self.phase == Phase::Recording && self.pending_stop.is_none()
    }

    /// Whether it has been stopped while audio handed in before is held.
    pub fn is_stopping(&self) -> bool {
        self.pending_stop.is_some()
    }

    fn includes_leg(&self, leg: usize) -> bool {
        layout::includes_leg(self.audio.layout, leg)
    }

    pub fn pause(&mut self, at: PointTime, legs: &Legs) {
        self.is_paused = true;
        self.update_phase(at, legs);
    }

    /// Ends the recording's own pause. A private call stays paused.
    pub fn resume(&mut self, at: PointTime, legs: &Legs) {
        self.is_paused = false;
        self.update_phase(at, legs);
    }

    pub fn set_private(&mut self, on: bool, at: PointTime, legs: &Legs) {
        self.is_call_private = on;
        self.update_phase(at, legs);
    }

    /// Notes whether the pause that is in progress or about to begin is a wait for consent.
    pub fn set_awaits_consent(&mut self, awaits: bool, at: PointTime, legs: &Legs) {
        let is_paused = matches!(self.phase, Phase::Paused { .. });
        if awaits == self.awaits_consent {
            return;
        }
        if is_paused && self.shape.is_some() {
            self.render_until(at.ns, legs);
        } else if is_paused && !awaits {
            // It has been paused since its beginning. The first audio is still to fix the rate.
            self.left_out_ns += at.ns.saturating_sub(self.awaits_since_ns);
        }
        (self.awaits_consent, self.awaits_since_ns) = (awaits, at.ns);
    }

    /// Pauses or resumes: it records while neither it is paused nor its call is private.
    fn update_phase(&mut self, at: PointTime, legs: &Legs) {
        if self.pending_stop.is_some() {
            return;
        }
        match (self.phase, self.is_paused || self.is_call_private) {
            (Phase::Recording, true) => self.begin_pause(at, legs),
            (Phase::Paused { .. }, false) => self.end_pause(at, legs),
            _ => {}
        }
    }

    fn begin_pause(&mut self, at: PointTime, legs: &Legs) {
        self.published_ns = 0;
        // The segment ends first, so that no filter looks beyond it.
        self.segments.close(at.ns, at.clock_ns, at.epoch);
        self.render_until(at.ns, legs);
        if self.phase != Phase::Recording {
            return;
        }
        self.was_ever_paused = true;
        self.sink_queue.push(SinkCommand::Paused(self.frames));
        self.phase = Phase::Paused {
            since_ns: at.ns,
            from_frame: self.frames,
        };
    }

    fn end_pause(&mut self, at: PointTime, legs: &Legs) {
        self.published_ns = 0;
        self.render_until(at.ns, legs);
        let Some(span) = self.pause_until(at.ns) else {
            return;
        };
        self.paused_ns += span.length_ns;
        self.progress.paused_ns.store(self.paused_ns, Relaxed);
        self.sink_queue.push(SinkCommand::Resumed(span));
        self.phase = Phase::Recording;
        self.segments.open(at.ns, self.frames, at.epoch, at.ns);
        self.forget_filters();
    }

    /// Stops the recording. Only audio that was handed in before may still be placed.
    pub fn begin_stop(&mut self, at: PointTime, reason: EndReason, legs: &Legs) {
        if self.phase == Phase::Over || self.pending_stop.is_some() {
            return;
        }
        if let Phase::Recording = self.phase {
            let set_ns = self.late.as_ref().map_or(at.clock_ns, |late| late.until_ns);
            self.segments.close(at.ns, set_ns, at.epoch);
        }
        self.account.freeze(legs, at.epoch);
        self.pending_stop = Some(PendingStop {
            at_ns: at.ns,
            clock_ns: at.clock_ns,
            epoch: at.epoch,
            reason,
        });
    }

    /// Whether it has been stopped while packets that belong to it are not decoded.
    pub fn awaits_decoders(&self, legs: &Legs) -> bool {
        self.pending_stop.is_some_and(|stop| {
            let mut legs = self.recorded_legs(legs);
            legs.any(|(_, media)| media.timeline.is_decoding_before(stop.epoch))
        })
    }

    /// Ends a stopped recording, unless it has to wait. `waits`: a leg still holds audio.
    pub fn finish_stop(&mut self, now_ns: u64, waits: bool, legs: &Legs) {
        if let Some(pending_stop) = self.pending_stop
            && (!waits || now_ns >= pending_stop.clock_ns + STOP_WAIT_NS)
        {
            let mut at_ns = pending_stop.at_ns;
            if self.phase == Phase::Recording {
                at_ns = self.own_end_ns(pending_stop, legs);
                self.segments.extend(at_ns);
            }
            self.finish_at(at_ns, pending_stop.reason, legs);
        }
    }

    /// The end of a stopped recording: includes audio handed in before the stop that lies after it.
    fn own_end_ns(&self, pending_stop: PendingStop, legs: &Legs) -> u64 {
        let ends = self.recorded_legs(legs).filter_map(|(_, media)| {
            let track = media.track();
            let (from, to) = (pending_stop.at_ns, pending_stop.clock_ns + STOP_NS);
            let (from, to) = (grid::index(from, track.rate()), grid::index(to, track.rate()));
            let own = |part: &TrackPart| self.account.is_own(part.origin.epoch);
            let last = track.parts(from, to).filter(own).last()?;
            Some(grid::time(last.to, track.rate()))
        });
        ends.max().unwrap_or(0).max(pending_stop.at_ns)
    }

    /// Ends the recording at this time, or at the time of an earlier stop.
    pub fn finish(&mut self, at_ns: u64, reason: EndReason, legs: &Legs) {
        match reason {
            EndReason::Discarded => self.finish_at(at_ns, reason, legs),
            _ if self.is_stopping() => self.finish_stop(at_ns, false, legs),
            _ => self.finish_at(at_ns, reason, legs),
        }
    }

    fn finish_at(&mut self, at_ns: u64, reason: EndReason, legs: &Legs) {
        // A discarded recording renders no more audio: it might reach its limit and end for that
        // reason instead.
        if reason != EndReason::Discarded {
            self.render_until(at_ns, legs);
        } else if self.shape.is_none() {
            self.decide_shape(legs);
        }
        self.end(at_ns, reason, legs);
    }

    fn end(&mut self, at_ns: u64, reason: EndReason, legs: &Legs) {
        if self.phase == Phase::Over {
            return;
        }
        let open = self.pause_until(at_ns);
        if let Some(span) = open {
            self.paused_ns += span.length_ns;
            self.progress.paused_ns.store(self.paused_ns, Relaxed);
        }
        self.deliver();
        self.end_raw(at_ns, reason);
        if reason == EndReason::Limit {
            self.account.set_limit_reached();
        }
        self.close_account(at_ns, legs);
        self.sink_queue.push(SinkCommand::Finish(reason, open));
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
}

/// Recordings that start together must not flush together. In real time, their flushes fall on few
/// moments, so that a worker with few calls can sleep in between.
fn first_cut_ns(at: PointTime, flush_ns: u64, id: Uuid) -> u64 {
    let cut_ns = at.ns + flush_offset_ns(id) % flush_ns;
    if !at.is_real_time || flush_ns < 2 * CUT_STEP_NS {
        return cut_ns;
    }
    match cut_ns - cut_ns % CUT_STEP_NS {
        moment if moment > at.ns => moment,
        past => past + CUT_STEP_NS,
    }
}

fn flush_offset_ns(id: Uuid) -> u64 {
    let (high, low) = id.as_u64_pair();
    (high ^ low).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
}
