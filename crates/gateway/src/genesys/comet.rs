//! CometD: Bayeux 1.0 over long polling.

mod browser_limits;
mod message;
mod session;
mod sessions;

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{ALLOW, CACHE_CONTROL, HeaderValue, SET_COOKIE, WWW_AUTHENTICATE};
use http::{Method, StatusCode};

use crate::api::{ApiGauge, CorsHeaders, HttpApi, ResponseFuture};
use crate::auth::AuthError;
use crate::config::origin::WebOrigin;
use crate::gateway::Gateway;
use crate::genesys::GenesysConfig;
use crate::genesys::cookie::set_cookie;
use crate::http::{HttpRequest, HttpResponse, empty, response as new_response, with_retry_after};
use browser_limits::BrowserLimits;
use callrec_core::calls::Caller;
use message::{BayeuxReply, BayeuxRequest};
use session::{ConnectResult, HeldConnect, Session};
pub use sessions::{ClientIdentity, Sessions};

/// The channel with the notifications about a user's calls, and its name in older documentation.
pub const CALLS: [&str; 2] = ["/v2/me/calls", "/notifications/me/calls"];

/// Channels that Genesys clients subscribe to but that carry no notifications.
const SILENT_CHANNELS: [&str; 2] = ["/v2/me/devices", "/notifications/services"];

/// Clients may append the message type to the path.
const PATHS: [&str; 6] = ["", "/", "/handshake", "/connect", "/subscribe", "/disconnect"];

const BROWSER: &str = "BAYEUX_BROWSER";

/// CometD of one gateway.
pub struct Comet {
    gateway: Arc<Gateway>,
    sessions: Arc<Sessions>,
}

impl Comet {
    pub fn new(gateway: &Arc<Gateway>, sessions: &Arc<Sessions>) -> Comet {
        Comet {
            gateway: gateway.clone(),
            sessions: sessions.clone(),
        }
    }
}

impl HttpApi for Comet {
    fn name(&self) -> &'static str {
        "cometd"
    }

    fn base_path(&self) -> &str {
        &self.sessions.config().cometd_path
    }

    fn respond<'a>(&'a self, request: &'a HttpRequest) -> ResponseFuture<'a> {
        let rest = request.path_below(self.base_path()).unwrap_or_default();
        Box::pin(respond(&self.gateway, &self.sessions, request, rest))
    }

    fn error_response(&self, _: &HttpRequest, status: StatusCode, reason: &str) -> HttpResponse {
        error_response(status, &format!("{}::{reason}", status.as_u16()))
    }

    fn allowed_origins(&self) -> &[WebOrigin] {
        &self.sessions.config().cors_origins
    }

    /// Clients that use the CSRF token send it here too.
    fn cors_headers(&self) -> CorsHeaders {
        CorsHeaders {
            request: &["X-CSRF-TOKEN"],
            response: &[],
        }
    }

    fn attach(&self) {
        spawn_expiry(self.sessions.config(), &self.sessions);
    }

    fn gauges(&self) -> Vec<ApiGauge> {
        vec![ApiGauge {
            name: "cometd_sessions",
            help: "CometD sessions",
            value: self.sessions.count(),
        }]
    }
}

