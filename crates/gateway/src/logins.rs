//! Lets clients in. The host's own function knows names and secrets: it is asked by so many
//! at a time, and who fails is slowed down.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;

use super::auth::{Credentials, Doorkeeper, Identity, Refused, Scheme, caller_of};
use super::http::Asked;
use super::life::Door;
use super::places::{Place, Places};
use super::source::network;
use super::throttle::{Outcome, Throttle, TooMany, Try};
use crate::config::GatewayConfig;
use callrec_core::calls::Caller;
use callrec_core::memory;
use callrec_core::sync::Mutex;
use callrec_core::types::Status;

/// What stands between a client and the host's function.
pub struct Logins {
    door: Arc<Door>,
    /// Turns true when the gateway is to stop.
    stopping: watch::Receiver<bool>,
    throttle: Arc<Throttle>,
    places: Arc<Places>,
    /// Threads of its own: whatever else waits for a disk, nobody waits behind it to be
    /// let in.
    threads: Handle,
    lent_by: Mutex<Option<Runtime>>,
}

impl Logins {
    pub fn new(
        config: &GatewayConfig,
        door: Arc<Door>,
        stopping: watch::Receiver<bool>,
    ) -> io::Result<Logins> {
        let places = config.auth_parallel as usize;
        // It only lends its threads that may wait; they are started when they are needed.
        let lender = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(places)
            .thread_name("callrec-auth")
            .on_thread_start(memory::stay_inside)
            .build()?;
        Ok(Logins {
            door,
            stopping,
            throttle: Throttle::new(config.auth_delay_ms, config.auth_delay_max_ms),
            places: Places::new(places, places / 2),
            threads: lender.handle().clone(),
            lent_by: Mutex::new(Some(lender)),
        })
    }

    /// Its threads end; one that does not is not waited for longer than this.
    pub fn close(&self, timeout: Duration) {
        let lender = self.lent_by.lock().take();
        if let Some(lender) = lender {
            lender.shutdown_timeout(timeout);
        }
    }

    /// Whom these credentials belong to. Waits if they are to be slowed down.
    pub async fn identify(&self, credentials: Credentials) -> Result<Identity, Refused> {
        let (attempt, place) = self.turn(&credentials).await?;
        let settle = |found: &Result<Identity, Status>| {
            let outcome = match found {
                Ok(_) => Outcome::Right,
                Err(Status::Unauthenticated) => Outcome::Wrong,
                Err(_) => Outcome::Open,
            };
            attempt.settle(outcome, Instant::now());
        };
        self.ask_host(credentials, place, settle).await
    }

    /// Waits until the host may be asked; but who is slowed down does not hold up the
    /// gateway's end.
    async fn turn(&self, credentials: &Credentials) -> Result<(Try, Place), Refused> {
        let source = credentials.source;
        let mut attempt = self.throttle.enter(source, &credentials.name);
        let mut stopped = self.stopping.clone();
        loop {
            // While others wait here they may fail: so it is looked at with the place.
            let place = self.places.take(network(source)).await;
            let wait = attempt.wait_until(Instant::now());
            let Some(at) = wait.map_err(|TooMany| Refused::NotNow)? else {
                return Ok((attempt, place));
            };
            drop(place);
            tokio::select! {
                () = tokio::time::sleep_until(at.into()) => {}
                _ = stopped.wait_for(|stopped| *stopped) => return Err(Refused::NotNow),
            }
        }
    }

    /// The key that signs the callbacks of an account; `None`: they are not signed.
    pub async fn signature_key(&self, account: &str) -> Result<Option<String>, Refused> {
        let credentials = Credentials {
            scheme: Scheme::Signature,
            name: account.to_owned(),
            secret: String::new(),
            source: IpAddr::from([127, 0, 0, 1]),
        };
        // No client's: together they are one source.
        let place = self.places.take(IpAddr::from([0, 0, 0, 0])).await;
        match self.ask_host(credentials, place, |_| {}).await {
            Ok(identity) => Ok(Some(identity.signature_key).filter(|key| !key.is_empty())),
            Err(Refused::Unknown) => Ok(None),
            Err(refused) => Err(refused),
        }
    }

    /// Also if the client does not wait for the answer, `settle` hears it.
    async fn ask_host(
        &self,
        credentials: Credentials,
        place: Place,
        settle: impl FnOnce(&Result<Identity, Status>) + Send + 'static,
    ) -> Result<Identity, Refused> {
        let door = self.door.clone();
        let asked = self.threads.spawn_blocking(move || {
            let _place = place;
            let found = identify(&*door, &credentials);
            settle(&found);
            found.map_err(|status| match status {
                Status::Unauthenticated => Refused::Unknown,
                _ => Refused::Broken,
            })
        });
        match asked.await {
            Ok(found) => found,
            Err(fault) if fault.is_panic() => Err(Refused::Broken),
            // The gateway is at its end.
            Err(_) => Err(Refused::NotNow),
        }
    }

    /// The caller by HTTP Basic.
    pub async fn basic(&self, asked: &Asked) -> Result<Caller, Refused> {
        let (name, secret) = asked.basic().ok_or(Refused::Unknown)?;
        let credentials = Credentials {
            scheme: Scheme::Basic,
            name,
            secret,
            source: asked.source,
        };
        let identity = self.identify(credentials).await?;
        Ok(caller_of(identity, asked))
    }
}

impl Drop for Logins {
    fn drop(&mut self) {
        if let Some(lender) = self.lent_by.lock().take() {
            // Whoever lets go last may be a thread that must not wait.
            lender.shutdown_background();
        }
    }
}

fn identify(doorkeeper: &dyn Doorkeeper, credentials: &Credentials) -> Result<Identity, Status> {
    let identity = doorkeeper.identify(credentials)?;
    // Where nobody is let in, no level is needed. Level 0 is nobody.
    match credentials.scheme == Scheme::Signature || (1..=10).contains(&identity.level) {
        true => Ok(identity),
        false => Err(Status::Unauthenticated),
    }
}
