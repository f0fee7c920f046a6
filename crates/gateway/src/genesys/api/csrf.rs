//! Genesys' protection against cross-site requests: a token that belongs to a cookie. It needs no
//! stored state, since the token is a MAC of the cookie's value and the user's name.

use hmac::{Hmac, KeyInit, Mac};
use http::header::SET_COOKIE;
use http::{HeaderValue, StatusCode};
use sha2::Sha256;
use uuid::Uuid;

use super::Genesys;
use crate::genesys::cookie::set_cookie;
use crate::http::{HttpRequest, HttpResponse, text};

pub const HEADER: &str = "X-CSRF-TOKEN";
const COOKIE: &str = "JSESSIONID";

pub struct Csrf {
    secret: [u8; 32],
}

impl Csrf {
    pub fn new() -> Csrf {
        let mut secret = [0; 32];
        secret[..16].copy_from_slice(Uuid::new_v4().as_bytes());
        secret[16..].copy_from_slice(Uuid::new_v4().as_bytes());
        Csrf { secret }
    }

    fn mac(&self, session: Uuid, username: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).ok()?;
        mac.update(session.as_bytes());
        mac.update(username.as_bytes());
        Some(mac)
    }

    fn token(&self, session: Uuid, username: &str) -> Option<Uuid> {
        let mac = self.mac(session, username)?.finalize().into_bytes();
        Uuid::from_slice(mac.get(..16)?).ok()
    }

    /// Whether the token belongs to the cookie and the user.
    pub fn permits(&self, request: &HttpRequest, username: &str) -> bool {
        let token = request
            .header(HEADER)
            .and_then(|token| Uuid::try_parse(token).ok());
        let (Some(session), Some(token)) = (session(request), token) else {
            return false;
        };
        // Takes constant time.
        let mac = self.mac(session, username);
        mac.is_some_and(|mac| mac.verify_truncated_left(token.as_bytes()).is_ok())
    }

    /// Adds the user's token and its cookie to the response.
    pub fn add_token(
        &self,
        genesys: &Genesys,
        request: &HttpRequest,
        username: &str,
        response: &mut HttpResponse,
    ) {
        let session = session(request).unwrap_or_else(Uuid::new_v4);
        let Some(token) = self.token(session, username) else {
            return;
        };
        let cookie = set_cookie(&genesys.gateway, &genesys.config, COOKIE, &session.simple());
        let headers = response.headers_mut();
        headers.insert("x-csrf-header", HeaderValue::from_static(HEADER));
        if let Ok(token) = HeaderValue::from_str(&token.to_string()) {
            headers.insert("x-csrf-token", token);
        }
        if let Some(cookie) = cookie {
            headers.insert(SET_COOKIE, cookie);
        }
    }
}

/// The session id in the cookie.
fn session(request: &HttpRequest) -> Option<Uuid> {
    Uuid::try_parse(request.cookie(COOKIE)?).ok()
}

pub fn refused() -> HttpResponse {
    text(StatusCode::FORBIDDEN, "Missing or invalid Csrf token")
}
