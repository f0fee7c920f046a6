//! The audio under the url that a start has answered, and the callbacks that tell it.

use std::sync::Arc;

use http::{Method, StatusCode};
use uuid::Uuid;

use super::callback_action::CallbackJobs;
use super::errors::ErrorForm;
use super::{Ask, Dialect, TOKEN_HEADERS, check_urls, claimed_user, token};
use crate::Gateway;
use crate::api::{Answering, ApiGauge, ApiWork, HttpApi, PageHeaders};
use crate::auth::{Refused, caller_of};
use crate::config::GatewayConfig;
use crate::files::{Missing, may_read};
use crate::http::{Answer, Asked, put};
use crate::recording_url::AUDIO_PATH;
use crate::signed_url::{UrlSignature, UrlSigner};
use crate::vobiz::SignatureConfig;
use callrec_core::calls::Caller;
use callrec_core::storage::archive::ArchiveEntry;
use callrec_core::types::Format;

/// The audio, as the server knows it.
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

    /// Not all below its path, and beside it what `recording.url_base` leads to.
    fn claims(&self, request: &Asked) -> bool {
        asked_for(&self.gateway, request).is_some()
    }

    fn answer<'a>(&'a self, request: &'a Asked) -> Answering<'a> {
        let wanted = asked_for(&self.gateway, request).flatten();
        Box::pin(audio(&self.gateway, request, wanted))
    }

    fn refuse(&self, request: &Asked, status: StatusCode, why: &str) -> Answer {
        failed(&self.gateway, request, status, why)
    }

    fn claimed_user(&self, request: &Asked) -> String {
        claimed_user(request)
    }

    /// Its urls are in the answers of both.
    fn belongs_to(&self) -> &[&'static str] {
        &["vobiz", "plivo"]
    }

    fn page_headers(&self) -> PageHeaders {
        PageHeaders {
            sent: &TOKEN_HEADERS,
            read: &[],
        }
    }

    fn attach(&self) {
        check_urls(&self.gateway);
    }

    fn work(&self) -> Option<ApiWork> {
        let callbacks = self.callbacks.clone();
        Some(Box::pin(async move { callbacks.run().await }))
    }

    fn gauges(&self) -> Vec<ApiGauge> {
        vec![ApiGauge {
            name: "callbacks_waiting",
            help: "Callbacks not answered yet",
            value: self.callbacks.waiting(),
        }]
    }
}

/// One recording's audio.
#[derive(Debug)]
struct Wanted {
    id: Uuid,
    ending: String,
}

/// Whether audio is asked for, and which; `Some(None)`: there is none of that name.
fn asked_for(gateway: &Gateway, asked: &Asked) -> Option<Option<Wanted>> {
    let base = &gateway.engine().config().url_base;
    let below = asked.below(AUDIO_PATH).map(|rest| rest.trim_start_matches('/'));
    if let Some(rest) = below
        && is_offered(gateway.config())
    {
        let name = rest.strip_prefix(base.as_str()).unwrap_or(rest);
        return Some(wanted(name));
    }
    // A base that leads to this gateway is served as well.
    let own = base.strip_prefix(gateway.public_url().as_str())?;
    let name = asked.path().strip_prefix(own).filter(|_| own.starts_with('/'))?;
    wanted(name).map(Some)
}

/// Where an answer or a callback may have named such a url.
pub fn is_offered(config: &GatewayConfig) -> bool {
    config.offers("vobiz") || config.offers("plivo") || !config.callbacks_allow.is_empty()
}

fn wanted(name: &str) -> Option<Wanted> {
    let (id, ending) = name.split_once('.')?;
    // As it is written in a url, and no other way.
    let id = Uuid::try_parse(id)
        .ok()
        .filter(|parsed| parsed.to_string() == id)?;
    let ending = ending.to_owned();
    Some(Wanted { id, ending })
}

async fn audio(gateway: &Arc<Gateway>, asked: &Asked, wanted: Option<Wanted>) -> Answer {
    let ask = Ask::new(gateway, asked, Dialect::Vobiz);
    if !matches!(*asked.method(), Method::GET | Method::HEAD) {
        return ask.not_allowed(ErrorForm::Resource, &[Method::GET, Method::HEAD]);
    }
    let shown = gateway.url_signer.as_ref().zip(UrlSignature::of(asked));
    let caller = match shown {
        Some((signer, shown)) if is_signed(signer, &shown, wanted.as_ref()) => Ok(Caller::Host),
        Some(_) => {
            let why = "The url has expired, or is not as it was given";
            return ask.error(ErrorForm::Resource, StatusCode::FORBIDDEN, why);
        }
        None => caller(gateway, asked).await,
    };
    let caller = match caller {
        Ok(caller) => caller,
        Err(Refused::Unknown) => {
            let mut answer = ask.unauthorized(ErrorForm::Resource);
            put(&mut answer, "www-authenticate", "Basic realm=\"recordings\"");
            return answer;
        }
        Err(Refused::Broken) => return ask.missing(Missing::Broken),
        Err(Refused::NotNow) => return ask.not_now(ErrorForm::Resource),
    };
    if !may_read(&caller) {
        return ask.record_only();
    }
    let Some(wanted) = wanted else {
        return ask.missing(Missing::Unknown);
    };
    let id = wanted.id;
    let find = move |entry: &ArchiveEntry| may_have(&caller, entry) && ending(entry) == wanted.ending;
    let found = gateway.shelf.archived(Some(id), move |archive| {
        Ok(archive.find(id).filter(|entry| find(entry)))
    });
    let sent = match found.await {
        Ok(_) => gateway.shelf.audio(asked, id).await,
        Err(missing) => Err(missing),
    };
    sent.unwrap_or_else(|missing| ask.missing(missing))
}

/// Whoever has a signed url may have what it leads to.
fn is_signed(signer: &UrlSigner, shown: &UrlSignature, wanted: Option<&Wanted>) -> bool {
    wanted.is_some_and(|wanted| signer.accepts(&format!("{}.{}", wanted.id, wanted.ending), shown))
}

/// A request that never came here.
fn failed(gateway: &Arc<Gateway>, asked: &Asked, status: StatusCode, why: &str) -> Answer {
    Ask::new(gateway, asked, Dialect::Vobiz).error(ErrorForm::Resource, status, why)
}

/// By X-Auth-ID and X-Auth-Token, by a bearer's token or by HTTP Basic.
async fn caller(gateway: &Arc<Gateway>, asked: &Asked) -> Result<Caller, Refused> {
    let Some(credentials) = token(asked, "") else {
        return gateway.logins.basic(asked).await;
    };
    let identity = gateway.logins.identify(credentials).await?;
    Ok(caller_of(identity, asked))
}

/// Below level 10 a caller's own recordings alone.
pub fn may_have(caller: &Caller, entry: &ArchiveEntry) -> bool {
    match caller {
        Caller::User { username, .. } if caller.is_limited() => {
            !username.is_empty() && username.as_str() == entry.username()
        }
        _ => true,
    }
}

/// Of its file.
pub fn ending(entry: &ArchiveEntry) -> &str {
    let format = entry.format();
    // One that this build does not know was written by another.
    match Format::named(format) {
        Some(known) => known.extension(),
        None => format,
    }
}
