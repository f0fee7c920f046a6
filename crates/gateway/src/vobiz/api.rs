//! Vobiz's recording API, and Plivo's, on which it is modelled.

mod adopted_callbacks;
mod audio;
mod bulk_delete;
mod callback;
mod callback_jobs;
mod errors;
mod recordings;
mod signature;
mod start;
mod stop;
mod times;

use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::{Map, Value};
use uuid::Uuid;

pub use audio::AudioApi;

pub use callback::callback_of_host;

use crate::api::{CorsHeaders, HttpApi, ResponseFuture};
use crate::auth::{AuthError, caller_of};
use crate::config::origin::WebOrigin;
use crate::cors::is_preflight;
use crate::http::{HttpRequest, HttpResponse, decoded, set_header};
use crate::recording_url::is_absolute;
use crate::{Credentials, Gateway, Scheme};
use callrec_core::calls::Caller;
use callrec_core::events::LogLevel;
use errors::ErrorForm;
use recordings::LINKS_PATH;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Vobiz,
    Plivo,
}

/// The API of one gateway in one dialect.
pub struct VobizApi {
    gateway: Arc<Gateway>,
    path: String,
    cors_origins: Vec<WebOrigin>,
    dialect: Dialect,
}

impl VobizApi {
    pub fn new(gateway: &Arc<Gateway>, path: &str, cors_origins: &[WebOrigin], dialect: Dialect) -> VobizApi {
        VobizApi {
            gateway: gateway.clone(),
            path: path.to_owned(),
            cors_origins: cors_origins.to_vec(),
            dialect,
        }
    }

    /// The rest of the path after the API's base path.
    fn rest<'a>(&self, request: &'a HttpRequest) -> Option<&'a str> {
        let link = || request.path_below(self.links_path()?);
        request.path_below(&self.path).or_else(link)
    }

    /// The base path of links in lists, if it differs from the API's.
    fn links_path(&self) -> Option<&'static str> {
        (self.dialect == Dialect::Vobiz).then_some(LINKS_PATH)
    }
}

impl HttpApi for VobizApi {
    fn name(&self) -> &'static str {
        self.dialect.text()
    }

    fn base_path(&self) -> &str {
        &self.path
    }

    /// Vobiz's links begin with a path that Plivo's look-alike may use. If it does not, the
    /// credentials decide. Preflights have none and are claimed too.
    fn claims_unmatched(&self, request: &HttpRequest) -> bool {
        let is_link = || request.path_below(self.links_path()?);
        (has_vobiz_credentials(request) || is_preflight(request)) && is_link().is_some()
    }

    fn respond<'a>(&'a self, request: &'a HttpRequest) -> ResponseFuture<'a> {
        let rest = self.rest(request).unwrap_or_default();
        Box::pin(respond(&self.gateway, request, rest, self.dialect))
    }

    fn error_response(&self, request: &HttpRequest, status: StatusCode, message: &str) -> HttpResponse {
        let rest = self.rest(request).unwrap_or_default();
        server_error(&self.gateway, request, rest, self.dialect, status, message)
    }

    fn claimed_user(&self, request: &HttpRequest) -> String {
        claimed_user(request)
    }

    fn allowed_origins(&self) -> &[WebOrigin] {
        &self.cors_origins
    }

    fn cors_headers(&self) -> CorsHeaders {
        CorsHeaders {
            request: &TOKEN_HEADERS,
            response: &[],
        }
    }
}

/// Warns of recording URLs that clients cannot follow.
fn check_urls(gateway: &Gateway) {
    let config = gateway.config();
    let is_unspecified = gateway
        .address()
        .is_some_and(|address| address.ip().is_unspecified());
    let named = !config.public_url.is_empty() || is_absolute(&gateway.engine().config().url_base);
    if is_unspecified && !named && audio::is_offered(config) {
        let message = format!(
            "gateway.public_url is not set, and the gateway listens on every address: recording URLs \
             begin with {}, which clients on other machines cannot use",
            gateway.public_url()
        );
        gateway.engine().bus().log(LogLevel::Warning, message);
    }
}

