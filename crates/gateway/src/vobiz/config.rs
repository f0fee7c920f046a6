//! Configuration keys of the Vobiz API and the Plivo look-alike.

use callrec_core::config_keys;
use callrec_core::keys::checks::{choice, list};

use crate::config::BasePath;
use crate::config::origin::WebOrigin;

config_keys! {
    /// Settings of the Vobiz API.
    pub struct VobizConfig {
        "gateway.vobiz_path" = "/api/v1" => path: String, BasePath,
            "Base path of the Vobiz API, {range} bytes that begin with \"/\".";
        "vobiz.cors_origins" = "" => cors_origins: Vec<WebOrigin>, list(WebOrigin::parse).within(4000),
            "Sites whose pages may use the Vobiz API and the audio of recordings in a browser, separated by commas: scheme://host or scheme://host:port. Empty: none.";
    }
}

config_keys! {
    /// Settings of the Plivo look-alike.
    pub struct PlivoConfig {
        "gateway.plivo_path" = "/v1" => path: String, BasePath,
            "Base path of the Plivo look-alike, {range} bytes that begin with \"/\".";
        "plivo.cors_origins" = "" => cors_origins: Vec<WebOrigin>, list(WebOrigin::parse).within(4000),
            "Sites whose pages may use the Plivo look-alike and the audio of recordings in a browser, separated by commas: scheme://host or scheme://host:port. Empty: none.";
    }
}

config_keys! {
    /// Signatures of callbacks.
    pub struct SignatureConfig {
        "vobiz.signature_v3" = "page" => vobiz_v3: SignatureV3, choice(SIGNATURES_V3),
            "What X-Vobiz-Signature-V3 of a callback covers, in addition to the nonce. \"page\": the URL without its query, as Vobiz documents it. \"sdk\": the URL, its query and all fields, as the SDKs of Vobiz and Plivo compute it.";
        "plivo.signature_v3" = "sdk" => plivo_v3: SignatureV3, choice(SIGNATURES_V3),
            "What X-Plivo-Signature-V3 of a callback covers: \"page\" or \"sdk\", as for vobiz.signature_v3.";
    }
}

/// What version 3 of a callback's signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureV3 {
    /// The URL without its query, as documented by Vobiz.
    Page,
    /// The URL, its query and the fields, as computed by the SDKs.
    Sdk,
}

const SIGNATURES_V3: &[(&str, SignatureV3)] = &[("page", SignatureV3::Page), ("sdk", SignatureV3::Sdk)];
