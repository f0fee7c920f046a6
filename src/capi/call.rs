//! Calls: begin, update, privacy and end.

use std::ffi::c_char;
use std::sync::Arc;

use super::convert::{attributes, check_reserved, invalid, not_null, optional_text, read_required};
use super::engine_of;
use super::guard::{run_always, run_with_memory};
use super::types::*;
use crate::calls::{CallInfo, CallState, CallUpdate, ConsentState, ConsentUpdate};
use crate::engine::Call;
use crate::handles::{self, Handle};
use crate::types::Result;

/// Begins a call on a line.
///
/// If the line's policy is `REC_LINE_AUTOMATIC` and the call is connected, its recording
/// starts. If this start fails, the call begins nevertheless: an event reports the failure, and
/// the engine retries the start. If the recording fails later, the engine starts another one:
/// see `rec_line_set`.
///
/// @param engine The engine.
/// @param info The properties of the call. Must not be NULL. All members but `struct_size` may
///   be zero.
/// @param[out] call The new call. Must not be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the caller owns the call until `rec_call_end`. `info` and its strings remain the
/// caller's.
/// Errors: `REC_ERR_EXISTS` (the line already has a call with this `call_id`), `REC_ERR_LIMIT`,
/// `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_call_begin(
    engine: rec_engine,
    info: *const rec_call_info,
    call: *mut rec_call,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || {
        let out = not_null(call, "call")?;
        // SAFETY: the caller's own pointer.
        let update = unsafe { read_call_info(info) }?;
        let opened = Handle(engine.id);
        let engine = engine_of(engine)?;
        let mut info = update.apply(&CallInfo::default(), engine.unix_ms());
        info.call_id = update.call_id.unwrap_or_default();
        let Handle(id) = handles::call::begin(&engine, opened, info)?;
        // SAFETY: not NULL, so it points to a writable rec_call.
        unsafe { out.write(rec_call { id }) };
        Ok(())
    })
}

/// Changes the properties of a call: its state, parties, line, owner or consent.
///
/// Recordings of the call continue, unless the call moves to another line and
/// `recording.on_transfer` says otherwise. From now on, access rights, look-ups and line
/// policies use the new properties. The manifest lists every line that the call was on. If a
/// connected call moves to a line with `REC_LINE_AUTOMATIC`, or a call on such a line becomes
/// connected, the engine starts a recording.
///
/// If the consent is given, recordings that wait for it begin. If it is refused, the call's
/// recordings end or are discarded (`consent.on_refusal`).
///
/// @param call The call.
/// @param info The new properties. Must not be NULL. NULL and 0 leave a property unchanged, and
///   "" clears it. `call_id` cannot change; `related_call_id` adds an id.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_EXISTS` (the line already has a call with one of the call's ids),
/// `REC_ERR_LIMIT` (the call has 16 related ids), `REC_ERR_INVALID_ARGUMENT`,
/// `REC_ERR_BAD_HANDLE` (the call has ended), `REC_ERR_UNAVAILABLE`
/// (unless the update refuses consent), `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_call_update(
    call: rec_call,
    info: *const rec_call_info,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || {
        // SAFETY: the caller's own pointer.
        let update = unsafe { read_call_info(info) }?;
        call_of(call)?.update(&update)
    })
}

/// Makes a call private, or ends its privacy. Audio that is passed in while a call is private
/// is never written to a file.
///
/// The call need not be recorded. A recording that begins while the call is private begins
/// paused. A recording writes audio only while it is not paused and its call is not private. So
/// a resume does not end the privacy, and the end of the privacy does not resume a recording
/// that was paused. Privacy does not change what `rec_pause_…` and `rec_resume_…` return.
///
/// In the file, the manifest and the events, privacy looks like a pause. `REC_EVENT_PAUSED` is
/// raised when a recording stops writing audio because of a pause or of privacy, and
/// `REC_EVENT_RESUMED` when neither lasts any longer. While its call is private, a recording's
/// `rec_recording.state` is `REC_STATE_PAUSED`, even if the recording itself has been resumed.
/// The manifest's `call` and the JSON of a list then contain `"private":true`.
///
/// @param call The call.
/// @param on 1 makes the call private, and 0 ends its privacy. If the call is already in that
///   state, the function returns `REC_OK`.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_INVALID_ARGUMENT` (`on` is neither 0 nor 1), `REC_ERR_BAD_HANDLE` (the call
/// has ended), `REC_ERR_FORKED`.
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_call_private(call: rec_call, on: u32, error: *mut rec_error) -> rec_status {
    run_always(error, || {
        let on = match on {
            0 => false,
            1 => true,
            other => return Err(invalid(format!("on {other}: must be 0 or 1"))),
        };
        call_of(call)?.set_private(on)
    })
}

