//! The endings of the files' names.

use crate::words::Format;

/// Follows the name of audio in progress.
pub const PART: &str = ".part";
pub const JSON: &str = ".json";
/// At most this many recordings of one name are told apart.
pub const NUMBERS_MAX: u32 = 10_000;

/// The ending of a published file.
pub fn audio_ending(format: Format) -> String {
    format!(".{}", format.extension())
}
