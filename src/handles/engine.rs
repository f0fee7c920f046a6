//! Handles of engines.

use std::sync::Arc;
use std::time::Duration;

use super::handle::Handle;
use super::process::{HostEngine, current, current_or_error, refusal};
#[cfg(feature = "cluster")]
use crate::cluster::ClusterNode;
use crate::cluster::ClusterSettings;
use crate::engine::Engine;
use crate::gateway::GatewaySettings;
use crate::platform;
use crate::storage::Platform;
use crate::types::{Error, Result, Status};

/// Opens an engine and gives it a handle. `open` opens it. Its gateways will use `gateway_settings`.
pub fn open(
    open: impl FnOnce(Platform) -> Result<Arc<Engine>>,
    gateway_settings: GatewaySettings,
    cluster: ClusterSettings,
) -> Result<Handle> {
    require_cluster(&cluster)?;
    let process = current_or_error()?;
    let handle = process.engines.insert(|_| None);
    let handle = handle.ok_or_else(|| Error::new(Status::Limit, "too many engines: no handle is free"))?;
    match open_parts(open, &cluster) {
        Ok((engine, node)) => {
            let opened = HostEngine {
                engine,
                gateway_settings: Arc::new(gateway_settings),
                #[cfg(feature = "cluster")]
                cluster: node,
            };
            #[cfg(not(feature = "cluster"))]
            let NoCluster = node;
            process.engines.with(handle, |slot| *slot = Some(opened));
            Ok(handle)
        }
        Err(error) => {
            process.engines.remove(handle);
            Err(error)
        }
    }
}

#[cfg(feature = "cluster")]
fn require_cluster(_cluster: &ClusterSettings) -> Result<()> {
    Ok(())
}

/// Fails if the build cannot do what the settings ask for.
#[cfg(not(feature = "cluster"))]
fn require_cluster(cluster: &ClusterSettings) -> Result<()> {
    if !cluster.is_enabled() {
        return Ok(());
    }
    Err(Error::new(
        Status::Unsupported,
        "key \"cluster.url\": this build has no cluster: build with the feature \"cluster\"",
    ))
}

/// Opens the engine, and its part in a cluster.
#[cfg(feature = "cluster")]
fn open_parts(
    open: impl FnOnce(Platform) -> Result<Arc<Engine>>,
    cluster: &ClusterSettings,
) -> Result<(Arc<Engine>, Option<Arc<ClusterNode>>)> {
    cluster.check()?;
    let engine = open(platform::system())?;
    if !cluster.is_enabled() {
        return Ok((engine, None));
    }
    match ClusterNode::start(&engine, cluster.clone()) {
        Ok(node) => Ok((engine, Some(node))),
        Err(error) => {
            // Nothing was recorded yet, so there is nothing to wait for but the directory's lock.
            let _ = engine.close(CLOSE_WAIT);
            Err(error)
        }
    }
}

#[cfg(not(feature = "cluster"))]
struct NoCluster;

#[cfg(not(feature = "cluster"))]
fn open_parts(
    open: impl FnOnce(Platform) -> Result<Arc<Engine>>,
    _cluster: &ClusterSettings,
) -> Result<(Arc<Engine>, NoCluster)> {
    Ok((open(platform::system())?, NoCluster))
}

/// How long an engine that cannot join its cluster may take to close.
#[cfg(feature = "cluster")]
const CLOSE_WAIT: Duration = Duration::from_secs(5);

/// The engine's part in a cluster. Fails with `UNSUPPORTED` if it has none.
#[cfg(feature = "cluster")]
pub fn cluster(handle: Handle) -> Result<Arc<ClusterNode>> {
    let node = find(handle, |opened| opened.cluster.clone())?;
    node.ok_or_else(|| {
        Error::new(
            Status::Unsupported,
            "key \"cluster.url\" is not set: the engine is in no cluster",
        )
    })
}

pub fn get(handle: Handle) -> Result<Arc<Engine>> {
    find(handle, |opened| opened.engine.clone())
}

/// The settings for the gateways of an open engine.
pub fn gateway_settings(handle: Handle) -> Result<Arc<GatewaySettings>> {
    find(handle, |opened| opened.gateway_settings.clone())
}

fn find<T>(handle: Handle, part: impl FnOnce(&HostEngine) -> T) -> Result<T> {
    let found = current()
        .and_then(|process| process.engines.with(handle, |slot| slot.as_ref().map(part)))
        .flatten();
    found.ok_or_else(|| no_engine(handle))
}

/// Makes the engine's handle stale and closes the engine. The handle becomes stale even on an
/// error, unless this thread is inside one of the engine's own callbacks.
pub fn close(handle: Handle, timeout: Duration) -> Result<()> {
    let process = current_or_error()?;
    get(handle)?.refuse_in_callback()?;
    // If two threads close one engine, exactly one of them removes it.
    let opened = process.engines.remove(handle).flatten();
    let HostEngine { engine, .. } = opened.ok_or_else(|| no_engine(handle))?;
    engine.close(timeout)
}

fn no_engine(handle: Handle) -> Error {
    Error::new(
        refusal(handle),
        "engine: the handle is invalid, or the engine is closed",
    )
}
