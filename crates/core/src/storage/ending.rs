//! How a recording ends.

use crate::types::Error;

/// What happens to a recording's file at its end.
pub enum Ending {
    Keep,
    Discard,
    /// The written audio is published as partial.
    Fail(Error),
    /// Like `Fail`, but the engine has not been notified yet.
    Lost(Error),
}
