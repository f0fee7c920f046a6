//! Builds the ledger of a recording: counts the audio of each leg when the file settles.

mod late;
mod totals;

use totals::totals_of;

use super::segments::{Segments, Zone};
use crate::Leg;
use crate::ledger::{DropReason, Ledger, LegLedger, LossReason, OutsideReason, TICKS_PER_S, ticks};
use crate::leg::{EntryKind, LedgerEntry, LegTotals};
use crate::legs::Legs;
use crate::planted::{TimelineFault, is_planted};
use crate::time::NS_PER_S;
use crate::track::{AudioSource, Content, Track, TrackPart};
use crate::{Span, SpanKind, grid};

/// Frames of a leg that the sink refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct RefusedFrames {
    pub leg: usize,
    pub from_frame: u64,
    pub to_frame: u64,
}

/// The ledger under construction. It subtracts the counts of the legs at the start.
#[derive(Default)]
pub(super) struct Account {
    ledger: Ledger,
    /// The counts of the legs at the start; `None`: all zero.
    at_start: Option<Box<[LegTotals; 3]>>,
    /// Handed in, but refused by the feed: not part of the leg's totals.
    refused: [u64; 3],
    /// Handed in before the start or after the stop, but part of the recording.
    besides: [u64; 3],
    pub refused_frames: Vec<RefusedFrames>,
    /// The epochs of the recording. Audio handed in in other epochs is not counted.
    first_epoch: u32,
    last_epoch: u32,
    /// Whether the recording ended at its maximum duration.
    is_at_limit: bool,
    /// The counts of the legs at the stop.
    at_stop: Option<Box<[LegTotals; 3]>>,
    /// Spans of loss that have not been published.
    pub spans: Vec<Span>,
    /// Drops beyond the settled frontier: the recording may end before them.
    pending: Vec<(Leg, LedgerEntry)>,
}

/// The leg, segments and file rate to which a count belongs.
#[derive(Clone, Copy)]
pub(super) struct LegContext<'a> {
    pub leg: Leg,
    pub segments: &'a Segments,
    pub file_rate: u32,
}

impl Account {
    pub(super) fn new(legs: &Legs, epoch: u32) -> Account {
        let began_before = legs.fed().any(|(_, leg)| !leg.timeline.totals.is_zero());
        Account {
            first_epoch: epoch,
            last_epoch: u32::MAX,
            at_start: began_before.then(|| Box::new(totals_of(legs))),
            ..Account::default()
        }
    }

    /// Includes the audio from `ns` on that the legs hold, if it was handed in from `epoch` on.
    pub(super) fn begin_earlier(&mut self, legs: &Legs, epoch: u32, ns: u64) {
        self.first_epoch = epoch;
        for (leg, media) in legs.fed() {
            let mut earlier = 0;
            for track in media.timeline.tracks() {
                let from = grid::index(ns, track.rate());
                let parts = track.parts(from, u64::MAX).filter(|part| {
                    let is_audio = matches!(part.content, Content::Audio(_));
                    is_audio && part.origin.source == AudioSource::HandedIn && self.is_own(part.origin.epoch)
                });
                earlier += parts
                    .map(|part| ticks(part.to - part.from, track.rate()))
                    .sum::<u64>();
            }
            let rate = media.track().rate();
            let held = media.unconfirmed().chain(media.unplaced());
            let held = held.filter(|(_, _, epoch)| self.is_own(*epoch));
            earlier += held.map(|(_, len, _)| ticks(len, rate)).sum::<u64>();
            let undecoded = media.timeline.undecoded_entries();
            let undecoded = undecoded.filter(|entry| self.is_own(entry.epoch));
            earlier += undecoded
                .map(|entry| ticks(entry.to - entry.from, entry.rate))
                .sum::<u64>();
            self.besides[leg as usize] = earlier;
        }
    }

