//! The keys of the gateway and of its callbacks. They are known, and checked, in every
//! build; without the feature `gateway` nothing asks for them.

use std::net::IpAddr;

use super::callbacks::Target;
use super::{Key, choice, number, text};

/// How the published HTTP APIs are offered.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    pub imagicle: bool,
    pub genesys: bool,
    pub vobiz: bool,
    pub plivo: bool,
    pub imagicle_path: String,
    pub genesys_path: String,
    pub cometd_path: String,
    pub vobiz_path: String,
    pub plivo_path: String,
    pub public_url: String,
    pub threads: u32,
    pub max_connections: u32,
    pub max_connections_per_source: u32,
    pub max_header_bytes: u32,
    pub max_body_bytes: u32,
    pub request_ms: u32,
    pub json_depth: u32,
    pub auth_delay_ms: u32,
    pub auth_delay_max_ms: u32,
    pub auth_parallel: u32,
    pub archive_parallel: u32,
    /// In their own form: no IPv4 in an IPv6 address.
    pub trusted_proxies: Vec<IpAddr>,
    pub genesys_csrf: bool,
    pub genesys_capabilities: Vec<String>,
    pub genesys_contact_center: String,
    pub cometd_timeout_ms: u32,
    pub cometd_session_ms: u32,
    pub cometd_max_sessions: u32,
    pub cometd_max_sessions_per_user: u32,
    pub cometd_max_queue: u32,
    pub cometd_max_queue_bytes: u32,
    pub callbacks_allow: Vec<Target>,
    pub callbacks_timeout_ms: u32,
    pub callbacks_retry_ms: u32,
    pub callbacks_retry_max_ms: u32,
    pub callbacks_give_up_ms: u64,
    pub callbacks_parallel: u32,
}

impl Default for GatewayConfig {
    fn default() -> GatewayConfig {
        GatewayConfig {
            imagicle: true,
            genesys: true,
            vobiz: true,
            plivo: false,
            imagicle_path: "/fw/Apps/Recorder/WebAPI".into(),
            genesys_path: "/api/v2".into(),
            cometd_path: "/genesys/cometd".into(),
            vobiz_path: "/api/v1".into(),
            plivo_path: "/v1".into(),
            public_url: String::new(),
            threads: 2,
            max_connections: 4096,
            max_connections_per_source: 1024,
            max_header_bytes: 16_384,
            max_body_bytes: 65_536,
            request_ms: 10_000,
            json_depth: 32,
            auth_delay_ms: 100,
            auth_delay_max_ms: 5_000,
            auth_parallel: 64,
            archive_parallel: 16,
            trusted_proxies: Vec::new(),
            genesys_csrf: false,
            genesys_capabilities: list(CAPABILITIES),
            genesys_contact_center: "<cont_center_id>".into(),
            cometd_timeout_ms: 30_000,
            cometd_session_ms: 10_000,
            cometd_max_sessions: 10_000,
            cometd_max_sessions_per_user: 100,
            cometd_max_queue: 1_000,
            cometd_max_queue_bytes: 4 << 20,
            callbacks_allow: Vec::new(),
            callbacks_timeout_ms: 3_000,
            callbacks_retry_ms: 1_000,
            callbacks_retry_max_ms: 300_000,
            callbacks_give_up_ms: 86_400_000,
            callbacks_parallel: 16,
        }
    }
}

