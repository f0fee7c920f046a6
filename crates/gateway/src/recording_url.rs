//! URLs under which clients find the audio of recordings.

use super::Gateway;

/// The path below which all audio lies.
pub const AUDIO_PATH: &str = "/recordings";

/// A recording's URL as clients see it.
pub fn public_url_of(gateway: &Gateway, url: &str) -> String {
    if is_absolute(url) {
        url.to_owned()
    } else {
        format!("{}{AUDIO_PATH}/{url}", gateway.public_url())
    }
}

/// A recording's URL for receivers that have no login. It is signed if the gateway signs URLs and
/// serves this one itself.
pub fn shared_url_of(gateway: &Gateway, url: &str) -> String {
    let public = public_url_of(gateway, url);
    let is_served = match public.strip_prefix(&gateway.public_url()) {
        Some(path) => path.starts_with('/') && !path.contains('?'),
        None => false,
    };
    match (&gateway.url_signer, public.rsplit('/').next()) {
        (Some(signer), Some(file)) if is_served => format!("{public}?{}", signer.query(file)),
        _ => public,
    }
}

/// Whether the URL includes scheme and host.
pub fn is_absolute(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}
