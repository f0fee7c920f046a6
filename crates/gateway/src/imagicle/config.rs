//! Configuration keys of the Imagicle API.

use callrec_core::config_keys;
use callrec_core::keys::checks::list;

use crate::config::BasePath;
use crate::config::origin::WebOrigin;

config_keys! {
    /// Settings of the Imagicle API.
    pub struct ImagicleConfig {
        "gateway.imagicle_path" = "/fw/Apps/Recorder/WebAPI" => path: String, BasePath,
            "Base path of the Imagicle API, {range} bytes that begin with \"/\".";
        "imagicle.cors_origins" = "" => cors_origins: Vec<WebOrigin>, list(WebOrigin::parse).within(4000),
            "Sites whose pages may use the Imagicle API in a browser, separated by commas: scheme://host or scheme://host:port. Empty: none.";
    }
}