/// One request with what is known about it so far.
struct VobizRequest<'a> {
    gateway: &'a Arc<Gateway>,
    http: &'a HttpRequest,
    dialect: Dialect,
    api_id: String,
    /// `auth_id` in the path.
    account: String,
    /// Whether the request concerns the list of recordings.
    is_list: bool,
}

/// The resource that a path names.
enum Resource {
    /// `Call/{call_uuid}/Record/`
    Record(String),
    /// `Recording/`
    Recordings,
    /// `Recording/BulkDelete/`
    BulkDelete,
    /// `Recording/{recording_id}/`
    Recording(String),
}

enum PathMatch {
    Resource(String, Resource),
    /// Wrong case, or no slash at the end.
    Misspelled,
    NotFound,
}

fn match_path(rest: &str, dialect: Dialect) -> PathMatch {
    let segments: Vec<&str> = rest.split('/').collect();
    let resource = match segments.as_slice() {
        ["", "Account", account, "Call", call, "Record", ""] => {
            decoded(account).zip(decoded(call).map(Resource::Record))
        }
        ["", "Account", account, "Recording", ""] => decoded(account).zip(Some(Resource::Recordings)),
        ["", "Account", account, "Recording", "BulkDelete", ""] if dialect == Dialect::Vobiz => {
            decoded(account).zip(Some(Resource::BulkDelete))
        }
        ["", "Account", account, "Recording", id, ""] => {
            decoded(account).zip(decoded(id).map(Resource::Recording))
        }
        _ if is_misspelled(rest) => return PathMatch::Misspelled,
        _ => None,
    };
    match resource {
        // A NUL would truncate the account's name.
        Some((account, resource)) if !account.is_empty() && !account.contains('\0') => {
            PathMatch::Resource(account, resource)
        }
        _ => PathMatch::NotFound,
    }
}

fn is_misspelled(rest: &str) -> bool {
    let lower = rest.to_ascii_lowercase();
    let segments: Vec<&str> = lower.trim_end_matches('/').split('/').collect();
    matches!(
        segments.as_slice(),
        ["", "account", _, "call", _, "record"]
            | ["", "account", _, "recording"]
            | ["", "account", _, "recording", _]
    )
}

async fn respond(gateway: &Arc<Gateway>, http: &HttpRequest, rest: &str, dialect: Dialect) -> HttpResponse {
    let mut request = VobizRequest::new(gateway, http, dialect);
    let resource = match match_path(rest, dialect) {
        PathMatch::Resource(account, resource) => {
            request.account = account;
            resource
        }
        // As published, this looks like a wrong token.
        PathMatch::Misspelled => return request.unauthorized(ErrorForm::General),
        PathMatch::NotFound => {
            return request.error(
                ErrorForm::General,
                StatusCode::NOT_FOUND,
                "There is no such resource",
            );
        }
    };
    request.is_list = matches!(resource, Resource::Recordings);
    let form = form_of(&resource);
    let allowed: &[Method] = match resource {
        Resource::Record(_) => &[Method::POST, Method::DELETE],
        Resource::Recordings => &[Method::GET],
        Resource::BulkDelete => &[Method::DELETE],
        Resource::Recording(_) => &[Method::GET, Method::DELETE],
    };
    if !allowed.contains(http.method()) {
        return request.not_allowed(form, allowed);
    }
    let caller = match request.caller().await {
        Ok(caller) => caller,
        Err(AuthError::InvalidCredentials) => return request.unauthorized(form),
        Err(AuthError::HostFailed) => {
            let message = "It cannot be said now who you are";
            return request.error(form, StatusCode::INTERNAL_SERVER_ERROR, message);
        }
        Err(AuthError::Unavailable) => return request.unavailable(form),
    };
    let is_get = http.method() == Method::GET;
    match resource {
        Resource::Record(call) if http.method() == Method::POST => start::respond(&request, &caller, &call),
        Resource::Record(call) => stop::respond(&request, &caller, &call),
        Resource::Recordings => recordings::list(&request, caller).await,
        Resource::BulkDelete => bulk_delete::respond(&request, &caller).await,
        Resource::Recording(id) if is_get => recordings::get(&request, caller, &id).await,
        Resource::Recording(id) => recordings::delete(&request, caller, &id).await,
    }
}

