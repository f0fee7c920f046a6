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

/// Whether a url names its own server.
pub fn is_absolute(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}
