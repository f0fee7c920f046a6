//! Serves the audio under the URLs that starts return and callbacks contain.

use std::sync::Arc;

use http::{Method, StatusCode};
use uuid::Uuid;

use super::callback_jobs::CallbackJobs;
use super::errors::ErrorForm;
use super::{Dialect, TOKEN_HEADERS, VobizRequest, check_urls, claimed_user, token_credentials};
use crate::Gateway;
use crate::api::{ApiGauge, BackgroundTask, CorsHeaders, HttpApi, ResponseFuture};
use crate::archive_service::{ArchiveError, may_read};
use crate::auth::{AuthError, caller_of};
use crate::config::GatewayConfig;
use crate::http::{HttpRequest, HttpResponse, set_header};
use crate::recording_url::AUDIO_PATH;
use crate::signed_url::{UrlSignature, UrlSigner};
use crate::vobiz::SignatureConfig;
use callrec_core::calls::Caller;
use callrec_core::storage::archive::ArchiveEntry;
use callrec_core::types::Format;

/// The audio API of the server.
pub struct AudioApi {
    gateway: Arc<Gateway>,
    callbacks: Arc<CallbackJobs>,
}

impl AudioApi {
    pub fn new(gateway: &Arc<Gateway>, signatures: &SignatureConfig) -> AudioApi {
        AudioApi {
            callbacks: Arc::new(CallbackJobs::new(gateway, signatures)),
            gateway: gateway.clone(),
        }
    }
}

impl HttpApi for AudioApi {
    fn name(&self) -> &'static str {
        "audio"
    }

    fn base_path(&self) -> &str {
        AUDIO_PATH
    }

    /// Claims audio below its path, and paths to which `recording.url_base` leads.
    fn claims(&self, request: &HttpRequest) -> bool {
        requested_audio(&self.gateway, request).is_some()
    }

    fn respond<'a>(&'a self, request: &'a HttpRequest) -> ResponseFuture<'a> {
        let name = requested_audio(&self.gateway, request).flatten();
        Box::pin(audio(&self.gateway, request, name))
    }

    fn error_response(&self, request: &HttpRequest, status: StatusCode, message: &str) -> HttpResponse {
        server_error(&self.gateway, request, status, message)
    }

    fn claimed_user(&self, request: &HttpRequest) -> String {
        claimed_user(request)
    }

    /// Both vendors' responses contain its URLs.
    fn shares_origins_with(&self) -> &[&'static str] {
        &["vobiz", "plivo"]
    }

    fn cors_headers(&self) -> CorsHeaders {
        CorsHeaders {
            request: &TOKEN_HEADERS,
            response: &[],
        }
    }

    fn attach(&self) {
        check_urls(&self.gateway);
        self.callbacks.attach();
    }

    fn background_task(&self) -> Option<BackgroundTask> {
        let callbacks = self.callbacks.clone();
        Some(Box::pin(async move { callbacks.run().await }))
    }

    fn gauges(&self) -> Vec<ApiGauge> {
        vec![ApiGauge {
            name: "callbacks_waiting",
            help: "Callbacks not answered yet",
            value: self.callbacks.pending(),
        }]
    }
}

/// The file name in an audio URL.
#[derive(Debug)]
struct AudioName {
    id: Uuid,
    extension: String,
}

/// Whether the request is for audio, and for which; `Some(None)` if the name is invalid.
fn requested_audio(gateway: &Gateway, http: &HttpRequest) -> Option<Option<AudioName>> {
    let base = &gateway.engine().config().url_base;
    let rest = http
        .path_below(AUDIO_PATH)
        .map(|rest| rest.trim_start_matches('/'));
    if let Some(rest) = rest
        && is_offered(gateway.config())
    {
        let name = rest.strip_prefix(base.as_str()).unwrap_or(rest);
        return Some(parse_name(name));
    }
    // A base URL that leads to this gateway is served too.
    let own_path = base.strip_prefix(gateway.public_url().as_str())?;
    let name = http
        .path()
        .strip_prefix(own_path)
        .filter(|_| own_path.starts_with('/'))?;
    parse_name(name).map(Some)
}

