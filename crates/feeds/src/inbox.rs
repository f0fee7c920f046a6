//! A media worker's inbox.

use std::sync::Arc;

use once_cell::sync::OnceCell;

use super::overflow::OverflowPool;
use super::{MediaConfig, MediaStats};
use callrec_base::memory::PieceQueue;
use callrec_base::sync::Mutex;
use callrec_base::task::Signal;

/// Requests to a worker since it last read its inbox.
pub(super) struct Arrivals<C> {
    pub adopted: PieceQueue<Arc<C>>,
    pub urgent: PieceQueue<Arc<C>>,
    pub stop: bool,
    pub at_once: bool,
    /// The worker sleeps, and the next request wakes it.
    is_asleep: bool,
}

impl<C> Default for Arrivals<C> {
    fn default() -> Arrivals<C> {
        Arrivals {
            adopted: PieceQueue::default(),
            urgent: PieceQueue::default(),
            stop: false,
            at_once: false,
            is_asleep: false,
        }
    }
}

/// A worker's inbox. `C` is the type of a call.
pub struct Inbox<C> {
    pub(super) index: usize,
    pub(super) config: Arc<MediaConfig>,
    pub(super) stats: Arc<MediaStats>,
    /// The overflow memory that this worker prepares, if it is responsible for it.
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

    /// Lets this worker allocate overflow memory ahead of new feeds.
    pub fn keep_ready(&self, overflow: Arc<OverflowPool>) {
        // It is set only once.
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
        if arrivals.stop {
            return;
        }
        arrivals.adopted.push_back(call);
        let wake = std::mem::take(&mut arrivals.is_asleep);
        drop(arrivals);
        if wake {
            self.changed.notify_one();
        }
    }

    /// Requests a visit of the call, at the next tick or immediately. Wakes a worker that sleeps.
    pub(super) fn request_visit(&self, call: Arc<C>, at_once: bool) {
        let mut arrivals = self.arrivals.lock();
        if arrivals.stop {
            return;
        }
        arrivals.urgent.push_back(call);
        arrivals.at_once |= at_once;
        let wake = std::mem::take(&mut arrivals.is_asleep) || at_once;
        drop(arrivals);
        if wake {
            self.changed.notify_one();
        }
    }

    /// Notified by requests that cannot wait for the next tick.
    pub fn signal(&self) -> &Arc<Signal> {
        &self.changed
    }

    /// Lets the worker sleep without a tick. Returns false if a request has arrived.
    pub(super) fn sleep(&self) -> bool {
        let mut arrivals = self.arrivals.lock();
        arrivals.is_asleep = arrivals.adopted.is_empty() && arrivals.urgent.is_empty() && !arrivals.stop;
        arrivals.is_asleep
    }

    /// Removes the requests since the last call.
    pub(super) fn take(&self) -> Arrivals<C> {
        let mut arrivals = self.arrivals.lock();
        let stop = arrivals.stop;
        let taken = std::mem::take(&mut *arrivals);
        arrivals.stop = stop;
        taken
    }
}
