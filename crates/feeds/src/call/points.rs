//! Applies control points: the time at which each takes effect, and its effect.

use uuid::Uuid;

use super::CallMedia;
use crate::call_tap::{ControlPoint, PointAction};
use crate::planted::{TimelineFault, is_planted};
use callrec_base::clock::NS_PER_MS;
use callrec_base::types::{EndReason, FeedOptions, Leg};
use callrec_media::leg::LegMedia;
use callrec_media::legs::Legs;
use callrec_media::tap::{PointTime, STOP_NS, Tap};

/// Limit by which a packet that was fed before a pause may extend beyond it on the clock.
pub const PACKET_NS: u64 = 60 * NS_PER_MS;

impl CallMedia {
    pub(super) fn apply(&mut self, point: ControlPoint) {
        let at = self.point_at(&point);
        // A stop reaches beyond the clock, for the audio that was passed in before it. An interruption
        // that it ends does not.
        let ns = at.clock_ns.max(self.point_ns);
        self.perform(point, at);
        self.follow_transfers(at.epoch);
        self.follow_interruptions(ns, at.epoch);
    }

    fn perform(&mut self, point: ControlPoint, at: PointTime) {
        let at_ns = at.ns;
        match point.action {
            PointAction::Start(spec) => {
                let flush_ns = self.call.config().flush_ns;
                let (from_ns, follows) = (spec.from_ns, spec.follows);
                let private = self.private && !is_planted(TimelineFault::PrivateStartRecorded);
                let mut tap = Tap::new(*spec, at, flush_ns, (private, self.private_ns), &self.legs);
                tap.set_awaits_consent(private && !self.forbids_past, at, &self.legs);
                if let Some(from_ns) = from_ns {
                    self.begin_earlier(&mut tap, from_ns, at);
                }
                if self.last_visit {
                    tap.stop_waiting();
                }
                if self.dtmf.is_some() {
                    tap.mask_dtmf();
                }
                if let Some(ended) = follows {
                    let id = tap.id;
                    self.with(ended, |ended, _| ended.precede(id, at_ns));
                }
                if self.ended {
                    tap.finish(at_ns, EndReason::CallEnded, &self.legs);
                }
                self.taps.push(tap);
            }
            PointAction::Pause(id) | PointAction::BeginPaused(id) => {
                self.with(id, |tap, legs| tap.pause(at, legs));
            }
            PointAction::Resume(id) => {
                self.begin_anew(at_ns);
                self.with(id, |tap, legs| tap.resume(at, legs));
            }
            PointAction::Private { on, keeps_past } => {
                self.private = on;
                self.forbids_past = !keeps_past;
                self.private_ns = at_ns;
                self.begin_anew(at_ns);
                for tap in &mut self.taps {
                    if on {
                        tap.set_awaits_consent(keeps_past, at, &self.legs);
                    }
                    tap.set_private(on, at, &self.legs);
                    if !on {
                        tap.set_awaits_consent(false, at, &self.legs);
                    }
                }
            }
            PointAction::KeepPast(on) => self.line_forbids_past = !on,
            PointAction::Forget { age_ns } => self.forget_before(age_ns, at),
            PointAction::Hold(on) => {
                let on = on && self.call.config().hold_is_silence;
                self.legs.set_hold(on, self.epoch);
            }
            PointAction::Clear(leg) => {
                self.of_feed(leg).for_each(|leg| leg.clear(at_ns));
                self.forward_notes();
            }
            PointAction::Dtmf { leg, length_ns } => {
                self.of_feed(leg).for_each(|leg| leg.note_digit(at_ns, length_ns));
            }
            PointAction::Stop(id, reason) => {
                let waits = self.awaits_placement() || self.awaits_decoders();
                let is_kept = reason != EndReason::Discarded;
                self.with(id, |tap, legs| match is_kept && (waits || tap.has_successor()) {
                    true => tap.begin_stop(at, reason, legs),
                    false => tap.finish(at_ns, reason, legs),
                });
            }
            PointAction::End(reason) => {
                self.ended = true;
                let waits = self.awaits_placement() || self.awaits_decoders();
                for tap in &mut self.taps {
                    match waits {
                        true => tap.begin_stop(at, reason, &self.legs),
                        false => tap.finish(at_ns, reason, &self.legs),
                    }
                }
            }
            PointAction::Attach {
                leg,
                options,
                ring,
                waiter,
            } => {
                self.note_ring(ring.bytes(), options);
                self.drains[leg as usize].ring = Some(ring);
                // The last drain of the old ring may have cleared the flag of the new waiter.
                waiter.drained();
                self.drains[leg as usize].waiter = Some(waiter);
                self.stereo = options.is_stereo();
                self.attach(leg, options, point.clock_ns);
            }
            PointAction::Detach(leg) => {
                self.drains[leg as usize].ring = None;
                self.drains[leg as usize].waiter = None;
                self.of_feed(leg).for_each(|leg| leg.is_attached = false);
                self.stereo &= leg != Leg::Local;
            }
            PointAction::Format { leg, options, ring } => {
                self.drains[leg as usize].replace_ring(ring);
                self.note_ring(self.drains[leg as usize].ring_bytes(), options);
                self.of_feed(leg).for_each(|leg| leg.set_format(options));
            }
            PointAction::Payload {
                leg,
                payload_type,
                format,
                ring,
            } => {
                self.drains[leg as usize].replace_ring(ring);
                self.note_ring(self.drains[leg as usize].ring_bytes(), format.format.into());
                if let Some(leg) = self.legs.get_mut(leg) {
                    leg.map_payload(payload_type, format);
                }
            }
            PointAction::OtherPayload {
                leg,
                payload_type,
                payload,
            } => {
                if let Some(leg) = self.legs.get_mut(leg) {
                    leg.declare_other(payload_type, payload);
                }
            }
        }
    }

