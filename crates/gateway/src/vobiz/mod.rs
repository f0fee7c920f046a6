//! Vobiz's recording API, and Plivo's which it is modelled on.

mod audio;
mod errors;
mod recordings;
mod start;
mod stop;

use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::{Map, Value};
use uuid::Uuid;

pub use audio::{Wanted as AudioWanted, asked_for as audio_asked_for, audio, failed as audio_failed};

use super::auth::{Refused, caller_of};
use super::http::{Answer, Asked, decoded, put};
use super::outbox;
use super::recording_url::is_absolute;
use super::{Credentials, Gateway, Scheme};
use callrec_core::calls::Caller;
use callrec_core::events::LogLevel;
use errors::ErrorForm;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Vobiz,
    Plivo,
}

/// A url that nobody can follow is better told of before one is answered.
pub fn check_urls(gateway: &Gateway) {
    let config = gateway.config();
    let everywhere = gateway
        .address()
        .is_some_and(|address| address.ip().is_unspecified());
    let named = !config.public_url.is_empty() || is_absolute(&gateway.engine().config().url_base);
    if everywhere && !named && audio::is_offered(config) {
        let message = format!(
            "gateway.public_url is not set, and the gateway listens on every address: \
             recordings' urls begin with {}",
            gateway.public_url()
        );
        gateway.engine().bus().log(LogLevel::Warning, message);
    }
}

/// One request, as far as it is known.
struct Ask<'a> {
    gateway: &'a Arc<Gateway>,
    asked: &'a Asked,
    dialect: Dialect,
    api_id: String,
    /// `auth_id` of the path.
    account: String,
}

/// What a path names.
enum Resource {
    /// `Call/{call_uuid}/Record/`
    Record(String),
    /// `Recording/`
    Recordings,
    /// `Recording/{recording_id}/`
    Recording(String),
}

enum Found {
    Resource(String, Resource),
    /// Another case, or no slash at the end.
    Nearly,
    Nothing,
}

fn find(rest: &str) -> Found {
    let parts: Vec<&str> = rest.split('/').collect();
    let resource = match parts.as_slice() {
        ["", "Account", account, "Call", call, "Record", ""] => {
            decoded(account).zip(decoded(call).map(Resource::Record))
        }
        ["", "Account", account, "Recording", ""] => decoded(account).zip(Some(Resource::Recordings)),
        ["", "Account", account, "Recording", id, ""] => {
            decoded(account).zip(decoded(id).map(Resource::Recording))
        }
        _ if is_nearly(rest) => return Found::Nearly,
        _ => None,
    };
    match resource {
        // No account has a NUL, behind which a name could hide.
        Some((account, resource)) if !account.is_empty() && !account.contains('\0') => {
            Found::Resource(account, resource)
        }
        _ => Found::Nothing,
    }
}

fn is_nearly(rest: &str) -> bool {
    let lower = rest.to_ascii_lowercase();
    let parts: Vec<&str> = lower.trim_end_matches('/').split('/').collect();
    matches!(
        parts.as_slice(),
        ["", "account", _, "call", _, "record"]
            | ["", "account", _, "recording"]
            | ["", "account", _, "recording", _]
    )
}

pub async fn answer(gateway: &Arc<Gateway>, asked: &Asked, rest: &str, dialect: Dialect) -> Answer {
    let mut ask = Ask::new(gateway, asked, dialect);
    let resource = match find(rest) {
        Found::Resource(account, resource) => {
            ask.account = account;
            resource
        }
        // As published: it looks like a wrong token.
        Found::Nearly => return ask.unauthorized(ErrorForm::General),
        Found::Nothing => {
            return ask.error(
                ErrorForm::General,
                StatusCode::NOT_FOUND,
                "There is no such resource",
            );
        }
    };
    let form = form_of(&resource);
    let allowed: &[Method] = match resource {
        Resource::Record(_) => &[Method::POST, Method::DELETE],
        Resource::Recordings => &[Method::GET],
        Resource::Recording(_) => &[Method::GET, Method::DELETE],
    };
    if !allowed.contains(asked.method()) {
        return ask.not_allowed(form, allowed);
    }
    let caller = match ask.caller().await {
        Ok(caller) => caller,
        Err(Refused::Unknown) => return ask.unauthorized(form),
        Err(Refused::Broken) => {
            let why = "It cannot be said now who you are";
            return ask.error(form, StatusCode::INTERNAL_SERVER_ERROR, why);
        }
        Err(Refused::NotNow) => return ask.not_now(form),
    };
    let is_get = asked.method() == Method::GET;
    match resource {
        Resource::Record(call) if asked.method() == Method::POST => start::answer(&ask, &caller, &call),
        Resource::Record(call) => stop::answer(&ask, &caller, &call),
        Resource::Recordings => recordings::list(&ask, caller).await,
        Resource::Recording(id) if is_get => recordings::get(&ask, caller, &id).await,
        Resource::Recording(id) => recordings::delete(&ask, caller, &id).await,
    }
}

