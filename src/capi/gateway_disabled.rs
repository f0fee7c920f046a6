//! The gateway's functions in a build without the gateway.

use std::net::SocketAddr;
use std::sync::Arc;

use super::gateway_types::rec_gateway_options;
use super::http_types::{HttpRequestParts, rec_http_response};
use crate::engine::Engine;
use crate::gateway::GatewaySettings;
use crate::gateway::config::GatewayConfig;
use crate::handles::Handle;
use crate::recorder::Recorder;
use crate::storage::JobSpecs;
use crate::types::{Error, Result, Status};

fn no_gateway() -> Error {
    Error::new(
        Status::Unsupported,
        "this build has no gateway: build with the feature \"gateway\"",
    )
}

pub fn start(
    _engine: Arc<Engine>,
    _recorder: Option<Arc<dyn Recorder>>,
    _settings: Arc<GatewaySettings>,
    _options: &rec_gateway_options,
    _address: SocketAddr,
) -> Result<Handle> {
    Err(no_gateway())
}

pub fn callback(_config: &GatewayConfig, url: &str, _method: &str) -> Result<JobSpecs> {
    Err(Error::new(
        Status::Unsupported,
        format!("options.callback_url \"{url}\": {}", no_gateway().message),
    ))
}

pub fn refuse_in_callback() -> Result<()> {
    Ok(())
}

pub fn port(_gateway: Handle) -> Result<u32> {
    Err(no_gateway())
}

pub fn stop(_gateway: Handle, _timeout_ms: u32) -> Result<()> {
    Err(no_gateway())
}

pub(super) fn handle(_gateway: Handle, _given: HttpRequestParts<'_>) -> Result<rec_http_response> {
    Err(no_gateway())
}
