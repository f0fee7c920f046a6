//! Engines.

use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;
#[cfg(unix)]
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::config::rec_config;
use super::convert::{Out, invalid, needed};
use super::event::HostData;
use super::guard::{answer, answer_anyway};
use super::types::*;
use super::{engine_of, recorder_of};
use crate::config::Config;
use crate::events::{LogLevel, LogListener};
use crate::handles::{self, Handle};
use crate::memory;
#[cfg(unix)]
use crate::storage::os;
use crate::types::Result;

#[cfg(feature = "gateway")]
use super::served;
#[cfg(not(feature = "gateway"))]
use super::unserved as served;

/// More than an engine's tables take; its threads' stacks come from elsewhere.
const OPENING: u64 = 8 << 20;

/// Opens an engine: takes the directory's lock, looks at what is there, starts the
/// threads. What an earlier process left is finished behind, and told by events.
///
/// `config`: NULL for the defaults; copied. `engine`: where the handle is written; not NULL.
///
/// Threads: any.
/// Blocking: makes and locks the directory; waits for the disk.
/// In callbacks: yes.
/// Ownership: the engine is the caller's, until `rec_close`.
/// Errors: `REC_ERR_UNAVAILABLE` (the directory is held by another engine or
/// process), `REC_ERR_IO`, `REC_ERR_NO_SPACE`, `REC_ERR_CONFIG`, `REC_ERR_LIMIT`,
/// `REC_ERR_INVALID_ARGUMENT`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_open(
    config: *const rec_config,
    engine: *mut rec_engine,
    error: *mut rec_error,
) -> rec_status {
    answer(error, || {
        let out = needed(engine, "engine")?;
        memory::prepare();
        memory::require(OPENING)?;
        watch_forks();
        // SAFETY: NULL, or made by rec_config_new and not freed.
        let settings = unsafe { config.as_ref() }.map(|config| config.settings().clone());
        let (settings, gateway) = settings.unwrap_or_default().into_parts();
        let settings = Config {
            #[cfg(not(callrec_loom))]
            large_pages: super::memory::large_pages,
            is_memory_short: memory::is_short,
            ..settings
        };
        let Handle(id) = handles::engine::open(settings, gateway)?;
        // SAFETY: not NULL, so it points to a writable rec_engine.
        unsafe { out.write(rec_engine { id }) };
        Ok(())
    })
}

/// So that a forked child is noticed without a system call in each function, and keeps none
/// of its parent's directories.
///
/// Nothing is waited for, because a child may be forked while another thread is in here. Two
/// threads that come at once register the handler twice, which does no harm.
#[cfg(unix)]
fn watch_forks() {
    extern "C" fn child() {
        handles::forked();
        close_inherited_locks();
    }
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if WATCHED.load(Ordering::Acquire) {
        return;
    }
    // SAFETY: the handler uses atomics and two system calls that are safe in a signal
    // handler, and stays loaded (-z nodelete).
    if unsafe { libc::pthread_atfork(None, None, Some(child)) } == 0 {
        WATCHED.store(true, Ordering::Release);
    }
}

/// Windows has no fork.
#[cfg(not(unix))]
fn watch_forks() {}

/// A lock belongs to the opened file, which a child has as well: it would hold the directory
/// when its parent is dead. The host may have closed the descriptor and used its number again.
#[cfg(unix)]
#[allow(clippy::unnecessary_cast)] // the types differ between systems
fn close_inherited_locks() {
    for lock in os::take_inherited() {
        // SAFETY: all bits zero are a valid `stat`.
        let mut found: libc::stat = unsafe { std::mem::zeroed() };
        // SAFETY: `found` is writable; a number that is no descriptor is answered by an error.
        let told = unsafe { libc::fstat(lock.descriptor, &mut found) } == 0;
        if told && (found.st_dev as u64, found.st_ino as u64) == (lock.device, lock.inode) {
            // SAFETY: the file's owner is an engine of the parent, which nothing in this
            // process uses or drops: its handles are refused.
            unsafe { libc::close(lock.descriptor) };
        }
    }
}

