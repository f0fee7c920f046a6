//! How others reach a worker.

use std::sync::Arc;

use once_cell::sync::OnceCell;

use super::overflow::OverflowPool;
use super::{MediaConfig, MediaStats};
use crate::memory::PieceQueue;
use crate::sync::Mutex;
use crate::task::Signal;

/// What has come for a worker since it last looked.
pub(super) struct Arrivals<C> {
    pub adopted: PieceQueue<Arc<C>>,
    pub urgent: PieceQueue<Arc<C>>,
    pub stop: bool,
    pub at_once: bool,
}

impl<C> Default for Arrivals<C> {
    fn default() -> Arrivals<C> {
        Arrivals {
            adopted: PieceQueue::default(),
            urgent: PieceQueue::default(),
            stop: false,
            at_once: false,
        }
    }
}

/// How others reach a worker; `C`: a call.
pub struct Inbox<C> {
    pub(super) index: usize,
    pub(super) config: Arc<MediaConfig>,
    pub(super) stats: Arc<MediaStats>,
    /// The overflow memory that this worker keeps ready, if that is its duty.
    pub(super) overflow: OnceCell<Arc<OverflowPool>>,
    arrivals: Mutex<Arrivals<C>>,
    changed: Arc<Signal>,
}

impl<C> Inbox<C> {
    pub fn new(config: Arc<MediaConfig>, stats: Arc<MediaStats>, index: usize) -> Arc<Inbox<C>> {
        Arc::new(Inbox {
            index,
            config,
            stats,
            overflow: OnceCell::new(),
            arrivals: Mutex::default(),
            changed: Arc::default(),
        })
    }

    /// This worker keeps overflow memory ready for feeds that are still to be opened.
    pub fn keep_ready(&self, overflow: Arc<OverflowPool>) {
        // Once is enough.
        let _ = self.overflow.set(overflow);
    }

    pub fn index(&self) -> usize {
        self.index
    }

    pub fn stop(&self) {
        self.arrivals.lock().stop = true;
        self.changed.notify_all();
    }

    pub(super) fn adopt(&self, call: Arc<C>) {
        let mut arrivals = self.arrivals.lock();
        if !arrivals.stop {
            arrivals.adopted.push_back(call);
        }
    }

    /// The call is visited at the next tick, or now.
    pub(super) fn urge(&self, call: Arc<C>, at_once: bool) {
        let mut arrivals = self.arrivals.lock();
        if arrivals.stop {
            return;
        }
        arrivals.urgent.push_back(call);
        arrivals.at_once |= at_once;
        drop(arrivals);
        if at_once {
            self.changed.notify_one();
        }
    }

    /// Signalled when something cannot wait for the next tick.
    pub fn signal(&self) -> &Arc<Signal> {
        &self.changed
    }

    /// What has come since it was last asked.
    pub(super) fn take(&self) -> Arrivals<C> {
        let mut arrivals = self.arrivals.lock();
        let stop = arrivals.stop;
        let taken = std::mem::take(&mut *arrivals);
        arrivals.stop = stop;
        taken
    }
}
