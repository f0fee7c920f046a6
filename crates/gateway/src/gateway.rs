//! One gateway: the state that its APIs share, and its shutdown.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::archive_service::ArchiveService;
use super::auth::Authenticator;
use super::config::GatewayConfig;
use super::guarded_authenticator::{self, GuardedAuthenticator};
use super::lifecycle::Lifecycle;
use super::logins::Logins;
use super::request_counters::RequestCounters;
use super::signed_url::UrlSigner;
use callrec_core::engine::{Dependent, Engine, HostReference, ReferenceCell};
use callrec_core::recorder::Recorder;
use callrec_core::types::{Error, Result, Status};

/// The state that the APIs of one gateway share.
pub struct Gateway {
    config: GatewayConfig,
    engine: Arc<Engine>,
    /// The engine, or a recorder over a cluster of engines.
    recorder: Arc<dyn Recorder>,
    /// Calls the host's authentication function.
    authenticator: Arc<GuardedAuthenticator>,
    /// Authenticates clients.
    pub logins: Logins,
    pub(crate) request_counters: RequestCounters,
    pub(crate) archive: ArchiveService,
    /// `None`: recording URLs are not signed.
    pub(crate) url_signer: Option<UrlSigner>,
    /// The listening address, if there is a socket.
    address: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    pub(crate) lifecycle: Arc<Lifecycle>,
    /// The host's handle of this gateway.
    reference: ReferenceCell,
}

impl Gateway {
    /// `address` is the listening address, if there is a socket. Without an `authenticator` every
    /// login is refused.
    pub(crate) fn new(
        engine: Arc<Engine>,
        recorder: Arc<dyn Recorder>,
        config: GatewayConfig,
        authenticator: Option<Arc<dyn Authenticator>>,
        address: Option<SocketAddr>,
        lifecycle: Arc<Lifecycle>,
    ) -> Result<Gateway> {
        let (stop, stopping) = watch::channel(false);
        let archive_error =
            |error: io::Error| Error::io("the index of finished recordings cannot be created", &error);
        let archive = ArchiveService::open(&engine, config.archive_parallel, stopping.clone())
            .map_err(archive_error)?;
        let url_signer = UrlSigner::open(&engine, config.url_lifetime_ms);
        let url_signer = url_signer.map_err(|error| {
            Error::io(
                "the key that signs URLs, .callrec/url.key, cannot be used",
                &error,
            )
        })?;
        let authenticator = Arc::new(GuardedAuthenticator::new(authenticator));
        let logins = Logins::new(&config, &engine, authenticator.clone(), stopping);
        let logins = logins.map_err(|error| Error::io("the threads for logins cannot be started", &error))?;
        Ok(Gateway {
            logins,
            request_counters: RequestCounters::default(),
            archive,
            url_signer,
            authenticator,
            address,
            stop,
            lifecycle,
            reference: ReferenceCell::default(),
            config,
            engine,
            recorder,
        })
    }

    /// From here on, closing the engine also closes the gateway.
    pub(crate) fn attach(self: &Arc<Self>) -> Result<()> {
        self.engine.attach(self.clone())?;
        self.authenticator.activate();
        Ok(())
    }

    /// Releases the directory, the host's data and the engine. Waits at most `timeout` for a login
    /// that hangs.
    pub(crate) fn close(self: &Arc<Self>, timeout: Duration) {
        self.archive.close(&self.engine);
        self.authenticator.release();
        self.logins.close(timeout);
        let gateway: Arc<dyn Dependent> = self.clone();
        self.engine.detach(&gateway);
    }

    /// Sets the host's handle, which is revoked when the gateway stops.
    pub fn set_reference(&self, reference: Box<dyn HostReference>) {
        self.reference.set(reference);
    }

    /// The engine, for everything except controlling recordings: configuration, archive, log,
    /// callbacks.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Starts, controls and lists recordings.
    pub fn recorder(&self) -> &dyn Recorder {
        &*self.recorder
    }

    pub fn config(&self) -> &GatewayConfig {
        &self.config
    }

    /// Becomes true when the gateway stops.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The prefix of paths in the URLs of responses.
    pub fn public_url(&self) -> String {
        match (self.config().public_url.as_str(), self.address) {
            ("", Some(address)) => format!("http://{address}"),
            ("", None) => "http://localhost".to_owned(),
            (url, _) => url.to_owned(),
        }
    }

    /// Whether this thread runs a host function that a gateway waits for.
    pub fn is_in_host_function() -> bool {
        guarded_authenticator::is_in_host_function()
    }

    /// Accepts no more requests. Requests in flight have `timeout` to finish.
    pub fn stop(&self, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        self.halt(deadline);
        if self.lifecycle.wait_until_ended(Some(deadline)) {
            return Ok(());
        }
        // Requests that are still in flight no longer call the host.
        self.authenticator.close();
        Err(Error::new(
            Status::Timeout,
            "requests were still in flight and have been aborted",
        ))
    }
}

impl Dependent for Gateway {
    fn halt(&self, until: Instant) {
        self.reference.end();
        self.lifecycle.stop(until);
        self.stop.send_replace(true);
        self.archive.stop();
        if until <= Instant::now() {
            self.authenticator.close();
        }
    }

    fn wait_until_ended(&self) {
        self.lifecycle.wait_until_ended(None);
    }
}
