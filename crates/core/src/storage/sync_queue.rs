//! The queue of recordings for the syncers.

use super::finisher_queue::FinisherQueue;
use super::recording_queue::RecordingQueue;
use crate::memory::PieceQueue;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::task::{self, NextStep, Readiness, Signal};
use std::sync::Arc;

/// The queue between the writers and the syncers. The writer continues to write a recording that is
/// queued here.
pub struct SyncQueue {
    finisher_queue: Arc<FinisherQueue>,
    queue: Mutex<SyncQueueState>,
    /// Recordings that are queued or that a syncer works on.
    count: AtomicUsize,
    signal: Arc<Signal>,
}

#[derive(Default)]
struct SyncQueueState {
    /// A notification depends on these syncs.
    urgent: PieceQueue<Arc<RecordingQueue>>,
    normal: PieceQueue<Arc<RecordingQueue>>,
    /// The last one taken was urgent.
    took_urgent: bool,
}

impl SyncQueueState {
    /// Alternates, so that neither kind waits forever.
    fn take(&mut self) -> Option<Arc<RecordingQueue>> {
        self.took_urgent = !self.took_urgent || self.normal.is_empty();
        match self.took_urgent {
            true => self.urgent.pop_front().or_else(|| self.normal.pop_front()),
            false => self.normal.pop_front(),
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

    /// Queues a sync of the recording.
    pub fn send(&self, recording: &Arc<RecordingQueue>) {
        self.push(|queue| queue.normal.push_back(Arc::clone(recording)));
    }

    /// Queues a sync that a notification depends on.
    pub fn send_urgent(&self, recording: &Arc<RecordingQueue>) {
        if recording.request_sync() {
            self.push(|queue| queue.urgent.push_back(Arc::clone(recording)));
        }
    }

    fn push(&self, add: impl FnOnce(&mut SyncQueueState)) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.finisher_queue.work_begun();
        add(&mut self.queue.lock());
        self.signal.notify_one();
    }

    /// A syncer has finished with a recording and released it.
    pub fn done(&self) {
        self.count.fetch_sub(1, Ordering::SeqCst);
        self.finisher_queue.work_done();
    }

    /// Whether no recording is queued or being synced.
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::SeqCst) == 0
    }

    /// Waits for the next recording. Returns `None` once the queue is empty and the writers have
    /// returned.
    pub async fn next(&self) -> Option<Arc<RecordingQueue>> {
        task::until_ready(|| self.poll_next()).await
    }

    fn poll_next(&self) -> Readiness<Option<Arc<RecordingQueue>>> {
        // Checked before the queue: a writer that has returned queues no more recordings.
        let is_drained = self.finisher_queue.has_no_writer();
        match self.queue.lock().take() {
            Some(recording) => Readiness::Ready(Some(recording)),
            None if is_drained => Readiness::Ready(None),
            None => Readiness::Pending(NextStep::Signalled),
        }
    }

    /// The signal that an idle syncer waits for.
    pub fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }

    /// Wakes every idle syncer to check for the end.
    pub fn wake_all(&self) {
        self.signal.notify_all();
    }
}
