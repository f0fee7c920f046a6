//! The queue of work for the finishers.

use super::activity::Activity;
use super::directory::StorageDirectory;
use super::ending::Ending;
use super::live_recording::LiveRecording;
use super::planted::StorageFault;
use crate::memory::PieceQueue;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::task::{self, NextStep, Readiness, Signal};
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

/// Work for a finisher.
pub enum FinisherWork {
    Finish(Box<EndedRecording>),
    Settle(Uuid),
}

/// A recording that has ended, to be published or discarded.
pub struct EndedRecording {
    pub live: Box<LiveRecording>,
    pub ending: Ending,
    /// How many times the disk has refused its end.
    pub attempts: u32,
    /// The live manifest may contain an end that was not reported.
    pub has_noted_end: bool,
}

impl EndedRecording {
    pub fn new(live: Box<LiveRecording>, ending: Ending) -> Box<EndedRecording> {
        Box::new(EndedRecording {
            live,
            ending,
            attempts: 0,
            has_noted_end: false,
        })
    }
}

/// The queue between the writers and the finishers. It detects when no more work can arrive.
pub struct FinisherQueue {
    activity: Arc<Activity>,
    writers: usize,
    writers_returned: AtomicUsize,
    queue: Mutex<FinisherQueueState>,
    signal: Arc<Signal>,
    directory: Arc<StorageDirectory>,
}

#[derive(Default)]
struct FinisherQueueState {
    ready: PieceQueue<FinisherWork>,
    /// Work that is not to be done before its time.
    later: Vec<(Instant, FinisherWork)>,
}

impl FinisherQueueState {
    /// `now`: `None` to take delayed work at once.
    fn take(&mut self, now: Option<Instant>) -> Option<FinisherWork> {
        if let Some(work) = self.ready.pop_front() {
            return Some(work);
        }
        let is_due = |(due, _): &(Instant, FinisherWork)| now.is_none_or(|now| *due <= now);
        let at = self.later.iter().position(is_due)?;
        Some(self.later.swap_remove(at).1)
    }

    fn next_due(&self) -> Option<Instant> {
        self.later.iter().map(|(due, _)| *due).min()
    }
}

impl FinisherQueue {
    pub fn new(activity: Arc<Activity>, writers: usize, directory: Arc<StorageDirectory>) -> FinisherQueue {
        FinisherQueue {
            activity,
            writers,
            writers_returned: AtomicUsize::new(0),
            queue: Mutex::default(),
            signal: Arc::default(),
            directory,
        }
    }

    pub fn push(&self, work: FinisherWork) {
        self.activity.work_begun();
        self.queue.lock().ready.push_back(work);
        if !self.directory.has_fault(StorageFault::WakeUpLost) {
            self.signal.notify_one();
        }
    }

    /// Queues work that is not to be done before `due`, unless the engine closes.
    pub fn push_at(&self, due: Instant, work: FinisherWork) {
        self.activity.work_begun();
        self.queue.lock().later.push((due, work));
        self.signal.notify_one();
    }

    /// The signal that an idle finisher waits for.
    pub fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }

    /// Waits for the next work. Returns `None` once the queue is empty and no more work can arrive.
    pub async fn next(&self) -> Option<FinisherWork> {
        task::until_ready(|| self.poll_next()).await
    }

    fn poll_next(&self) -> Readiness<Option<FinisherWork>> {
        let mut queue = self.queue.lock();
        let at_once = self.activity.is_shutting_down() || self.activity.defers_long_work(false);
        if let Some(work) = queue.take((!at_once).then(|| self.directory.clock().now())) {
            return Readiness::Ready(Some(work));
        }
        if self.is_drained() {
            return Readiness::Ready(None);
        }
        Readiness::Pending(queue.next_due().map_or(NextStep::Signalled, NextStep::At))
    }

    /// Whether no more work can arrive.
    fn is_drained(&self) -> bool {
        self.activity.is_shutting_down() && (self.has_no_writer() || !self.activity.has_work())
    }

    /// Whether all writers have returned.
    pub fn has_no_writer(&self) -> bool {
        self.writers_returned.load(Ordering::SeqCst) >= self.writers
    }

    /// Counts work that is queued for a writer or a syncer.
    pub fn work_begun(&self) {
        self.activity.work_begun();
    }

    /// Counts queued work as done.
    pub fn work_done(&self) {
        self.activity.work_done();
        if self.activity.is_shutting_down() {
            self.wake_all();
        }
    }

    pub fn writer_returned(&self) {
        self.writers_returned.fetch_add(1, Ordering::SeqCst);
        self.wake_all();
    }

    /// Wakes every idle finisher to check for the end.
    pub fn wake_all(&self) {
        self.signal.notify_all();
    }
}
