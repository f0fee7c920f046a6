//! The host's functions at the beginning and the end of each thread of the library.

use std::ffi::{CString, c_void};
use std::sync::Arc;

use super::callback_types::*;
use super::config::rec_config;
use super::convert::not_null;
use super::event::HostData;
use super::guard::run_with_memory;
use super::types::*;
use crate::thread_hooks::{ThreadHooks, ThreadObserver};

/// Sets functions that run at the beginning and at the end of each thread of an engine that is
/// opened with this configuration.
///
/// Some libraries require that each thread registers with them before it uses them, for example
/// PJLIB (`pj_thread_register`). With `on_start`, the callbacks of events and log lines,
/// `rec_authenticate_fn`, and the functions of a codec may use such a library.
///
/// Both functions run on the thread itself: `on_start` before anything else, and `on_end` after
/// everything else. Each thread calls both once. These are all threads whose names begin with
/// "callrec-": the engine's own, those of its gateways and its registered codecs, and the one
/// that works during `rec_close`. docs/architecture.md lists them. Several threads may call the
/// functions at the same time. `rec_open` does not wait for `on_start`.
///
/// When `rec_close` has returned `REC_OK`, `on_end` has returned on every thread of the engine.
/// After `REC_ERR_TIMEOUT`, threads may still end later.
///
/// @param config The configuration. Must not be NULL. Engines that are open do not change.
/// @param on_start Called at the beginning of each thread. May be NULL.
/// @param on_end Called at the end of each thread. May be NULL. If both are NULL, the functions
///   that were set before are removed.
/// @param user_data Passed to both.
/// @param user_data_free Called once with `user_data` when neither a configuration nor an engine
///   nor a thread uses it any longer, on the thread that ends its last use. May be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any, but only one at a time for the same configuration.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: `user_data` is the library's until `user_data_free`. After a failure, it remains
/// the caller's.
/// Errors: `REC_ERR_INVALID_ARGUMENT` (`config` is NULL).
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_config_set_thread_hooks(
    config: *mut rec_config,
    on_start: rec_thread_fn,
    on_end: rec_thread_fn,
    user_data: *mut c_void,
    user_data_free: rec_free_fn,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || {
        let config = not_null(config, "config")?;
        let hooks = HostThreadHooks {
            on_start,
            on_end,
            data: HostData::new(user_data, user_data_free),
        };
        // Without a function, the data is released at once.
        let is_set = on_start.is_some() || on_end.is_some();
        let hooks = is_set.then(|| ThreadHooks::new(Arc::new(hooks)));
        // SAFETY: rec_config_new created it, it is not freed, and no other thread uses it.
        let config = unsafe { &mut *config };
        config.settings_mut().set_thread_hooks(hooks.unwrap_or_default());
        Ok(())
    })
}

struct HostThreadHooks {
    on_start: rec_thread_fn,
    on_end: rec_thread_fn,
    data: HostData,
}

impl HostThreadHooks {
    fn call(&self, function: rec_thread_fn, name: &str) {
        if let Some(function) = function {
            let name = CString::new(name).unwrap_or_default();
            // SAFETY: the host's function, with its own pointer. The name lives until it returns.
            unsafe { function(self.data.pointer(), name.as_ptr()) };
        }
    }
}

impl ThreadObserver for HostThreadHooks {
    fn started(&self, name: &str) {
        self.call(self.on_start, name);
    }

    fn ended(&self, name: &str) {
        self.call(self.on_end, name);
    }
}
