//! Signatures of callbacks. The vendors' pages and SDKs disagree on what version 3 covers, so a key
//! selects it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::vobiz::SignatureV3;

/// A field of the form as it is sent.
pub type FormField = (&'static str, String);

/// The signed parts of a request to a receiver.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    /// The receiver's URL as given, without query and fragment.
    pub base: &'a str,
    /// The URL's own query, without the fields.
    pub query: &'a str,
    /// Whether the fields are in the query (GET) rather than in the body.
    pub is_get: bool,
    pub fields: &'a [FormField],
}

/// The headers of versions 2 and 3, each with its own nonce. A main account is its own parent, so
/// it gets the `-ma-` headers too.
pub fn headers(
    vendor: &str,
    account: &str,
    form: SignatureV3,
    request: SignedRequest<'_>,
    key: &str,
) -> Vec<(String, String)> {
    let (nonce2, nonce3) = (nonce(), nonce());
    let v2 = sign(key, &format!("{}{nonce2}", request.base));
    let v3 = sign(key, &format!("{}.{nonce3}", request.text(form)));
    let mut headers = vec![
        (format!("x-{vendor}-signature-v2-nonce"), nonce2),
        (format!("x-{vendor}-signature-v3-nonce"), nonce3),
    ];
    if account.starts_with("MA") {
        headers.push((format!("x-{vendor}-signature-ma-v2"), v2.clone()));
        headers.push((format!("x-{vendor}-signature-ma-v3"), v3.clone()));
    }
    headers.push((format!("x-{vendor}-signature-v2"), v2));
    headers.push((format!("x-{vendor}-signature-v3"), v3));
    headers
}

impl SignedRequest<'_> {
    /// The text that version 3 covers, without the nonce.
    fn text(&self, form: SignatureV3) -> String {
        match form {
            SignatureV3::Page => self.base.to_owned(),
            SignatureV3::Sdk if self.is_get => self.get_text(),
            SignatureV3::Sdk => self.post_text(),
        }
    }

    /// The URL with its complete query, sorted.
    fn get_text(&self) -> String {
        let mut query = self.own_query();
        let fields = self.fields.iter();
        query.extend(fields.map(|(name, value)| ((*name).to_owned(), value.clone())));
        format!("{}?{}", self.base, joined(query))
    }

    /// The URL with its own query and the fields, each sorted.
    fn post_text(&self) -> String {
        let query = joined(self.own_query());
        let dot = if query.is_empty() { "" } else { "." };
        let mut fields = self.fields.to_vec();
        fields.sort_unstable();
        let fields: String = fields
            .iter()
            .map(|(name, value)| format!("{name}{value}"))
            .collect();
        format!("{}?{query}{dot}{fields}", self.base)
    }

    fn own_query(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.query.as_bytes())
            .into_owned()
            .collect()
    }
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
        // HMAC accepts keys of any length.
        Err(_) => String::new(),
    }
}

/// Twenty unpredictable digits.
fn nonce() -> String {
    const LIMIT: u128 = 100_000_000_000_000_000_000;
    // A UUID has 122 random bits; combining two hides the fixed bits.
    let random = Uuid::new_v4().as_u128() ^ Uuid::new_v4().as_u128().rotate_left(64);
    format!("{:020}", random % LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(query: &str, is_get: bool) -> [String; 2] {
        let fields = [("b", "2 3".to_owned()), ("a", "1".to_owned())];
        let request = SignedRequest {
            base: "http://x/hook",
            query,
            is_get,
            fields: &fields,
        };
        [SignatureV3::Page, SignatureV3::Sdk].map(|form| request.text(form))
    }

    #[test]
    fn the_page_form_signs_the_url_and_the_sdk_form_signs_the_fields_too() {
        for (query, is_get, sdk) in [
            ("", false, "http://x/hook?a1b2 3"),
            ("z=1&c=%20d", false, "http://x/hook?c= d&z=1.a1b2 3"),
            ("", true, "http://x/hook?a=1&b=2 3"),
            ("z=1&aa=", true, "http://x/hook?a=1&aa=&b=2 3&z=1"),
        ] {
            assert_eq!(texts(query, is_get), ["http://x/hook", sdk], "{query}");
        }
    }

    #[test]
    fn only_a_main_account_gets_the_ma_headers() {
        let request = SignedRequest {
            base: "http://x/hook",
            query: "",
            is_get: true,
            fields: &[],
        };
        let names = |account: &str| {
            let all = headers("vobiz", account, SignatureV3::Page, request, "secret");
            let names = all.into_iter().map(|(name, _)| name);
            names.filter(|name| name.contains("-ma-")).count()
        };
        assert_eq!((names("MA_1"), names("SA_1"), names("")), (2, 0, 0));
    }

    #[test]
    fn a_nonce_has_twenty_digits() {
        let nonce = nonce();
        assert!(nonce.len() == 20 && nonce.bytes().all(|byte| byte.is_ascii_digit()));
    }

    #[test]
    fn the_signature_matches_the_rfc_4231_test_case() {
        // RFC 4231, test case 2.
        let signature = sign("Jefe", "what do ya want for nothing?");
        assert_eq!(signature, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
    }
}
