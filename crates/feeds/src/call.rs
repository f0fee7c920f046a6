//! A worker's visit of one call: control points, audio, and the passage of time.

mod decoders;
mod frontier;
mod lookback;
mod points;
mod rendering;
mod transfers;
mod visit_schedule;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::call_tap::{ControlPoint, FedCounts, PointAction};
use super::drain::{Deinterleaver, Drain, Scratch};
use super::{CallTap, ClockMode};
use callrec_base::types::Leg;
use callrec_media::dtmf::DtmfMask;
use callrec_media::leg::{DrainInput, Tally};
use callrec_media::legs::Legs;
use callrec_media::packet::FeedCounters;
use callrec_media::placement::PlacementContext;
use callrec_media::planted;
use callrec_media::tap::Tap;
use lookback::Lookback;
pub use points::PACKET_NS;
use visit_schedule::VisitSchedule;
pub(super) use visit_schedule::VisitTimes;

pub(super) struct CallMedia {
    pub call: Arc<CallTap>,
    drains: [Drain; 3],
    legs: Legs,
    taps: Vec<Tap>,
    points: VecDeque<ControlPoint>,
    real: bool,
    reorder_ns: u64,
    /// `None`: tones are recorded.
    dtmf: Option<Box<DtmfMask>>,
    /// `None`: no audio is kept for recordings that begin earlier.
    lookback: Option<Box<Lookback>>,
    /// The worker stops after this visit.
    last_visit: bool,
    private: bool,
    /// No audio is kept for recordings that begin earlier.
    forbids_past: bool,
    /// The same, because of the call's line.
    line_forbids_past: bool,
    /// When the call's privacy last changed.
    private_ns: u64,
    /// The local leg's feed also carries the remote leg's samples.
    stereo: bool,
    deinterleaver: Deinterleaver,
    /// Number of control points so far that affect the recordings.
    epoch: u32,
    /// When the latest of these control points took effect.
    point_ns: u64,
    /// Audio before this time may be rendered.
    frontier_ns: u64,
    ended: bool,
    /// The call was blocked or behind after the latest visit.
    needs_visit: bool,
    schedule: VisitSchedule,
    visited_ns: u64,
    /// Shortest time to fill a feed's ring with audio of the announced format.
    rings_ns: u64,
    /// Shortest time to fill a feed's ring at the present rate, once it is known.
    filling_ns: u64,
}

impl CallMedia {
    pub(super) fn new(call: Arc<CallTap>) -> CallMedia {
        let (real, reorder_ns) = (call.config().clock == ClockMode::Real, call.config().reorder_ns);
        let dtmf = call.config().masks_dtmf.then(Box::default);
        let legs = Legs::new(call.config().conceals);
        let lookback = Lookback::new(call.config(), call.stats());
        CallMedia {
            call,
            dtmf,
            lookback,
            drains: Default::default(),
            legs,
            taps: Vec::new(),
            points: VecDeque::new(),
            real,
            reorder_ns,
            last_visit: false,
            private: false,
            forbids_past: false,
            line_forbids_past: false,
            private_ns: 0,
            stereo: false,
            deinterleaver: Deinterleaver::default(),
            epoch: 0,
            point_ns: 0,
            frontier_ns: 0,
            ended: false,
            needs_visit: false,
            schedule: VisitSchedule::default(),
            visited_ns: 0,
            rings_ns: u64::MAX,
            filling_ns: u64::MAX,
        }
    }

    /// Whether the call and all of its recordings have ended.
    pub(super) fn is_over(&self) -> bool {
        self.ended && self.taps.is_empty()
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.taps.iter().any(|tap| tap.sink_queue.is_blocked())
    }

    /// Whether recordings have more to render than one visit allows.
    pub(super) fn is_behind(&self) -> bool {
        let is_behind = |tap: &Tap| tap.is_behind() || !self.points.is_empty();
        self.taps.iter().any(is_behind)
    }

    /// Whether the call must be visited again at the next tick, because it is blocked or behind.
    pub(super) fn needs_visit(&self) -> bool {
        self.needs_visit
    }

    /// Visits the call. A panic fails only the recordings of this call.
    pub(super) fn visit_guarded(&mut self, now_ns: u64, scratch: &mut Scratch) {
        self.call.config().plant();
        let visit = catch_unwind(AssertUnwindSafe(|| self.visit(now_ns, scratch)));
        if let Err(panic) = visit {
            let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            let text = text.unwrap_or_else(|| "panic".into());
            let _ = catch_unwind(AssertUnwindSafe(|| self.broken(&text)));
        }
        let is_pending = || self.is_blocked() || self.is_behind() || self.is_held_by_decoders();
        self.needs_visit = match self.real {
            true => self.is_behind(),
            false => is_pending(),
        };
    }

