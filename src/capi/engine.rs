//! Opening and closing engines, adopting directories, statistics and logs.

use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;
#[cfg(unix)]
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::callback_types::*;
use super::config::rec_config;
use super::convert::{OutputStruct, invalid, not_null, str_of};
use super::event::HostData;
use super::guard::{run_always, run_with_memory};
use super::nodes;
use super::types::*;
use super::{engine_of, recorder_of};
use crate::events::{LogLevel, LogListener};
use crate::handles::{self, Handle};
use crate::memory;
use crate::platform;
#[cfg(unix)]
use crate::storage::os;
use crate::types::Result;
use crate::uploads;

#[cfg(not(feature = "gateway"))]
use super::gateway_disabled as backend;
#[cfg(feature = "gateway")]
use super::gateway_enabled as backend;

/// More memory than an engine's tables need. The stacks of its threads are allocated separately.
const OPEN_MEMORY_BYTES: u64 = 8 << 20;
/// The longest directory, in bytes, as for "storage.directory".
const DIRECTORY_MAX: usize = 3000;

/// Opens an engine on a storage directory.
///
/// The function locks the directory, reads its contents, and starts the engine's threads. The
/// engine finishes recordings that an earlier process left unfinished in the background, and
/// reports them with events.
///
/// @param config The configuration, or NULL for the defaults. The engine copies it.
/// @param[out] engine The new engine. Must not be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: creates and locks the directory, and waits for the disk.
/// In callbacks: yes.
/// Ownership: the caller owns the engine until `rec_close`. `config` remains the caller's.
/// Errors: `REC_ERR_UNAVAILABLE` (another engine, of this or another process, holds the
/// directory), `REC_ERR_IO`, `REC_ERR_NO_SPACE`, `REC_ERR_CONFIG`, `REC_ERR_LIMIT`,
/// `REC_ERR_INVALID_ARGUMENT`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_open(
    config: *const rec_config,
    engine: *mut rec_engine,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || {
        let out = not_null(engine, "engine")?;
        memory::prepare();
        memory::require(OPEN_MEMORY_BYTES)?;
        install_fork_handler();
        platform::stay_loaded();
        // SAFETY: NULL, or created by rec_config_new and not freed.
        let settings = unsafe { config.as_ref() }.map(|config| config.settings().clone());
        let mut settings = settings.unwrap_or_default();
        #[cfg(not(callrec_loom))]
        {
            settings.engine.large_pages = super::memory::advise_large_pages;
        }
        settings.engine.is_memory_short = memory::is_short;
        settings.engine.require_memory = memory::require;
        let Handle(id) = handles::engine::open(settings, uploads::open)?;
        // SAFETY: not NULL, so it points to a writable rec_engine.
        unsafe { out.write(rec_engine { id }) };
        Ok(())
    })
}

/// Installs a fork handler, by which functions detect a forked child without a system call, and
/// the child releases its parent's directory locks.
///
/// The function takes no lock, because the process may fork while another thread runs it. Two
/// threads may install the handler twice, which is harmless.
#[cfg(unix)]
fn install_fork_handler() {
    extern "C" fn child() {
        handles::forked();
        close_inherited_locks();
    }
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    if INSTALLED.load(Ordering::Acquire) {
        return;
    }
    // SAFETY: the handler uses atomics and two system calls that are safe in a signal
    // handler, and stays loaded (-z nodelete).
    if unsafe { libc::pthread_atfork(None, None, Some(child)) } == 0 {
        INSTALLED.store(true, Ordering::Release);
    }
}

/// Windows has no fork.
#[cfg(not(unix))]
fn install_fork_handler() {}

/// Closes the directory locks that a forked child inherits. A lock belongs to the open file,
/// which the child shares: it would hold the directory after its parent has died. The host may
/// have closed the descriptor and reused its number, so the file is compared first.
#[cfg(unix)]
#[allow(clippy::unnecessary_cast)] // the types differ between systems
fn close_inherited_locks() {
    for lock in os::take_inherited() {
        // SAFETY: all bits zero are a valid `stat`.
        let mut found: libc::stat = unsafe { std::mem::zeroed() };
        // SAFETY: `found` is writable, and a number that is not a descriptor gives an error.
        let exists = unsafe { libc::fstat(lock.descriptor, &mut found) } == 0;
        if exists && (found.st_dev as u64, found.st_ino as u64) == (lock.device, lock.inode) {
            // SAFETY: the file belongs to an engine of the parent. This process neither uses nor
            // drops that engine, because its handles are refused.
            unsafe { libc::close(lock.descriptor) };
        }
    }
}

