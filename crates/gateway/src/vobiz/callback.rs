//! What a callback says, and its signatures; and what a start notes for it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use form_urlencoded::Serializer;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{Method, Request};
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use crate::callbacks::{Address, permitted};
use crate::config::GatewayConfig;
use callrec_core::storage::{CALLBACK, Job, JobSpec, JobSpecs, Manifest};
use callrec_core::words;

/// The value of a callback's `dialect` for Plivo's look-alike; any other is Vobiz's.
pub const PLIVO: &str = "plivo";

type Field = (&'static str, String);

/// Who is to be called back, and how: the payload of the job, and a member of the manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Callback {
    pub url: String,
    /// `GET` or `POST`
    pub method: String,
    /// Whose key signs it; empty: nobody's.
    pub account: String,
    /// Of the request that asked for the recording.
    pub api_id: String,
    /// Whose form it has.
    pub dialect: String,
}

impl Callback {
    /// `None` if the job's payload names nobody.
    pub fn of(job: &Job) -> Option<Callback> {
        serde_json::from_str(job.payload.text()).ok()
    }

    pub fn jobs(&self) -> words::Result<JobSpecs> {
        JobSpecs::new(vec![JobSpec::new(CALLBACK, self)])
    }
}

/// The callback of a start by the host itself: its api_id is its own, and it is not signed.
/// No job if the url is empty.
pub fn callback_of_host(config: &GatewayConfig, url: &str, method: &str) -> words::Result<JobSpecs> {
    if url.is_empty() {
        return Ok(JobSpecs::default());
    }
    permitted(url, &config.callbacks_allow)?;
    let callback = Callback {
        url: url.to_owned(),
        method: if method.is_empty() { "POST" } else { method }.to_owned(),
        api_id: Uuid::new_v4().to_string(),
        ..Callback::default()
    };
    callback.jobs()
}

/// The eight published fields.
pub fn fields(recording: &Manifest, api_id: &str, record_url: String) -> [Field; 8] {
    let call = recording.call.value();
    let call = call["call_id"].as_str().unwrap_or_default();
    [
        ("api_id", api_id.to_owned()),
        ("record_url", record_url),
        ("call_uuid", call.to_owned()),
        ("recording_id", recording.id.clone()),
        ("recording_duration", (recording.duration_ms / 1000).to_string()),
        ("recording_duration_ms", recording.duration_ms.to_string()),
        ("recording_start_ms", recording.started_at_ms.to_string()),
        ("recording_end_ms", recording.ended_at_ms.to_string()),
    ]
}

