//! The counts of a recording's legs since its start.

use super::Account;
use crate::leg::{LegMedia, LegTotals};
use crate::legs::Legs;
use crate::{FeedFormat, Leg};

impl Account {
    /// Notes whether the leg is silent.
    pub(in crate::tap) fn note_silence(&mut self, leg: Leg, media: &LegMedia) {
        self.leg(leg).silent |= media.is_silent;
    }

    /// Updates the counts of the leg since the start of the recording.
    pub(in crate::tap) fn update_totals(&mut self, leg: Leg, media: &LegMedia, file_rate: u32) {
        let zero = LegTotals::default();
        let at_start = self
            .at_start
            .as_ref()
            .map_or(&zero, |at_start| &at_start[leg as usize]);
        let totals = match &self.at_stop {
            Some(stopped) => &stopped[leg as usize],
            None => &media.timeline.totals,
        };
        let ledger = &mut self.ledger.legs[leg as usize];
        ledger.fed = true;
        ledger.packets = totals.packets - at_start.packets;
        ledger.handed = totals.handed() - at_start.handed() + self.refused[leg as usize];
        ledger.handed += self.besides[leg as usize];
        // A stream that began before the recording continues.
        let known = u32::from(at_start.streams > 0 && ledger.packets > 0);
        ledger.streams = (totals.streams - at_start.streams).max(known);
        ledger.wrong_timestamps = totals.wrong_timestamps - at_start.wrong_timestamps;
        ledger.concurrent = totals.concurrent > at_start.concurrent;
        let codecs = || totals.codecs_after(at_start.packets);
        ledger.narrowed = codecs().any(|format| format.rate > file_rate);
        ledger.codecs.clear();
        ledger
            .codecs
            .extend(codecs().map(|format| (format.codec, format.rate)));
        let name = |format: FeedFormat| Some((format.codec, media.timeline.external_name(format)?));
        ledger.external = codecs().filter_map(name).collect();
        ledger.ignored.clear();
        for (number, count) in &totals.ignored {
            let before = at_start.ignored.iter().find(|(known, _)| known == number);
            let count = count - before.map_or(0, |(_, count)| *count);
            if count > 0 {
                ledger.ignored.push((*number, count));
            }
        }
    }
}

pub(super) fn totals_of(legs: &Legs) -> [LegTotals; 3] {
    let totals = |media: &LegMedia| media.timeline.totals.clone();
    Leg::ALL.map(|leg| legs.get(leg).map(totals).unwrap_or_default())
}
