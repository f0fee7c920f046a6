//! The threads of all codecs of an engine.

use std::sync::Arc;

use crate::sync::Mutex;
use crate::sync::thread::JoinHandle;
use crate::task::Signal;
use crate::thread_hooks::ThreadHooks;

pub(super) struct CodecThreads {
    pub hooks: ThreadHooks,
    counts: Mutex<ThreadCounts>,
    /// Notified whenever a thread has ended.
    ended: Arc<Signal>,
}

#[derive(Default)]
struct ThreadCounts {
    running: usize,
    handles: Vec<JoinHandle<()>>,
}

impl CodecThreads {
    pub fn new(ended: Arc<Signal>, hooks: ThreadHooks) -> Arc<CodecThreads> {
        let counts = Mutex::default();
        Arc::new(CodecThreads { hooks, counts, ended })
    }

    pub fn running(&self) -> usize {
        self.counts.lock().running
    }

    pub fn add(&self, handle: JoinHandle<()>) {
        self.counts.lock().handles.push(handle);
    }

    /// Joins all threads, which have ended.
    pub fn join(&self) {
        let handles = std::mem::take(&mut self.counts.lock().handles);
        for handle in handles {
            // A thread that panicked has ended as well.
            let _ = handle.join();
        }
    }
}

/// Counts a thread as running until dropped.
pub(super) struct RunningThread(Arc<CodecThreads>);

impl RunningThread {
    pub fn begin(threads: &Arc<CodecThreads>) -> RunningThread {
        threads.counts.lock().running += 1;
        RunningThread(threads.clone())
    }
}

impl Drop for RunningThread {
    fn drop(&mut self) {
        self.0.counts.lock().running -= 1;
        self.0.ended.notify_all();
    }
}