    /// Notes a stop. Audio handed in from this epoch on does not belong to the recording.
    pub(super) fn freeze(&mut self, legs: &Legs, epoch: u32) {
        self.last_epoch = epoch.saturating_sub(1);
        self.at_stop = Some(Box::new(totals_of(legs)));
    }

    /// Notes that the maximum duration is reached: zero after the end was to be recorded.
    pub(super) fn set_limit_reached(&mut self) {
        self.is_at_limit = true;
    }

    pub(super) fn is_own(&self, epoch: u32) -> bool {
        (self.first_epoch..=self.last_epoch).contains(&epoch)
    }

    fn leg(&mut self, leg: Leg) -> &mut LegLedger {
        &mut self.ledger.legs[leg as usize]
    }

    /// Counts a settled range of a leg's track.
    pub(super) fn settle(&mut self, context: LegContext<'_>, track: &Track, from: u64, to: u64) {
        let rate = track.rate();
        for (zone, from, to) in context.segments.zones(from, to, rate) {
            for part in track.parts(from, to) {
                match part.content {
                    Content::Audio(_) if part.origin.source.is_made_up() => {
                        self.count_made_up(context, zone, part, rate)
                    }
                    Content::Audio(_) => self.count_audio(context, zone, part, rate),
                    Content::Loss(reason) => {
                        self.count_lost(context, zone, (part.from, part.to), rate, reason)
                    }
                }
            }
        }
    }

    /// Counts audio that nobody said. What conceals a missing packet is missing all the same.
    fn count_made_up(&mut self, context: LegContext<'_>, zone: Zone, part: TrackPart, rate: u32) {
        let TrackPart { from, to, origin, .. } = part;
        let is_concealed = origin.source == AudioSource::Concealed;
        if is_concealed {
            self.count_lost(context, zone, (from, to), rate, LossReason::Network);
        }
        let Zone::Recorded(n) = zone else {
            return;
        };
        let view = context.segments.view(n, rate);
        let recorded = view.recorded_range(from, to, origin);
        let amount = ticks(recorded.1 - recorded.0, rate);
        match is_concealed {
            true => self.leg(context.leg).concealed += amount,
            false => self.leg(context.leg).comfort_noise += amount,
        }
    }

    fn count_audio(&mut self, context: LegContext<'_>, zone: Zone, part: TrackPart, rate: u32) {
        let TrackPart { from, to, origin, .. } = part;
        if !self.is_own(origin.epoch) {
            return self.count_late_audio(context, zone, part, rate);
        }
        let Zone::Recorded(n) = zone else {
            if origin.source != AudioSource::HandedIn {
                return;
            }
            // Handed in after the resume; whether it was spoken before it is uncertain.
            let straddles = origin.straddles && zone == Zone::Paused;
            let straddled = context.segments.segment_of(origin.epoch).filter(|_| straddles);
            // Handed in before the pause, so not spoken during it, but placed into it.
            let displaced = || {
                self.displaced_segment(context, from, rate, origin.epoch)
                    .filter(|_| !origin.is_ahead)
            };
            return match straddled.or_else(displaced) {
                Some(n) => self.count_dropped(context, n, (from, to), rate, DropReason::PauseUnclear),
                None => self.count_outside(context.leg, zone, ticks(to - from, rate)),
            };
        };
        let view = context.segments.view(n, rate);
        let recorded = view.recorded_range(from, to, origin);
        let amount = ticks(recorded.1 - recorded.0, rate);
        match origin.source {
            AudioSource::HandedIn => {}
            AudioSource::Repeated => return self.leg(context.leg).repeated += amount,
            AudioSource::Recovered => return self.leg(context.leg).recovered += amount,
            AudioSource::Concealed | AudioSource::ComfortNoise | AudioSource::RepeatedNoise => return,
        }
        if from < recorded.0 && !view.is_recorded(origin.epoch) {
            self.leg(context.leg)
                .add_outside(OutsideReason::Paused, ticks(recorded.0 - from, rate));
        } else if from < recorded.0 {
            self.count_dropped(context, n, (from, recorded.0), rate, DropReason::PauseUnclear);
        }
        self.count_in_file(context, n, recorded, rate);
        // Spoken after the pause was set.
        self.leg(context.leg)
            .add_outside(OutsideReason::Paused, ticks(to - recorded.1, rate));
    }

