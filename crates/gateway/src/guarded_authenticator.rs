//! Calls the host's authentication function, and counts the calls in progress for the shutdown.

use std::cell::Cell;
use std::sync::Arc;

use super::{AuthenticatedUser, Authenticator, Credentials};
use callrec_core::sync::{self, Condvar, Mutex};
use callrec_core::types::Status;

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
