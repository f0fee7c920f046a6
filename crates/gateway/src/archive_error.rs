//! Errors of looking up finished recordings.

/// Why a finished recording cannot be returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveError {
    /// The recording does not exist or has been removed.
    NotFound,
    /// The first scan of the archive has not completed.
    NotReady,
    /// The recording is under a legal hold.
    Held,
    /// The disk failed.
    Failed,
}