    /// The segment of an epoch, if a pause ended that segment before this position.
    fn displaced_segment(&self, context: LegContext<'_>, from: u64, rate: u32, epoch: u32) -> Option<usize> {
        context.segments.paused_before(from, rate, epoch, self.last_epoch)
    }

    /// Counts rendered audio, except for frames that the sink refused.
    fn count_in_file(&mut self, context: LegContext<'_>, n: usize, (from, to): (u64, u64), rate: u32) {
        let mut at = from;
        while at < to {
            let frame = |at| context.segments.frame(n, at, rate, context.file_rate);
            let range = self.refused_frames.iter().find(|range| {
                range.leg == context.leg as usize
                    && range.to_frame > frame(at)
                    && range.from_frame < frame(to)
            });
            let Some(range) = range.copied() else {
                self.leg(context.leg).in_file += ticks(to - at, rate);
                return;
            };
            // Search by samples for the ends, because a frame may span several samples.
            let begin = (at..to).find(|at| frame(*at) >= range.from_frame).unwrap_or(to);
            let end = (begin..to).find(|at| frame(*at) >= range.to_frame).unwrap_or(to);
            self.leg(context.leg).in_file += ticks(begin - at, rate);
            if begin < end {
                self.count_dropped(context, n, (begin, end), rate, DropReason::Backlog);
            } else {
                // The refused range covers less than one sample.
                self.leg(context.leg).in_file += ticks(to - begin, rate);
                return;
            }
            at = end;
        }
    }

    fn count_lost(
        &mut self,
        context: LegContext<'_>,
        zone: Zone,
        (from, to): (u64, u64),
        rate: u32,
        reason: LossReason,
    ) {
        let Zone::Recorded(n) = zone else {
            return;
        };
        match reason {
            LossReason::Network => {
                let times = if is_planted(TimelineFault::MissingCountedTwice) {
                    2
                } else {
                    1
                };
                self.leg(context.leg).missing += times * ticks(to - from, rate);
                self.add_span(context, n, (from, to), rate, reason);
            }
            LossReason::Dropped(reason) => {
                self.refused[context.leg as usize] += ticks(to - from, rate);
                self.count_dropped(context, n, (from, to), rate, reason);
            }
        }
    }

    /// Counts dropped audio. Every drop passes through this function.
    fn count_dropped(
        &mut self,
        context: LegContext<'_>,
        n: usize,
        (from, to): (u64, u64),
        rate: u32,
        reason: DropReason,
    ) {
        self.leg(context.leg).add_dropped(reason, ticks(to - from, rate));
        self.add_span(context, n, (from, to), rate, LossReason::Dropped(reason));
    }

    fn count_outside(&mut self, leg: Leg, zone: Zone, amount: u64) {
        let reason = match zone {
            Zone::BeforeStart => OutsideReason::BeforeStart,
            Zone::Recorded(_) | Zone::Paused => OutsideReason::Paused,
        };
        self.leg(leg).add_outside(reason, amount);
    }

    fn add_span(
        &mut self,
        context: LegContext<'_>,
        n: usize,
        (from, to): (u64, u64),
        rate: u32,
        reason: LossReason,
    ) {
        let frame = |at| context.segments.frame(n, at, rate, context.file_rate);
        let span = Span {
            kind: SpanKind::Loss(context.leg, reason),
            from_frame: frame(from),
            to_frame: frame(to),
            length_ns: grid::time(to - from, rate),
        };
        // Audio before a resume has no frame and is not merged with other spans.
        let framed = |span: &Span| span.from_frame < span.to_frame;
        let touches = |last: &Span| last.to_frame == span.from_frame && framed(last) == framed(&span);
        match self.spans.last_mut() {
            Some(last) if last.kind == span.kind && touches(last) => {
                last.to_frame = span.to_frame;
                last.length_ns += span.length_ns;
            }
            _ => self.spans.push(span),
        }
    }

