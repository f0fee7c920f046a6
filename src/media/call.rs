//! A worker's visit of one call: counts, points, audio, time.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use uuid::Uuid;

use super::drain::{Drain, Scratch};
use super::leg::{LegMedia, Scene, Tally};
use super::point::{Counts, Point, What};
use super::tap::{Legs, Tap};
use super::{CallTap, ClockMode};
use crate::words::{EndReason, FeedFormat, Leg};

pub(super) struct CallState {
    pub call: Arc<CallTap>,
    drains: [Drain; 3],
    legs: Legs,
    taps: Vec<Tap>,
    points: VecDeque<Point>,
    scene: Scene,
    /// Everything before it may be rendered.
    frontier_ns: u64,
    ended: bool,
}

impl CallState {
    pub(super) fn new(call: Arc<CallTap>) -> CallState {
        let scene = Scene {
            real: call.config().clock == ClockMode::Real,
            reorder_ns: call.config().reorder_ns,
            resumed_ns: 0,
            recording: false,
        };
        CallState {
            call,
            drains: Default::default(),
            legs: [LegMedia::new(), LegMedia::new(), LegMedia::new()],
            taps: Vec::new(),
            points: VecDeque::new(),
            scene,
            frontier_ns: 0,
            ended: false,
        }
    }

    /// The call is over and every recording of it has ended.
    pub(super) fn is_over(&self) -> bool {
        self.ended && self.taps.is_empty()
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.taps.iter().any(|tap| tap.outbox.is_blocked())
    }

    /// Stream time: its recordings have more to render than one visit may.
    pub(super) fn is_behind(&self) -> bool {
        let waits = |tap: &Tap| tap.is_behind() || !self.points.is_empty();
        self.taps.iter().any(waits)
    }

    /// A visit whose panic is kept to this call's recordings.
    pub(super) fn visit_guarded(&mut self, now_ns: u64, scratch: &mut Scratch) {
        let visit = catch_unwind(AssertUnwindSafe(|| self.visit(now_ns, scratch)));
        if let Err(panic) = visit {
            let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            let text = text.unwrap_or_else(|| "panic".into());
            let _ = catch_unwind(AssertUnwindSafe(|| self.broken(&text)));
        }
    }

    /// The recordings that a panic has touched fail. The call and its points go on.
    fn broken(&mut self, message: &str) {
        for mut tap in std::mem::take(&mut self.taps) {
            // One sink's second panic must not take the others along.
            let _ = catch_unwind(AssertUnwindSafe(move || tap.outbox.broken(message)));
        }
        self.release();
    }

    /// `now_ns`: the coarse clock, read before this visit looks at anything. `scratch`:
    /// any visit's, used again.
    pub(super) fn visit(&mut self, now_ns: u64, scratch: &mut Scratch) {
        self.flush(now_ns);
        if self.taps.iter().any(Tap::is_behind) {
            self.go_on(now_ns);
        }
        if self.is_blocked() || self.taps.iter().any(Tap::is_behind) {
            return;
        }
        let counts = self.call.handed();
        self.call.take_points(&mut self.points);
        let mut tally = Tally::default();
        self.pass_points(now_ns, scratch, &mut tally);
        if !self.is_blocked() && self.points.is_empty() {
            self.drain(&counts, scratch, &mut tally);
            self.tell_late(&mut tally);
            self.go_on(now_ns);
        }
        if tally.last_arrival_ns != 0 {
            tally.tell(self.call.stats());
            self.call.saw_media(tally.last_arrival_ns);
        }
    }

    /// Each point in its turn, with what was handed in before it.
    fn pass_points(&mut self, now_ns: u64, scratch: &mut Scratch, tally: &mut Tally) {
        while let Some(point) = self.points.front() {
            let (counts, clock_ns) = (point.counts, point.clock_ns);
            self.drain(&counts, scratch, tally);
            for (leg, handed) in self.legs.iter_mut().zip(&counts) {
                leg.trailing_loss(handed, clock_ns, &self.scene, tally);
            }
            self.tell_late(tally);
            let near = self.is_near_point();
            if near && let Some(point) = self.points.pop_front() {
                self.apply(point);
            }
            self.flush(now_ns);
            self.release();
            if !near || self.is_blocked() {
                break;
            }
        }
    }

    /// Whether the recordings that the next point is for can reach it in one visit.
    /// Those that cannot come nearer.
    fn is_near_point(&mut self) -> bool {
        let Some(point) = self.points.front().filter(|_| !self.scene.real) else {
            return true;
        };
        let concerned = match point.what {
            What::Pause(id) | What::Resume(id) => Some(id),
            What::Stop(id, reason) if reason != EndReason::Discarded => Some(id),
            What::End(_) => None,
            _ => return true,
        };
        let at_ns = self.end_ns();
        let mut near = true;
        for tap in &mut self.taps {
            if concerned.is_none_or(|id| id == tap.id) {
                near &= tap.is_near(at_ns, &self.legs);
            }
        }
        near
    }

    fn go_on(&mut self, now_ns: u64) {
        let frontier = match self.scene.real {
            true => now_ns.saturating_sub(self.scene.reorder_ns),
            false => self.stream_frontier(),
        };
        self.frontier_ns = self.frontier_ns.max(frontier);
        let mut rendered = false;
        for tap in &mut self.taps {
            rendered |= tap.advance(self.frontier_ns, self.scene.real, &self.legs);
        }
        if rendered {
            self.flush(now_ns);
            self.release();
        }
    }

