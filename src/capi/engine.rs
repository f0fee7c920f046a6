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
use crate::words::Result;

#[cfg(not(feature = "gateway"))]
use super::gateway_disabled as backend;
#[cfg(feature = "gateway")]
use super::gateway_enabled as backend;

/// More than an engine's tables take; its threads' stacks come from elsewhere.
const OPENING: u64 = 8 << 20;

/// Opens an engine on a storage directory.
///
/// The function locks the directory, reads what it holds, and starts the engine's threads.
/// Recordings that an earlier process did not finish are finished in the background, and events
/// report them.
///
/// @param config The configuration, or NULL for the defaults. The engine copies it.
/// @param[out] engine The new engine. Must not be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: creates and locks the directory, and waits for the disk.
/// In callbacks: yes.
/// Ownership: the caller owns the engine until `rec_close`. `config` remains the caller's.
/// Errors: `REC_ERR_UNAVAILABLE` (another engine or process holds the directory), `REC_ERR_IO`,
/// `REC_ERR_NO_SPACE`, `REC_ERR_CONFIG`, `REC_ERR_LIMIT`, `REC_ERR_INVALID_ARGUMENT`.
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

/// Closes an engine. It ends all calls, finishes and publishes their recordings, delivers all
/// events and releases the storage directory.
///
/// When the function returns, the handles of all calls, feeds, subscriptions and gateways of
/// the engine are stale, whatever the result and however short the timeout. Gateways answer
/// requests until all recordings are published, and are then stopped. If the disk refuses the
/// end of a recording, the end is retried until the timeout; after that, the next `rec_open`
/// reports it. `REC_ERR_IN_CALLBACK`, and `REC_ERR_INVALID_ARGUMENT` because of `error`, leave
/// the engine open.
///
/// After `REC_ERR_TIMEOUT`, no further callback begins. A callback that is running may still
/// use its `user_data`, which is freed after it returns. The remaining work continues in the
/// background and in the next `rec_open`, which returns `REC_ERR_UNAVAILABLE` until a writer
/// that is stuck has returned. Because threads of callrec may still run, the shared library
/// stays loaded after dlclose, and a module that links the static library must not be unloaded.
///
/// @param engine The engine.
/// @param timeout_ms The maximum wait in milliseconds. With 0 the function does not wait.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: until everything is finished and all events are delivered, at most `timeout_ms`.
/// In callbacks: no (`REC_ERR_IN_CALLBACK`), neither in a callback of the engine nor in any
/// `rec_authenticate_fn`.
/// Ownership: the engine and all its calls, feeds, subscriptions and gateways no longer exist.
/// Errors: `REC_ERR_TIMEOUT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_IN_CALLBACK`, `REC_ERR_FORKED`,
/// `REC_ERR_INVALID_ARGUMENT` (`error` has a wrong `struct_size`).
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_close(engine: rec_engine, timeout_ms: u32, error: *mut rec_error) -> rec_status {
    answer_anyway(error, || {
        backend::refuse_inside()?;
        handles::engine::close(Handle(engine.id), Duration::from_millis(timeout_ms.into()))
    })
}

/// Returns what an engine is doing, and has done since it was opened.
///
/// @param engine The engine.
/// @param[out] statistics The statistics. Must not be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
/// `REC_ERR_FORKED`.
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

/// Sets the callback that receives the engine's log lines, in place of the previous one. It
/// first receives the latest 1,024 lines that were logged since the engine was opened.
///
/// @param engine The engine.
/// @param callback The callback, or NULL for none.
/// @param user_data Passed to `callback`.
/// @param user_data_free Called once with `user_data` after the last call of `callback`. May be
///   NULL. Must be NULL if `callback` is NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never. A call of the previous callback may still be running when the function
/// returns.
/// In callbacks: yes.
/// Ownership: callrec uses `user_data` until it calls `user_data_free`. After an error it does
/// not use it.
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
