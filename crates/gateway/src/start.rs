//! Starts a gateway and runs it on its thread.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::auth::Authenticator;
use super::gateway::Gateway;
use super::lifecycle::Lifecycle;
use super::router::Router;
use super::runtime_threads::with_own_threads;
use super::server;
use super::settings::GatewaySettings;
use callrec_core::engine::Engine;
use callrec_core::recorder::Recorder;
use callrec_core::storage;
use callrec_core::types::{Error, Result, Status};

/// How a gateway is to run.
pub struct Options {
    /// The settings of the gateway and its APIs.
    pub settings: Arc<GatewaySettings>,
    /// `None`: no socket; requests come through [`Router::handle`].
    pub listen: Option<SocketAddr>,
    /// `None`: every login is refused.
    pub authenticator: Option<Arc<dyn Authenticator>>,
    /// Controls and lists recordings, and may wait for other machines. `None`: the engine.
    pub recorder: Option<Arc<dyn Recorder>>,
}

/// Sends the result of the start to the caller.
type StartSender = std::sync::mpsc::SyncSender<Result<Arc<Router>>>;

/// Starts a gateway. It runs until it is stopped or the engine is closed.
pub fn start(engine: Arc<Engine>, options: Options) -> Result<Arc<Router>> {
    let (ready, result) = std::sync::mpsc::sync_channel(1);
    let lifecycle = Lifecycle::new();
    let own = lifecycle.clone();
    // The runtime's threads are spawned by this one and, like it, block all signals.
    let hooks = engine.config().thread_hooks.clone();
    let thread = storage::spawn("callrec-http", &hooks, move || run(engine, options, &own, &ready));
    lifecycle
        .set_thread(thread.map_err(|error| Error::io("the gateway's thread cannot be started", &error))?);
    result.recv().unwrap_or_else(|_| {
        Err(Error::new(
            Status::Internal,
            "the gateway's thread ended before the gateway was ready",
        ))
    })
}

/// The body of the thread `callrec-http`.
fn run(engine: Arc<Engine>, options: Options, lifecycle: &Arc<Lifecycle>, ready: &StartSender) {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .worker_threads(options.settings.config().threads as usize)
        .enable_all();
    let runtime = with_own_threads(&mut builder, "callrec-http", &engine).build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = ready.send(Err(Error::io("the gateway's threads cannot be started", &error)));
            return;
        }
    };
    let router = runtime.block_on(serve(engine, options, lifecycle, ready));
    if let Some(router) = router {
        // These requests need the runtime until they end.
        lifecycle.wait_idle();
        runtime.shutdown_timeout(SHUTDOWN_WAIT);
        router.gateway().close(SHUTDOWN_WAIT);
    }
    lifecycle.finish();
}

async fn serve(
    engine: Arc<Engine>,
    options: Options,
    lifecycle: &Arc<Lifecycle>,
    ready: &StartSender,
) -> Option<Arc<Router>> {
    let (router, listener) = match open(engine, options, lifecycle).await {
        Ok(opened) => opened,
        Err(error) => {
            let _ = ready.send(Err(error));
            return None;
        }
    };
    let gateway = router.gateway();
    if let Err(error) = gateway.attach() {
        let _ = ready.send(Err(error));
        return Some(router);
    }
    let stopped = gateway.stopping();
    router.attach();
    let mut tasks: JoinSet<()> = router.background_tasks().into_iter().collect();
    let _ = ready.send(Ok(router.clone()));
    serve_until(&router, listener, stopped).await;
    router.stop();
    // The tasks watch `stopping`. A stalled disk may delay them.
    let _ = tokio::time::timeout(TASKS_WAIT, async { while tasks.join_next().await.is_some() {} }).await;
    Some(router)
}

async fn serve_until(
    router: &Arc<Router>,
    listener: Option<TcpListener>,
    mut stopped: watch::Receiver<bool>,
) {
    match listener {
        Some(listener) => server::run(router, listener, stopped).await,
        None => {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        }
    }
}

async fn open(
    engine: Arc<Engine>,
    options: Options,
    lifecycle: &Arc<Lifecycle>,
) -> Result<(Arc<Router>, Option<TcpListener>)> {
    let listener = match options.listen {
        Some(address) => {
            let listening = server::listen(address).await;
            Some(
                listening
                    .map_err(|error| Error::io(format!("the gateway cannot listen on {address}"), &error))?,
            )
        }
        None => None,
    };
    let address = listener.as_ref().and_then(|listener| listener.local_addr().ok());
    let config = options.settings.config().clone();
    let recorder = options.recorder.unwrap_or_else(|| engine.clone());
    let gateway = Gateway::new(
        engine,
        recorder,
        config,
        options.authenticator,
        address,
        lifecycle.clone(),
    )?;
    let router = Router::new(Arc::new(gateway), &options.settings);
    Ok((Arc::new(router), listener))
}

/// How long the shutdown waits for the APIs' background tasks.
const TASKS_WAIT: Duration = Duration::from_secs(1);
/// How long the shutdown waits for a disk or name server that does not respond.
const SHUTDOWN_WAIT: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;
    use callrec_core::config::Config;

    #[test]
    fn no_gateway_starts_after_the_engine_has_closed() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut config = Config::default();
        config.storage.directory = dir.path().to_string_lossy().into_owned();
        let engine = Engine::open(config).expect("an engine");
        engine.close(Duration::from_secs(60)).expect("closed");
        let options = Options {
            settings: Arc::default(),
            listen: None,
            authenticator: None,
            recorder: None,
        };
        // As if the host had called just before the close.
        let started = start(engine.clone(), options);
        assert_eq!(started.err().map(|error| error.status), Some(Status::Unavailable));
        while Arc::strong_count(&engine) > 1 {
            // The failed gateway releases the engine on its own thread.
            std::thread::yield_now();
        }
    }
}
