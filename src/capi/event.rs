//! Subscriptions, and the conversion of events for C.

use std::ffi::{CString, c_void};
use std::sync::Arc;

use super::call_view::{CallTexts, call_view_of};
use super::callback_types::*;
use super::convert::{flags, invalid, not_null, read};
use super::engine_of;
use super::guard::{catch_faults, run_with_memory};
use super::recording::recording_of;
use super::types::*;
use crate::events::{Event, Listener, SubscriptionOptions};
use crate::handles::{self, Handle};
use crate::types::Result;

/// The host's pointer, which its own function frees once.
pub struct HostData {
    user_data: *mut c_void,
    free: rec_free_fn,
}

// SAFETY: by the API, callbacks run and the data is freed on a thread of the library. This type
// only stores the pointer.
unsafe impl Send for HostData {}
// SAFETY: as above. Callbacks run one at a time, and the functions of a codec may run on several
// threads by its rules.
unsafe impl Sync for HostData {}

impl HostData {
    pub fn new(user_data: *mut c_void, free: rec_free_fn) -> HostData {
        HostData { user_data, free }
    }

    pub fn pointer(&self) -> *mut c_void {
        self.user_data
    }

    /// Leaves the pointer with the host: it will not be freed.
    pub fn leave_with_host(&mut self) {
        self.free = None;
    }
}

impl Drop for HostData {
    fn drop(&mut self) {
        if let Some(free) = self.free {
            // SAFETY: the host's function, called once with its own pointer.
            unsafe { free(self.user_data) };
        }
    }
}

struct HostListener {
    callback: unsafe extern "C" fn(*mut c_void, *const rec_event),
    data: HostData,
    /// The kind of event at which a test makes the callback panic.
    #[cfg(feature = "faults")]
    panic_at: String,
}

impl Listener for HostListener {
    fn event(&self, event: &Event, sequence: u64) {
        #[cfg(feature = "faults")]
        assert!(self.panic_at != event.kind.text(), "planted at {}", self.panic_at);
        let recording = event.subject.recording().map(recording_of);
        let call = event.subject.call().map(|call| (call, CallTexts::of(call)));
        let call = call.as_ref().map(|(call, texts)| call_view_of(call, texts));
        let json = CString::new(event.json(sequence)).unwrap_or_default();
        let object_url = CString::new(event.object_url.as_str()).unwrap_or_default();
        let view = rec_event {
            struct_size: size_of::<rec_event>() as u32,
            kind: event.kind as i32,
            flags: event.flags,
            reserved: 0,
            sequence,
            time_ms: event.time_ms,
            recording: recording
                .as_ref()
                .map_or(std::ptr::null(), |recording| &raw const *recording),
            json: json.as_ptr(),
            status: event.status,
            reserved2: 0,
            call_tag: event.subject.call_tag(),
            call_number: event.subject.call_number(),
            call: call.as_ref().map_or(std::ptr::null(), |call| &raw const *call),
            frame: event.frame,
            object_url: object_url.as_ptr(),
        };
        // SAFETY: the host's function. The event and all that it points to live until it returns.
        unsafe { (self.callback)(self.data.pointer(), &raw const view) };
    }
}

/// Subscribes to an engine's events.
///
/// The subscription first receives the events that were raised while there was no subscription:
/// those of all recovered recordings, and the latest 4,096 of the others. Older events are
/// dropped and counted in `events_dropped`, terminal events last. To miss no event, subscribe
/// right after `rec_open`.
///
/// At most 65,536 events are queued while the callback does not return. Beyond that, events are
/// dropped, which leaves a gap in `sequence`. `REC_EVENT_FINISHED`, `REC_EVENT_FAILED`, and
/// `REC_EVENT_START_FAILED` with a recording are never dropped.
///
/// @param engine The engine.
/// @param callback Receives the events: see `rec_event_fn`. Must not be NULL.
/// @param user_data Passed to `callback`.
/// @param user_data_free Called once with `user_data` after `callback` has run for the last
///   time. May be NULL.
/// @param[out] subscription The new subscription. Must not be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: callrec uses `user_data` until it calls `user_data_free`. After an error, it uses
/// neither. The caller owns the subscription until `rec_unsubscribe` or `rec_close`.
/// Errors: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_LIMIT`, `REC_ERR_BAD_HANDLE`,
/// `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_subscribe(
    engine: rec_engine,
    callback: rec_event_fn,
    user_data: *mut c_void,
    user_data_free: rec_free_fn,
    subscription: *mut rec_subscription,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || {
        let host = HostCallback {
            callback,
            user_data,
            user_data_free,
        };
        // SAFETY: the caller's own pointer.
        unsafe { subscribe(engine, SubscriptionOptions::default(), host, subscription) }
    })
}

