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
            "scheme, host and path prefix that clients see, for the urls in answers; empty: http:// and the address that the gateway listens on";
        "gateway.url_lifetime_ms" = "0" => url_lifetime_ms: u64, number(0..=31_622_400_000),
            "how long the urls of recordings in answers and callbacks lead to the audio without a login, {range} ms: they carry their end and a signature; 0: never";
        "gateway.threads" = "2" => threads: u32, number(1..=64),
            "threads that answer requests, {range}";
        "gateway.max_connections" = "4096" => max_connections: u32, number(1..=1_000_000),
            "open connections at most, {range}, and never more than a quarter of the files that the process may have open; one more is answered 503 and closed";
        "gateway.max_connections_per_source" = "1024" => max_connections_per_source: u32, number(1..=1_000_000),
            "of them from one address (IPv6: from one /64), {range}, and never the last eighth; gateway.trusted_proxies may have all";
        "gateway.max_header_bytes" = "16384" => max_header_bytes: u32, number(8192..=1 << 20),
            "a request's line and headers, {range} bytes";
        "gateway.max_body_bytes" = "65536" => max_body_bytes: u32, number(1024..=16 << 20),
            "a request's body, {range} bytes";
        "gateway.request_ms" = "10000" => request_ms: u32, number(100..=600_000),
            "time for a client to send a request, and for each piece of an answer to leave, {range} ms";
        "gateway.json_depth" = "32" => json_depth: u32, number(4..=100),
            "how deep a request's JSON may be nested, {range}";
        "gateway.auth_delay_ms" = "100" => auth_delay_ms: u32, number(0..=60_000),
            "after a failed try the next one of that name from that source waits so long, and twice as long after each further one, {range} ms; 0: nobody is slowed down";
        "gateway.auth_delay_max_ms" = "5000" => auth_delay_max_ms: u32, number(0..=600_000),
            "but never longer than this, {range} ms; who would have to is answered 503";
        "gateway.auth_parallel" = "64" => auth_parallel: u32, number(2..=1000),
            "how often rec_authenticate_fn runs at the same time, half of it for one source, {range}; others wait their turn";
        "gateway.archive_parallel" = "16" => archive_parallel: u32, number(1..=256),
            "requests that look for finished recordings at the same time, {range}; others wait their turn";
        /// Canonical: no IPv4-mapped IPv6 addresses.
        "gateway.trusted_proxies" = "" => trusted_proxies: Vec<IpAddr>, list(address),
            "addresses, with commas, whose X-Forwarded-For says who the source is";
        "callbacks.allow" = "" => callbacks_allow: Vec<CallbackTarget>, list(CallbackTarget::parse).within(4000),
            "where callbacks may go, with commas: scheme://host or scheme://host:port, \"*.\" before a domain takes its subdomains, \":*\" any port; empty: nowhere";
        "callbacks.timeout_ms" = "3000" => callbacks_timeout_ms: u32, number(100..=600_000),
            "a receiver must have answered by then, {range} ms";
        "callbacks.retry_ms" = "1000" => callbacks_retry_ms: u32, number(10..=3_600_000),
            "pause before the second try, doubled before each further one, {range} ms";
        "callbacks.retry_max_ms" = "300000" => callbacks_retry_max_ms: u32, number(10..=86_400_000),
            "the longest pause between two tries, {range} ms";
        "callbacks.give_up_ms" = "86400000" => callbacks_give_up_ms: u64, number(0..=u64::MAX / 2_000_000),
            "a callback that was not answered for so long is given up, and logged; 0: never";
        "callbacks.parallel" = "16" => callbacks_parallel: u32, number(1..=1000),
            "receivers that are called at the same time, {range}";
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
    let address = address.map_err(|_| format!("\"{text}\" is no IP address"))?;
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
    const MOST: usize = 200;
}

impl Check<String> for BasePath {
    fn parse(&self, path: &str) -> Result<String, String> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'%');
        let is_short = path.len() <= BasePath::MOST;
        if !is_short || !path.starts_with('/') || path.ends_with('/') || !path.bytes().all(plain) {
            return Err("a path as /a/b is needed".into());
        }
        Ok(path.to_owned())
    }

    fn accepts(&self) -> Accepts {
        Accepts::Bytes(1, BasePath::MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_has_the_published_three_seconds() {
        assert_eq!(GatewayConfig::default().callbacks_timeout_ms, 3000);
    }
}
