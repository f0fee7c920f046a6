//! Handles of gateways.

use std::sync::Arc;
use std::time::Duration;

use super::handle::Handle;
use super::process::{current, current_or_error, refusal};
use crate::engine::{Engine, HostReference};
use crate::gateway::{self, Options, Router};
use crate::types::{Error, Result, Status};

struct GatewayReference(Handle);

impl HostReference for GatewayReference {
    fn revoke(&self) {
        if let Some(process) = current() {
            process.gateways.remove(self.0);
        }
    }
}

/// Starts a gateway and gives it a handle, which becomes stale when the gateway or its engine
/// stops.
pub fn start(engine: Arc<Engine>, options: Options) -> Result<Handle> {
    let process = current_or_error()?;
    // The handle comes first: a gateway without a handle must not start.
    let handle = process.gateways.insert(|_| None);
    let handle = handle.ok_or_else(|| Error::new(Status::Limit, "too many gateways: no handle is free"))?;
    match gateway::start(engine, options) {
        Ok(router) => {
            process.gateways.with(handle, |slot| *slot = Some(router.clone()));
            let reference = Box::new(GatewayReference(handle));
            router.gateway().set_reference(reference);
            Ok(handle)
        }
        Err(error) => {
            process.gateways.remove(handle);
            Err(error)
        }
    }
}

/// The router of a gateway.
pub fn get(handle: Handle) -> Result<Arc<Router>> {
    let router = current()
        .and_then(|process| process.gateways.get(handle))
        .flatten();
    router.ok_or_else(|| no_gateway(handle))
}

/// Makes the gateway's handle stale and stops the gateway.
pub fn stop(handle: Handle, timeout: Duration) -> Result<()> {
    // If two threads stop one gateway, exactly one of them removes it.
    let router = current()
        .and_then(|process| process.gateways.remove(handle))
        .flatten();
    let router = router.ok_or_else(|| no_gateway(handle))?;
    router.gateway().stop(timeout)
}

fn no_gateway(handle: Handle) -> Error {
    Error::new(
        refusal(handle),
        "gateway: the handle is invalid, or the gateway is stopped",
    )
}
