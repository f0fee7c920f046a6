//! The callbacks of events and log lines, and of the release of their data.

use std::ffi::{c_char, c_void};

use super::types::rec_event;

/// Receives events, one at a time, on the library's event thread.
///
/// The library holds no lock while the callback runs. `event` and all that it points to live
/// until the callback returns. The callback may call any function except `rec_close` for its
/// own engine, and `rec_gateway_stop` and `rec_http_handle` for gateways of that engine; these
/// return `REC_ERR_IN_CALLBACK`. It may end its own subscription. Later events wait until the
/// callback returns; calls and recordings continue. The callback must not throw or longjmp out.
/// If callbacks of two engines end each other's subscriptions, or close each other's engine,
/// both may wait forever.
pub type rec_event_fn = Option<unsafe extern "C" fn(user_data: *mut c_void, event: *const rec_event)>;

/// Receives log lines on the event thread, under the rules of `rec_event_fn`.
///
/// `level` is `REC_LOG_…`. `message` is one line of UTF-8; control characters are escaped.
pub type rec_log_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, level: i32, message: *const c_char)>;

/// Is called on a thread of the library, at its beginning or at its end.
///
/// `name` is the thread's name, which begins with "callrec-"; it lives until the function returns.
/// The function must not call a function of the library, throw or longjmp out.
///
/// Since: 0.2.0
pub type rec_thread_fn = Option<unsafe extern "C" fn(user_data: *mut c_void, name: *const c_char)>;

/// Releases a `user_data` pointer. The library calls it once, after the last callback with that
/// pointer.
///
/// It runs on the thread that ends the registration (in `rec_unsubscribe`, `rec_set_log` or
/// `rec_close`), or on a thread of the library. It must not call a function that waits:
/// `rec_close`, `rec_unsubscribe`, `rec_gateway_stop` or `rec_http_handle`. It must not throw
/// or longjmp out.
pub type rec_free_fn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;
