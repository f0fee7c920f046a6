//! The tasks of one process, which stand still together and end together.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::task::{AbortHandle, JoinHandle};

/// The tasks of a process.
#[derive(Default)]
pub struct TaskGate {
    is_frozen: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
    tasks: Mutex<Vec<AbortHandle>>,
}

/// A task that makes no progress while its process stands still.
struct ProcessTask {
    gate: Arc<TaskGate>,
    work: BoxFuture<'static, ()>,
}

impl Future for ProcessTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.gate.is_frozen.load(Ordering::Relaxed) {
            self.gate.waiting.lock().push(context.waker().clone());
            return Poll::Pending;
        }
        self.work.as_mut().poll(context)
    }
}

impl TaskGate {
    pub fn spawn(self: &Arc<Self>, work: BoxFuture<'static, ()>) -> JoinHandle<()> {
        let gate = self.clone();
        let task = tokio::spawn(ProcessTask { gate, work });
        let mut tasks = self.tasks.lock();
        tasks.retain(|task| !task.is_finished());
        tasks.push(task.abort_handle());
        task
    }

    /// Stops the process, as SIGSTOP does, or lets it go on.
    pub fn set_frozen(&self, is_frozen: bool) {
        self.is_frozen.store(is_frozen, Ordering::Relaxed);
        if !is_frozen {
            self.waiting.lock().drain(..).for_each(Waker::wake);
        }
    }

    pub fn is_frozen(&self) -> bool {
        self.is_frozen.load(Ordering::Relaxed)
    }

    /// Ends all tasks, as SIGKILL does.
    pub fn kill(&self) {
        self.set_frozen(false);
        self.tasks.lock().drain(..).for_each(|task| task.abort());
    }
}
