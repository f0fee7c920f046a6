//! Counts audio that is passed in after a transfer and belongs to the recording that it has ended. The
//! recording that follows counts it as from before its start.

use super::{Account, LegContext};
use crate::grid;
use crate::ledger::{DropReason, OutsideReason, ticks};
use crate::leg::{EntryKind, LedgerEntry};
use crate::tap::segments::Zone;
use crate::track::{AudioSource, Origin, TrackPart};

impl Account {
    pub(super) fn count_late_audio(
        &mut self,
        context: LegContext<'_>,
        zone: Zone,
        part: TrackPart,
        rate: u32,
    ) {
        let TrackPart { from, to, origin, .. } = part;
        let Zone::Recorded(n) = zone else {
            return;
        };
        if !context.segments.is_late(origin.epoch) {
            return;
        }
        let recorded = context.segments.view(n, rate).recorded_range(from, to, origin);
        let amount = ticks(recorded.1 - recorded.0, rate);
        match origin.source {
            AudioSource::Repeated => self.leg(context.leg).repeated += amount,
            AudioSource::Recovered => self.leg(context.leg).recovered += amount,
            AudioSource::HandedIn => {
                self.besides[context.leg as usize] += amount;
                self.count_in_file(context, n, recorded, rate);
            }
            AudioSource::Concealed | AudioSource::ComfortNoise | AudioSource::RepeatedNoise => {}
        }
    }

    /// Counts what such audio lacks.
    pub(super) fn add_late_entry(&mut self, context: LegContext<'_>, entry: LedgerEntry, settled_ns: u64) {
        let LedgerEntry { rate, epoch, .. } = entry;
        if !context.segments.is_late(epoch) {
            return;
        }
        let settled = grid::index(settled_ns, rate);
        let (from, to) = match entry.kind {
            EntryKind::Late { .. } => (entry.from, entry.to.min(settled)),
            EntryKind::Dropped(DropReason::Overlap) | EntryKind::Outside(OutsideReason::Dtmf) => {
                (entry.from.max(settled), entry.to)
            }
            EntryKind::Dropped(_) | EntryKind::Slipped => (entry.from, entry.to),
            _ => return,
        };
        let origin = Origin {
            epoch,
            ..Origin::default()
        };
        for (zone, from, to) in context.segments.zones(from, to, rate) {
            let Zone::Recorded(n) = zone else {
                continue;
            };
            let (from, to) = context.segments.view(n, rate).recorded_range(from, to, origin);
            let amount = ticks(to - from, rate);
            self.besides[context.leg as usize] += amount;
            let leg = self.leg(context.leg);
            match entry.kind {
                EntryKind::Outside(reason) => leg.add_outside(reason, amount),
                EntryKind::Slipped => leg.slipped += amount,
                EntryKind::Late { was_missing: true } if leg.missing >= amount => {
                    leg.missing -= amount;
                    leg.add_dropped(DropReason::Late, amount);
                }
                EntryKind::Dropped(reason) if from < to => {
                    self.count_dropped(context, n, (from, to), rate, reason);
                }
                _ if from < to => self.count_dropped(context, n, (from, to), rate, DropReason::Late),
                _ => {}
            }
        }
    }
}