fn form_of(resource: &Resource) -> ErrorForm {
    match resource {
        Resource::Record(_) => ErrorForm::General,
        _ => ErrorForm::Resource,
    }
}

/// A request that never came here.
pub fn failed(
    gateway: &Arc<Gateway>,
    asked: &Asked,
    rest: &str,
    dialect: Dialect,
    status: StatusCode,
    why: &str,
) -> Answer {
    let form = match find(rest) {
        Found::Resource(_, resource) => form_of(&resource),
        _ => ErrorForm::General,
    };
    Ask::new(gateway, asked, dialect).error(form, status, why)
}

impl<'a> Ask<'a> {
    fn new(gateway: &'a Arc<Gateway>, asked: &'a Asked, dialect: Dialect) -> Ask<'a> {
        Ask {
            gateway,
            asked,
            dialect,
            api_id: Uuid::new_v4().to_string(),
            account: String::new(),
        }
    }
}

impl Ask<'_> {
    /// Who asks: the account that the path names, and no other.
    async fn caller(&self) -> Result<Caller, Refused> {
        let asked = self.asked;
        let (scheme, name, secret) = match self.dialect {
            Dialect::Vobiz => {
                let (name, secret) = token(asked).ok_or(Refused::Unknown)?;
                (Scheme::Token, name, secret)
            }
            Dialect::Plivo => {
                let (name, secret) = asked.basic().ok_or(Refused::Unknown)?;
                (Scheme::Basic, name, secret)
            }
        };
        let own = name == self.account;
        let credentials = Credentials {
            scheme,
            name,
            secret,
            source: asked.source,
        };
        let identity = self.gateway.logins.identify(credentials).await?;
        if own {
            Ok(caller_of(identity, asked))
        } else {
            Err(Refused::Unknown)
        }
    }

    /// What the body says, as JSON or as a form.
    fn parameters(&self) -> Result<Map<String, Value>, String> {
        let kind = self.asked.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let body = self.asked.body().trim_ascii();
        if body.is_empty() {
            return Ok(Map::new());
        }
        // What `curl -d` sends is called a form, whatever it is.
        let looks_like_json = matches!(body.first(), Some(b'{' | b'['));
        if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") && !looks_like_json {
            return form(body);
        }
        match self.asked.json(self.gateway.config().json_depth)? {
            Value::Object(map) => Ok(map),
            Value::Null => Ok(Map::new()),
            _ => Err("a JSON object is needed".to_owned()),
        }
    }

    fn not_allowed(&self, form: ErrorForm, allowed: &[Method]) -> Answer {
        let why = "The method is not allowed here";
        let mut answer = self.error(form, StatusCode::METHOD_NOT_ALLOWED, why);
        let allowed: Vec<&str> = allowed.iter().map(Method::as_str).collect();
        put(&mut answer, "allow", &allowed.join(", "));
        answer
    }
}

/// Its pairs. What only passes for a form would say nothing, and so ask for everything.
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

/// X-Auth-ID and X-Auth-Token.
fn token(asked: &Asked) -> Option<(String, String)> {
    let name = asked.header("x-auth-id")?;
    let secret = asked.header("x-auth-token")?;
    Some((name.to_owned(), secret.to_owned()))
}

impl Dialect {
    /// As a callback's paper notes it.
    fn text(self) -> &'static str {
        match self {
            Dialect::Vobiz => "vobiz",
            Dialect::Plivo => outbox::PLIVO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_met_to_the_letter() {
        let named = |rest: &str| match find(rest) {
            Found::Resource(account, Resource::Record(call)) => format!("{account} call {call}"),
            Found::Resource(account, Resource::Recordings) => format!("{account} all"),
            Found::Resource(account, Resource::Recording(id)) => format!("{account} one {id}"),
            Found::Nearly => "nearly".to_owned(),
            Found::Nothing => "nothing".to_owned(),
        };
        assert_eq!(named("/Account/MA_1/Call/a%20b/Record/"), "MA_1 call a b");
        assert_eq!(named("/Account/MA_1/Recording/"), "MA_1 all");
        assert_eq!(named("/Account/MA_1/Recording/7/"), "MA_1 one 7");
        for nearly in [
            "/account/MA_1/call/7/record/",
            "/Account/MA_1/Call/7/Record",
            "/Account/MA_1/Recording",
            "/Account/MA_1/recording/7/",
            "/Account/MA_1/Recording/7//",
        ] {
            assert_eq!(named(nearly), "nearly", "{nearly}");
        }
        for nothing in [
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
            assert_eq!(named(nothing), "nothing", "{nothing}");
        }
    }
}
