//! The keys of the Imagicle API.

use callrec_core::config_keys;

use crate::config::BasePath;

config_keys! {
    /// How the Imagicle API is offered.
    pub struct ImagicleConfig {
        "gateway.imagicle_path" = "/fw/Apps/Recorder/WebAPI" => path: String, BasePath,
            "where the Imagicle API begins, {range} bytes that begin with \"/\"";
    }
}
