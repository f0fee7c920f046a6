//! Configuration keys of the gateway and of its callbacks; those of each API are in its vendor's
//! module. Every build knows and checks all keys. Without the feature `server` they have no effect.

pub mod callbacks;
pub mod origin;

use std::net::IpAddr;

use callrec_core::config_keys;
use callrec_core::keys::checks::{Accepts, Check, checked_by, list, number, text};

use callbacks::CallbackTarget;

config_keys! {
    /// Settings that all APIs of one gateway share.
    pub struct GatewayConfig {
        "gateway.public_url" = "" => public_url: String, checked_by(public_url),
            "Scheme, host and path prefix of the URLs in responses, as clients see them. Empty: http:// and the address that the gateway listens on.";
        "gateway.url_lifetime_ms" = "0" => url_lifetime_ms: u64, number(0..=31_622_400_000),
            "How long the recording URLs in responses and callbacks give access to the audio without a login, {range} ms. Each URL contains its expiry time and a signature. 0: the URLs always need a login.";
        "gateway.threads" = "2" => threads: u32, number(1..=64),
            "Number of threads that handle requests, {range}.";
        "gateway.max_connections" = "4096" => max_connections: u32, number(1..=1_000_000),
            "Maximum number of open connections, {range}, but at most a quarter of the files that the process may have open. A further connection is answered with 503 and closed.";
        "gateway.max_connections_per_source" = "1024" => max_connections_per_source: u32, number(1..=1_000_000),
            "Maximum number of open connections from one client address (IPv6: from one /64 network), {range}. The last eighth of gateway.max_connections is never given to one address. The limit does not apply to gateway.trusted_proxies.";
        "gateway.max_header_bytes" = "16384" => max_header_bytes: u32, number(8192..=1 << 20),
            "Maximum size of a request's first line and headers, {range} bytes.";
        "gateway.max_body_bytes" = "65536" => max_body_bytes: u32, number(1024..=16 << 20),
            "Maximum size of a request's body, {range} bytes.";
        "gateway.request_ms" = "10000" => request_ms: u32, number(100..=600_000),
            "Time limit for receiving the headers of a request, for receiving its body, and for each write of a response, {range} ms.";
        "gateway.json_depth" = "32" => json_depth: u32, number(4..=100),
            "Maximum nesting depth of a request's JSON, {range}.";
        "gateway.auth_delay_ms" = "100" => auth_delay_ms: u32, number(0..=60_000),
            "Delay after a failed login before the next attempt with the same name from the same client address, {range} ms. Each further failure doubles it. 0: logins are never delayed.";
        "gateway.auth_delay_max_ms" = "5000" => auth_delay_max_ms: u32, number(0..=600_000),
            "The longest delay of a login, {range} ms. An attempt that would have to wait longer is refused with 503.";
        "gateway.auth_parallel" = "64" => auth_parallel: u32, number(2..=1000),
            "Maximum number of concurrent logins (calls of rec_authenticate_fn), {range}. One client address gets at most half of them. Further logins are queued.";
        "gateway.archive_parallel" = "16" => archive_parallel: u32, number(1..=256),
            "Maximum number of requests that search for finished recordings concurrently, {range}. Further requests are queued.";
        /// Canonical: no IPv4-mapped IPv6 addresses.
        "gateway.trusted_proxies" = "" => trusted_proxies: Vec<IpAddr>, list(address),
            "IP addresses of reverse proxies, separated by commas. For requests from these, X-Forwarded-For gives the client's address.";
        "callbacks.allow" = "" => callbacks_allow: Vec<CallbackTarget>, list(CallbackTarget::parse).within(4000),
            "Receivers that callbacks may be sent to, separated by commas: scheme://host or scheme://host:port. A \"*.\" before a domain allows its subdomains, \":*\" allows any port. Empty: no callbacks.";
        "callbacks.timeout_ms" = "3000" => callbacks_timeout_ms: u32, number(100..=600_000),
            "Time limit for a receiver to respond, {range} ms.";
        "callbacks.retry_ms" = "1000" => callbacks_retry_ms: u32, number(10..=3_600_000),
            "Delay before the second attempt of a callback, {range} ms. Each further attempt doubles it.";
        "callbacks.retry_max_ms" = "300000" => callbacks_retry_max_ms: u32, number(10..=86_400_000),
            "The longest delay between two attempts of a callback, {range} ms.";
        "callbacks.give_up_ms" = "86400000" => callbacks_give_up_ms: u64, number(0..=u64::MAX / 2_000_000),
            "A callback that has not been answered for this long is dropped and logged, {range} ms. 0: never.";
        "callbacks.parallel" = "16" => callbacks_parallel: u32, number(1..=1000),
            "Maximum number of concurrent callbacks, {range}.";
    }
    without key {
        /// The names of the APIs that are offered.
        apis: Vec<&'static str> = Vec::new();
    }
}

impl GatewayConfig {
    /// Whether the API with this name is offered.
    pub fn offers(&self, name: &str) -> bool {
        self.apis.contains(&name)
    }
}

fn address(text: &str) -> Result<IpAddr, String> {
    let address: Result<IpAddr, _> = text.parse();
    let address = address.map_err(|_| format!("\"{text}\" is not an IP address"))?;
    Ok(address.to_canonical())
}

/// Removes trailing slashes.
fn public_url(url: &str) -> Result<String, String> {
    let url = text(0..=500).parse(url)?;
    Ok(url.trim_end_matches('/').to_owned())
}

/// An API's base path: begins with a slash and does not end with one.
pub struct BasePath;

impl BasePath {
    const BYTES_MAX: usize = 200;
}

impl Check<String> for BasePath {
    fn parse(&self, path: &str) -> Result<String, String> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'%');
        let is_short = path.len() <= BasePath::BYTES_MAX;
        if !is_short || !path.starts_with('/') || path.ends_with('/') || !path.bytes().all(plain) {
            return Err("a path such as /a/b is needed".into());
        }
        Ok(path.to_owned())
    }

    fn accepts(&self) -> Accepts {
        Accepts::Bytes(1, BasePath::BYTES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_callback_timeout_is_the_published_three_seconds() {
        assert_eq!(GatewayConfig::default().callbacks_timeout_ms, 3000);
    }
}
