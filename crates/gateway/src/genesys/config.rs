//! Configuration keys of the Genesys API and CometD.

use callrec_core::config_keys;
use callrec_core::keys::checks::{choice, list, number, text};

use crate::config::BasePath;
use crate::config::origin::WebOrigin;

const CAPABILITIES: &str = "UpdateUserData,SendDtmf,InitiateConference,Hold,SingleStepTransfer,InitiateTransfer,AttachUserData,DeleteUserDataPair,SingleStepConference,DeleteUserData,Hangup";

config_keys! {
    /// Settings of the Genesys API and CometD.
    pub struct GenesysConfig {
        "gateway.genesys_path" = "/api/v2" => path: String, BasePath,
            "where the Genesys API begins, {range} bytes that begin with \"/\"";
        "gateway.cometd_path" = "/genesys/cometd" => cometd_path: String, BasePath,
            "where Genesys clients find CometD, in the same form";
        "genesys.csrf" = "false" => csrf: bool, choice(&[("false", false), ("true", true)]),
            "\"true\": POST, PUT and DELETE need the token and the cookie that GET /me gives";
        "genesys.capabilities" = CAPABILITIES => capabilities: Vec<String>, list(|name| Ok(name.to_owned())).within(4000),
            "capabilities of a call, with commas, before those of recording";
        "genesys.contact_center_id" = "<cont_center_id>" => contact_center: String, text(0..=255),
            "the last field of GSIP_REC_FN, percent-encoded there, at most {most} bytes";
        "genesys.cors_origins" = "" => cors_origins: Vec<WebOrigin>, list(WebOrigin::parse).within(4000),
            "sites whose pages may use the Genesys API and CometD in a browser, with commas: scheme://host or scheme://host:port; empty: none";
        "cometd.timeout_ms" = "30000" => cometd_timeout_ms: u32, number(100..=600_000),
            "how long a /meta/connect is held, {range} ms";
        "cometd.session_ms" = "10000" => cometd_session_ms: u32, number(100..=600_000),
            "a session without a /meta/connect for so long is forgotten, {range} ms";
        "cometd.max_sessions" = "10000" => cometd_max_sessions: u32, number(1..=1_000_000),
            "sessions at most, {range}";
        "cometd.max_sessions_per_user" = "100" => cometd_max_sessions_per_user: u32, number(1..=1_000_000),
            "of them one user's, {range}; one more ends the one of theirs that has not been polled for longest, and is refused if all are being polled";
        "cometd.max_sessions_per_browser" = "1" => cometd_max_sessions_per_browser: u32, number(1..=1_000_000),
            "sessions of one browser, told by its cookie, that have a /meta/connect held at the same time, {range}; others poll";
        "cometd.multi_session_interval_ms" = "2000" => cometd_multi_session_interval_ms: u32, number(50..=60_000),
            "how often those others poll, {range} ms, and never less often than twice in cometd.session_ms";
        "cometd.max_queue" = "1000" => cometd_max_queue: u32, number(10..=1_000_000),
            "messages that wait for one session, {range}; with one more it is forgotten, and its client must shake hands again";
        "cometd.max_queue_bytes" = "4194304" => cometd_max_queue_bytes: u32, number(1 << 16..=1 << 30),
            "the same in bytes, {range}; a single message may be longer";
    }
}