    fn drain(&mut self, counts: &Counts, scratch: &mut Scratch, tally: &mut Tally) {
        self.scene.recording = self.taps.iter().any(Tap::is_recording);
        for (n, handed) in counts.iter().enumerate() {
            // A leg that nobody has fed is not even looked at: its memory is cold.
            if handed.bytes == 0 {
                continue;
            }
            let (leg, scene) = (&mut self.legs[n], &self.scene);
            let config = self.call.config();
            self.drains[n].up_to(
                handed.bytes,
                self.call.counts(Leg::ALL[n]),
                scratch,
                |header, payload, behind| {
                    config.fault(payload);
                    leg.record(header, payload, behind, scene, tally);
                },
            );
        }
    }

    fn tell_late(&mut self, tally: &mut Tally) {
        if !std::mem::take(&mut tally.missed) {
            return;
        }
        for (n, leg) in self.legs.iter_mut().enumerate() {
            let rate = leg.track.rate();
            for missed in leg.late.drain(..) {
                for tap in &mut self.taps {
                    tap.missed(Leg::ALL[n], missed, rate);
                }
            }
        }
    }

    /// The furthest media end of any leg.
    fn end_ns(&self) -> u64 {
        let fed = self.legs.iter().filter(|leg| leg.had_feed);
        fed.map(LegMedia::end_ns).max().unwrap_or(0)
    }

    /// A leg waits for the others, but not for ever; and for what is out of order.
    fn stream_frontier(&self) -> u64 {
        let furthest = self.end_ns();
        let mixed = self.legs[Leg::Mixed as usize].had_feed;
        let mut frontier = furthest;
        for (n, leg) in self.legs.iter().enumerate() {
            let awaited = !leg.had_feed && n != Leg::Mixed as usize && !mixed;
            if leg.attached || awaited {
                frontier = frontier.min(leg.track.end_ns());
            }
        }
        frontier
            .max(furthest.saturating_sub(self.call.config().leg_wait_ns))
            .saturating_sub(self.scene.reorder_ns)
    }

    fn apply(&mut self, point: Point) {
        let clock = if self.scene.real { point.clock_ns } else { 0 };
        let at_ns = clock.max(self.end_ns());
        match point.what {
            What::Start(spec) if !self.ended => {
                let flush_ns = self.call.config().flush_ns;
                self.taps.push(Tap::new(*spec, at_ns, flush_ns));
            }
            What::Start(spec) => {
                let mut tap = Tap::new(*spec, at_ns, 1);
                tap.finish(at_ns, EndReason::CallEnded, &self.legs);
                self.taps.push(tap);
            }
            What::Pause(id) => self.with(id, |tap, legs| tap.pause(at_ns, legs)),
            What::Resume(id) => {
                self.scene.resumed_ns = at_ns;
                self.with(id, |tap, legs| tap.resume(at_ns, legs));
            }
            What::Stop(id, reason) => {
                self.with(id, |tap, legs| tap.finish(at_ns, reason, legs));
            }
            What::End(reason) => {
                self.ended = true;
                for tap in &mut self.taps {
                    tap.finish(at_ns, reason, &self.legs);
                }
            }
            What::Private(_) | What::Hold(_) | What::Clear(_) => {}
            What::Attach {
                leg,
                options,
                ring,
                waiter,
            } => {
                self.drains[leg as usize].ring = Some(ring);
                // The old ring's last draining may have taken its mark for the old waiter's.
                waiter.drained();
                self.drains[leg as usize].waiter = Some(waiter);
                self.attach(leg, options.format);
                // A stub: the remote leg's samples are not taken apart yet.
                if options.is_stereo() {
                    self.legs[Leg::Remote as usize].had_feed = true;
                }
            }
            What::Detach(leg) => {
                self.drains[leg as usize].ring = None;
                self.drains[leg as usize].waiter = None;
                self.legs[leg as usize].attached = false;
            }
            What::Format { leg, options, ring } => {
                self.drains[leg as usize].grown(ring);
                self.legs[leg as usize].set_format(options.format);
            }
            What::Payload {
                leg,
                payload_type,
                format,
                ring,
            } => {
                self.drains[leg as usize].grown(ring);
                self.legs[leg as usize].map_payload(payload_type, format);
            }
        }
    }

    fn attach(&mut self, leg: Leg, format: FeedFormat) {
        let origin = (!self.scene.real).then(|| self.end_ns());
        self.legs[leg as usize].attach(format, origin);
    }

    fn with(&mut self, id: Uuid, act: impl FnOnce(&mut Tap, &Legs)) {
        if let Some(tap) = self.taps.iter_mut().find(|tap| tap.id == id) {
            act(tap, &self.legs);
        }
    }

    /// Gives what is ready to the sinks, and forgets the recordings that are over.
    fn flush(&mut self, now_ns: u64) {
        for tap in &mut self.taps {
            if tap.outbox.is_empty() {
                continue;
            }
            if self.scene.real {
                let legs = tap.legs(&self.legs);
                tap.outbox.flush_real(&legs);
            } else {
                let backlog_ns = self.call.config().backlog_ns;
                tap.outbox.flush_stream(now_ns, backlog_ns);
            }
        }
        self.taps.retain(|tap| !tap.outbox.is_over());
    }

    /// Tells the legs what nobody needs any more.
    fn release(&mut self) {
        let floor = self.taps.iter().filter_map(Tap::wants_from_ns).min();
        let edge = self.taps.iter().filter_map(Tap::edge_ns).max();
        for leg in &mut self.legs {
            leg.want_from(floor, edge.unwrap_or(0));
        }
    }
}