/// Whether responses or callbacks may contain audio URLs.
pub fn is_offered(config: &GatewayConfig) -> bool {
    config.offers("vobiz") || config.offers("plivo") || !config.callbacks_allow.is_empty()
}

fn parse_name(name: &str) -> Option<AudioName> {
    let (id, extension) = name.split_once('.')?;
    // Only the spelling that URLs use.
    let id = Uuid::try_parse(id)
        .ok()
        .filter(|parsed| parsed.to_string() == id)?;
    let extension = extension.to_owned();
    Some(AudioName { id, extension })
}

async fn audio(gateway: &Arc<Gateway>, http: &HttpRequest, name: Option<AudioName>) -> HttpResponse {
    let request = VobizRequest::new(gateway, http, Dialect::Vobiz);
    if !matches!(*http.method(), Method::GET | Method::HEAD) {
        return request.not_allowed(ErrorForm::Resource, &[Method::GET, Method::HEAD]);
    }
    let signature = gateway.url_signer.as_ref().zip(UrlSignature::from_request(http));
    let caller = match signature {
        Some((signer, signature)) if is_signed(signer, &signature, name.as_ref()) => Ok(Caller::Host),
        Some(_) => {
            let message = "The url has expired, or is not as it was given";
            return request.error(ErrorForm::Resource, StatusCode::FORBIDDEN, message);
        }
        None => caller(gateway, http).await,
    };
    let caller = match caller {
        Ok(caller) => caller,
        Err(AuthError::InvalidCredentials) => {
            let mut response = request.unauthorized(ErrorForm::Resource);
            set_header(&mut response, "www-authenticate", "Basic realm=\"recordings\"");
            return response;
        }
        Err(AuthError::HostFailed) => return request.archive_error(ArchiveError::Failed),
        Err(AuthError::Unavailable) => return request.unavailable(ErrorForm::Resource),
    };
    if !may_read(&caller) {
        return request.record_only();
    }
    let Some(name) = name else {
        return request.archive_error(ArchiveError::NotFound);
    };
    let id = name.id;
    let find = move |entry: &ArchiveEntry| may_access(&caller, entry) && extension(entry) == name.extension;
    let found = gateway.archive.query(Some(id), move |archive| {
        Ok(archive.find(id).filter(|entry| find(entry)))
    });
    let sent = match found.await {
        Ok(_) => gateway.archive.audio_response(http, id).await,
        Err(error) => Err(error),
    };
    sent.unwrap_or_else(|error| request.archive_error(error))
}

/// Whether the signature permits access to this recording.
fn is_signed(signer: &UrlSigner, signature: &UrlSignature, name: Option<&AudioName>) -> bool {
    name.is_some_and(|name| signer.accepts(&format!("{}.{}", name.id, name.extension), signature))
}

/// The error response to a request that never reached the API.
fn server_error(
    gateway: &Arc<Gateway>,
    http: &HttpRequest,
    status: StatusCode,
    message: &str,
) -> HttpResponse {
    VobizRequest::new(gateway, http, Dialect::Vobiz).error(ErrorForm::Resource, status, message)
}

/// Authenticates by X-Auth-ID and X-Auth-Token, bearer token or HTTP Basic.
async fn caller(gateway: &Arc<Gateway>, http: &HttpRequest) -> Result<Caller, AuthError> {
    let Some(credentials) = token_credentials(http, "") else {
        return gateway.logins.authenticate_basic(http).await;
    };
    let user = gateway.logins.authenticate(credentials).await?;
    Ok(caller_of(user, http))
}

/// Callers below level 10 may access only their own recordings.
pub fn may_access(caller: &Caller, entry: &ArchiveEntry) -> bool {
    match caller {
        Caller::User { username, .. } if caller.is_limited() => {
            !username.is_empty() && username.as_str() == entry.username()
        }
        _ => true,
    }
}

/// The extension of the recording's file.
pub fn extension(entry: &ArchiveEntry) -> &str {
    let format = entry.format();
    // A format that this build does not know was written by another build.
    match Format::named(format) {
        Some(known) => known.extension(),
        None => format,
    }
}
