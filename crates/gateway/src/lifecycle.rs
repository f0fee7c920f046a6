//! A gateway's graceful shutdown: the requests in flight, their deadline, and the host's data,
//! which is released before the shutdown is reported as complete.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::{AuthenticatedUser, Authenticator, Credentials};
use callrec_core::sync::thread::JoinHandle;
use callrec_core::sync::{self, Condvar, Mutex};
use callrec_core::words::Status;

sync::thread_local! {
    /// True while this thread runs a host function that a gateway has called.
    static IN_HOST_FUNCTION: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread runs a host function that a gateway waits for. It must not wait for a
/// gateway.
pub fn is_in_host_function() -> bool {
    IN_HOST_FUNCTION.with(Cell::get)
}

/// Marks this thread as running a host function while it exists.
struct HostFunctionGuard;

impl HostFunctionGuard {
    fn enter() -> HostFunctionGuard {
        IN_HOST_FUNCTION.with(|flag| flag.set(true));
        HostFunctionGuard
    }
}

impl Drop for HostFunctionGuard {
    fn drop(&mut self) {
        IN_HOST_FUNCTION.with(|flag| flag.set(false));
    }
}

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

    /// Stores the gateway's thread, which `wait_ended` joins.
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
    pub fn wait_ended(&self, deadline: Option<Instant>) -> bool {
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

struct GuardedAuthenticatorState {
    host: Option<Arc<dyn Authenticator>>,
    running: u32,
    closed: bool,
}

/// The host's authentication function, with a count of the calls in progress.
pub struct GuardedAuthenticator {
    state: Mutex<GuardedAuthenticatorState>,
    idle: Condvar,
}

impl GuardedAuthenticator {
    pub fn new(host: Option<Arc<dyn Authenticator>>) -> GuardedAuthenticator {
        GuardedAuthenticator {
            state: Mutex::new(GuardedAuthenticatorState {
                host,
                running: 0,
                closed: false,
            }),
            idle: Condvar::new(),
        }
    }

    /// From here on the gateway owns the host's data.
    pub fn activate(&self) {
        if let Some(host) = &self.state.lock().host {
            host.gateway_started();
        }
    }

    /// The host is no longer called.
    pub fn close(&self) {
        self.state.lock().closed = true;
    }

    /// Waits for calls in progress, then releases the host's data.
    pub fn release(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        while state.running > 0 {
            self.idle.wait(&mut state);
        }
        let host = state.host.take();
        drop(state);
        let _in_host_function = HostFunctionGuard::enter();
        drop(host);
    }
}

impl Authenticator for GuardedAuthenticator {
    fn authenticate(&self, credentials: &Credentials) -> Result<AuthenticatedUser, Status> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Status::Unavailable);
        }
        let host = state.host.clone().ok_or(Status::Unauthenticated)?;
        state.running += 1;
        drop(state);
        // Dropped from right to left.
        let (_guard, _in_host_function, host) = (AuthenticationGuard(self), HostFunctionGuard::enter(), host);
        host.authenticate(credentials)
    }
}

/// Ends the call even if the host's function panics.
struct AuthenticationGuard<'a>(&'a GuardedAuthenticator);

impl Drop for AuthenticationGuard<'_> {
    fn drop(&mut self) {
        self.0.state.lock().running -= 1;
        self.0.idle.notify_all();
    }
}
