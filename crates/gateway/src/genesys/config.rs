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
            "Base path of the Genesys API, {range} bytes that begin with \"/\".";
        "gateway.cometd_path" = "/genesys/cometd" => cometd_path: String, BasePath,
            "Path of CometD for Genesys clients, {range} bytes that begin with \"/\".";
        "genesys.csrf" = "false" => csrf: bool, choice(&[("false", false), ("true", true)]),
            "\"true\": POST, PUT and DELETE require the token and the cookie that GET /me returns.";
        "genesys.capabilities" = CAPABILITIES => capabilities: Vec<String>, list(|name| Ok(name.to_owned())).within(4000),
            "The capabilities of a call besides those of recording, separated by commas.";
        "genesys.contact_center_id" = "<cont_center_id>" => contact_center: String, text(0..=255),
            "The contact center id: the last field of GSIP_REC_FN, which has it percent-encoded, at most {most} bytes.";
        "genesys.cors_origins" = "" => cors_origins: Vec<WebOrigin>, list(WebOrigin::parse).within(4000),
            "Sites whose pages may use the Genesys API and CometD in a browser, separated by commas: scheme://host or scheme://host:port. Empty: none.";
        "cometd.timeout_ms" = "30000" => cometd_timeout_ms: u32, number(100..=600_000),
            "How long a /meta/connect waits for a message before it is answered, {range} ms.";
        "cometd.session_ms" = "10000" => cometd_session_ms: u32, number(100..=600_000),
            "A session without a /meta/connect for this long is closed, {range} ms.";
        "cometd.max_sessions" = "10000" => cometd_max_sessions: u32, number(1..=1_000_000),
            "Maximum number of sessions, {range}.";
        "cometd.max_sessions_per_user" = "100" => cometd_max_sessions_per_user: u32, number(1..=1_000_000),
            "Maximum number of sessions of one user, {range}. A further session closes the one that has gone longest without a poll. If all sessions are being polled, the further session is refused.";
        "cometd.max_sessions_per_browser" = "1" => cometd_max_sessions_per_browser: u32, number(1..=1_000_000),
            "Maximum number of sessions of one browser (identified by its cookie) whose /meta/connect waits for a message, {range}. Its other sessions poll.";
        "cometd.multi_session_interval_ms" = "2000" => cometd_multi_session_interval_ms: u32, number(50..=60_000),
            "Interval at which the other sessions of a browser poll (cometd.max_sessions_per_browser), {range} ms, but at most half of cometd.session_ms.";
        "cometd.max_queue" = "1000" => cometd_max_queue: u32, number(10..=1_000_000),
            "Maximum number of messages queued for one session, {range}. If there are more, the session is closed and its client must repeat the handshake.";
        "cometd.max_queue_bytes" = "4194304" => cometd_max_queue_bytes: u32, number(1 << 16..=1 << 30),
            "Maximum size of the messages queued for one session, {range} bytes. A single message may be longer.";
    }
}
