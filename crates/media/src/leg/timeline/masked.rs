//! Removes audio that may hold a DTMF tone, and notes what has been searched for tones.

use super::super::ledger_entry::{EntryKind, LedgerEntry};
use super::Timeline;
use crate::grid;
use crate::ledger::OutsideReason;
use crate::track::{AudioSource, Track};

impl Timeline {
    /// Removes the audio between two times, unless every recording has settled it.
    pub fn mask(&mut self, from_ns: u64, to_ns: u64) {
        let from_ns = from_ns.max(self.times.removable_ns);
        if from_ns >= to_ns {
            return;
        }
        let written_ns = self.times.written_ns;
        for track in self.past.iter_mut().chain([&mut self.track]) {
            let rate = track.rate();
            let (from, to) = (grid::index(from_ns, rate), grid::index(to_ns, rate));
            for part in track.erase(from.max(track.floor()), to) {
                let part_ns = (grid::time(part.from, rate), grid::time(part.to, rate));
                if part_ns.0 < written_ns {
                    self.dirty.push(part_ns);
                }
                if part.origin.source == AudioSource::HandedIn {
                    self.entries.push(LedgerEntry {
                        from: part.from,
                        to: part.to,
                        rate,
                        epoch: part.origin.epoch,
                        kind: EntryKind::Outside(OutsideReason::Dtmf),
                    });
                }
            }
        }
    }

    /// The tracks of all rates, oldest first.
    pub(crate) fn tracks(&self) -> impl Iterator<Item = &Track> {
        self.past.iter().chain([&self.track])
    }

    /// Audio before this position of the present track has been searched for tones.
    pub(crate) fn set_searched(&mut self, at: u64) {
        self.searched = at;
    }

    /// The time of the earliest audio that has been placed where the search had passed.
    pub(crate) fn take_unsearched_ns(&mut self) -> Option<u64> {
        let unsearched_ns = std::mem::replace(&mut self.unsearched_ns, u64::MAX);
        (unsearched_ns < u64::MAX).then_some(unsearched_ns)
    }

    pub(super) fn note_unsearched(&mut self, at: u64) {
        if at < self.searched {
            self.unsearched_ns = self.unsearched_ns.min(grid::time(at, self.track.rate()));
        }
    }
}
