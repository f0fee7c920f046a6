//! Cookies for Genesys clients.

use std::fmt::Display;

use http::HeaderValue;

use super::GenesysConfig;
use crate::gateway::Gateway;

/// The value of `Set-Cookie`. If pages of other sites are allowed, browsers must send the cookie
/// with their requests too, which they do only over TLS.
pub fn set_cookie(
    gateway: &Gateway,
    config: &GenesysConfig,
    name: &str,
    value: &dyn Display,
) -> Option<HeaderValue> {
    let is_secure = gateway.public_url().starts_with("https:");
    let sites = match (is_secure, config.cors_origins.is_empty()) {
        (true, true) => "; Secure",
        (true, false) => "; Secure; SameSite=None",
        (false, _) => "",
    };
    HeaderValue::from_str(&format!("{name}={value}; Path=/; HttpOnly{sites}")).ok()
}