    /// Counts a range that the leg's timeline does not hold. `settled_ns`: the settled frontier.
    pub(super) fn add_entry(&mut self, context: LegContext<'_>, entry: LedgerEntry, settled_ns: u64) {
        let LedgerEntry {
            from,
            to,
            rate,
            epoch,
            ..
        } = entry;
        if !self.is_own(epoch) && !matches!(entry.kind, EntryKind::Lost(_)) {
            return self.add_late_entry(context, entry, settled_ns);
        }
        let settled = grid::index(settled_ns, rate);
        let from = match entry.kind {
            // The part that was late for this recording is counted as late.
            EntryKind::Dropped(DropReason::Overlap) => from.max(settled).min(to),
            // This recording has the part that it has settled.
            EntryKind::Outside(OutsideReason::Dtmf) => from.max(settled).min(to),
            _ => from,
        };
        let amount = ticks(to.saturating_sub(from), rate);
        let recorded = context.segments.records(epoch);
        match entry.kind {
            EntryKind::Duplicate => self.leg(context.leg).duplicates += amount,
            EntryKind::Outside(_) | EntryKind::Slipped | EntryKind::Dropped(_) | EntryKind::Refused(_)
                if !recorded =>
            {
                if matches!(entry.kind, EntryKind::Refused(_)) {
                    self.refused[context.leg as usize] += amount;
                }
                self.leg(context.leg).add_outside(OutsideReason::Paused, amount);
            }
            EntryKind::Dropped(_) | EntryKind::Refused(_) if to > settled => {
                self.pending.push((context.leg, LedgerEntry { from, ..entry }));
            }
            // All recordings have paused since it was handed in, so everything was settled.
            EntryKind::Outside(OutsideReason::Paused) => {
                self.count_dropped_by_zone(context, (from, to), rate, (epoch, DropReason::Late));
            }
            EntryKind::Outside(reason) => self.leg(context.leg).add_outside(reason, amount),
            EntryKind::Slipped => self.leg(context.leg).slipped += amount,
            EntryKind::Refused(reason) => {
                self.refused[context.leg as usize] += amount;
                self.count_dropped_by_zone(context, (from, to), rate, (epoch, reason));
            }
            EntryKind::Dropped(reason) => {
                self.count_dropped_by_zone(context, (from, to), rate, (epoch, reason))
            }
            EntryKind::Lost(reason) => {
                for (zone, from, to) in context.segments.zones(from, to.min(settled), rate) {
                    self.count_lost(context, zone, (from, to), rate, reason);
                }
            }
            EntryKind::Late { was_missing } => {
                let late = (from, to.min(settled));
                match (recorded, was_missing) {
                    (false, _) => {
                        let amount = ticks(late.1.saturating_sub(late.0), rate);
                        self.leg(context.leg).add_outside(OutsideReason::Paused, amount);
                    }
                    (true, false) => {
                        self.count_dropped_by_zone(context, late, rate, (epoch, DropReason::Late))
                    }
                    (true, true) => self.count_found_late(context, late, rate, epoch),
                }
            }
        }
    }

    /// Counts a drop of audio from `epoch`, by the zones that it covers.
    fn count_dropped_by_zone(
        &mut self,
        context: LegContext<'_>,
        (from, to): (u64, u64),
        rate: u32,
        (epoch, reason): (u32, DropReason),
    ) {
        for (zone, from, to) in context.segments.zones(from, to, rate) {
            match (zone, self.displaced_segment(context, from, rate, epoch)) {
                (Zone::Recorded(n), _) | (_, Some(n)) => {
                    self.count_dropped(context, n, (from, to), rate, reason)
                }
                (zone, None) => self.count_outside(context.leg, zone, ticks(to - from, rate)),
            }
        }
    }