async fn respond(gateway: &Gateway, sessions: &Sessions, request: &HttpRequest, rest: &str) -> HttpResponse {
    if !PATHS.contains(&rest) {
        return empty(StatusCode::NOT_FOUND);
    }
    if *request.method() != Method::POST {
        let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    let client = match identify(gateway, request).await {
        Ok(client) => client,
        Err(refused) => return refused,
    };
    let messages = match message::parse(request, gateway.config().json_depth) {
        Ok(messages) => messages,
        Err(reason) => return error_response(StatusCode::BAD_REQUEST, &format!("400::{reason}")),
    };
    let mut response = ResponseBuilder::default();
    for message in &messages {
        let is_only = messages.len() == 1;
        handle_message(
            gateway,
            sessions,
            request,
            &client,
            &BayeuxRequest::new(message),
            is_only,
            &mut response,
        )
        .await;
    }
    response.into_response(gateway, sessions.config())
}

/// The user from the credentials, or the browser from the cookie that a handshake has set.
async fn identify(gateway: &Gateway, request: &HttpRequest) -> Result<ClientIdentity, HttpResponse> {
    let has_credentials = request.headers().contains_key(http::header::AUTHORIZATION);
    if !has_credentials && let Some(browser) = request.cookie(BROWSER) {
        return Ok(ClientIdentity::Browser(browser.to_owned()));
    }
    match gateway.logins.authenticate_basic(request).await {
        Ok(Caller::User { username, .. }) => Ok(ClientIdentity::User(username)),
        Ok(Caller::Host) | Err(AuthError::HostFailed) => Err(error_response(
            StatusCode::INTERNAL_SERVER_ERROR,
            "500::Internal error",
        )),
        Err(AuthError::Unavailable) => {
            let refused = error_response(StatusCode::SERVICE_UNAVAILABLE, "503::Too many logins wait");
            Err(with_retry_after(refused))
        }
        Err(AuthError::InvalidCredentials) => Err(unauthenticated()),
    }
}

fn unauthenticated() -> HttpResponse {
    let mut response = error_response(StatusCode::UNAUTHORIZED, "401::Not authenticated");
    let basic = HeaderValue::from_static("Basic realm=\"callrec\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, basic);
    response
}

/// The response to a request whose messages are not processed.
fn error_response(status: StatusCode, error: &str) -> HttpResponse {
    let body = serde_json::json!([{ "successful": false, "error": error }]);
    crate::http::json(status, &body)
}

/// Collects the replies to a request's messages.
#[derive(Default)]
struct ResponseBuilder {
    texts: Vec<Arc<str>>,
    unauthenticated: bool,
    browser: Option<String>,
    /// One request delivers the queued messages at most once.
    connected: bool,
}

impl ResponseBuilder {
    fn push(&mut self, reply: BayeuxReply) {
        self.texts.push(reply.into_text().into());
    }

    fn into_response(self, gateway: &Gateway, config: &GenesysConfig) -> HttpResponse {
        if self.unauthenticated {
            return unauthenticated();
        }
        let body = json_array(&self.texts);
        let mut response = new_response(StatusCode::OK, Some("application/json"), body);
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let browser = self.browser;
        let cookie = browser.and_then(|browser| set_cookie(gateway, config, BROWSER, &browser));
        if let Some(cookie) = cookie {
            headers.insert(SET_COOKIE, cookie);
        }
        response
    }
}

/// Joins messages that are already JSON.
fn json_array(texts: &[Arc<str>]) -> String {
    let length: usize = texts.iter().map(|text| text.len() + 1).sum();
    let mut array = String::with_capacity(length + 2);
    array.push('[');
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            array.push(',');
        }
        array.push_str(text);
    }
    array.push(']');
    array
}

async fn handle_message(
    gateway: &Gateway,
    sessions: &Sessions,
    request: &HttpRequest,
    client: &ClientIdentity,
    message: &BayeuxRequest<'_>,
    is_only: bool,
    response: &mut ResponseBuilder,
) {
    match message.channel() {
        "" => return response.push(message.refused("400::Channel is missing")),
        "/meta/handshake" => {
            return handshake(
                sessions.config(),
                sessions,
                request,
                client,
                message,
                is_only,
                response,
            );
        }
        _ => {}
    }
    let Some(session) = sessions.find(message.client_id(), client) else {
        // The same for another user's session.
        return response.push(message.refused("402::Unknown client").advice("handshake", 0));
    };
    match message.channel() {
        "/meta/connect" if std::mem::replace(&mut response.connected, true) => {
            response.push(message.refused("400::One connect in a request"));
        }
        "/meta/connect" => {
            let browser = request.cookie(BROWSER).and_then(sessions::valid_id);
            let browser = (&sessions.browsers, browser);
            connect(
                gateway,
                sessions.config(),
                browser,
                message,
                &session,
                is_only,
                response,
            )
            .await;
        }
        "/meta/subscribe" => response.push(subscribe(message, &session)),
        "/meta/unsubscribe" => {
            session.unsubscribe(&message.subscriptions());
            response.push(message.accepted(&session).subscription(message));
        }
        "/meta/disconnect" => {
            sessions.end(&session);
            response.push(message.accepted(&session));
        }
        channel if channel.starts_with("/meta/") => {
            response.push(message.refused("404::Unknown channel"));
        }
        _ => response.push(message.refused("403::Publishing is not allowed")),
    }
}

