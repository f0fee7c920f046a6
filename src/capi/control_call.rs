//! Stopping, discarding, pausing and resuming recordings by call.

use std::ffi::c_char;

use super::control_target::control_by_call;
use super::guard::run_always;
use super::types::*;
use crate::calls::ControlOperation;

/// Stops all live recordings of the calls with an id, or one of these recordings.
/// `REC_EVENT_FINISHED` is delivered for each recording once its file is published.
///
/// If several threads stop the same recording, exactly one of them counts it in `changed`. The
/// only line policy that refuses the stop is `REC_LINE_MANDATORY`, and it never refuses the
/// host. If it refuses every recording, the status is `REC_ERR_MANDATORY`; otherwise `counts`
/// gives the number of refused recordings.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param call_id The id of the calls. Must not be absent.
/// @param url The URL of one recording (`rec_recording.url`), or NULL for all. If no live
///   recording has this URL, or none is live, the function returns `REC_OK`.
/// @param[out] counts How many recordings changed, and how many were refused; `already` is 0.
///   May be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
/// `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
/// caller below level 10 owns none of the calls), `REC_ERR_NO_CALL`, `REC_ERR_MANDATORY` (never
/// for the host).
/// Since: 0.1.0
/// Source: Vobiz, Stop Recording a Call; Genesys, StopCallRecording.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_stop_by_call(
    engine: rec_engine,
    caller: *const rec_caller,
    call_id: *const c_char,
    url: *const c_char,
    counts: *mut rec_counts,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: the caller's own pointers.
    run_always(error, || unsafe {
        control_by_call(engine, caller, ControlOperation::Stop, [call_id, url], counts)
    })
}

/// Stops all live recordings of the calls with an id, or one of these recordings, and deletes
/// their audio. No files remain. `REC_EVENT_FINISHED` with `REC_END_DISCARDED` is delivered for
/// each recording once its audio is deleted.
///
/// Line policies refuse the discard as they refuse a discard by id, but they never refuse the
/// host. If no recording is discarded, the status says why the newest one was refused;
/// otherwise `counts` gives the number of refused recordings. In 0.1.0, no line policy refused
/// the discard.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param call_id The id of the calls. Must not be absent.
/// @param url The URL of one recording (`rec_recording.url`), or NULL for all. If no live
///   recording has this URL, or none is live, the function returns `REC_OK`.
/// @param[out] counts How many recordings changed, and how many were refused; `already` is 0.
///   May be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
/// `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
/// caller below level 10 owns none of the calls), `REC_ERR_NO_CALL`, and unless the caller is
/// the host, `REC_ERR_MANDATORY`, `REC_ERR_NOT_MONITORABLE` (reason 1, with the device name),
/// `REC_ERR_AUTOMATIC` (reason 2).
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_discard_by_call(
    engine: rec_engine,
    caller: *const rec_caller,
    call_id: *const c_char,
    url: *const c_char,
    counts: *mut rec_counts,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: the caller's own pointers.
    run_always(error, || unsafe {
        control_by_call(engine, caller, ControlOperation::Discard, [call_id, url], counts)
    })
}

/// Pauses every live recording of the calls with an id. `REC_EVENT_PAUSED` is delivered for
/// each recording once its manifest on disk shows the pause.
///
/// Audio that is passed in from now on until a resume is never written. Neither is audio that
/// is passed in after the resume, but may have been spoken during the pause. No line policy
/// refuses a pause.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param call_id The id of the calls. Must not be absent.
/// @param[out] counts How many recordings changed, and how many were already in the requested
///   state; `refused` is 0. May be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
/// `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
/// caller below level 10 owns none of the calls), `REC_ERR_NO_CALL`, `REC_ERR_NOT_LIVE` (the
/// calls have no live recording), `REC_ERR_ALREADY_PAUSED` (all live recordings are paused).
/// Since: 0.1.0
/// Source: Genesys, PauseCallRecording.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_pause_by_call(
    engine: rec_engine,
    caller: *const rec_caller,
    call_id: *const c_char,
    counts: *mut rec_counts,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: the caller's own pointers.
    run_always(error, || unsafe {
        control_by_call(
            engine,
            caller,
            ControlOperation::Pause,
            [call_id, std::ptr::null()],
            counts,
        )
    })
}

/// Resumes every live recording of the calls with an id. `REC_EVENT_RESUMED` is delivered for
/// each recording once its manifest on disk shows the end of the pause. `rec_resume_by_id` says
/// which audio may still be discarded. No line policy refuses a resume.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param call_id The id of the calls. Must not be absent.
/// @param[out] counts How many recordings changed, and how many were already in the requested
///   state; `refused` is 0. May be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
/// `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
/// caller below level 10 owns none of the calls), `REC_ERR_NO_CALL`, `REC_ERR_NOT_LIVE` (the
/// calls have no live recording), `REC_ERR_NOT_PAUSED` (no live recording is paused).
/// Since: 0.1.0
/// Source: Genesys, ResumeCallRecording.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_resume_by_call(
    engine: rec_engine,
    caller: *const rec_caller,
    call_id: *const c_char,
    counts: *mut rec_counts,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: the caller's own pointers.
    run_always(error, || unsafe {
        control_by_call(
            engine,
            caller,
            ControlOperation::Resume,
            [call_id, std::ptr::null()],
            counts,
        )
    })
}