const CAPABILITIES: &str = "UpdateUserData,SendDtmf,InitiateConference,Hold,SingleStepTransfer,InitiateTransfer,AttachUserData,DeleteUserDataPair,SingleStepConference,DeleteUserData,Hangup";

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "gateway.apis",
        default: "imagicle,genesys,vobiz",
        meaning: "which of the published HTTP APIs are offered, with commas: imagicle, genesys, vobiz, plivo",
        set: |c, v| {
            let named = list(v);
            let known = ["imagicle", "genesys", "vobiz", "plivo"];
            for name in &named {
                choice(name, &known)?;
            }
            let has = |name: &str| named.iter().any(|named| named == name);
            let gateway = &mut c.gateway;
            gateway.imagicle = has("imagicle");
            gateway.genesys = has("genesys");
            gateway.vobiz = has("vobiz");
            gateway.plivo = has("plivo");
            Ok(())
        },
    },
    Key {
        name: "gateway.imagicle_path",
        default: "/fw/Apps/Recorder/WebAPI",
        meaning: "where the Imagicle API begins, 1 to 200 bytes that begin with \"/\"",
        set: |c, v| path(v).map(|v| c.gateway.imagicle_path = v),
    },
    Key {
        name: "gateway.genesys_path",
        default: "/api/v2",
        meaning: "where the Genesys API begins, in the same form",
        set: |c, v| path(v).map(|v| c.gateway.genesys_path = v),
    },
    Key {
        name: "gateway.cometd_path",
        default: "/genesys/cometd",
        meaning: "where Genesys clients find CometD, in the same form",
        set: |c, v| path(v).map(|v| c.gateway.cometd_path = v),
    },
    Key {
        name: "gateway.vobiz_path",
        default: "/api/v1",
        meaning: "where the Vobiz API begins, in the same form",
        set: |c, v| path(v).map(|v| c.gateway.vobiz_path = v),
    },
    Key {
        name: "gateway.plivo_path",
        default: "/v1",
        meaning: "where the Plivo look-alike begins, in the same form",
        set: |c, v| path(v).map(|v| c.gateway.plivo_path = v),
    },
    Key {
        name: "gateway.public_url",
        default: "",
        meaning: "scheme, host and path prefix that clients see, for the urls in answers; empty: http:// and the address that the gateway listens on",
        set: |c, v| text(v, 0, 500).map(|v| c.gateway.public_url = v.trim_end_matches('/').to_owned()),
    },
    Key {
        name: "gateway.threads",
        default: "2",
        meaning: "threads that answer requests, 1 to 64",
        set: |c, v| number(v, 1, 64).map(|v| c.gateway.threads = v as u32),
    },
    Key {
        name: "gateway.max_connections",
        default: "4096",
        meaning: "open connections at most, 1 to 1000000, and never more than a quarter of the files that the process may have open; one more is answered 503 and closed",
        set: |c, v| number(v, 1, 1_000_000).map(|v| c.gateway.max_connections = v as u32),
    },
    Key {
        name: "gateway.max_connections_per_source",
        default: "1024",
        meaning: "of them from one address (IPv6: from one /64), 1 to 1000000, and never the last eighth; gateway.trusted_proxies may have all",
        set: |c, v| number(v, 1, 1_000_000).map(|v| c.gateway.max_connections_per_source = v as u32),
    },
    Key {
        name: "gateway.max_header_bytes",
        default: "16384",
        meaning: "a request's line and headers, 8192 to 1048576 bytes",
        set: |c, v| number(v, 8192, 1 << 20).map(|v| c.gateway.max_header_bytes = v as u32),
    },
    Key {
        name: "gateway.max_body_bytes",
        default: "65536",
        meaning: "a request's body, 1024 to 16777216 bytes",
        set: |c, v| number(v, 1024, 16 << 20).map(|v| c.gateway.max_body_bytes = v as u32),
    },
    Key {
        name: "gateway.request_ms",
        default: "10000",
        meaning: "time for a client to send a request, and for each piece of an answer to leave, 100 to 600000 ms",
        set: |c, v| number(v, 100, 600_000).map(|v| c.gateway.request_ms = v as u32),
    },
    Key {
        name: "gateway.json_depth",
        default: "32",
        meaning: "how deep a request's JSON may be nested, 4 to 100",
        set: |c, v| number(v, 4, 100).map(|v| c.gateway.json_depth = v as u32),
    },
    Key {
        name: "gateway.auth_delay_ms",
        default: "100",
        meaning: "after a failed try the next one of that name from that source waits so long, and twice as long after each further one, 0 to 60000 ms; 0: nobody is slowed down",
        set: |c, v| number(v, 0, 60_000).map(|v| c.gateway.auth_delay_ms = v as u32),
    },
    Key {
        name: "gateway.auth_delay_max_ms",
        default: "5000",
        meaning: "but never longer than this, 0 to 600000 ms; who would have to is answered 503",
        set: |c, v| number(v, 0, 600_000).map(|v| c.gateway.auth_delay_max_ms = v as u32),
    },
    Key {
        name: "gateway.auth_parallel",
        default: "64",
        meaning: "how often rec_authenticate_fn runs at the same time, half of it for one source, 2 to 1000; others wait their turn",
        set: |c, v| number(v, 2, 1000).map(|v| c.gateway.auth_parallel = v as u32),
    },
    Key {
        name: "gateway.archive_parallel",
        default: "16",
        meaning: "requests that look for finished recordings at the same time, 1 to 256; others wait their turn",
        set: |c, v| number(v, 1, 256).map(|v| c.gateway.archive_parallel = v as u32),
    },
    Key {
        name: "gateway.trusted_proxies",
        default: "",
        meaning: "addresses, with commas, whose X-Forwarded-For says who the source is",
        set: |c, v| {
            let parse = |v: &String| {
                v.parse::<IpAddr>()
                    .map_err(|_| format!("\"{v}\" is no IP address"))
            };
            let named: Result<Vec<IpAddr>, String> = list(v).iter().map(parse).collect();
            c.gateway.trusted_proxies = named?.iter().map(IpAddr::to_canonical).collect();
            Ok(())
        },
    },
    Key {
        name: "genesys.csrf",
        default: "false",
        meaning: "\"true\": POST, PUT and DELETE need the token and the cookie that GET /me gives",
        set: |c, v| choice(v, &["false", "true"]).map(|v| c.gateway.genesys_csrf = v == 1),
    },
    Key {
        name: "genesys.capabilities",
        default: CAPABILITIES,
        meaning: "capabilities of a call, with commas, before those of recording",
        set: |c, v| text(v, 0, 4000).map(|v| c.gateway.genesys_capabilities = list(&v)),
    },
    Key {
        name: "genesys.contact_center_id",
        default: "<cont_center_id>",
        meaning: "the last field of GSIP_REC_FN, percent-encoded there, at most 255 bytes",
        set: |c, v| text(v, 0, 255).map(|v| c.gateway.genesys_contact_center = v),
    },
    Key {
        name: "cometd.timeout_ms",
        default: "30000",
        meaning: "how long a /meta/connect is held, 100 to 600000 ms",
        set: |c, v| number(v, 100, 600_000).map(|v| c.gateway.cometd_timeout_ms = v as u32),
    },
    Key {
        name: "cometd.session_ms",
        default: "10000",
        meaning: "a session without a /meta/connect for so long is forgotten, 100 to 600000 ms",
        set: |c, v| number(v, 100, 600_000).map(|v| c.gateway.cometd_session_ms = v as u32),
    },
    Key {
        name: "cometd.max_sessions",
        default: "10000",
        meaning: "sessions at most, 1 to 1000000",
        set: |c, v| number(v, 1, 1_000_000).map(|v| c.gateway.cometd_max_sessions = v as u32),
    },
    Key {
        name: "cometd.max_sessions_per_user",
        default: "100",
        meaning: "of them one user's, 1 to 1000000; one more ends the one of theirs that has not been polled for longest, and is refused if all are being polled",
        set: |c, v| number(v, 1, 1_000_000).map(|v| c.gateway.cometd_max_sessions_per_user = v as u32),
    },
    Key {
        name: "cometd.max_queue",
        default: "1000",
        meaning: "messages that wait for one session, 10 to 1000000; with one more it is forgotten, and its client must shake hands again",
        set: |c, v| number(v, 10, 1_000_000).map(|v| c.gateway.cometd_max_queue = v as u32),
    },
    Key {
        name: "cometd.max_queue_bytes",
        default: "4194304",
        meaning: "the same in bytes, 65536 to 1073741824; a single message may be longer",
        set: |c, v| number(v, 1 << 16, 1 << 30).map(|v| c.gateway.cometd_max_queue_bytes = v as u32),
    },
    Key {
        name: "callbacks.allow",
        default: "",
        meaning: "where callbacks may go, with commas: scheme://host or scheme://host:port, \"*.\" before a domain takes its subdomains, \":*\" any port; empty: nowhere",
        set: |c, v| {
            let entries = list(&text(v, 0, 4000)?);
            c.gateway.callbacks_allow = entries
                .iter()
                .map(|v| Target::parse(v))
                .collect::<Result<_, _>>()?;
            Ok(())
        },
    },
    Key {
        name: "callbacks.timeout_ms",
        default: "3000",
        meaning: "a receiver must have answered by then, 100 to 600000 ms",
        set: |c, v| number(v, 100, 600_000).map(|v| c.gateway.callbacks_timeout_ms = v as u32),
    },
    Key {
        name: "callbacks.retry_ms",
        default: "1000",
        meaning: "pause before the second try, doubled before each further one, 10 to 3600000 ms",
        set: |c, v| number(v, 10, 3_600_000).map(|v| c.gateway.callbacks_retry_ms = v as u32),
    },
    Key {
        name: "callbacks.retry_max_ms",
        default: "300000",
        meaning: "the longest pause between two tries, 10 to 86400000 ms",
        set: |c, v| number(v, 10, 86_400_000).map(|v| c.gateway.callbacks_retry_max_ms = v as u32),
    },
    Key {
        name: "callbacks.give_up_ms",
        default: "86400000",
        meaning: "a callback that was not answered for so long is given up, and logged; 0: never",
        set: |c, v| number(v, 0, u64::MAX / 2_000_000).map(|v| c.gateway.callbacks_give_up_ms = v),
    },
    Key {
        name: "callbacks.parallel",
        default: "16",
        meaning: "receivers that are called at the same time, 1 to 1000",
        set: |c, v| number(v, 1, 1000).map(|v| c.gateway.callbacks_parallel = v as u32),
    },
];

fn list(value: &str) -> Vec<String> {
    let parts = value.split(',').map(str::trim);
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Begins with a slash, does not end with one.
fn path(value: &str) -> std::result::Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'%');
    if value.len() > 200 || !value.starts_with('/') || value.ends_with('/') || !value.bytes().all(plain) {
        return Err("a path as /a/b is needed".into());
    }
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_has_the_published_three_seconds() {
        assert_eq!(GatewayConfig::default().callbacks_timeout_ms, 3000);
    }
}
