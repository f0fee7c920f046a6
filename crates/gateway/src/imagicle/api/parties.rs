//! The telephone numbers of the two ends of a completed recording.

use callrec_core::storage::archive::ArchiveEntry;

/// The telephone number of the line.
pub fn local(entry: &ArchiveEntry) -> &str {
    match (entry.number(), entry.direction) {
        ("", 1) => entry.dnis(),
        ("", 2) => entry.ani(),
        (number, _) => number,
    }
}

/// The telephone number at the other end.
pub fn remote(entry: &ArchiveEntry) -> &str {
    match (entry.remote(), entry.direction) {
        ("", 1) => entry.ani(),
        ("", 2) => entry.dnis(),
        (number, _) => number,
    }
}
