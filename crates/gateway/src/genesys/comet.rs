//! CometD: Bayeux 1.0 over long polling.

mod browsers;
mod message;
mod session;
mod sessions;

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{ALLOW, CACHE_CONTROL, HeaderValue, SET_COOKIE, WWW_AUTHENTICATE};
use http::{Method, StatusCode};

use crate::api::{Answering, ApiGauge, HttpApi, PageHeaders};
use crate::auth::Refused;
use crate::config::origin::WebOrigin;
use crate::gateway::Gateway;
use crate::genesys::GenesysConfig;
use crate::genesys::cookie::set_cookie;
use crate::http::{Answer, Asked, answer as answered, empty, later};
use browsers::Browsers;
use callrec_core::calls::Caller;
use message::{Asks, Reply};
use session::{HeldConnect, Polled, Session};
pub use sessions::{Sessions, Who};

/// What a call's own user is told of it: the channel, and the name that older
/// documentation gives it.
pub const CALLS: [&str; 2] = ["/v2/me/calls", "/notifications/me/calls"];

/// What else Genesys' clients subscribe to: nothing is ever told there.
const OTHERS: [&str; 2] = ["/v2/me/devices", "/notifications/services"];

/// Clients may name the kind of message behind the path.
const KINDS: [&str; 6] = ["", "/", "/handshake", "/connect", "/subscribe", "/disconnect"];

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

    fn answer<'a>(&'a self, request: &'a Asked) -> Answering<'a> {
        let rest = request.below(self.base_path()).unwrap_or_default();
        Box::pin(answer(&self.gateway, &self.sessions, request, rest))
    }

    fn refuse(&self, _: &Asked, status: StatusCode, why: &str) -> Answer {
        failed(status, &format!("{}::{why}", status.as_u16()))
    }

    fn allowed_origins(&self) -> &[WebOrigin] {
        &self.sessions.config().cors_origins
    }

    /// Clients that send the token send it here, too.
    fn page_headers(&self) -> PageHeaders {
        PageHeaders {
            sent: &["X-CSRF-TOKEN"],
            read: &[],
        }
    }

    fn attach(&self) {
        sweep(self.sessions.config(), &self.sessions);
    }

    fn gauges(&self) -> Vec<ApiGauge> {
        vec![ApiGauge {
            name: "cometd_sessions",
            help: "CometD sessions",
            value: self.sessions.count(),
        }]
    }
}

async fn answer(gateway: &Gateway, sessions: &Sessions, asked: &Asked, rest: &str) -> Answer {
    if !KINDS.contains(&rest) {
        return empty(StatusCode::NOT_FOUND);
    }
    if *asked.method() != Method::POST {
        let mut answer = empty(StatusCode::METHOD_NOT_ALLOWED);
        answer
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("POST"));
        return answer;
    }
    let who = match who(gateway, asked).await {
        Ok(who) => who,
        Err(refused) => return refused,
    };
    let messages = match message::read(asked, gateway.config().json_depth) {
        Ok(messages) => messages,
        Err(why) => return failed(StatusCode::BAD_REQUEST, &format!("400::{why}")),
    };
    let mut parts = Parts::default();
    for message in &messages {
        let alone = messages.len() == 1;
        one(
            gateway,
            sessions,
            asked,
            &who,
            &Asks::new(message),
            alone,
            &mut parts,
        )
        .await;
    }
    parts.answer(gateway, sessions.config())
}

/// The user that the header names, or the browser that a handshake has named.
async fn who(gateway: &Gateway, asked: &Asked) -> Result<Who, Answer> {
    let header = asked.headers().contains_key(http::header::AUTHORIZATION);
    if !header && let Some(browser) = asked.cookie(BROWSER) {
        return Ok(Who::Browser(browser.to_owned()));
    }
    match gateway.logins.basic(asked).await {
        Ok(Caller::User { username, .. }) => Ok(Who::User(username)),
        Ok(Caller::Host) | Err(Refused::Broken) => {
            Err(failed(StatusCode::INTERNAL_SERVER_ERROR, "500::Internal error"))
        }
        Err(Refused::NotNow) => {
            let refused = failed(StatusCode::SERVICE_UNAVAILABLE, "503::Too many logins wait");
            Err(later(refused))
        }
        Err(Refused::Unknown) => Err(unauthenticated()),
    }
}

