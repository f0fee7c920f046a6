//! Why a finished recording cannot be shown.

/// Why nothing of a finished recording can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveError {
    /// There is none, or it has been removed.
    NotFound,
    /// The archive is still being read.
    NotReady,
    /// The disk failed.
    Failed,
}