/// The request to the receiver, signed if there is a key.
pub fn request(
    address: &Address,
    callback: &Callback,
    fields: &[Field],
    recording_id: &str,
    key: Option<&str>,
) -> Result<Request<Full<Bytes>>, http::Error> {
    let form = Serializer::new(String::new())
        .extend_pairs(fields.iter().map(|(name, value)| (*name, value)))
        .finish();
    let get = callback.method == "GET";
    let (path, body) = match (get, address.path.contains('?')) {
        (false, _) => (address.path.clone(), form),
        (true, true) => (format!("{}&{form}", address.path), String::new()),
        (true, false) => (format!("{}?{form}", address.path), String::new()),
    };
    let mut request = Request::builder()
        .method(if get { Method::GET } else { Method::POST })
        .uri(path)
        .header(HOST, &address.authority)
        .header(CONNECTION, "close")
        .header(USER_AGENT, concat!("callrec/", env!("CARGO_PKG_VERSION")))
        .header("idempotency-key", recording_id);
    if !get {
        request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    if let Some(key) = key {
        for (name, value) in signatures(address, callback, fields, key) {
            request = request.header(name, value);
        }
    }
    request.body(Full::new(Bytes::from(body)))
}

/// V2 and V3, each with a nonce of its own; for a main account, which is its own
/// parent, the `-MA-` forms too.
fn signatures(address: &Address, callback: &Callback, fields: &[Field], key: &str) -> Vec<(String, String)> {
    let plivo = callback.dialect == PLIVO;
    let vendor = if plivo { "x-plivo" } else { "x-vobiz" };
    let (nonce2, nonce3) = (nonce(), nonce());
    let v2 = sign(key, &format!("{}{nonce2}", address.base));
    let v3 = if plivo {
        sign(
            key,
            &format!("{}.{nonce3}", plivo_text(address, callback, fields)),
        )
    } else {
        sign(key, &format!("{}.{nonce3}", address.base))
    };
    let mut headers = vec![
        (format!("{vendor}-signature-v2-nonce"), nonce2),
        (format!("{vendor}-signature-v3-nonce"), nonce3),
    ];
    if callback.account.starts_with("MA") {
        headers.push((format!("{vendor}-signature-ma-v2"), v2.clone()));
        headers.push((format!("{vendor}-signature-ma-v3"), v3.clone()));
    }
    headers.push((format!("{vendor}-signature-v2"), v2));
    headers.push((format!("{vendor}-signature-v3"), v3));
    headers
}

/// What Plivo's V3 covers beside the nonce: the URL with its query, and the fields,
/// both in the order of their names.
fn plivo_text(address: &Address, callback: &Callback, fields: &[Field]) -> String {
    let query = address.path.split_once('?').map_or("", |(_, query)| query);
    let mut query: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let mut fields = fields.to_vec();
    fields.sort_unstable();
    if callback.method == "GET" {
        let own = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
        query.extend(own);
        return format!("{}?{}", address.base, joined(query));
    }
    let query = joined(query);
    let dot = if query.is_empty() { "" } else { "." };
    let said: String = fields
        .iter()
        .map(|(name, value)| format!("{name}{value}"))
        .collect();
    format!("{}?{query}{dot}{said}", address.base)
}

fn joined(mut pairs: Vec<(String, String)>) -> String {
    pairs.sort_unstable();
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

fn sign(key: &str, text: &str) -> String {
    match Hmac::<Sha256>::new_from_slice(key.as_bytes()) {
        Ok(mut hmac) => {
            hmac.update(text.as_bytes());
            BASE64_STANDARD.encode(hmac.finalize().into_bytes())
        }
        // HMAC takes keys of any length.
        Err(_) => String::new(),
    }
}

/// Twenty digits that nobody can guess.
fn nonce() -> String {
    const ALL: u128 = 100_000_000_000_000_000_000;
    // A UUID has 122 random bits, mixed here so that the fixed ones do not show.
    let random = Uuid::new_v4().as_u128() ^ Uuid::new_v4().as_u128().rotate_left(64);
    format!("{:020}", random % ALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header<'a>(request: &'a Request<Full<Bytes>>, name: &str) -> &'a str {
        request
            .headers()
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    fn made(dialect: &str, account: &str, url: &str, method: &str) -> Request<Full<Bytes>> {
        let callback = Callback {
            url: url.to_owned(),
            method: method.to_owned(),
            account: account.to_owned(),
            api_id: "api".to_owned(),
            dialect: dialect.to_owned(),
        };
        let recording = Manifest {
            id: "one".to_owned(),
            duration_ms: 7880,
            ..Manifest::default()
        };
        let fields = fields(&recording, "api", "http://x/one.wav".to_owned());
        request(
            &Address::parse(url).unwrap(),
            &callback,
            &fields,
            "one",
            Some("secret"),
        )
        .unwrap()
    }

    #[test]
    fn vobiz_signs_the_url_without_its_query() {
        let request = made("vobiz", "SA_1", "http://Example.com/hook?a=b", "POST");
        assert_eq!(request.uri(), "/hook?a=b");
        let nonce = header(&request, "x-vobiz-signature-v2-nonce");
        assert!(nonce.len() == 20 && nonce.bytes().all(|byte| byte.is_ascii_digit()));
        let expected = sign("secret", &format!("http://Example.com/hook{nonce}"));
        assert_eq!(header(&request, "x-vobiz-signature-v2"), expected);
        let nonce = header(&request, "x-vobiz-signature-v3-nonce");
        let expected = sign("secret", &format!("http://Example.com/hook.{nonce}"));
        assert_eq!(header(&request, "x-vobiz-signature-v3"), expected);
        assert_eq!(
            header(&request, "x-vobiz-signature-ma-v2"),
            "",
            "whose parent is unknown"
        );
        assert_eq!(header(&request, "idempotency-key"), "one");
    }

    #[test]
    fn a_main_account_is_its_own_parent() {
        let request = made("vobiz", "MA_1", "http://example.com/hook", "POST");
        for version in ["v2", "v3"] {
            let own = header(&request, &format!("x-vobiz-signature-{version}"));
            assert_eq!(header(&request, &format!("x-vobiz-signature-ma-{version}")), own);
            assert!(!own.is_empty());
        }
    }

    #[test]
    fn a_get_carries_the_fields_behind_its_own_query() {
        let request = made("vobiz", "MA_1", "http://example.com/hook?a=b", "GET");
        let query = request.uri().query().unwrap();
        assert!(
            query.starts_with("a=b&api_id=api&record_url=http%3A%2F%2Fx%2Fone.wav&"),
            "{query}"
        );
        assert_eq!(header(&request, "content-type"), "");
        let request = made("vobiz", "MA_1", "http://example.com/hook", "GET");
        assert!(request.uri().query().unwrap().starts_with("api_id=api&"));
    }

    #[test]
    fn the_hash_is_that_of_everybody_else() {
        // RFC 4231, test case 2.
        let ours = sign("Jefe", "what do ya want for nothing?");
        assert_eq!(ours, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
    }
}
