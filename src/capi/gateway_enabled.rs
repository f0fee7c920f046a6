//! Connects the C functions with the gateway.

use std::ffi::{CString, c_char};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};

use super::convert::invalid;
use super::event::HostData;
use super::gateway_types::*;
use super::http_types::{HttpRequestParts, rec_http_response};
use super::types::*;
use crate::engine::Engine;
pub use crate::gateway::callback_of_host as callback;
use crate::gateway::http::HttpRequest;
use crate::gateway::{AuthenticatedUser, Authenticator, Credentials, Gateway, GatewaySettings, Options};
use crate::handles::{self, Handle};
use crate::recorder::Recorder;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::text::Text;
use crate::types::{Error, Result, Status};

/// The host's `rec_authenticate_fn`.
struct HostAuthenticator {
    authenticate:
        unsafe extern "C" fn(*mut std::ffi::c_void, *const rec_credentials, *mut rec_identity) -> rec_status,
    data: HostData,
    gateway_started: AtomicBool,
}

impl Drop for HostAuthenticator {
    fn drop(&mut self) {
        if !self.gateway_started.load(Ordering::Acquire) {
            // After an error, `user_data_free` is not called.
            self.data.leave_with_host();
        }
    }
}

impl Authenticator for HostAuthenticator {
    fn gateway_started(&self) {
        self.gateway_started.store(true, Ordering::Release);
    }

    fn authenticate(&self, received: &Credentials) -> std::result::Result<AuthenticatedUser, Status> {
        let text = |text: &str| CString::new(text).map_err(|_| Status::Unauthenticated);
        let (name, secret) = (text(&received.name)?, text(&received.secret)?);
        let source = text(&received.client_address.to_string())?;
        let credentials = rec_credentials {
            struct_size: size_of::<rec_credentials>() as u32,
            scheme: received.scheme as i32,
            name: name.as_ptr(),
            secret: secret.as_ptr(),
            source: source.as_ptr(),
        };
        let mut identity = rec_identity {
            struct_size: size_of::<rec_identity>() as u32,
            level: 0,
            username: [0; 256],
            signature_key: [0; 256],
        };
        let (credentials, result) = (&raw const credentials, &raw mut identity);
        // SAFETY: the host's function. All that it receives lives until it returns.
        let status = unsafe { (self.authenticate)(self.data.pointer(), credentials, result) };
        if status != REC_OK {
            return Err(Status::from_code(status).unwrap_or(Status::Internal));
        }
        Ok(AuthenticatedUser {
            username: Text::from(text_in(&identity.username)?),
            level: identity.level,
            signature_key: text_in(&identity.signature_key)?,
        })
    }
}

/// The text that the host wrote into a buffer, up to its NUL or its end.
fn text_in(buffer: &[c_char]) -> std::result::Result<String, Status> {
    let bytes = buffer.iter().map(|byte| *byte as u8);
    String::from_utf8(bytes.take_while(|byte| *byte != 0).collect()).map_err(|_| Status::Internal)
}

pub fn start(
    engine: Arc<Engine>,
    recorder: Option<Arc<dyn Recorder>>,
    settings: Arc<GatewaySettings>,
    options: &rec_gateway_options,
    address: SocketAddr,
) -> Result<Handle> {
    let authenticator = options.authenticate.map(|authenticate| {
        Arc::new(HostAuthenticator {
            authenticate,
            data: HostData::new(options.user_data, options.user_data_free),
            gateway_started: AtomicBool::new(false),
        }) as Arc<dyn Authenticator>
    });
    handles::gateway::start(
        engine,
        Options {
            settings,
            listen: (options.flags & REC_GATEWAY_NO_SOCKET == 0).then_some(address),
            authenticator,
            recorder,
        },
    )
}

pub fn port(gateway: Handle) -> Result<u32> {
    let address = handles::gateway::get(gateway)?.gateway().address();
    Ok(address.map_or(0, |address| address.port().into()))
}

pub fn stop(gateway: Handle, timeout_ms: u32) -> Result<()> {
    refuse_in_callback_of(handles::gateway::get(gateway)?.gateway())?;
    handles::gateway::stop(gateway, Duration::from_millis(timeout_ms.into()))
}

/// Refuses a function that waits for a gateway if a gateway's callback calls it.
pub fn refuse_in_callback() -> Result<()> {
    if Gateway::is_in_host_function() {
        return Err(in_callback());
    }
    Ok(())
}

fn in_callback() -> Error {
    Error::new(
        Status::InCallback,
        "the function would wait for the callback that called it",
    )
}

fn refuse_in_callback_of(gateway: &Gateway) -> Result<()> {
    if gateway.engine().bus().is_inside() {
        return Err(in_callback());
    }
    refuse_in_callback()
}

pub(super) fn handle(gateway: Handle, given: HttpRequestParts<'_>) -> Result<rec_http_response> {
    let router = handles::gateway::get(gateway)?;
    refuse_in_callback_of(router.gateway())?;
    if given.body.len() > router.gateway().config().max_body_bytes as usize {
        return Err(invalid(format!(
            "request.body_size {} exceeds gateway.max_body_bytes",
            given.body.len()
        )));
    }
    let mut request = Request::builder().method(given.method).uri(given.target);
    for line in given.headers.split("\r\n").filter(|line| !line.is_empty()) {
        let (name, value) = header(line)?;
        request = request.header(name, value);
    }
    let request = request
        .body(Bytes::copy_from_slice(given.body))
        .map_err(|error| invalid(format!("request: {error}")))?;
    let source = given.source.parse().map_err(|_| {
        invalid(format!(
            "request.source \"{}\" is not an IP address",
            given.source
        ))
    })?;
    let (status, headers, body) = router.handle(HttpRequest {
        inner: request,
        client_address: source,
    })?;
    Ok(rec_http_response {
        status: status.into(),
        // A header value cannot contain a NUL.
        headers: CString::new(headers).unwrap_or_default(),
        body,
    })
}

fn header(line: &str) -> Result<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':').unwrap_or_default();
    let name = HeaderName::from_bytes(name.as_bytes()).ok();
    let pair = name.zip(HeaderValue::from_str(value.trim()).ok());
    pair.ok_or_else(|| invalid(format!("request.headers: \"{line}\" is not a header line")))
}
