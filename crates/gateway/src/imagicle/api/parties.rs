//! The telephone numbers of a completed recording's parties.

use callrec_core::storage::archive::ArchiveEntry;

/// The number of the line.
pub fn local(entry: &ArchiveEntry) -> &str {
    match (entry.number(), entry.direction) {
        ("", 1) => entry.dnis(),
        ("", 2) => entry.ani(),
        (number, _) => number,
    }
}

/// The number of the remote party.
pub fn remote(entry: &ArchiveEntry) -> &str {
    match (entry.remote(), entry.direction) {
        ("", 1) => entry.ani(),
        ("", 2) => entry.dnis(),
        (number, _) => number,
    }
}