    /// Counts missing audio as late, because it has arrived after all.
    fn count_found_late(&mut self, context: LegContext<'_>, (from, to): (u64, u64), rate: u32, epoch: u32) {
        for (zone, from, to) in context.segments.zones(from, to, rate) {
            let amount = ticks(to - from, rate);
            let displaced = self.displaced_segment(context, from, rate, epoch);
            let leg = self.leg(context.leg);
            match (zone, displaced) {
                (Zone::Recorded(_), _) if leg.missing >= amount => {
                    leg.missing -= amount;
                    leg.add_dropped(DropReason::Late, amount);
                }
                (Zone::Recorded(n), _) | (_, Some(n)) => {
                    self.count_dropped(context, n, (from, to), rate, DropReason::Late);
                }
                (zone, None) => self.count_outside(context.leg, zone, amount),
            }
        }
    }

    /// Counts pending drops up to the settled frontier. `ends`: the recording ends there.
    pub(super) fn settle_pending(&mut self, context: LegContext<'_>, settled_ns: u64, ends: bool) {
        for (leg, entry) in std::mem::take(&mut self.pending) {
            let settled = grid::index(settled_ns, entry.rate);
            if leg != context.leg || (entry.to > settled && !ends) {
                self.pending.push((leg, entry));
                continue;
            }
            let (EntryKind::Dropped(reason) | EntryKind::Refused(reason)) = entry.kind else {
                continue;
            };
            if matches!(entry.kind, EntryKind::Refused(_)) {
                self.refused[leg as usize] += ticks(entry.to - entry.from, entry.rate);
            }
            let end = entry.to.min(settled.max(entry.from));
            self.count_dropped_by_zone(context, (entry.from, end), entry.rate, (entry.epoch, reason));
            self.count_behind_end(context, (end, entry.to), entry.rate, (entry.epoch, reason));
        }
    }

    /// Counts drops after the end of the recording, or after a pause in which it ended.
    fn count_behind_end(
        &mut self,
        context: LegContext<'_>,
        (from, to): (u64, u64),
        rate: u32,
        (epoch, reason): (u32, DropReason),
    ) {
        match self
            .displaced_segment(context, from, rate, epoch)
            .filter(|_| !self.is_at_limit)
        {
            _ if from >= to => {}
            Some(n) => self.count_dropped(context, n, (from, to), rate, reason),
            None => self
                .leg(context.leg)
                .add_outside(OutsideReason::AfterStop, ticks(to - from, rate)),
        }
    }

    /// Counts audio of the leg that lies after the end of the recording.
    pub(super) fn count_after_stop(&mut self, context: LegContext<'_>, track: &Track, from: u64) {
        for part in track.parts(from, u64::MAX) {
            let own = self.is_own(part.origin.epoch) && part.origin.source == AudioSource::HandedIn;
            if own && matches!(part.content, Content::Audio(_)) {
                let TrackPart { from, to, origin, .. } = part;
                let (amount, rate) = (ticks(to - from, track.rate()), track.rate());
                match (origin.is_ahead, context.segments.records(origin.epoch)) {
                    (true, _) => self.leg(context.leg).add_outside(OutsideReason::Cleared, amount),
                    (false, true) => {
                        self.count_behind_end(
                            context,
                            (from, to),
                            rate,
                            (origin.epoch, DropReason::PauseUnclear),
                        );
                    }
                    (false, false) => self.leg(context.leg).add_outside(OutsideReason::Paused, amount),
                }
            }
        }
    }

    pub(super) fn ledger(&mut self, settled_frames: u64) -> &Ledger {
        self.ledger.settled_frames = settled_frames;
        &self.ledger
    }

    /// The loss of all legs in nanoseconds.
    pub(super) fn lost_ns(&self) -> u64 {
        (u128::from(self.ledger.lost()) * u128::from(NS_PER_S) / u128::from(TICKS_PER_S)) as u64
    }
}
