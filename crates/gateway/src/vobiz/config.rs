//! The keys of the Vobiz API and of the Plivo look-alike.

use callrec_core::config_keys;
use callrec_core::keys::checks::list;

use crate::config::BasePath;
use crate::config::origin::Origin;

config_keys! {
    /// How the Vobiz API is offered.
    pub struct VobizConfig {
        "gateway.vobiz_path" = "/api/v1" => path: String, BasePath,
            "where the Vobiz API begins, {range} bytes that begin with \"/\"";
        "vobiz.cors_origins" = "" => cors_origins: Vec<Origin>, list(Origin::parse).within(4000),
            "sites whose pages may use the Vobiz API and the audio of recordings in a browser, with commas: scheme://host or scheme://host:port; empty: none";
    }
}

config_keys! {
    /// How the Plivo look-alike is offered.
    pub struct PlivoConfig {
        "gateway.plivo_path" = "/v1" => path: String, BasePath,
            "where the Plivo look-alike begins, {range} bytes that begin with \"/\"";
        "plivo.cors_origins" = "" => cors_origins: Vec<Origin>, list(Origin::parse).within(4000),
            "sites whose pages may use the Plivo look-alike and the audio of recordings in a browser, with commas: scheme://host or scheme://host:port; empty: none";
    }
}
