//! Lists of live recordings. A reader may keep the list of all of them: as long as its version is
//! the same, only the readings have changed, and the reader asks for them alone.

use std::sync::Arc;

use super::filter::Filter;
use super::recording::{ReadingsHandle, Recording, RecordingView};
use super::registry::Registry;
use super::rules::Caller;
use crate::memory;
use crate::sync::atomic::Ordering;
use crate::types::Result;

/// Number of recordings of a list that are fetched from memory together.
const BATCH: usize = 32;

/// All live recordings at one instant, newest last.
#[derive(Clone, Debug)]
pub struct LiveList {
    /// The version that the registry had before the list was read.
    pub version: u64,
    pub recordings: Vec<ListedRecording>,
}

#[derive(Clone, Debug)]
pub struct ListedRecording {
    pub view: RecordingView,
    pub readings: ReadingsHandle,
}

impl Registry {
    /// The live recordings that match, all at the same instant. A full list does not hold the lock.
    pub fn list(&self, caller: &Caller, filter: &Filter) -> Result<Vec<RecordingView>> {
        caller.authenticate()?;
        if let Caller::User { username, .. } = caller
            && caller.is_limited()
            && (username.is_empty() || *username != filter.username)
        {
            return Err(caller.forbidden());
        }
        let found = if filter.is_empty() {
            self.all()?
        } else {
            by_order(self.matching(filter))
        };
        let mut views = Vec::new();
        memory::grow_vec(&mut views, found.len())?;
        for batch in found.chunks(BATCH) {
            fetch(batch);
            let batch = batch.iter().map(|recording| recording.live_view());
            // The call may have changed its owner since it was found.
            views.extend(batch.filter(|view| caller.may_access(&view.info)));
        }
        Ok(views)
    }

    /// The version of the list of all live recordings. It has changed when a start, a stop, a pause,
    /// a resume or a change of a recorded call returns.
    pub fn live_version(&self) -> u64 {
        self.live_version.load(Ordering::Acquire)
    }

    /// All live recordings, with handles of their readings.
    pub fn list_live(&self) -> Result<LiveList> {
        // Read first: a change that the list may miss then changes the version.
        let version = self.live_version();
        let found = self.all()?;
        let mut recordings = Vec::new();
        memory::grow_vec(&mut recordings, found.len())?;
        for batch in found.chunks(BATCH) {
            fetch(batch);
            recordings.extend(batch.iter().map(|recording| ListedRecording {
                view: recording.live_view(),
                readings: recording.readings_handle(),
            }));
        }
        Ok(LiveList { version, recordings })
    }

    /// Called under the registry's lock after each change that a list shows. If it were called
    /// before, a list of the old state could have the new version.
    pub(super) fn note_live_change(&self) {
        self.live_version.fetch_add(1, Ordering::AcqRel);
    }

    /// All live recordings, newest last.
    fn all(&self) -> Result<Vec<Arc<Recording>>> {
        let (instant, high) = self.lock().allocator.begin_list();
        let found = self.slots.at(instant, high);
        let mut more = self.lock().allocator.end_list(&self.slots, instant);
        while more {
            more = self.lock().allocator.reclaim_many(&self.slots);
        }
        found.map(by_order)
    }

    fn matching(&self, filter: &Filter) -> Vec<Arc<Recording>> {
        let inner = self.lock();
        let calls = inner.matching(filter);
        let live = calls.iter().filter_map(|number| inner.calls.get(number));
        live.flat_map(|call| call.live.iter().cloned()).collect()
    }
}

/// Independent reads, so that the processor waits for all of them at once.
fn fetch(batch: &[Arc<Recording>]) {
    std::hint::black_box(batch.iter().map(|recording| recording.touch()).sum::<u64>());
}

fn by_order(mut found: Vec<Arc<Recording>>) -> Vec<Arc<Recording>> {
    // Nearly sorted already, because a slot is seldom reused.
    found.sort_by_cached_key(|recording| recording.order);
    found
}
