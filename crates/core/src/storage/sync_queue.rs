//! Recordings that wait for a syncer.

use super::finisher_queue::FinisherQueue;
use super::queue::Channel;
use crate::memory::PieceQueue;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::task::{self, NextStep, Readiness, Signal};
use std::sync::Arc;

/// Between the writers and the syncers. While a recording waits here, its writer goes on.
pub struct SyncQueue {
    finisher_queue: Arc<FinisherQueue>,
    queue: Mutex<WaitingRecordings>,
    /// How many wait here, or are with a syncer.
    count: AtomicUsize,
    signal: Arc<Signal>,
}

#[derive(Default)]
struct WaitingRecordings {
    /// Somebody waits for what is told then.
    awaited: PieceQueue<Arc<Channel>>,
    others: PieceQueue<Arc<Channel>>,
    /// The last one taken was an awaited one.
    took_awaited: bool,
}

impl WaitingRecordings {
    /// In turn, so that neither holds up the other for ever.
    fn take(&mut self) -> Option<Arc<Channel>> {
        self.took_awaited = !self.took_awaited || self.others.is_empty();
        match self.took_awaited {
            true => self.awaited.pop_front().or_else(|| self.others.pop_front()),
            false => self.others.pop_front(),
        }
    }
}

impl SyncQueue {
    pub fn new(finisher_queue: Arc<FinisherQueue>) -> SyncQueue {
        SyncQueue {
            finisher_queue,
            queue: Mutex::default(),
            count: AtomicUsize::new(0),
            signal: Arc::default(),
        }
    }

    /// What was written of the recording is to be synced.
    pub fn send(&self, channel: &Arc<Channel>) {
        self.push(|queue| queue.others.push_back(Arc::clone(channel)));
    }

    /// The same, and somebody waits for what is told then.
    pub fn send_awaited(&self, channel: &Arc<Channel>) {
        if channel.await_sync() {
            self.push(|queue| queue.awaited.push_back(Arc::clone(channel)));
        }
    }

    fn push(&self, add: impl FnOnce(&mut WaitingRecordings)) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.finisher_queue.work_begun();
        add(&mut self.queue.lock());
        self.signal.notify_one();
    }

    /// A syncer has done with a recording, and has told its writer.
    pub fn done(&self) {
        self.count.fetch_sub(1, Ordering::SeqCst);
        self.finisher_queue.work_done();
    }

    /// Whether no recording waits here, or is with a syncer.
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::SeqCst) == 0
    }

    /// The next recording. `None` once there is none and none can come.
    pub async fn next(&self) -> Option<Arc<Channel>> {
        task::until_ready(|| self.ask_next()).await
    }

    fn ask_next(&self) -> Readiness<Option<Arc<Channel>>> {
        // Asked first: a writer that has returned sends nothing more.
        let is_over = self.finisher_queue.has_no_writer();
        match self.queue.lock().take() {
            Some(channel) => Readiness::Ready(Some(channel)),
            None if is_over => Readiness::Ready(None),
            None => Readiness::Pending(NextStep::Signalled),
        }
    }

    /// What a syncer that has nothing to do waits for.
    pub fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }

    /// Makes every syncer that waits look whether all is over.
    pub fn look_again(&self) {
        self.signal.notify_all();
    }
}