    /// Fails the recordings after a panic. The call and its control points continue.
    fn broken(&mut self, message: &str) {
        let legs = &self.legs;
        for mut tap in std::mem::take(&mut self.taps) {
            // A second panic in one sink must not affect the other recordings.
            let _ = catch_unwind(AssertUnwindSafe(|| tap.publish_ledger(legs)));
            let _ = catch_unwind(AssertUnwindSafe(move || tap.sink_queue.broken(message)));
        }
        self.update_schedule();
        self.release();
    }

    /// `now_ns`: the coarse clock, read before the visit. `scratch`: a buffer that all visits of a
    /// worker share.
    pub(super) fn visit(&mut self, now_ns: u64, scratch: &mut Scratch) {
        if !self.is_resting() && self.is_held_up(now_ns) {
            return;
        }
        let borrowed = self.borrow_logs(scratch);
        let counts = self.call.handed();
        self.note_pace(&counts, now_ns);
        self.call.take_points(&mut self.points);
        let mut tally = Tally::default();
        self.collect_decoded(now_ns);
        let is_held = self.is_held_by_decoders();
        if !is_held {
            self.pass_points(now_ns, scratch);
        }
        if !is_held && (self.is_resting() || !self.is_blocked() && self.points.is_empty()) {
            self.drain(&counts, scratch);
            self.decide(now_ns);
            self.forward_notes();
            self.advance_if_due(now_ns);
            self.follow_endings(now_ns);
        }
        self.report(now_ns);
        self.legs
            .fed_mut()
            .for_each(|(_, leg)| tally.add(&mut leg.timeline.tally));
        let last_ns = tally.last_arrival_ns;
        self.call.stats().add(&mut tally);
        if last_ns != 0 {
            self.call.saw_media(last_ns);
        }
        for (name, leg) in self.legs.fed_mut() {
            if borrowed[name as usize] {
                leg.timeline.track.give_back(&mut scratch.logs[name as usize]);
            }
        }
        self.trim(now_ns);
    }

    /// Moves the audio that earlier visits have left into memory that all visits share. Returns the
    /// legs whose audio was moved.
    fn borrow_logs(&mut self, scratch: &mut Scratch) -> [bool; 3] {
        let mut borrowed = [false; 3];
        for (name, leg) in self.legs.fed_mut() {
            borrowed[name as usize] = leg.timeline.track.borrow(&mut scratch.logs[name as usize]);
        }
        borrowed
    }

    /// Passes finished blocks to the sinks. Returns whether a recording must advance before more
    /// audio is read. In real time, feeds do not wait for that.
    fn is_held_up(&mut self, now_ns: u64) -> bool {
        self.flush(now_ns);
        if self.real {
            return false;
        }
        if self.taps.iter().any(Tap::is_behind) {
            self.advance(now_ns);
        }
        self.is_blocked() || self.taps.iter().any(Tap::is_behind)
    }

    /// Applies the control points in order, each after the audio that was fed before it.
    fn pass_points(&mut self, now_ns: u64, scratch: &mut Scratch) {
        if !self.points.is_empty() {
            self.schedule.rest_ns = 0;
        }
        let mut is_first = true;
        while let Some(point) = self.points.front() {
            let (counts, clock_ns) = (point.counts, point.clock_ns);
            let last = match point.action {
                PointAction::Stop(id, _) => self.taps.iter().all(|tap| tap.id == id),
                PointAction::End(_) => true,
                _ => false,
            };
            self.drain(&counts, scratch);
            self.decide(clock_ns);
            let context = self.context();
            let finishes = last && !self.awaits_placement();
            for (name, leg) in self.legs.fed_mut() {
                let fed_by = match name {
                    Leg::Remote if self.stereo => Leg::Local,
                    own => own,
                };
                leg.count_trailing_loss(&counts[fed_by as usize], clock_ns, &context);
                if finishes {
                    leg.finish(clock_ns, &context);
                }
            }
            self.fill_silences(self.end_ns());
            self.forward_notes();
            self.repair();
            let near = !self.is_held_by_decoders() && self.is_near_point(now_ns, is_first);
            if near && let Some(point) = self.points.pop_front() {
                self.apply(point);
                is_first = false;
                self.update_schedule();
                self.schedule.rest_ns = 0;
            }
            self.flush(now_ns);
            self.settle(now_ns);
            self.flush(now_ns);
            self.release();
            if !near || self.is_blocked() {
                break;
            }
        }
    }

    /// Decides the placement of audio that has been undecided for long enough.
    fn decide(&mut self, now_ns: u64) {
        let context = self.context();
        self.legs
            .fed_mut()
            .for_each(|(_, leg)| leg.tick(now_ns, &context));
    }

    /// Whether audio before a stop is still to be placed, which in real time depends on the audio
    /// after it.
    fn awaits_placement(&self) -> bool {
        self.real && !self.last_visit && self.legs.fed().any(|(_, leg)| leg.is_undecided())
    }

