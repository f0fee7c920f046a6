//! Handles of engines.

use std::sync::Arc;
use std::time::Duration;

use super::handle::Handle;
use super::process::{HostEngine, current, current_or_error, refusal};
#[cfg(feature = "cluster")]
use crate::cluster::ClusterNode;
use crate::engine::Engine;
use crate::gateway::GatewaySettings;
use crate::platform;
use crate::settings::Settings;
use crate::storage::Platform;
use crate::types::{Error, Result, Status};

/// Opens an engine and gives it a handle. `open` opens the engine itself.
pub fn open(
    settings: Settings,
    open: impl FnOnce(Platform, Settings) -> Result<Arc<Engine>>,
) -> Result<Handle> {
    let process = current_or_error()?;
    let handle = process.engines.insert(|_| None);
    let handle = handle.ok_or_else(|| Error::new(Status::Limit, "too many engines: no handle is free"))?;
    match open_parts(settings, open) {
        Ok(opened) => {
            process.engines.with(handle, |slot| *slot = Some(opened));
            Ok(handle)
        }
        Err(error) => {
            process.engines.remove(handle);
            Err(error)
        }
    }
}

/// Opens the engine, and its part in a cluster.
#[cfg(feature = "cluster")]
fn open_parts(
    settings: Settings,
    open: impl FnOnce(Platform, Settings) -> Result<Arc<Engine>>,
) -> Result<HostEngine> {
    settings.cluster.check()?;
    let (gateway_settings, cluster) = (Arc::new(settings.gateway.clone()), settings.cluster.clone());
    let engine = open(platform::system(), settings)?;
    let node = match cluster.is_enabled() {
        true => ClusterNode::start(&engine, cluster).map(Some),
        false => Ok(None),
    };
    match node {
        Ok(cluster) => Ok(HostEngine {
            engine,
            gateway_settings,
            cluster,
        }),
        Err(error) => {
            // Nothing was recorded yet, so there is nothing to wait for but the directory's lock.
            let _ = engine.close(CLOSE_WAIT);
            Err(error)
        }
    }
}

#[cfg(not(feature = "cluster"))]
fn open_parts(
    settings: Settings,
    open: impl FnOnce(Platform, Settings) -> Result<Arc<Engine>>,
) -> Result<HostEngine> {
    Ok(HostEngine {
        gateway_settings: Arc::new(settings.gateway.clone()),
        engine: open(platform::system(), settings)?,
    })
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
