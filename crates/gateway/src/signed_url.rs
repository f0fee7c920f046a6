//! Recording URLs that need no login, so that receivers of callbacks can download the audio. Such a
//! URL carries its expiry time and a signature.
//!
//! The secret belongs to the directory, not to an account. The owner of an account knows the
//! account's key and could sign URLs of other users' recordings, and a recording that the host
//! started has no account.

use std::io;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use super::http::HttpRequest;
use callrec_core::clock::unix_ms;
use callrec_core::engine::Engine;

/// The file name in `.callrec`.
const SECRET: &str = "url.key";
const EXPIRES: &str = "expires";
const SIGNATURE: &str = "signature";
/// Separates these signatures from any other use of the secret.
const PURPOSE: &str = "callrec recording url";

/// Signs the URLs of one directory's recordings and verifies them.
pub struct UrlSigner {
    /// Initialized with the secret.
    keyed: Hmac<Sha256>,
    lifetime_ms: u64,
}

/// The signature that a request's URL carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlSignature {
    expires: String,
    signature: String,
}

impl UrlSigner {
    /// Returns `None` if `lifetime_ms` is 0: URLs are not signed. Waits for the disk.
    pub fn open(engine: &Engine, lifetime_ms: u64) -> io::Result<Option<UrlSigner>> {
        if lifetime_ms == 0 {
            return Ok(None);
        }
        let secret = engine.secret(SECRET, &random_secret())?;
        UrlSigner::new(&secret, lifetime_ms).map(Some)
    }

    fn new(secret: &[u8], lifetime_ms: u64) -> io::Result<UrlSigner> {
        let keyed = Hmac::new_from_slice(secret).map_err(io::Error::other)?;
        Ok(UrlSigner { keyed, lifetime_ms })
    }

    /// The query of a URL for this file that expires after the configured lifetime.
    pub fn query(&self, file: &str) -> String {
        let now = u64::try_from(unix_ms()).unwrap_or_default();
        let expires = now.saturating_add(self.lifetime_ms).div_ceil(1000).to_string();
        let signature = BASE64_URL_SAFE_NO_PAD.encode(self.hmac(file, &expires).finalize().into_bytes());
        format!("{EXPIRES}={expires}&{SIGNATURE}={signature}")
    }

    /// Whether the signature is valid for this file and has not expired. The comparison takes
    /// constant time.
    pub fn accepts(&self, file: &str, presented: &UrlSignature) -> bool {
        let Ok(mac) = BASE64_URL_SAFE_NO_PAD.decode(&presented.signature) else {
            return false;
        };
        let is_ours = self.hmac(file, &presented.expires).verify_slice(&mac).is_ok();
        let expires: Option<i64> = presented.expires.parse().ok();
        is_ours && expires.is_some_and(|at| unix_ms() < at.saturating_mul(1000))
    }

    fn hmac(&self, file: &str, expires: &str) -> Hmac<Sha256> {
        let mut hmac = self.keyed.clone();
        hmac.update(format!("{PURPOSE}\n{file}\n{expires}").as_bytes());
        hmac
    }
}

impl UrlSignature {
    /// `None` if the URL has no signature.
    pub fn from_request(request: &HttpRequest) -> Option<UrlSignature> {
        let (expires, signature) = (request.parameter(EXPIRES), request.parameter(SIGNATURE));
        (expires.is_some() || signature.is_some()).then(|| UrlSignature {
            expires: expires.unwrap_or_default(),
            signature: signature.unwrap_or_default(),
        })
    }
}

/// The URL without its signature.
pub fn without_signature(url: &str) -> &str {
    let query = format!("?{EXPIRES}=");
    match url.split_once(&query) {
        Some((unsigned, rest)) if rest.contains(&format!("&{SIGNATURE}=")) => unsigned,
        _ => url,
    }
}

/// 244 random bits.
fn random_secret() -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(Uuid::new_v4().as_bytes());
    bytes[16..].copy_from_slice(Uuid::new_v4().as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(secret: u8, lifetime_ms: u64) -> UrlSigner {
        UrlSigner::new(&[secret; 32], lifetime_ms).expect("a key")
    }

    fn signature(query: &str) -> UrlSignature {
        let (expires, signature) = query.split_once('&').expect("two parts");
        let value = |part: &str| part.split_once('=').expect("a pair").1.to_owned();
        UrlSignature {
            expires: value(expires),
            signature: value(signature),
        }
    }

    #[test]
    fn a_signature_is_valid_for_one_file_one_time_and_one_secret() {
        let own = signer(1, 60_000);
        let valid = signature(&own.query("a.wav"));
        assert!(own.accepts("a.wav", &valid));
        assert!(
            signer(1, 1).accepts("a.wav", &valid),
            "after a restart with another lifetime"
        );
        assert!(!own.accepts("b.wav", &valid));
        assert!(!signer(2, 60_000).accepts("a.wav", &valid));
        let later = valid.expires.parse::<u64>().expect("a number") + 1;
        for wrong in [
            UrlSignature {
                expires: later.to_string(),
                ..valid.clone()
            },
            UrlSignature {
                expires: format!("0{}", valid.expires),
                ..valid.clone()
            },
            UrlSignature {
                expires: String::new(),
                ..valid.clone()
            },
            UrlSignature {
                signature: String::new(),
                ..valid.clone()
            },
            UrlSignature {
                signature: valid.signature[1..].to_owned(),
                ..valid.clone()
            },
            UrlSignature {
                signature: format!("{}=", valid.signature),
                ..valid.clone()
            },
        ] {
            assert!(!own.accepts("a.wav", &wrong), "{wrong:?}");
        }
    }

    #[test]
    fn an_expired_signature_is_refused() {
        let own = signer(1, 60_000);
        let expires = (unix_ms() / 1000).to_string();
        let signature = BASE64_URL_SAFE_NO_PAD.encode(own.hmac("a.wav", &expires).finalize().into_bytes());
        assert!(!own.accepts("a.wav", &UrlSignature { expires, signature }));
    }
}