/// Subscribes to an engine's events, as `rec_subscribe` does, with options.
///
/// With `REC_SUBSCRIBE_CALLS`, the subscription also receives `REC_EVENT_CALL_BEGAN`,
/// `REC_EVENT_CALL_UPDATED` and `REC_EVENT_CALL_ENDED`. After the events that were raised while
/// there was no subscription, it receives one `REC_EVENT_CALL_BEGAN` with `REC_EVENT_FLAG_LIVE`
/// for each call that is live now, however many there are, and then the changes from now on. So
/// a subscriber can keep an exact list of calls: `REC_EVENT_CALL_BEGAN` adds a call under its
/// `call_number`, `REC_EVENT_CALL_UPDATED` replaces it, and `REC_EVENT_CALL_ENDED` removes it.
/// These three kinds of events are not stored while there is no subscription.
///
/// While 65,536 events are queued, events about calls are dropped, which leaves a gap in
/// `sequence`. To get an exact list again, unsubscribe, clear the list, and subscribe again.
///
/// @param engine The engine.
/// @param options The options, or NULL for those of `rec_subscribe`.
/// @param callback Receives the events: see `rec_event_fn`. Must not be NULL.
/// @param user_data Passed to `callback`.
/// @param user_data_free Called once with `user_data` after `callback` has run for the last
///   time. May be NULL.
/// @param[out] subscription The new subscription. Must not be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: callrec uses `user_data` until it calls `user_data_free`. After an error, it uses
/// neither. The caller owns the subscription until `rec_unsubscribe` or `rec_close`.
/// Errors: `REC_ERR_INVALID_ARGUMENT` (also for an unknown flag), `REC_ERR_LIMIT`,
/// `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_subscribe_with(
    engine: rec_engine,
    options: *const rec_subscribe_options,
    callback: rec_event_fn,
    user_data: *mut c_void,
    user_data_free: rec_free_fn,
    subscription: *mut rec_subscription,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || {
        // SAFETY: a rec_subscribe_options or NULL, by the rules of the API.
        let given = unsafe { read(options, "options") }?;
        let requested = given.map_or(0, |given| given.flags);
        let requested = flags(requested, REC_SUBSCRIBE_CALLS, "options.flags")?;
        let options = SubscriptionOptions {
            calls: requested & REC_SUBSCRIBE_CALLS != 0,
        };
        let host = HostCallback {
            callback,
            user_data,
            user_data_free,
        };
        // SAFETY: the caller's own pointer.
        unsafe { subscribe(engine, options, host, subscription) }
    })
}

/// A callback as the host passed it.
struct HostCallback {
    callback: rec_event_fn,
    user_data: *mut c_void,
    user_data_free: rec_free_fn,
}

/// # Safety
/// `subscription` is NULL or points to a writable rec_subscription.
unsafe fn subscribe(
    engine: rec_engine,
    options: SubscriptionOptions,
    host: HostCallback,
    subscription: *mut rec_subscription,
) -> Result<()> {
    let out = not_null(subscription, "subscription")?;
    let callback = host.callback.ok_or_else(|| invalid("callback is NULL"))?;
    let engine = engine_of(engine)?;
    // The handle is reserved first, so that it is written before the callback can run.
    let handle = handles::subscription::reserve(&engine)?;
    // SAFETY: not NULL, so it points to a writable rec_subscription. After an error, the previous
    // value is restored.
    let before = unsafe { out.replace(rec_subscription { id: handle.0 }) };
    let data = HostData::new(host.user_data, host.user_data_free);
    let listener = Arc::new(HostListener {
        callback,
        data,
        #[cfg(feature = "faults")]
        panic_at: engine.config().storage.panic_at.clone(),
    });
    if let Err(refused) = handles::subscription::subscribe(handle, options, listener) {
        // After an error, `user_data_free` is not called.
        std::mem::forget(refused.listener);
        // SAFETY: as above.
        unsafe { out.write(before) };
        return Err(refused.error);
    }
    Ok(())
}

/// Ends a subscription. Its queued events are dropped.
///
/// When the function returns, the callback is not running and will not run again, and
/// `user_data_free` has been called. If the callback itself calls the function, the function
/// returns immediately, and `user_data_free` is called after the callback has returned.
///
/// @param subscription The subscription.
///
/// Threads: any.
/// Blocking: until a running callback of this subscription has returned, unless that callback
/// calls the function.
/// In callbacks: yes.
/// Ownership: the subscription no longer exists.
/// Errors: `REC_ERR_BAD_HANDLE`, `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_unsubscribe(subscription: rec_subscription) -> rec_status {
    match catch_faults(|| handles::subscription::unsubscribe(Handle(subscription.id))) {
        Ok(()) => REC_OK,
        Err(error) => error.status as rec_status,
    }
}