fn unauthenticated() -> Answer {
    let mut answer = failed(StatusCode::UNAUTHORIZED, "401::Not authenticated");
    let basic = HeaderValue::from_static("Basic realm=\"callrec\"");
    answer.headers_mut().insert(WWW_AUTHENTICATE, basic);
    answer
}

/// A request of which no message is looked at.
fn failed(status: StatusCode, error: &str) -> Answer {
    let told = serde_json::json!([{ "successful": false, "error": error }]);
    crate::http::json(status, &told)
}

/// The answer, message by message.
#[derive(Default)]
struct Parts {
    texts: Vec<Arc<str>>,
    unauthenticated: bool,
    browser: Option<String>,
    /// A connect brings all that waits, and one request brings that once.
    connected: bool,
}

impl Parts {
    fn push(&mut self, reply: Reply) {
        self.texts.push(reply.text().into());
    }

    fn answer(self, gateway: &Gateway, config: &GenesysConfig) -> Answer {
        if self.unauthenticated {
            return unauthenticated();
        }
        let body = array(&self.texts);
        let mut answer = answered(StatusCode::OK, Some("application/json"), body);
        let headers = answer.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let browser = self.browser;
        let cookie = browser.and_then(|browser| set_cookie(gateway, config, BROWSER, &browser));
        if let Some(cookie) = cookie {
            headers.insert(SET_COOKIE, cookie);
        }
        answer
    }
}

