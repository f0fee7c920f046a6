//! What differs between operating systems, and nothing else.
//!
//! Both sides offer the same: [`Dir`] (a directory in which nothing is followed
//! through a link), [`DirLock`], positioned reads and writes, [`spawn`], the limit
//! of open files.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;

/// What may be hoped for after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    Lasting,
    /// The medium refused, perhaps once.
    Brief,
    /// Something ran short that others give back.
    Passing,
}

fn outlook_of(kind: std::io::ErrorKind) -> Outlook {
    use std::io::ErrorKind::{Interrupted, OutOfMemory, TimedOut, WouldBlock};
    match kind {
        Interrupted | OutOfMemory | TimedOut | WouldBlock => Outlook::Passing,
        _ => Outlook::Lasting,
    }
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Names that are not UTF-8 are none of ours and never listed.
    pub name: String,
    pub is_directory: bool,
}
