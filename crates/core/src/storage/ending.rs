//! What is done with a recording that has ended.

use crate::types::Error;

/// What becomes of a recording's file.
pub enum Ending {
    Keep,
    Discard,
    /// What is there is published as partial.
    Fail(Error),
    /// The same, but the engine does not know yet.
    Lost(Error),
}
