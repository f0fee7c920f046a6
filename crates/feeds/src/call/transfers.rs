//! Recordings that a transfer has ended, and those that follow them.

use uuid::Uuid;

use super::CallMedia;
use callrec_media::tap::Tap;

impl CallMedia {
    /// Tells each ended recording whether the one that follows it records.
    pub(super) fn follow_transfers(&mut self, epoch: u32) {
        for n in 0..self.taps.len() {
            if let Some(successor) = self.taps[n].successor() {
                let records = self.last_successor(successor).map(Tap::is_recording);
                self.taps[n].follow_successor(records, epoch);
            }
        }
    }

    /// The recording that goes on after the latest of several transfers.
    fn last_successor(&self, mut id: Uuid) -> Option<&Tap> {
        loop {
            let tap = self.taps.iter().find(|tap| tap.id == id)?;
            match tap.successor() {
                Some(next) => id = next,
                None => return (!tap.is_stopping()).then_some(tap),
            }
        }
    }
}