/// They are JSON already.
fn array(texts: &[Arc<str>]) -> String {
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

async fn one(
    gateway: &Gateway,
    sessions: &Sessions,
    asked: &Asked,
    who: &Who,
    asks: &Asks<'_>,
    alone: bool,
    parts: &mut Parts,
) {
    match asks.channel() {
        "" => return parts.push(asks.refused("400::Channel is missing")),
        "/meta/handshake" => return handshake(sessions.config(), sessions, asked, who, asks, alone, parts),
        _ => {}
    }
    let Some(session) = sessions.find(asks.client_id(), who) else {
        // Also where it is another user's.
        return parts.push(asks.refused("402::Unknown client").advice("handshake", 0));
    };
    match asks.channel() {
        "/meta/connect" if std::mem::replace(&mut parts.connected, true) => {
            parts.push(asks.refused("400::One connect in a request"));
        }
        "/meta/connect" => {
            let browser = asked.cookie(BROWSER).and_then(sessions::valid_id);
            let browser = (&sessions.browsers, browser);
            connect(gateway, sessions.config(), browser, asks, &session, alone, parts).await;
        }
        "/meta/subscribe" => parts.push(subscribe(asks, &session)),
        "/meta/unsubscribe" => {
            session.unsubscribe(&asks.subscriptions());
            parts.push(asks.accepted(&session).subscription(asks));
        }
        "/meta/disconnect" => {
            sessions.end(&session);
            parts.push(asks.accepted(&session));
        }
        channel if channel.starts_with("/meta/") => {
            parts.push(asks.refused("404::Unknown channel"));
        }
        _ => parts.push(asks.refused("403::Publishing is not allowed")),
    }
}

fn handshake(
    config: &GenesysConfig,
    sessions: &Sessions,
    asked: &Asked,
    who: &Who,
    asks: &Asks<'_>,
    alone: bool,
    parts: &mut Parts,
) {
    let Who::User(username) = who else {
        // A cookie goes with a session, and this asks for one.
        parts.unauthenticated = true;
        return;
    };
    if !alone {
        return parts.push(asks.refused("400::A handshake goes alone").advice("handshake", 0));
    }
    if !asks.takes_long_polling() {
        let refused = asks.refused("400::long-polling alone is offered");
        return parts.push(refused.offered().advice("none", 0));
    }
    let browser = asked.cookie(BROWSER).and_then(sessions::valid_id);
    let (is_new, ack) = (browser.is_none(), asks.ack_offered());
    let Some(session) = sessions.begin(username.clone(), browser, ack.is_some()) else {
        let refused = asks.refused("503::Too many sessions").offered();
        return parts.push(refused.advice("handshake", config.cometd_session_ms));
    };
    let reply = asks.accepted(&session).offered();
    let reply = match ack {
        Some(ack) => reply.ext(serde_json::json!({ "ack": ack })),
        None => reply,
    };
    parts.push(reply.timing(config.cometd_timeout_ms, config.cometd_session_ms));
    parts.browser = is_new.then(|| session.browser().to_owned());
}

fn subscribe(asks: &Asks<'_>, session: &Session) -> Reply {
    let wanted = asks.subscriptions();
    if wanted.is_empty() {
        return asks.refused("400::Subscription is missing");
    }
    if let Some(unknown) = wanted.iter().find(|wanted| !is_offered(wanted)) {
        let error = format!("403:{unknown}:There is no such channel to subscribe to");
        return asks.refused(&error).subscription(asks);
    }
    session.subscribe(&wanted);
    asks.accepted(session).subscription(asks)
}

fn is_offered(wanted: &str) -> bool {
    let mut channels = CALLS.into_iter().chain(OTHERS);
    channels.any(|channel| session::matches(wanted, channel))
}

async fn connect(
    gateway: &Gateway,
    config: &GenesysConfig,
    (browsers, browser): (&Browsers, Option<String>),
    asks: &Asks<'_>,
    session: &Arc<Session>,
    alone: bool,
    parts: &mut Parts,
) {
    let most = u64::from(config.cometd_timeout_ms);
    let timeout = asks.timeout().map_or(most, |timeout| timeout.min(most));
    let held = HeldConnect::new(session, asks.acknowledged());
    // Other answers in the same request are not kept waiting.
    let waits = alone && timeout > 0 && !held.is_first();
    // Until the connect has been answered.
    let permit = browsers.permit(browser, session.id(), waits);
    let polled = if waits && permit.is_some() {
        let mut stopped = gateway.stopping();
        tokio::select! {
            polled = held.wait(Instant::now() + Duration::from_millis(timeout)) => polled,
            _ = stopped.wait_for(|stopped| *stopped) => held.take(),
        }
    } else {
        held.take()
    };
    let reply = match polled {
        Polled::Messages(messages, batch) => {
            parts.texts.extend(messages);
            let reply = asks.accepted(session);
            let reply = match batch {
                Some(batch) => reply.ext(serde_json::json!({ "ack": batch })),
                None => reply,
            };
            advised(config, session, reply, permit.is_some())
        }
        Polled::Superseded => {
            // With a pause: two that go on polling would end each other without one.
            session.set_paused(true);
            let refused = asks.refused("409::A later connect has come");
            refused.advice("retry", pause_ms(config))
        }
        Polled::Over(reconnect) => asks.refused("402::Unknown client").advice(reconnect, 0),
    };
    parts.push(reply);
}

/// Tells a client whose connects may not be held that it is one of several of its
/// browser, and tells it when that is over.
fn advised(config: &GenesysConfig, session: &Session, reply: Reply, may_hold: bool) -> Reply {
    let (timeout, maximum) = (config.cometd_timeout_ms, config.cometd_session_ms);
    let was_paused = session.set_paused(!may_hold);
    match may_hold {
        false => reply.multiple_clients(pause_ms(config), timeout, maximum),
        true if was_paused => reply.timing(timeout, maximum),
        true => reply,
    }
}

/// Between the connects of a client that is not to hold one: short enough for its session
/// to be remembered.
fn pause_ms(config: &GenesysConfig) -> u32 {
    config
        .cometd_multi_session_interval_ms
        .min(config.cometd_session_ms / 2)
}

/// Forgets sessions whose clients have not come back, until the gateway stops.
fn sweep(config: &GenesysConfig, sessions: &Arc<Sessions>) {
    let gone = Duration::from_millis(config.cometd_session_ms.into());
    let every = (gone / 4).clamp(Duration::from_millis(20), Duration::from_secs(1));
    let weak = Arc::downgrade(sessions);
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let Some(sessions) = weak.upgrade() else { return };
            sessions.sweep(gone);
        }
    });
}