    /// Ends the stopped recordings whose audio has all been placed.
    fn finish_closing(&mut self, now_ns: u64) {
        if !self.taps.iter().any(Tap::is_stopping) {
            return;
        }
        let waits = self.awaits_placement();
        if !waits && self.taps.iter().all(Tap::is_stopping) {
            let context = self.context();
            self.legs
                .fed_mut()
                .for_each(|(_, leg)| leg.finish(now_ns, &context));
            self.forward_notes();
            self.repair();
        }
        let settled_ns = self.settled_until(now_ns).min(self.frontier_ns);
        for tap in &mut self.taps {
            let is_busy = tap.awaits_decoders(&self.legs) || tap.awaits_late_audio(settled_ns);
            if self.last_visit || !is_busy {
                tap.finish_stop(now_ns, waits, &self.legs);
            }
        }
        self.flush(now_ns);
        self.release();
    }

    /// No more audio will arrive: the next visit places undecided audio without waiting.
    pub(super) fn set_last_visit(&mut self) {
        self.last_visit = true;
        self.taps.iter_mut().for_each(Tap::stop_waiting);
    }

    fn context(&self) -> PlacementContext {
        PlacementContext {
            is_real_time: self.real,
            planted: planted::current(),
            reorder_ns: self.reorder_ns,
            masks_dtmf: self.dtmf.is_some(),
            begin_ns: self.schedule.begin_ns,
        }
    }

    /// Reports ignored payload types and silent legs.
    fn report(&mut self, now_ns: u64) {
        let silent_ns = self.call.config().silent_ns;
        let watched = self.real && silent_ns > 0 && !self.ended;
        for (name, leg) in self.legs.fed_mut() {
            for ignored in leg.ignored.drain(..) {
                self.call.report().ignored(name, ignored.0);
            }
            let report = self.call.report();
            let connected = || !leg.is_quiet(now_ns, silent_ns) || report.is_connected();
            let connected = watched && connected();
            if watched && leg.becomes_silent(now_ns, silent_ns, connected) {
                report.silent(name);
            }
        }
    }

    fn drain(&mut self, counts: &FedCounts, scratch: &mut Scratch) {
        let any_recording = self.schedule.any_recording || self.keeps_past();
        let context = self.context();
        let (epoch, since_ns) = (self.epoch, self.real.then_some(self.point_ns));
        for (_, leg) in self.legs.fed_mut() {
            leg.first_rate = None;
            leg.timeline.set_epoch(epoch, since_ns, any_recording);
        }
        for (n, handed) in counts.iter().enumerate() {
            // The mixed leg usually has no feed.
            if handed.bytes == 0 {
                continue;
            }
            let with = DrainInput {
                context: &context,
                clock_ns: self.others_end_ns(n),
            };
            self.drain_leg(n, handed, scratch, &with);
        }
        if self.schedule.unshaped {
            for tap in &mut self.taps {
                tap.note_rates(&self.legs);
            }
        }
    }

    fn drain_leg(&mut self, n: usize, handed: &FeedCounters, scratch: &mut Scratch, with: &DrainInput<'_>) {
        let config = self.call.config();
        let counts = self.call.counts(Leg::ALL[n]);
        if !(self.stereo && n == Leg::Local as usize) {
            let Some(leg) = self.legs.get_mut(Leg::ALL[n]) else {
                return;
            };
            leg.count_ahead(handed);
            let packets = self.drains[n].up_to(handed.bytes, counts, scratch);
            if self.schedule.keeps_raw {
                for tap in &mut self.taps {
                    tap.keep_raw(Leg::ALL[n], leg, packets);
                }
            }
            return leg.receive_all(packets, with, |packet| config.fault(packet));
        }
        let deinterleaver = &mut self.deinterleaver;
        let Some((local, remote)) = self.legs.local_and_remote() else {
            return;
        };
        local.count_ahead(handed);
        remote.count_ahead(handed);
        for (header, payload) in self.drains[n].up_to(handed.bytes, counts, scratch) {
            config.fault(payload);
            let position = header.position_bytes();
            let [left, right] = deinterleaver.split(payload, position, local.sample_bytes());
            local.receive(header, left, with);
            remote.receive(header, right, with);
            // One write for both legs.
            remote.timeline.tally.frames_in -= 1;
        }
    }

    /// Masks tones in audio that has been placed, and passes on what the legs note.
    fn forward_notes(&mut self) {
        if let Some(dtmf) = &mut self.dtmf {
            dtmf.apply(&mut self.legs);
            for tap in &mut self.taps {
                tap.mask_raw(dtmf.ranges(), &self.legs);
            }
        }
        for (name, leg) in self.legs.fed_mut() {
            for note in leg.timeline.entries.drain(..) {
                for tap in &mut self.taps {
                    tap.add_entry(name, note);
                }
            }
            for refused in leg.timeline.refused.drain(..) {
                for tap in &mut self.taps {
                    tap.keep_refused(name, refused);
                }
            }
        }
    }
}
