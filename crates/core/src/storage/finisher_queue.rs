//! The work that waits for the finishers.

use super::activity::Activity;
use super::directory::Directory;
use super::ending::Ending;
use super::live::Live;
use super::planted::StorageFault;
use crate::memory::PieceQueue;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::task::{self, NextStep, Readiness, Signal};
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

/// Work of the finishers.
pub enum FinisherWork {
    Finish(Box<EndedRecording>),
    Settle(Uuid),
}

/// A recording that is over, to be published or discarded.
pub struct EndedRecording {
    pub live: Box<Live>,
    pub ending: Ending,
    /// How often the disk has refused it.
    pub tries: u32,
    /// A live manifest may say an end that was not told.
    pub is_noted: bool,
}

impl EndedRecording {
    pub fn new(live: Box<Live>, ending: Ending) -> Box<EndedRecording> {
        Box::new(EndedRecording {
            live,
            ending,
            tries: 0,
            is_noted: false,
        })
    }
}

/// Between the writers and the finishers. It knows when nothing more can come.
pub struct FinisherQueue {
    activity: Arc<Activity>,
    writers: usize,
    writers_returned: AtomicUsize,
    queue: Mutex<Queue>,
    signal: Arc<Signal>,
    directory: Arc<Directory>,
}

#[derive(Default)]
struct Queue {
    ready: PieceQueue<FinisherWork>,
    /// Each not before its time.
    later: Vec<(Instant, FinisherWork)>,
}

impl Queue {
    /// `now`: `None` if nothing waits for its time any more.
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
    pub fn new(activity: Arc<Activity>, writers: usize, directory: Arc<Directory>) -> FinisherQueue {
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
        if !self.directory.has(StorageFault::WakeUpLost) {
            self.signal.notify_one();
        }
    }

    /// Queues work that is not to be done before this time, unless the engine closes.
    pub fn push_at(&self, due: Instant, work: FinisherWork) {
        self.activity.work_begun();
        self.queue.lock().later.push((due, work));
        self.signal.notify_one();
    }

    /// What a finisher that has nothing to do waits for.
    pub fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }

    /// The next piece of work. `None` once there is none and none can come.
    pub async fn next(&self) -> Option<FinisherWork> {
        task::until_ready(|| self.ask_next()).await
    }

    fn ask_next(&self) -> Readiness<Option<FinisherWork>> {
        let mut queue = self.queue.lock();
        let at_once = self.activity.is_shutting_down() || self.activity.is_late(false);
        if let Some(work) = queue.take((!at_once).then(|| self.directory.clock().now())) {
            return Readiness::Ready(Some(work));
        }
        if self.is_over() {
            return Readiness::Ready(None);
        }
        Readiness::Pending(queue.next_due().map_or(NextStep::Signalled, NextStep::At))
    }

    /// Whether nothing more can come for the finishers.
    fn is_over(&self) -> bool {
        self.activity.is_shutting_down() && (self.has_no_writer() || !self.activity.has_work())
    }

    /// Whether all writers have returned.
    pub fn has_no_writer(&self) -> bool {
        self.writers_returned.load(Ordering::SeqCst) >= self.writers
    }

    /// Something is queued for a writer or a syncer.
    pub fn work_begun(&self) {
        self.activity.work_begun();
    }

    /// A writer, a syncer or a finisher has done something that was queued.
    pub fn work_done(&self) {
        self.activity.work_done();
        if self.activity.is_shutting_down() {
            self.look_again();
        }
    }

    pub fn writer_returned(&self) {
        self.writers_returned.fetch_add(1, Ordering::SeqCst);
        self.look_again();
    }

    /// Makes every finisher that waits look whether all is over.
    pub fn look_again(&self) {
        self.signal.notify_all();
    }
}
