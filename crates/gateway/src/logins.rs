//! Authenticates clients through the host's function. The number of concurrent calls is limited,
//! and failed attempts are slowed down.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;

use super::auth::{AuthError, AuthenticatedUser, Authenticator, Credentials, Scheme, caller_of};
use super::client_address::client_network;
use super::guarded_authenticator::GuardedAuthenticator;
use super::http::HttpRequest;
use super::login_throttle::{LoginAttempt, LoginOutcome, LoginThrottle, TooManyAttempts};
use super::permit_pool::{PermitPool, PoolPermit};
use super::runtime_threads::with_own_threads;
use crate::config::GatewayConfig;
use callrec_core::calls::Caller;
use callrec_core::engine::Engine;
use callrec_core::sync::Mutex;
use callrec_core::types::Status;

/// Limits and delays the calls of the host's function.
pub struct Logins {
    authenticator: Arc<GuardedAuthenticator>,
    /// Becomes true when the gateway stops.
    stopping: watch::Receiver<bool>,
    throttle: Arc<LoginThrottle>,
    permits: Arc<PermitPool>,
    /// Threads of its own, so that a login never waits behind other work that waits for a disk.
    blocking_threads: Handle,
    runtime: Mutex<Option<Runtime>>,
}

impl Logins {
    pub fn new(
        config: &GatewayConfig,
        engine: &Engine,
        authenticator: Arc<GuardedAuthenticator>,
        stopping: watch::Receiver<bool>,
    ) -> io::Result<Logins> {
        let permits = config.auth_parallel as usize;
        // Only the blocking threads of this runtime are used. They start on demand.
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.max_blocking_threads(permits);
        let runtime = with_own_threads(&mut builder, "callrec-auth", engine).build()?;
        Ok(Logins {
            authenticator,
            stopping,
            throttle: LoginThrottle::new(config.auth_delay_ms, config.auth_delay_max_ms),
            permits: PermitPool::new(permits, permits / 2),
            blocking_threads: runtime.handle().clone(),
            runtime: Mutex::new(Some(runtime)),
        })
    }

    /// Ends the threads. Waits at most `timeout` for a call that hangs.
    pub fn close(&self, timeout: Duration) {
        let runtime = self.runtime.lock().take();
        if let Some(runtime) = runtime {
            runtime.shutdown_timeout(timeout);
        }
    }

    /// Authenticates these credentials. Waits if the attempt is delayed.
    pub async fn authenticate(&self, credentials: Credentials) -> Result<AuthenticatedUser, AuthError> {
        let (attempt, permit) = self.wait_turn(&credentials).await?;
        let report = |found: &Result<AuthenticatedUser, Status>| {
            let outcome = match found {
                Ok(_) => LoginOutcome::Accepted,
                Err(Status::Unauthenticated) => LoginOutcome::Rejected,
                Err(_) => LoginOutcome::Undecided,
            };
            attempt.finish(outcome, Instant::now());
        };
        self.call_host(credentials, permit, report).await
    }

    /// Waits until the host may be called. A delayed attempt does not hold up the gateway's
    /// shutdown.
    async fn wait_turn(&self, credentials: &Credentials) -> Result<(LoginAttempt, PoolPermit), AuthError> {
        let client = credentials.client_address;
        let mut attempt = self.throttle.begin_attempt(client, &credentials.name);
        let mut stopped = self.stopping.clone();
        loop {
            // Checked with the permit held, since other attempts may have failed meanwhile.
            let permit = self.permits.acquire(client_network(client)).await;
            let wait = attempt.wait_until(Instant::now());
            let Some(at) = wait.map_err(|TooManyAttempts| AuthError::Unavailable)? else {
                return Ok((attempt, permit));
            };
            drop(permit);
            tokio::select! {
                () = tokio::time::sleep_until(at.into()) => {}
                _ = stopped.wait_for(|stopped| *stopped) => return Err(AuthError::Unavailable),
            }
        }
    }

    /// The key that signs an account's callbacks; `None`: they are not signed.
    pub async fn signature_key(&self, account: &str) -> Result<Option<String>, AuthError> {
        let credentials = Credentials {
            scheme: Scheme::Signature,
            name: account.to_owned(),
            secret: String::new(),
            client_address: IpAddr::from([127, 0, 0, 1]),
        };
        // These calls have no client, so they count as one client together.
        let permit = self.permits.acquire(IpAddr::from([0, 0, 0, 0])).await;
        match self.call_host(credentials, permit, |_| {}).await {
            Ok(user) => Ok(Some(user.signature_key).filter(|key| !key.is_empty())),
            Err(AuthError::InvalidCredentials) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `report` is called even if the client no longer waits.
    async fn call_host(
        &self,
        credentials: Credentials,
        permit: PoolPermit,
        report: impl FnOnce(&Result<AuthenticatedUser, Status>) + Send + 'static,
    ) -> Result<AuthenticatedUser, AuthError> {
        let authenticator = self.authenticator.clone();
        let called = self.blocking_threads.spawn_blocking(move || {
            let _permit = permit;
            let found = authenticate(&*authenticator, &credentials);
            report(&found);
            found.map_err(|status| match status {
                Status::Unauthenticated => AuthError::InvalidCredentials,
                _ => AuthError::HostFailed,
            })
        });
        match called.await {
            Ok(found) => found,
            Err(fault) if fault.is_panic() => Err(AuthError::HostFailed),
            // The gateway has stopped.
            Err(_) => Err(AuthError::Unavailable),
        }
    }

    /// The caller by HTTP Basic.
    pub async fn authenticate_basic(&self, request: &HttpRequest) -> Result<Caller, AuthError> {
        let (name, secret) = request.basic_credentials().ok_or(AuthError::InvalidCredentials)?;
        let credentials = Credentials {
            scheme: Scheme::Basic,
            name,
            secret,
            client_address: request.client_address,
        };
        let user = self.authenticate(credentials).await?;
        Ok(caller_of(user, request))
    }
}

impl Drop for Logins {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.lock().take() {
            // The last owner may be a thread that must not block.
            runtime.shutdown_background();
        }
    }
}

fn authenticate(
    authenticator: &dyn Authenticator,
    credentials: &Credentials,
) -> Result<AuthenticatedUser, Status> {
    let user = authenticator.authenticate(credentials)?;
    // A signature lookup is not a login and needs no level. Level 0 is no user.
    match credentials.scheme == Scheme::Signature || (1..=10).contains(&user.level) {
        true => Ok(user),
        false => Err(Status::Unauthenticated),
    }
}
