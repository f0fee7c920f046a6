//! Starting, stopping, discarding, pausing and resuming recordings of a call that is named by its
//! handle.

use super::call::call_of;
use super::convert::{OutputStruct, caller, counts_of, not_null};
use super::guard::{run_always, run_with_memory};
use super::start::{read_options, write_id};
use super::types::*;
use crate::calls::ControlOperation;
use crate::handles::{self, Handle};
use crate::types::Result;

/// Starts a recording of this call. The function is `rec_start` without a search for the call:
/// the rules, the rights and the events are the same.
///
/// Members of `options` that name a target may be absent. If they are present, the call must match
/// all of them. With `REC_LOOKBACK_ALL` as `options->lookback_ms`, the whole call is kept, as with
/// `rec_call_keep`.
///
/// @param call The call.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param options What to record, and how. Must not be NULL. All members but `struct_size` may be
///   zero.
/// @param[out] id The new recording's id. Must not be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never, except that the first start in "mp3" of a process loads a library.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE` (the call has ended) and
/// `REC_ERR_FORKED`; then those of `rec_start` in the same order, without `REC_ERR_NO_TARGET`.
/// `REC_ERR_FORBIDDEN`: a caller below level 10 does not own the call. `REC_ERR_NO_CALL`: the call
/// is not connected, or does not match `options`.
/// Since: 0.2.0
/// Source: Imagicle, Start Recording; Vobiz, Record a Call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_call_start(
    call: rec_call,
    caller: *const rec_caller,
    options: *const rec_start_options,
    id: *mut rec_id,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: the caller's own pointers.
    run_with_memory(error, || unsafe { start(call, caller, options, id) })
}

/// Stops all live recordings of this call. `REC_EVENT_FINISHED` is delivered for each recording
/// once its file is published.
///
/// The function is `rec_stop_by_call` for this call alone: another call with the same id is not
/// affected. If no recording is live, it returns `REC_OK`, and all counts are 0. The only line
/// policy that refuses the stop is `REC_LINE_MANDATORY`. To stop one of several recordings, use
/// `rec_stop_by_id`.
///
/// @param call The call.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param[out] counts How many recordings changed, and how many were refused; `already` is 0.
///   May be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE` (the call has ended),
/// `REC_ERR_UNAVAILABLE` and `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`,
/// `REC_ERR_FORBIDDEN` (a caller below level 10 does not own the call), `REC_ERR_MANDATORY` (never
/// for the host).
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_call_stop(
    call: rec_call,
    caller: *const rec_caller,
    counts: *mut rec_counts,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: the caller's own pointers.
    unsafe { control(call, caller, ControlOperation::Stop, counts, error) }
}

/// Stops all live recordings of this call and deletes their audio. No files remain.
/// `REC_EVENT_FINISHED` with `REC_END_DISCARDED` is delivered for each recording once its audio is
/// deleted.
///
/// The function is `rec_discard_by_call` for this call alone: another call with the same id is
/// not affected. If no recording is live, it returns `REC_OK`, and all counts are 0. If no recording
/// is discarded, the status says why the newest one was refused.
///
/// @param call The call.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param[out] counts How many recordings changed, and how many were refused; `already` is 0.
///   May be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE` (the call has ended),
/// `REC_ERR_UNAVAILABLE` and `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`,
/// `REC_ERR_FORBIDDEN` (a caller below level 10 does not own the call), and unless the caller
/// is the host, `REC_ERR_MANDATORY`, `REC_ERR_NOT_MONITORABLE` (reason 1, with the device name),
/// `REC_ERR_AUTOMATIC` (reason 2).
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_call_discard(
    call: rec_call,
    caller: *const rec_caller,
    counts: *mut rec_counts,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: the caller's own pointers.
    unsafe { control(call, caller, ControlOperation::Discard, counts, error) }
}

/// Pauses every live recording of this call. `REC_EVENT_PAUSED` is delivered for each recording
/// once its manifest on disk shows the pause.
///
/// The function is `rec_pause_by_call` for this call alone: another call with the same id is not
/// affected. `REC_OK` means that all live recordings of the call are paused now. No line policy
/// refuses a pause.
///
/// @param call The call.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param[out] counts How many recordings changed, and how many were already in the requested
///   state; `refused` is 0. May be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE` (the call has ended),
/// `REC_ERR_UNAVAILABLE` and `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`,
/// `REC_ERR_FORBIDDEN` (a caller below level 10 does not own the call), `REC_ERR_NOT_LIVE` (the
/// call has no live recording), `REC_ERR_ALREADY_PAUSED` (all live recordings are paused).
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_call_pause(
    call: rec_call,
    caller: *const rec_caller,
    counts: *mut rec_counts,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: the caller's own pointers.
    unsafe { control(call, caller, ControlOperation::Pause, counts, error) }
}

/// Resumes every live recording of this call. `REC_EVENT_RESUMED` is delivered for each recording
/// once its manifest on disk shows the end of the pause.
///
/// The function is `rec_resume_by_call` for this call alone: another call with the same id is not
/// affected. `rec_resume_by_id` says which audio may still be discarded. No line policy refuses a
/// resume.
///
/// @param call The call.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param[out] counts How many recordings changed, and how many were already in the requested
///   state; `refused` is 0. May be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE` (the call has ended),
/// `REC_ERR_UNAVAILABLE` and `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`,
/// `REC_ERR_FORBIDDEN` (a caller below level 10 does not own the call), `REC_ERR_NOT_LIVE` (the
/// call has no live recording), `REC_ERR_NOT_PAUSED` (no live recording is paused).
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_call_resume(
    call: rec_call,
    caller: *const rec_caller,
    counts: *mut rec_counts,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: the caller's own pointers.
    unsafe { control(call, caller, ControlOperation::Resume, counts, error) }
}

/// # Safety
/// The pointers are NULL or valid by the rules of the API.
unsafe fn start(
    call: rec_call,
    caller: *const rec_caller,
    options: *const rec_start_options,
    id: *mut rec_id,
) -> Result<()> {
    let out = not_null(id, "id")?;
    // SAFETY: promised by the caller.
    let (caller, options) = unsafe { (self::caller(caller)?, read_options(options)?) };
    let (found, engine) = (call_of(call)?, handles::call::engine(Handle(call.id))?);
    let (target, spec) = options.complete(&*found.engine, rec_engine { id: engine.0 });
    // SAFETY: not NULL, so it points to a writable rec_id.
    unsafe { write_id(out, found.start(&caller, &target, spec)?) };
    Ok(())
}

/// # Safety
/// The pointers are NULL or valid by the rules of the API.
unsafe fn control(
    call: rec_call,
    caller: *const rec_caller,
    operation: ControlOperation,
    counts: *mut rec_counts,
    error: *mut rec_error,
) -> rec_status {
    run_always(error, || {
        // SAFETY: promised by the caller.
        let (out, caller) = unsafe { (OutputStruct::new(counts, "counts")?, self::caller(caller)?) };
        let done = call_of(call)?.control(&caller, operation)?;
        out.write(&counts_of(done));
        Ok(())
    })
}
