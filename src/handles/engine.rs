//! Handles of engines.

use std::sync::Arc;
use std::time::Duration;

use super::handle::Handle;
use super::process::{HostEngine, current, current_or_error, refusal};
use crate::config::Config;
use crate::engine::Engine;
use crate::gateway::GatewaySettings;
use crate::platform;
use crate::types::{Error, Result, Status};

/// Opens an engine and gives it a handle. Its gateways will use `gateway_settings`.
pub fn open(config: Config, gateway_settings: GatewaySettings) -> Result<Handle> {
    let process = current_or_error()?;
    let handle = process.engines.insert(|_| None);
    let handle = handle.ok_or_else(|| Error::new(Status::Limit, "too many engines: no handle is free"))?;
    match Engine::open_on(platform::system(), config) {
        Ok(engine) => {
            let opened = HostEngine {
                engine,
                gateway_settings: Arc::new(gateway_settings),
            };
            process.engines.with(handle, |slot| *slot = Some(opened));
            Ok(handle)
        }
        Err(error) => {
            process.engines.remove(handle);
            Err(error)
        }
    }
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