/// Closes an engine: ends its calls, finishes and publishes what is live, delivers
/// every event, lets the directory go. An end that the disk does not take is tried again
/// as long as this may wait, and is told by the next open otherwise. The handle is consumed in any case but
/// `REC_ERR_IN_CALLBACK` and a faulty `error` (`REC_ERR_INVALID_ARGUMENT`).
///
/// `timeout_ms`: how long to wait at most, in milliseconds; 0 does not wait. However
/// short, all calls, feeds, subscriptions and gateways are stale when it returns.
/// Gateways answer until all that was live is published, then they are stopped. After
/// `REC_ERR_TIMEOUT` no callback begins any more (one that runs may still use its
/// `user_data`, which is freed after it); what is left is gone on with behind, and by
/// the next open, which answers `REC_ERR_UNAVAILABLE` until a writer that is stuck has
/// returned. Threads of ours then go on: the shared library stays loaded after a
/// dlclose; a module that links the static one must not be unloaded.
///
/// Threads: any.
/// Blocking: until all is finished and told, at most `timeout_ms`.
/// In callbacks: no (`REC_ERR_IN_CALLBACK`), neither in the engine's own nor in any
/// `rec_authenticate_fn`.
/// Ownership: the engine and all its calls, feeds, subscriptions and gateways are gone.
/// Errors: `REC_ERR_TIMEOUT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_IN_CALLBACK`, `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_close(engine: rec_engine, timeout_ms: u32, error: *mut rec_error) -> rec_status {
    answer_anyway(error, || {
        served::refuse_inside()?;
        handles::engine::close(Handle(engine.id), Duration::from_millis(timeout_ms.into()))
    })
}

/// What the engine is doing, and has done since it was opened.
///
/// `statistics`: filled in; not NULL, begun with `REC_INIT`.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the struct is the caller's.
/// Errors: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_stats(
    engine: rec_engine,
    statistics: *mut rec_statistics,
    error: *mut rec_error,
) -> rec_status {
    answer_anyway(error, || {
        let at = needed(statistics, "statistics")?;
        // SAFETY: not NULL, so it begins with its size.
        let out = unsafe { Out::new(at, "statistics") }?;
        let now = recorder_of(engine)?.statistics()?;
        out.write(&rec_statistics {
            struct_size: 0,
            reserved: 0,
            live_calls: now.live_calls,
            live_recordings: now.live_recordings,
            finishing_recordings: now.finishing_recordings,
            frames_in: now.frames_in,
            frames_lost: now.frames_lost,
            frames_ignored: now.frames_ignored,
            bytes_out: now.bytes_out,
            bytes_dropped: now.bytes_dropped,
            backlog_bytes: now.backlog_bytes,
            events_dropped: now.events_dropped,
            worker_lag_us: now.worker_lag_us,
            free_bytes: now.free_bytes,
        });
        Ok(())
    })
}

struct HostLog {
    callback: unsafe extern "C" fn(*mut c_void, i32, *const c_char),
    data: HostData,
}

impl LogListener for HostLog {
    fn log(&self, level: LogLevel, message: &str) {
        let text = CString::new(message).unwrap_or_default();
        // SAFETY: the host's function, given what it was registered with.
        unsafe { (self.callback)(self.data.pointer(), level as i32, text.as_ptr()) };
    }
}

/// Sets who is told what is worth a line in a log; replaces the one before. What
/// was logged since the opening is told first (the latest 1,024 lines).
///
/// `callback`: NULL for none any more. `user_data`: handed to it. `user_data_free`:
/// called once with it after the last call; may be NULL.
///
/// Threads: any.
/// Blocking: never; a running call of the one before may return after this does.
/// In callbacks: yes.
/// Ownership: `user_data` is lent until `user_data_free`. After an error it is not.
/// Errors: `REC_ERR_BAD_HANDLE`, `REC_ERR_FORKED`, `REC_ERR_INVALID_ARGUMENT`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_set_log(
    engine: rec_engine,
    callback: rec_log_fn,
    user_data: *mut c_void,
    user_data_free: rec_free_fn,
    error: *mut rec_error,
) -> rec_status {
    answer(error, || set_log(engine, callback, user_data, user_data_free))
}

fn set_log(
    engine: rec_engine,
    callback: rec_log_fn,
    user_data: *mut c_void,
    user_data_free: rec_free_fn,
) -> Result<()> {
    let engine = engine_of(engine)?;
    if callback.is_none() && user_data_free.is_some() {
        return Err(invalid("user_data_free: given without a callback"));
    }
    let listener = callback.map(|callback| {
        let data = HostData::new(user_data, user_data_free);
        Arc::new(HostLog { callback, data }) as Arc<dyn LogListener>
    });
    engine.bus().set_log(listener);
    Ok(())
}
