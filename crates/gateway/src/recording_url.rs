//! Where clients find the audio of a recording.

use super::Gateway;

/// The path below which all of them are.
pub const AUDIO_PATH: &str = "/recordings";

/// A recording's url as clients see it.
pub fn public_url_of(gateway: &Gateway, url: &str) -> String {
    if is_absolute(url) {
        url.to_owned()
    } else {
        format!("{}{AUDIO_PATH}/{url}", gateway.public_url())
    }
}

/// The same for somebody who may have the audio without a login: signed, if the gateway signs
/// urls and it is the gateway that serves this one.
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

/// Whether a url names its own server.
pub fn is_absolute(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}