fn form_of(resource: &Resource) -> ErrorForm {
    match resource {
        Resource::Record(_) => ErrorForm::General,
        _ => ErrorForm::Resource,
    }
}

/// The error response to a request that never reached the API.
fn server_error(
    gateway: &Arc<Gateway>,
    http: &HttpRequest,
    rest: &str,
    dialect: Dialect,
    status: StatusCode,
    message: &str,
) -> HttpResponse {
    let mut request = VobizRequest::new(gateway, http, dialect);
    let form = match match_path(rest, dialect) {
        PathMatch::Resource(_, resource) => {
            request.is_list = matches!(resource, Resource::Recordings);
            form_of(&resource)
        }
        _ => ErrorForm::General,
    };
    request.error(form, status, message)
}

impl<'a> VobizRequest<'a> {
    fn new(gateway: &'a Arc<Gateway>, http: &'a HttpRequest, dialect: Dialect) -> VobizRequest<'a> {
        VobizRequest {
            gateway,
            http,
            dialect,
            api_id: Uuid::new_v4().to_string(),
            account: String::new(),
            is_list: false,
        }
    }
}

impl VobizRequest<'_> {
    fn is_plivo_list(&self) -> bool {
        self.is_list && self.dialect == Dialect::Plivo
    }

    /// The caller, who must be the account in the path.
    async fn caller(&self) -> Result<Caller, AuthError> {
        let credentials = match self.dialect {
            Dialect::Vobiz => token_credentials(self.http, &self.account),
            Dialect::Plivo => {
                let basic = self.http.basic_credentials();
                basic.map(|(name, secret)| credentials_of(self.http, Scheme::Basic, name, secret))
            }
        };
        let credentials = credentials.ok_or(AuthError::InvalidCredentials)?;
        let is_own_account = credentials.name == self.account;
        let user = self.gateway.logins.authenticate(credentials).await?;
        if is_own_account {
            Ok(caller_of(user, self.http))
        } else {
            Err(AuthError::InvalidCredentials)
        }
    }

    /// The parameters of the body, JSON or a form.
    fn parameters(&self) -> Result<Map<String, Value>, String> {
        let kind = self.http.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let body = self.http.body().trim_ascii();
        if body.is_empty() {
            return Ok(Map::new());
        }
        // `curl -d` labels any body as a form.
        let looks_like_json = matches!(body.first(), Some(b'{' | b'['));
        if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") && !looks_like_json {
            return form(body);
        }
        match self.http.json(self.gateway.config().json_depth)? {
            Value::Object(map) => Ok(map),
            Value::Null => Ok(Map::new()),
            _ => Err("a JSON object is needed".to_owned()),
        }
    }

    fn not_allowed(&self, form: ErrorForm, allowed: &[Method]) -> HttpResponse {
        let message = "The method is not allowed here";
        let mut response = self.error(form, StatusCode::METHOD_NOT_ALLOWED, message);
        let allowed: Vec<&str> = allowed.iter().map(Method::as_str).collect();
        set_header(&mut response, "allow", &allowed.join(", "));
        response
    }
}

