//! The content of a callback, and the job that a start creates for it.

use bytes::Bytes;
use form_urlencoded::Serializer;
use http::header::{CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{Method, Request};
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::signature::{self, FormField, SignedRequest};
use crate::callbacks::{CallbackUrl, check_allowed};
use crate::config::GatewayConfig;
use crate::vobiz::SignatureV3;
use callrec_core::storage::{CALLBACK, Job, JobSpec, JobSpecs, Manifest};
use callrec_core::types;

/// The value of a callback's `dialect` for Plivo's look-alike; all others are Vobiz's.
pub const PLIVO: &str = "plivo";

/// The receiver of a callback and its options: the payload of the job and a member of the manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Callback {
    pub url: String,
    /// `GET` or `POST`
    pub method: String,
    /// The account whose key signs the callback; empty: it is not signed.
    pub account: String,
    /// The `api_id` of the start request.
    pub api_id: String,
    /// The vendor whose form the callback has.
    pub dialect: String,
}

impl Callback {
    /// Returns `None` if the job's payload names no receiver.
    pub fn of(job: &Job) -> Option<Callback> {
        serde_json::from_str(job.payload.text()).ok()
    }

    pub fn jobs(&self) -> types::Result<JobSpecs> {
        JobSpecs::new(vec![JobSpec::new(CALLBACK, self)])
    }
}

/// The job for a start by the host, with its own `api_id` and unsigned. No job if `url` is empty.
pub fn callback_of_host(config: &GatewayConfig, url: &str, method: &str) -> types::Result<JobSpecs> {
    if url.is_empty() {
        return Ok(JobSpecs::default());
    }
    check_allowed(url, &config.callbacks_allow)?;
    let callback = Callback {
        url: url.to_owned(),
        method: if method.is_empty() { "POST" } else { method }.to_owned(),
        api_id: Uuid::new_v4().to_string(),
        ..Callback::default()
    };
    callback.jobs()
}

/// The eight published fields.
pub fn fields(recording: &Manifest, api_id: &str, record_url: String) -> [FormField; 8] {
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

/// The request to the receiver, signed in this form if there is a key.
pub fn request(
    address: &CallbackUrl,
    callback: &Callback,
    fields: &[FormField],
    recording_id: &str,
    form: SignatureV3,
    key: Option<&str>,
) -> Result<Request<Full<Bytes>>, http::Error> {
    let encoded = Serializer::new(String::new())
        .extend_pairs(fields.iter().map(|(name, value)| (*name, value)))
        .finish();
    let get = callback.method == "GET";
    let (path, body) = match (get, address.path.contains('?')) {
        (false, _) => (address.path.clone(), encoded),
        (true, true) => (format!("{}&{encoded}", address.path), String::new()),
        (true, false) => (format!("{}?{encoded}", address.path), String::new()),
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
        let vendor = if callback.dialect == PLIVO {
            "plivo"
        } else {
            "vobiz"
        };
        let signed = SignedRequest {
            base: &address.base,
            query: address.path.split_once('?').map_or("", |(_, query)| query),
            is_get: get,
            fields,
        };
        for (name, value) in signature::headers(vendor, &callback.account, form, signed, key) {
            request = request.header(name, value);
        }
    }
    request.body(Full::new(Bytes::from(body)))
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

    fn signed_request(dialect: &str, account: &str, url: &str, method: &str) -> Request<Full<Bytes>> {
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
            &CallbackUrl::parse(url).unwrap(),
            &callback,
            &fields,
            "one",
            SignatureV3::Page,
            Some("secret"),
        )
        .unwrap()
    }

    #[test]
    fn a_request_has_the_signature_headers_of_its_vendor() {
        for vendor in ["vobiz", "plivo"] {
            let request = signed_request(vendor, "MA_1", "http://Example.com/hook?a=b", "POST");
            assert_eq!(request.uri(), "/hook?a=b");
            for version in ["v2", "v2-nonce", "v3", "v3-nonce", "ma-v3"] {
                let name = format!("x-{vendor}-signature-{version}");
                assert_ne!(header(&request, &name), "", "{name}");
            }
            assert_eq!(header(&request, "idempotency-key"), "one");
        }
    }

    #[test]
    fn a_get_appends_the_fields_to_its_query() {
        let request = signed_request("vobiz", "MA_1", "http://example.com/hook?a=b", "GET");
        let query = request.uri().query().unwrap();
        assert!(
            query.starts_with("a=b&api_id=api&record_url=http%3A%2F%2Fx%2Fone.wav&"),
            "{query}"
        );
        assert_eq!(header(&request, "content-type"), "");
        let request = signed_request("vobiz", "MA_1", "http://example.com/hook", "GET");
        assert!(request.uri().query().unwrap().starts_with("api_id=api&"));
    }
}
