//! A gateway's end: who is still inside, how long they have, and that nobody comes in
//! any more. What belongs to the host is let go before anybody is told that it is over.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::{AuthenticatedUser, Authenticator, Credentials};
use callrec_core::sync::thread::JoinHandle;
use callrec_core::sync::{self, Condvar, Mutex};
use callrec_core::words::Status;

sync::thread_local! {
    /// This thread is inside a function of the host's that a gateway has called.
    static IN_HOST_FUNCTION: Cell<bool> = const { Cell::new(false) };
}

/// Whether whoever asks must not wait for a gateway: it waits for them.
pub fn is_in_host_function() -> bool {
    IN_HOST_FUNCTION.with(Cell::get)
}

/// While it lives, this thread is inside one of the host's functions.
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
    /// Requests without a socket that are being answered.
    requests: u32,
    ended: bool,
}

/// How far a gateway's end has come.
pub struct Lifecycle {
    state: Mutex<LifecycleState>,
    changed: Condvar,
    /// When what is still being answered is cut off.
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

    /// The gateway's own thread, for whoever waits for its end.
    pub fn set_thread(&self, thread: JoinHandle<()>) {
        *self.thread.lock() = Some(thread);
    }

    /// A request without a socket; `None`: none is taken any more.
    pub fn begin_request(self: &Arc<Lifecycle>) -> Option<RequestGuard> {
        let mut state = self.state.lock();
        if state.stopping {
            return None;
        }
        state.requests += 1;
        Some(RequestGuard(self.clone()))
    }

    /// No request is taken any more, and at `until` they are cut off. Told twice, the
    /// earlier time counts.
    pub fn stop(&self, until: Instant) {
        self.state.lock().stopping = true;
        self.abort_at.send_modify(|known| {
            *known = Some(known.map_or(until, |known| known.min(until)));
        });
    }

    /// Returns when what is still being answered is to be cut off.
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

    /// Waits until no request without a socket is being answered.
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

    /// Waits for the end, also of the thread; `false`: it has not come by then.
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
            // It has said so, and is about to return.
            let _ = thread.join();
        }
        true
    }
}

/// One request without a socket.
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

/// The host's function, and who is inside it.
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

    /// What is the host's is lent to the gateway from here on.
    pub fn activate(&self) {
        if let Some(host) = &self.state.lock().host {
            host.gateway_started();
        }
    }

    /// The host is not asked any more from here on.
    pub fn close(&self) {
        self.state.lock().closed = true;
    }

    /// Waits until the host's function has returned, and lets go of what is the host's.
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
        // Let go of in the order from right to left.
        let (_guard, _in_host_function, host) = (AuthenticationGuard(self), HostFunctionGuard::enter(), host);
        host.authenticate(credentials)
    }
}

/// However the host's function returns.
struct AuthenticationGuard<'a>(&'a GuardedAuthenticator);

impl Drop for AuthenticationGuard<'_> {
    fn drop(&mut self) {
        self.0.state.lock().running -= 1;
        self.0.idle.notify_all();
    }
}
