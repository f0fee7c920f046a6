//! The parts that differ between operating systems.
//!
//! Each implementation provides [`SystemDisk`], made by [`system_disk`], with its directories, files and locks, [`spawn`],
//! and the classification of errors.

use std::io;
use std::sync::Arc;

use super::disk::{DiskFile, ErrorClass};
use crate::memory;
use crate::sync::{Condvar, Mutex, thread};
use crate::thread_hooks::ThreadHooks;

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;
#[cfg(any(windows, test))]
mod windows_codes;

#[cfg(unix)]
pub use unix::UnixDisk as SystemDisk;
#[cfg(unix)]
use unix::UnixFile as SystemFile;
#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::WindowsDisk as SystemDisk;
#[cfg(windows)]
use windows::WindowsFile as SystemFile;
#[cfg(windows)]
pub use windows::*;

/// Starts a thread and returns once it runs. While a thread starts, and when it first uses a
/// thread-local variable with a destructor, the C library allocates memory and aborts the process if
/// there is none.
fn spawn_started<F>(name: &str, body: F) -> io::Result<thread::JoinHandle<()>>
where
    F: FnOnce() + Send + 'static,
{
    let started = Arc::new((Mutex::new(false), Condvar::new()));
    let signal = Arc::clone(&started);
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        memory::stay_inside();
        callrec_codec::prepare_thread();
        *signal.0.lock() = true;
        signal.1.notify_one();
        drop(signal);
        body();
    })?;
    let mut runs = started.0.lock();
    while !*runs {
        started.1.wait(&mut runs);
    }
    drop(runs);
    Ok(thread)
}

/// Starts a thread that handles none of the host's signals, and notifies the host when it begins and ends.
pub fn spawn_observed<F>(name: &str, hooks: &ThreadHooks, body: F) -> io::Result<thread::JoinHandle<()>>
where
    F: FnOnce() + Send + 'static,
{
    let (own_name, hooks) = (name.to_owned(), hooks.clone());
    spawn(name, move || hooks.around(&own_name, body))
}

fn class_of_kind(kind: io::ErrorKind) -> ErrorClass {
    use io::ErrorKind::{Interrupted, OutOfMemory, ResourceBusy, TimedOut, WouldBlock};
    match kind {
        // Linux reports it for files of an SMB server that another client holds.
        ResourceBusy => ErrorClass::Held,
        Interrupted | OutOfMemory | TimedOut | WouldBlock => ErrorClass::Temporary,
        _ => ErrorClass::Permanent,
    }
}

/// Repeats a call that a signal has interrupted.
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Wraps a file that was opened by its path.
pub fn file(file: std::fs::File) -> Box<dyn DiskFile> {
    Box::new(SystemFile::new(file))
}
