//! A gateway's graceful shutdown: the requests in flight, their deadline and the gateway's thread.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use callrec_core::sync::thread::JoinHandle;
use callrec_core::sync::{Condvar, Mutex};

#[derive(Default)]
struct LifecycleState {
    stopping: bool,
    /// Requests in flight that came without a socket.
    requests: u32,
    ended: bool,
}

/// The progress of a gateway's shutdown.
pub struct Lifecycle {
    state: Mutex<LifecycleState>,
    changed: Condvar,
    /// When the remaining requests are aborted.
    abort_at: watch::Sender<Option<Instant>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Lifecycle {
    pub fn new() -> Arc<Lifecycle> {
        Arc::new(Lifecycle {
            state: Mutex::default(),
            changed: Condvar::new(),
            abort_at: watch::channel(None).0,
            thread: Mutex::default(),
        })
    }

    /// Stores the gateway's thread, which `wait_until_ended` joins.
    pub fn set_thread(&self, thread: JoinHandle<()>) {
        *self.thread.lock() = Some(thread);
    }

    /// Registers a request without a socket. Returns `None` if the gateway is stopping.
    pub fn begin_request(self: &Arc<Lifecycle>) -> Option<RequestGuard> {
        let mut state = self.state.lock();
        if state.stopping {
            return None;
        }
        state.requests += 1;
        Some(RequestGuard(self.clone()))
    }

    /// Accepts no more requests, and aborts the remaining ones at `until`. When called again, the
    /// earlier time applies.
    pub fn stop(&self, until: Instant) {
        self.state.lock().stopping = true;
        self.abort_at.send_modify(|known| {
            *known = Some(known.map_or(until, |known| known.min(until)));
        });
    }

    /// Returns when the remaining requests must be aborted.
    pub async fn wait_abort(&self) {
        let mut known = self.abort_at.subscribe();
        loop {
            let until = *known.borrow_and_update();
            let changed = match until {
                Some(until) => tokio::time::timeout_at(until.into(), known.changed()).await,
                None => Ok(known.changed().await),
            };
            if changed.is_err() {
                return;
            }
        }
    }

    /// Waits until no request without a socket is in flight.
    pub fn wait_idle(&self) {
        let mut state = self.state.lock();
        while state.requests > 0 {
            self.changed.wait(&mut state);
        }
    }

    pub fn finish(&self) {
        self.state.lock().ended = true;
        self.changed.notify_all();
    }

    /// Waits until the gateway and its thread have ended. Returns `false` at the deadline.
    pub fn wait_until_ended(&self, deadline: Option<Instant>) -> bool {
        let mut state = self.state.lock();
        while !state.ended {
            match deadline {
                None => self.changed.wait(&mut state),
                Some(deadline) => {
                    if self.changed.wait_until(&mut state, deadline).timed_out() && !state.ended {
                        return false;
                    }
                }
            }
        }
        drop(state);
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            // The thread is about to return.
            let _ = thread.join();
        }
        true
    }
}

/// One request in flight that came without a socket.
pub struct RequestGuard(Arc<Lifecycle>);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.state.lock().requests -= 1;
        self.0.changed.notify_all();
    }
}