/// Closes an engine. It ends all calls, finishes and publishes their recordings, delivers all
/// events and releases the storage directory.
///
/// When the function returns, the handles of all calls, feeds, subscriptions and gateways of
/// the engine are stale, even after a timeout. Gateways answer requests until all recordings
/// are published, and are then stopped. If the end of a recording cannot be written, the engine
/// retries until the timeout; after that, the next `rec_open` finishes and reports the
/// recording. The engine stays open only if the function returns `REC_ERR_IN_CALLBACK` or
/// `REC_ERR_INVALID_ARGUMENT`.
///
/// After `REC_ERR_TIMEOUT`, no further callback begins. A callback that is still running may
/// use its `user_data`, which is released after the callback has returned. The remaining work
/// continues in the background and in the next `rec_open`. While a thread of the closed engine
/// is stuck in a write, `rec_open` returns `REC_ERR_UNAVAILABLE`. Because threads of callrec
/// may still run, the shared library stays loaded after dlclose or FreeLibrary, and a module that
/// links the static library must not be unloaded. On Windows, the first `rec_open` pins the module.
///
/// @param engine The engine.
/// @param timeout_ms The maximum wait in milliseconds. With 0 the function does not wait.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: until everything is finished and all events are delivered, at most `timeout_ms`.
/// In callbacks: no (`REC_ERR_IN_CALLBACK`), neither in a callback of the engine nor in any
/// `rec_authenticate_fn` or function of a `rec_codec_ops`.
/// Ownership: the engine and all its calls, feeds, subscriptions, gateways and registered codecs
/// no longer exist.
/// Errors: `REC_ERR_TIMEOUT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_IN_CALLBACK`, `REC_ERR_FORKED`,
/// `REC_ERR_INVALID_ARGUMENT` (`error` has a wrong `struct_size`).
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_close(engine: rec_engine, timeout_ms: u32, error: *mut rec_error) -> rec_status {
    run_always(error, || {
        backend::refuse_in_callback()?;
        handles::engine::close(Handle(engine.id), Duration::from_millis(timeout_ms.into()))
    })
}

