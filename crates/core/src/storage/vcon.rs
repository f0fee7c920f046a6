//! The vCon of a finished recording: draft-ietf-vcon-vcon-core-04, in its unsigned form.
//!
//! A vCon is a JSON object that names the parties of a conversation and refers to its recordings.
//! The audio is not copied into it.

mod party;

use super::manifest::{Manifest, rfc3339};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use callrec_codec::mime_type;
use party::CallParties;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The version of the syntax that the draft defines.
const SYNTAX: &str = "0.4.0";
const VENDOR: &str = "callrec";
const PRODUCT: &str = concat!("callrec ", env!("CARGO_PKG_VERSION"));
/// The schema of the body of the analysis.
const REPORT_SCHEMA: &str = "recording/1";

/// Everything that a vCon is made of. The same source gives the same bytes.
pub struct VconSource<'a> {
    pub id: Uuid,
    /// As published, with its spans.
    pub manifest: &'a Manifest,
    /// Unix time.
    pub created_at_ms: i64,
    /// The SHA-512 digest of the audio file.
    pub sha512: &'a [u8],
}

impl VconSource<'_> {
    pub fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        let parties = CallParties::of(self.manifest);
        let vcon = json!({
            "vcon": SYNTAX,
            "uuid": vcon_uuid(self.id, self.created_at_ms).as_hyphenated().to_string(),
            "created_at": date(self.created_at_ms),
            "parties": parties.objects(),
            "dialog": [self.dialog(&parties)],
            "analysis": [self.analysis(&parties)],
            "attachments": [],
        });
        let mut bytes = serde_json::to_vec(&vcon)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The recording.
    fn dialog(&self, parties: &CallParties) -> Value {
        let manifest = self.manifest;
        let mut dialog = Map::new();
        let mut put = |name: &str, value: Value| dialog.insert(name.to_owned(), value);
        put("type", json!("recording"));
        put("start", json!(date(manifest.started_at_ms)));
        put("duration", seconds(manifest.duration_ms));
        put("parties", parties.of_channels());
        if let Some(originator) = parties.originator() {
            put("originator", json!(originator));
        }
        put("mediatype", json!(media_type(&manifest.format)));
        put("filename", json!(file_name(&manifest.file)));
        // The draft requires HTTPS.
        if manifest.url.starts_with("https://") {
            put("url", json!(manifest.url));
        }
        let hash = format!("sha512-{}", URL_SAFE_NO_PAD.encode(self.sha512));
        put("content_hash", json!(hash));
        let history = parties.history();
        if !history.is_empty() {
            put("party_history", Value::Array(history));
        }
        Value::Object(dialog)
    }

    /// What is missing in the audio, and the parties as callrec knows them. The draft leaves the
    /// contents of an analysis to its vendor.
    fn analysis(&self, parties: &CallParties) -> Value {
        let manifest = self.manifest;
        json!({
            "type": "report",
            "dialog": 0,
            "mediatype": "application/json",
            "vendor": VENDOR,
            "product": PRODUCT,
            "schema": REPORT_SCHEMA,
            "body": {
                "recording": manifest.id,
                "call_id": parties.call_id(),
                "state": manifest.state,
                "end_reason": manifest.end_reason,
                "recovered": manifest.recovered,
                "parties": parties.lines(),
                "sample_rate": manifest.sample_rate,
                "samples": manifest.samples,
                "paused_ms": manifest.paused_ms,
                "lost_ms": manifest.lost_ms,
                "spans": manifest.spans,
                "spans_dropped": manifest.spans_dropped,
            },
            "encoding": "json",
        })
    }
}

/// The uuid of a recording's vCon: version 8 with the time of its creation, as the draft
/// recommends, and with the random bits of the recording's id, so that it is unique and the same
/// in every attempt.
fn vcon_uuid(id: Uuid, created_at_ms: i64) -> Uuid {
    let mut bytes = *id.as_bytes();
    bytes[..6].copy_from_slice(&created_at_ms.to_be_bytes()[2..]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Uuid::from_bytes(bytes)
}

/// Whether these are the bytes of a vCon that callrec has made for this recording.
pub fn is_vcon_of(bytes: &[u8], id: Uuid) -> bool {
    #[derive(Deserialize)]
    struct Identity {
        uuid: String,
    }
    let found = serde_json::from_slice::<Identity>(bytes).ok();
    let found = found.and_then(|found| Uuid::try_parse(&found.uuid).ok());
    found.is_some_and(|found| vcon_uuid(found, 0) == vcon_uuid(id, 0))
}

/// A date of RFC 8620, section 1.4: a fraction of zero is omitted.
fn date(unix_ms: i64) -> String {
    let text = rfc3339(unix_ms);
    match text.strip_suffix(".000Z") {
        Some(whole) => format!("{whole}Z"),
        None => text,
    }
}

/// An integer, or a number with a decimal point.
fn seconds(ms: u64) -> Value {
    match ms % 1000 {
        0 => json!(ms / 1000),
        _ => json!(ms as f64 / 1000.0),
    }
}

/// The draft lists other names for two of the types.
fn media_type(format: &str) -> &'static str {
    match mime_type(format) {
        "audio/wav" => "audio/x-wav",
        "audio/mpeg" => "audio/x-mp3",
        other => other,
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests;