/// The pairs of a form. A body that only looks like a form is refused, since it would have no
/// parameters and so select everything.
fn form(body: &[u8]) -> Result<Map<String, Value>, String> {
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let is_name = |name: &str| !name.is_empty() && name.chars().all(in_name);
    let pairs: Vec<_> = form_urlencoded::parse(body).into_owned().collect();
    if !body.contains(&b'=') || !pairs.iter().all(|(name, _)| is_name(name)) {
        return Err("the body is neither JSON nor a form".to_owned());
    }
    let pairs = pairs.into_iter();
    Ok(pairs.map(|(name, value)| (name, Value::String(value))).collect())
}

const TOKEN_HEADERS: [&str; 2] = ["X-Auth-ID", "X-Auth-Token"];

/// The user name that the client claims, valid or not.
fn claimed_user(request: &HttpRequest) -> String {
    let token = request.header("x-auth-id").map(str::to_owned);
    let basic = || request.basic_credentials().map(|(name, _)| name);
    token.or_else(basic).unwrap_or_default()
}

/// Credentials from X-Auth-ID and X-Auth-Token, or else a bearer token. A bearer names no account,
/// so the host checks whether the token belongs to the account in the path. Some SDKs send both.
fn token_credentials(http: &HttpRequest, account: &str) -> Option<Credentials> {
    if let (Some(name), Some(secret)) = (http.header("x-auth-id"), http.header("x-auth-token")) {
        return Some(credentials_of(
            http,
            Scheme::Token,
            name.to_owned(),
            secret.to_owned(),
        ));
    }
    let (scheme, token) = http.header("authorization")?.split_once(' ')?;
    let token = token.trim();
    let is_bearer = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty();
    is_bearer.then(|| credentials_of(http, Scheme::Bearer, account.to_owned(), token.to_owned()))
}

/// Whether a request has Vobiz's credentials and not Plivo's.
fn has_vobiz_credentials(http: &HttpRequest) -> bool {
    token_credentials(http, "").is_some() && http.basic_credentials().is_none()
}

fn credentials_of(http: &HttpRequest, scheme: Scheme, name: String, secret: String) -> Credentials {
    Credentials {
        scheme,
        name,
        secret,
        client_address: http.client_address,
    }
}

impl Dialect {
    /// The API's name, also in the payload of a callback.
    fn text(self) -> &'static str {
        match self {
            Dialect::Vobiz => "vobiz",
            Dialect::Plivo => callback::PLIVO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_must_match_exactly() {
        let named = |rest: &str| match match_path(rest, Dialect::Vobiz) {
            PathMatch::Resource(account, Resource::Record(call)) => format!("{account} call {call}"),
            PathMatch::Resource(account, Resource::Recordings) => format!("{account} all"),
            PathMatch::Resource(account, Resource::BulkDelete) => format!("{account} many"),
            PathMatch::Resource(account, Resource::Recording(id)) => format!("{account} one {id}"),
            PathMatch::Misspelled => "misspelled".to_owned(),
            PathMatch::NotFound => "unknown".to_owned(),
        };
        assert_eq!(named("/Account/MA_1/Call/a%20b/Record/"), "MA_1 call a b");
        assert_eq!(named("/Account/MA_1/Recording/"), "MA_1 all");
        assert_eq!(named("/Account/MA_1/Recording/7/"), "MA_1 one 7");
        assert_eq!(named("/Account/MA_1/Recording/BulkDelete/"), "MA_1 many");
        for misspelled in [
            "/account/MA_1/call/7/record/",
            "/Account/MA_1/Call/7/Record",
            "/Account/MA_1/Recording",
            "/Account/MA_1/recording/7/",
            "/Account/MA_1/Recording/7//",
        ] {
            assert_eq!(named(misspelled), "misspelled", "{misspelled}");
        }
        for unknown in [
            "",
            "/",
            "/Account/",
            "/Account//Recording/",
            "/Account/MA_1/",
            "/Account/MA_1/Call/7/Record/Pause/",
            "/Account/MA_1/Conference/7/Record/",
            "/Account/%ff/Recording/",
            "/Account/MA_1%00/Recording/",
        ] {
            assert_eq!(named(unknown), "unknown", "{unknown}");
        }
    }
}
