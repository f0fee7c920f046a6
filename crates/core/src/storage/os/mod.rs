//! What differs between operating systems, and nothing else.
//!
//! Both sides offer the same: [`SystemDisk`] with its directories, files and locks,
//! [`spawn`], and what an error means.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;

use super::disk::{DiskFile, Outlook};
use std::io;

fn outlook_of(kind: io::ErrorKind) -> Outlook {
    use io::ErrorKind::{Interrupted, OutOfMemory, TimedOut, WouldBlock};
    match kind {
        Interrupted | OutOfMemory | TimedOut | WouldBlock => Outlook::Passing,
        _ => Outlook::Lasting,
    }
}

/// Makes a call again that a signal has interrupted.
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// A file that was opened by its path.
pub fn file(file: std::fs::File) -> Box<dyn DiskFile> {
    Box::new(SystemFile::new(file))
}
