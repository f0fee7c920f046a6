//! The parameter `tags` of WAV and AU files.
//!
//! Without it, the header has the size that version 0.1.0 has documented, or that strict readers
//! accept. With `tags=1`, every header has another, fixed size, with room for the longest tags.

use crate::{Format, ParameterSpec};

/// The parameters of a format whose header may have tags.
pub const HEADER_PARAMETERS: &[ParameterSpec] = &[ParameterSpec {
    name: NAME,
    range: 0..=1,
    default: 0,
}];
const NAME: &str = "tags";

/// The size of a header with tags.
pub const TAGGED_BYTES: usize = 1024;

/// Whether the header has tags.
pub fn has_tags(format: Format) -> bool {
    format.parameter(0) == 1
}

/// The format with the parameter that a header of this size shows.
pub fn with_tags_shown(format: Format, header_bytes: u64) -> Format {
    match header_bytes == TAGGED_BYTES as u64 {
        true => format.or_defaults(|name| (name == NAME).then_some(1)),
        false => format,
    }
}
