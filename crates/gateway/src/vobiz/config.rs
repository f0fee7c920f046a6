//! The keys of the Vobiz API and of the Plivo look-alike.

use callrec_core::config_keys;

use crate::config::BasePath;

config_keys! {
    /// How the Vobiz API is offered.
    pub struct VobizConfig {
        "gateway.vobiz_path" = "/api/v1" => path: String, BasePath,
            "where the Vobiz API begins, {range} bytes that begin with \"/\"";
    }
}

config_keys! {
    /// How the Plivo look-alike is offered.
    pub struct PlivoConfig {
        "gateway.plivo_path" = "/v1" => path: String, BasePath,
            "where the Plivo look-alike begins, {range} bytes that begin with \"/\"";
    }
}
