//! Why a finished recording cannot be shown.

/// Why nothing of a finished recording can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// There is none, or it has been removed.
    Unknown,
    /// The archive is still being read.
    Later,
    /// The disk failed.
    Broken,
}