fn handshake(
    config: &GenesysConfig,
    sessions: &Sessions,
    request: &HttpRequest,
    client: &ClientIdentity,
    message: &BayeuxRequest<'_>,
    is_only: bool,
    response: &mut ResponseBuilder,
) {
    let ClientIdentity::User(username) = client else {
        // A handshake creates the session that a cookie would belong to, so it needs credentials.
        response.unauthenticated = true;
        return;
    };
    if !is_only {
        return response.push(
            message
                .refused("400::A handshake goes alone")
                .advice("handshake", 0),
        );
    }
    if !message.supports_long_polling() {
        let refused = message.refused("400::long-polling alone is offered");
        return response.push(refused.negotiated().advice("none", 0));
    }
    let browser = request.cookie(BROWSER).and_then(sessions::valid_id);
    let (is_new, ack) = (browser.is_none(), message.ack_reply());
    let Some(session) = sessions.begin(username.clone(), browser, ack.is_some()) else {
        let refused = message.refused("503::Too many sessions").negotiated();
        return response.push(refused.advice("handshake", config.cometd_session_ms));
    };
    let reply = message.accepted(&session).negotiated();
    let reply = match ack {
        Some(ack) => reply.ext(serde_json::json!({ "ack": ack })),
        None => reply,
    };
    response.push(reply.timing(config.cometd_timeout_ms, config.cometd_session_ms));
    response.browser = is_new.then(|| session.browser().to_owned());
}

fn subscribe(message: &BayeuxRequest<'_>, session: &Session) -> BayeuxReply {
    let channels = message.subscriptions();
    if channels.is_empty() {
        return message.refused("400::Subscription is missing");
    }
    if let Some(unknown) = channels.iter().find(|channel| !is_offered(channel)) {
        let error = format!("403:{unknown}:There is no such channel to subscribe to");
        return message.refused(&error).subscription(message);
    }
    session.subscribe(&channels);
    message.accepted(session).subscription(message)
}

fn is_offered(subscription: &str) -> bool {
    let mut channels = CALLS.into_iter().chain(SILENT_CHANNELS);
    channels.any(|channel| session::matches(subscription, channel))
}

async fn connect(
    gateway: &Gateway,
    config: &GenesysConfig,
    (browsers, browser): (&BrowserLimits, Option<String>),
    message: &BayeuxRequest<'_>,
    session: &Arc<Session>,
    is_only: bool,
    response: &mut ResponseBuilder,
) {
    let max_ms = u64::from(config.cometd_timeout_ms);
    let timeout = message.timeout().map_or(max_ms, |timeout| timeout.min(max_ms));
    let held = HeldConnect::new(session, message.acknowledged());
    // Other replies in the same request must not wait.
    let may_wait = is_only && timeout > 0 && !held.is_first();
    // Held until the connect is answered.
    let permit = browsers.permit(browser, session.id(), may_wait);
    let result = if may_wait && permit.is_some() {
        let mut stopped = gateway.stopping();
        tokio::select! {
            result = held.wait(Instant::now() + Duration::from_millis(timeout)) => result,
            _ = stopped.wait_for(|stopped| *stopped) => held.take(),
        }
    } else {
        held.take()
    };
    let reply = match result {
        ConnectResult::Messages(messages, batch) => {
            response.texts.extend(messages);
            let reply = message.accepted(session);
            let reply = match batch {
                Some(batch) => reply.ext(serde_json::json!({ "ack": batch })),
                None => reply,
            };
            add_advice(config, session, reply, permit.is_some())
        }
        ConnectResult::Superseded => {
            // The pause keeps two polling clients from superseding each other forever.
            session.set_paused(true);
            let refused = message.refused("409::A later connect has come");
            refused.advice("retry", pause_ms(config))
        }
        ConnectResult::Closed(reconnect) => message.refused("402::Unknown client").advice(reconnect, 0),
    };
    response.push(reply);
}

/// Advises a client whose connects may not be held to poll at an interval, since another session of
/// its browser has one held. Withdraws the advice later.
fn add_advice(config: &GenesysConfig, session: &Session, reply: BayeuxReply, may_hold: bool) -> BayeuxReply {
    let (timeout, maximum) = (config.cometd_timeout_ms, config.cometd_session_ms);
    let was_paused = session.set_paused(!may_hold);
    match may_hold {
        false => reply.multiple_clients(pause_ms(config), timeout, maximum),
        true if was_paused => reply.timing(timeout, maximum),
        true => reply,
    }
}

/// The interval between connects that may not be held, short enough to keep the session alive.
fn pause_ms(config: &GenesysConfig) -> u32 {
    config
        .cometd_multi_session_interval_ms
        .min(config.cometd_session_ms / 2)
}

/// Periodically closes expired sessions until the gateway stops.
fn spawn_expiry(config: &GenesysConfig, sessions: &Arc<Sessions>) {
    let timeout = Duration::from_millis(config.cometd_session_ms.into());
    let interval = (timeout / 4).clamp(Duration::from_millis(20), Duration::from_secs(1));
    let weak = Arc::downgrade(sessions);
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let Some(sessions) = weak.upgrade() else { return };
            sessions.expire(timeout);
        }
    });
}