    /// Audio from now on must not depend on earlier audio, which may have been spoken during a
    /// pause.
    pub(super) fn begin_anew(&mut self, at_ns: u64) {
        let epoch = self.epoch;
        self.legs
            .fed_mut()
            .for_each(|(_, leg)| leg.begin_anew(epoch, at_ns));
    }

    /// The time at which a control point takes effect: the clock, or in stream time the media's
    /// end. See `end_of_before_ns` for audio that extends beyond it.
    fn point_at(&mut self, point: &ControlPoint) -> PointTime {
        let changes = matches!(
            point.action,
            PointAction::Start(_)
                | PointAction::Pause(_)
                | PointAction::BeginPaused(_)
                | PointAction::Resume(_)
                | PointAction::Private { .. }
                | PointAction::KeepPast(_)
                | PointAction::Forget { age_ns: 0 }
                | PointAction::Stop(..)
                | PointAction::End(_)
        );
        self.epoch += u32::from(changes || matches!(point.action, PointAction::Hold(_)));
        let ns = match self.real {
            true => self.end_of_before_ns(point),
            false => self.end_ns(),
        };
        // In order, even if an earlier control point was delayed by a packet's length.
        let ns = ns.max(self.point_ns);
        let delays_next = !matches!(point.action, PointAction::Stop(..) | PointAction::End(_));
        self.point_ns = if changes && delays_next { ns } else { self.point_ns };
        PointTime {
            ns,
            clock_ns: if self.real { point.clock_ns } else { ns },
            epoch: self.epoch,
            is_real_time: self.real,
        }
    }

    /// The clock, or the end of the audio that was fed before the control point if that is later:
    /// by at most a packet's length, and for a stop by at most `STOP_NS`.
    fn end_of_before_ns(&self, point: &ControlPoint) -> u64 {
        let clock_ns = point.clock_ns;
        let reach = |leg: &LegMedia| match point.action {
            // Nothing of the packet is recorded anyway.
            PointAction::Private { on: true, .. } if self.private => 0,
            PointAction::Pause(_) if is_planted(TimelineFault::PauseDelayed) => STOP_NS,
            PointAction::Pause(_) | PointAction::Private { on: true, .. } => {
                leg.packet_ns().unwrap_or(PACKET_NS).min(PACKET_NS)
            }
            PointAction::Stop(..) | PointAction::End(_) => STOP_NS,
            _ => 0,
        };
        // Audio that is written ahead is not live yet.
        let live = self.legs.fed().filter(|(_, leg)| leg.ahead_ns == 0);
        let ends = live.map(|(_, leg)| leg.reach_ns().min(clock_ns + reach(leg)));
        ends.max().unwrap_or(0).max(clock_ns)
    }

    fn attach(&mut self, leg: Leg, options: FeedOptions, clock_ns: u64) {
        let origin = (!self.real).then(|| self.end_ns());
        self.legs.attach(leg, options, origin, clock_ns);
        self.taps
            .iter_mut()
            .for_each(|tap| tap.note_attached(leg, clock_ns));
        if self.stereo && leg == Leg::Local {
            self.legs.attach(Leg::Remote, options, origin, clock_ns);
        }
    }

    /// The legs whose audio a leg's feed carries.
    fn of_feed(&mut self, leg: Leg) -> impl Iterator<Item = &mut LegMedia> {
        let both = self.stereo && leg == Leg::Local;
        let is_fed = move |name: Leg| name == leg || (both && name == Leg::Remote);
        let legs = self.legs.fed_mut();
        legs.filter(move |(name, _)| is_fed(*name)).map(|(_, leg)| leg)
    }

    fn with(&mut self, id: Uuid, act: impl FnOnce(&mut Tap, &Legs)) {
        if let Some(tap) = self.taps.iter_mut().find(|tap| tap.id == id) {
            act(tap, &self.legs);
        }
    }
}
