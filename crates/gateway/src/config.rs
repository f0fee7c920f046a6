//! The keys of the gateway and of its callbacks. They are known, and checked, in every
//! build; without the feature `server` nothing asks for them.

pub mod callbacks;
pub mod origin;

use std::net::IpAddr;

use callrec_core::config_keys;
use callrec_core::keys::checks::{Accepts, Check, checked_by, choice, list, number, text};
use callrec_core::keys::set_key;
use callrec_core::words;

use callbacks::Target;
use origin::Origin;

const CAPABILITIES: &str = "UpdateUserData,SendDtmf,InitiateConference,Hold,SingleStepTransfer,InitiateTransfer,AttachUserData,DeleteUserDataPair,SingleStepConference,DeleteUserData,Hangup";

config_keys! {
    /// How the published HTTP APIs are offered.
    pub struct GatewayConfig {
        "gateway.apis" = "imagicle,genesys,vobiz" => apis: OfferedApis, checked_by(OfferedApis::parse),
            "which of the published HTTP APIs are offered, with commas: imagicle, genesys, vobiz, plivo";
        "gateway.imagicle_path" = "/fw/Apps/Recorder/WebAPI" => imagicle_path: String, BasePath,
            "where the Imagicle API begins, {range} bytes that begin with \"/\"";
        "gateway.genesys_path" = "/api/v2" => genesys_path: String, BasePath,
            "where the Genesys API begins, in the same form";
        "gateway.cometd_path" = "/genesys/cometd" => cometd_path: String, BasePath,
            "where Genesys clients find CometD, in the same form";
        "gateway.vobiz_path" = "/api/v1" => vobiz_path: String, BasePath,
            "where the Vobiz API begins, in the same form";
        "gateway.plivo_path" = "/v1" => plivo_path: String, BasePath,
            "where the Plivo look-alike begins, in the same form";
        "gateway.public_url" = "" => public_url: String, checked_by(public_url),
            "scheme, host and path prefix that clients see, for the urls in answers; empty: http:// and the address that the gateway listens on";
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
        /// In their own form: no IPv4 in an IPv6 address.
        "gateway.trusted_proxies" = "" => trusted_proxies: Vec<IpAddr>, list(address),
            "addresses, with commas, whose X-Forwarded-For says who the source is";
        "genesys.csrf" = "false" => genesys_csrf: bool, choice(&[("false", false), ("true", true)]),
            "\"true\": POST, PUT and DELETE need the token and the cookie that GET /me gives";
        "genesys.capabilities" = CAPABILITIES => genesys_capabilities: Vec<String>, list(|name| Ok(name.to_owned())).within(4000),
            "capabilities of a call, with commas, before those of recording";
        "genesys.contact_center_id" = "<cont_center_id>" => genesys_contact_center: String, text(0..=255),
            "the last field of GSIP_REC_FN, percent-encoded there, at most {most} bytes";
        "imagicle.cors_origins" = "" => imagicle_cors_origins: Vec<Origin>, list(Origin::parse).within(4000),
            "sites whose pages may use the Imagicle API in a browser, with commas: scheme://host or scheme://host:port; empty: none";
        "genesys.cors_origins" = "" => genesys_cors_origins: Vec<Origin>, list(Origin::parse).within(4000),
            "the same for the Genesys API and for CometD";
        "vobiz.cors_origins" = "" => vobiz_cors_origins: Vec<Origin>, list(Origin::parse).within(4000),
            "the same for the Vobiz API, and for the audio of recordings";
        "plivo.cors_origins" = "" => plivo_cors_origins: Vec<Origin>, list(Origin::parse).within(4000),
            "the same for the Plivo look-alike, and for the audio of recordings";
        "cometd.timeout_ms" = "30000" => cometd_timeout_ms: u32, number(100..=600_000),
            "how long a /meta/connect is held, {range} ms";
        "cometd.session_ms" = "10000" => cometd_session_ms: u32, number(100..=600_000),
            "a session without a /meta/connect for so long is forgotten, {range} ms";
        "cometd.max_sessions" = "10000" => cometd_max_sessions: u32, number(1..=1_000_000),
            "sessions at most, {range}";
        "cometd.max_sessions_per_user" = "100" => cometd_max_sessions_per_user: u32, number(1..=1_000_000),
            "of them one user's, {range}; one more ends the one of theirs that has not been polled for longest, and is refused if all are being polled";
        "cometd.max_queue" = "1000" => cometd_max_queue: u32, number(10..=1_000_000),
            "messages that wait for one session, {range}; with one more it is forgotten, and its client must shake hands again";
        "cometd.max_queue_bytes" = "4194304" => cometd_max_queue_bytes: u32, number(1 << 16..=1 << 30),
            "the same in bytes, {range}; a single message may be longer";
        "callbacks.allow" = "" => callbacks_allow: Vec<Target>, list(Target::parse).within(4000),
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
}

impl GatewayConfig {
    /// Returns `None` if it is no key of the gateway.
    pub fn set_known(&mut self, name: &str, value: &str) -> Option<words::Result<()>> {
        set_key(self, GatewayConfig::KEYS, name, value)
    }
}

impl GatewayConfig {
    /// The sites whose pages may use this API, by the name that it is counted under.
    pub fn allowed_origins(&self, api: &str) -> Vec<&Origin> {
        match api {
            "imagicle" => self.imagicle_cors_origins.iter().collect(),
            "genesys" | "cometd" => self.genesys_cors_origins.iter().collect(),
            "vobiz" => self.vobiz_cors_origins.iter().collect(),
            "plivo" => self.plivo_cors_origins.iter().collect(),
            "audio" => [&self.vobiz_cors_origins, &self.plivo_cors_origins]
                .into_iter()
                .flatten()
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// Which of the published HTTP APIs are offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfferedApis {
    pub imagicle: bool,
    pub genesys: bool,
    pub vobiz: bool,
    pub plivo: bool,
}

impl OfferedApis {
    fn parse(names: &str) -> Result<OfferedApis, String> {
        let known = ["imagicle", "genesys", "vobiz", "plivo"];
        let named = list(|name| Ok(name.to_owned())).parse(names)?;
        for name in &named {
            choice(&known.map(|known| (known, ()))).parse(name)?;
        }
        let [imagicle, genesys, vobiz, plivo] = known.map(|known| named.iter().any(|name| name == known));
        Ok(OfferedApis {
            imagicle,
            genesys,
            vobiz,
            plivo,
        })
    }
}

fn address(text: &str) -> Result<IpAddr, String> {
    let address: Result<IpAddr, _> = text.parse();
    let address = address.map_err(|_| format!("\"{text}\" is no IP address"))?;
    Ok(address.to_canonical())
}

/// Without a slash at its end.
fn public_url(url: &str) -> Result<String, String> {
    let url = text(0..=500).parse(url)?;
    Ok(url.trim_end_matches('/').to_owned())
}

/// Where an API begins: a path that begins with a slash and does not end with one.
struct BasePath;

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