/// Ends a call. The handles of its feeds become stale, and its recordings end with
/// `REC_END_CALL_ENDED`.
///
/// @param call The call.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any, even while another thread passes in audio.
/// Blocking: never, except while another thread passes in a packet to a feed of the call.
/// In callbacks: yes.
/// Ownership: the call and its feeds no longer exist.
/// Errors: `REC_ERR_BAD_HANDLE` (the call has ended), `REC_ERR_FORKED`,
/// `REC_ERR_INVALID_ARGUMENT`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_call_end(call: rec_call, error: *mut rec_error) -> rec_status {
    run_always(error, || call_of(call)?.end())
}

/// Returns the id of a call, which the host gave or callrec generated.
///
/// @param call The call.
/// @param[out] text A buffer for the id and its NUL. Must not be NULL.
/// @param size The size of the buffer in bytes. 1,024 bytes always suffice.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the buffer remains the caller's.
/// Errors: `REC_ERR_INVALID_ARGUMENT` (the buffer is too small, and nothing is written),
/// `REC_ERR_BAD_HANDLE`, `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_call_id(
    call: rec_call,
    text: *mut c_char,
    size: usize,
    error: *mut rec_error,
) -> rec_status {
    run_always(error, || {
        let out = not_null(text, "text")?;
        let id = call_of(call)?.call_id()?;
        let bytes = id.as_cstr().to_bytes_with_nul();
        if size < bytes.len() {
            return Err(invalid(format!("size {size}: {} bytes are needed", bytes.len())));
        }
        // SAFETY: `size` bytes are writable there, and the text is not longer.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), out.cast::<u8>(), bytes.len()) };
        Ok(())
    })
}

pub(super) fn call_of(handle: rec_call) -> Result<Arc<Call>> {
    handles::call::get(Handle(handle.id))
}

/// # Safety
/// `info` is NULL or points to a rec_call_info by the rules of `read`.
unsafe fn read_call_info(info: *const rec_call_info) -> Result<CallUpdate> {
    // SAFETY: promised by the caller.
    let info = unsafe { read_required(info, "info") }?;
    let state = match info.state {
        0 => None,
        REC_CALL_CONNECTED => Some(CallState::Connected),
        REC_CALL_HELD => Some(CallState::Held),
        REC_CALL_ALERTING => Some(CallState::Alerting),
        other => return Err(invalid(format!("info.state {other}: must be 0 to 3"))),
    };
    check_reserved(info.reserved, "info.reserved")?;
    check_reserved(info.reserved2, "info.reserved2")?;
    let consent = match info.consent {
        REC_CONSENT_UNKNOWN => None,
        REC_CONSENT_GIVEN => Some(ConsentState::Given),
        REC_CONSENT_REFUSED => Some(ConsentState::Refused),
        other => return Err(invalid(format!("info.consent {other}: must be 0 to 2"))),
    };
    if !(0..=2).contains(&info.direction) {
        return Err(invalid(format!(
            "info.direction {}: must be 0 to 2",
            info.direction
        )));
    }
    // SAFETY: strings or NULL, by the rules of the API.
    unsafe {
        Ok(CallUpdate {
            state,
            direction: (info.direction != 0).then_some(info.direction),
            tag: (info.tag != 0).then_some(info.tag),
            connected_at_ms: (info.connected_at_ms != 0).then_some(info.connected_at_ms),
            call_id: optional_text(info.call_id, "info.call_id")?.filter(|id| !id.is_empty()),
            related_id: optional_text(info.related_call_id, "info.related_call_id")?,
            switch_call_id: optional_text(info.switch_call_id, "info.switch_call_id")?,
            device_name: optional_text(info.device_name, "info.device_name")?,
            directory_number: optional_text(info.directory_number, "info.directory_number")?,
            username: optional_text(info.username, "info.username")?,
            numeric_user_id: optional_text(info.numeric_user_id, "info.numeric_user_id")?,
            remote_first_name: optional_text(info.remote_first_name, "info.remote_first_name")?,
            remote_last_name: optional_text(info.remote_last_name, "info.remote_last_name")?,
            remote_phone_number: optional_text(info.remote_phone_number, "info.remote_phone_number")?,
            ani: optional_text(info.ani, "info.ani")?,
            dnis: optional_text(info.dnis, "info.dnis")?,
            call_type: optional_text(info.call_type, "info.call_type")?,
            attributes: attributes(info.attributes_json)?,
            consent: ConsentUpdate {
                state: consent,
                source: optional_text(info.consent_source, "info.consent_source")?,
                from_ms: (info.consent_from_ms != 0).then_some(info.consent_from_ms),
            },
        })
    }
}
