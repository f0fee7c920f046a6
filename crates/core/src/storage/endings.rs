//! The endings of the files' names.

use super::name::RecordingName;
use crate::types::Format;

/// Follows the name of audio in progress.
pub const PART: &str = ".part";
pub const JSON: &str = ".json";
/// At most this many recordings of one name are told apart.
pub const NUMBERS_MAX: u32 = 10_000;

/// The ending of a published file.
pub fn audio_ending(format: Format) -> String {
    format!(".{}", format.extension())
}

/// The name and the ending of a published file of any format, by its path; `None` unless it
/// could be one of ours.
pub fn split_audio(path: &str) -> Option<(RecordingName, String)> {
    Format::containers().find_map(|container| {
        let ending = format!(".{}", container.extension());
        Some((RecordingName::from_path(path, &ending)?, ending))
    })
}

/// The same for a file in progress; the ending is that of the published file.
pub fn split_part(path: &str) -> Option<(RecordingName, String)> {
    split_audio(path.strip_suffix(PART)?)
}