/// Adopts the storage directory of a process that has died: recovers its recordings there,
/// reports how they ended, and performs their jobs. The directory may be on storage that machines
/// share, or on a disk that was moved.
///
/// The recordings are recovered as by `rec_open` on that directory, with the settings of this
/// engine, and stay there. The subscribers of this engine get their terminal events, in which
/// `path` names the files. Callbacks are sent if a gateway runs, and sidecars, uploads and the
/// entries in the stream of a cluster are made if this engine makes them for its own recordings.
/// A cluster does not list the recordings any more once their ends are in its stream.
///
/// The function waits until all ends are delivered and all these jobs are done, and then releases
/// the directory. What is left after `timeout_ms` is done by the next `rec_adopt` or `rec_open`,
/// which reports ends again, with `REC_EVENT_FLAG_REPEATED`, that this one may not have
/// delivered. An engine without subscribers keeps the events for the first one; the next
/// `rec_adopt` or `rec_open` reports these again too. Calls and recordings of this engine do not
/// wait for an adoption.
///
/// No two engines have a directory at the same time. A lock ensures that, on a shared file system
/// only if that file system has locks that reach over machines, as NFS 4 has. If it has none,
/// make sure that the other process has ended.
///
/// @param engine The engine that reports the ends.
/// @param directory The storage directory of the dead process (its `storage.directory`). Must not
///   be NULL.
/// @param timeout_ms How long the work may take, in milliseconds.
/// @param[out] recordings The number of recordings whose ends were reported. Written with
///   `REC_OK`, `REC_ERR_TIMEOUT` and `REC_ERR_IO`. May be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any. Several threads may adopt different directories at the same time.
/// Blocking: for the disk, the subscribers and the receivers of jobs, at most `timeout_ms` and
/// about five seconds to release the directory. `rec_close` ends it within the time that
/// `rec_close` has.
/// In callbacks: no (`REC_ERR_IN_CALLBACK`).
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_TIMEOUT` (something is left), `REC_ERR_NOT_FOUND` (there is no such
/// directory, or no engine has ever used it), `REC_ERR_UNAVAILABLE` (an engine of this or another
/// process, perhaps this one, has the directory, or this engine is closing), `REC_ERR_IO` (the
/// directory cannot be used, or some recordings cannot be recovered now), `REC_ERR_IN_CALLBACK`,
/// `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_LIMIT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_FORKED`.
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_adopt(
    engine: rec_engine,
    directory: *const c_char,
    timeout_ms: u32,
    recordings: *mut u32,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || {
        not_null(directory.cast_mut(), "directory")?;
        // SAFETY: a string, by the rules of the API.
        let directory = unsafe { str_of(directory, "directory", DIRECTORY_MAX) }?;
        let directory = directory.filter(|directory| !directory.is_empty());
        let directory = directory.ok_or_else(|| invalid("directory is empty"))?;
        let engine = engine_of(engine)?;
        backend::refuse_in_callback()?;
        memory::require(OPEN_MEMORY_BYTES)?;
        let timeout = Duration::from_millis(timeout_ms.into());
        let adoption = engine.adopt(platform::system(), directory, timeout)?;
        if !recordings.is_null() {
            // SAFETY: not NULL, so it points to a writable number.
            unsafe { recordings.write(adoption.recordings) };
        }
        adoption.outcome
    })
}

/// Returns what is live in an engine now, and counters since the engine was opened.
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
    run_always(error, || {
        let pointer = not_null(statistics, "statistics")?;
        // SAFETY: not NULL, so it points to a struct that begins with its size.
        let out = unsafe { OutputStruct::new(pointer, "statistics") }?;
        let mut now = recorder_of(engine)?.statistics()?;
        now.cluster = nodes::statistics(Handle(engine.id));
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
            recordings_deleted: now.recordings_deleted,
            uploads_pending: now.uploads.pending,
            uploads_oldest_ms: now.uploads.oldest_ms,
            uploads_done: now.uploads.done,
            uploads_failed: now.uploads.failed,
            upload_removals_pending: now.uploads.removals_pending,
            cluster_connected: now.cluster.is_connected.into(),
            cluster_losses: now.cluster.losses,
            cluster_recordings: now.cluster.recordings,
            cluster_commands: now.cluster.commands,
            cluster_late_commands: now.cluster.late_commands,
            cluster_pending_ends: now.cluster.pending_ends,
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
        // SAFETY: the host's function, called with the pointer it was registered with.
        unsafe { (self.callback)(self.data.pointer(), level as i32, text.as_ptr()) };
    }
}

/// Sets the callback that receives the engine's log lines, in place of the previous one. It
/// first receives the lines that no callback has received yet, at most the latest 1,024.
///
/// @param engine The engine.
/// @param callback The callback, or NULL for none.
/// @param user_data Passed to `callback`.
/// @param user_data_free Called once with `user_data` after `callback` has run for the last
///   time. May be NULL. Must be NULL if `callback` is NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never. The previous callback may still be running when the function returns.
/// In callbacks: yes.
/// Ownership: callrec uses `user_data` until it calls `user_data_free`. After an error, it uses
/// neither.
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
    run_with_memory(error, || set_log(engine, callback, user_data, user_data_free))
}

fn set_log(
    engine: rec_engine,
    callback: rec_log_fn,
    user_data: *mut c_void,
    user_data_free: rec_free_fn,
) -> Result<()> {
    let engine = engine_of(engine)?;
    if callback.is_none() && user_data_free.is_some() {
        return Err(invalid("user_data_free must be NULL if callback is NULL"));
    }
    let listener = callback.map(|callback| {
        let data = HostData::new(user_data, user_data_free);
        Arc::new(HostLog { callback, data }) as Arc<dyn LogListener>
    });
    engine.bus().set_log(listener);
    Ok(())
}
