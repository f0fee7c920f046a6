//! The suffixes of file names.

use super::name::RecordingName;
use crate::types::Format;

/// Suffix of audio in progress, after the audio suffix.
pub const PART: &str = ".part";
pub const JSON: &str = ".json";
/// The largest number that distinguishes recordings of the same name.
pub const NUMBERS_MAX: u32 = 10_000;

/// The suffix of a published file, with its dot.
pub fn audio_suffix(format: Format) -> String {
    format!(".{}", format.extension())
}

/// Splits the path of a published file into its name and suffix. Returns `None` for a path that
/// callrec would not use.
pub fn split_audio(path: &str) -> Option<(RecordingName, String)> {
    Format::containers().find_map(|container| {
        let suffix = format!(".{}", container.extension());
        Some((RecordingName::from_path(path, &suffix)?, suffix))
    })
}

/// Like `split_audio`, for a file in progress. The suffix is that of the published file.
pub fn split_part(path: &str) -> Option<(RecordingName, String)> {
    split_audio(path.strip_suffix(PART)?)
}
