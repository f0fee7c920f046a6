//! What stands in for the gateway in a build without it.

use std::net::SocketAddr;
use std::sync::Arc;

use super::http_types::{Given, rec_http_response};
use super::types::rec_gateway_options;
use crate::engine::Engine;
use crate::gateway::GatewaySettings;
use crate::gateway::config::GatewayConfig;
use crate::handles::Handle;
use crate::storage::JobSpecs;
use crate::words::{Error, Result, Status};

fn lacking() -> Error {
    Error::new(
        Status::Unsupported,
        "this build has no gateway: build with the feature \"gateway\"",
    )
}

pub fn start(
    _engine: Arc<Engine>,
    _settings: Arc<GatewaySettings>,
    _options: &rec_gateway_options,
    _address: SocketAddr,
) -> Result<Handle> {
    Err(lacking())
}

pub fn callback(_config: &GatewayConfig, url: &str, _method: &str) -> Result<JobSpecs> {
    Err(Error::new(
        Status::Unsupported,
        format!("options.callback_url \"{url}\": {}", lacking().message),
    ))
}

pub fn refuse_inside() -> Result<()> {
    Ok(())
}

pub fn port(_gateway: Handle) -> Result<u32> {
    Err(lacking())
}

pub fn stop(_gateway: Handle, _timeout_ms: u32) -> Result<()> {
    Err(lacking())
}

pub(super) fn handle(_gateway: Handle, _given: Given<'_>) -> Result<rec_http_response> {
    Err(lacking())
}
