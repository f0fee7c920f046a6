//! Stopping, discarding, pausing and resuming recordings by id and by device.

use std::ffi::c_char;

use super::control_target::{control_by_device, control_by_id};
use super::guard::run_always;
use super::types::*;
use crate::calls::ControlOperation;

/// Stops a recording. `REC_EVENT_FINISHED` is delivered once its file is published.
///
/// If several threads stop the same recording, exactly one of them gets `REC_OK`. The others
/// get `REC_ERR_NOT_LIVE`.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param id The recording's id: a GUID as 8-4-4-4-12 or 32 hexadecimal digits, with or without
///   braces, in upper or lower case.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
/// `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
/// caller below level 10 has no live call with this recording), `REC_ERR_INVALID_ID` (reason 0;
/// also for NULL), `REC_ERR_NOT_LIVE`, `REC_ERR_MANDATORY` (never for the host),
/// `REC_ERR_NOT_MONITORABLE` (reason 1, with the device name), `REC_ERR_AUTOMATIC` (reason 2).
/// Since: 0.1.0
/// Source: Imagicle, Stop Recording by id.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_stop_by_id(
    engine: rec_engine,
    caller: *const rec_caller,
    id: *const c_char,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: the caller's own pointers.
    run_always(error, || unsafe {
        control_by_id(engine, caller, ControlOperation::Stop, id)
    })
}

/// Stops a recording and deletes its audio. No file remains. `REC_EVENT_FINISHED` with
/// `REC_END_DISCARDED` is delivered once the audio is deleted.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param id The recording's id: a GUID as 8-4-4-4-12 or 32 hexadecimal digits, with or without
///   braces, in upper or lower case.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
/// `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
/// caller below level 10 has no live call with this recording), `REC_ERR_INVALID_ID` (reason 0;
/// also for NULL), `REC_ERR_NOT_LIVE`, `REC_ERR_MANDATORY` (never for the host),
/// `REC_ERR_NOT_MONITORABLE` (reason 1, with the device name), `REC_ERR_AUTOMATIC` (reason 2).
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_discard_by_id(
    engine: rec_engine,
    caller: *const rec_caller,
    id: *const c_char,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: the caller's own pointers.
    run_always(error, || unsafe {
        control_by_id(engine, caller, ControlOperation::Discard, id)
    })
}

/// Pauses a recording. `REC_EVENT_PAUSED` is delivered once the manifest on disk shows the
/// pause.
///
/// Audio that is passed in from now on until a resume is never written. Neither is audio that
/// is passed in after the resume, but may have been spoken during the pause. No line policy
/// refuses a pause.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param id The recording's id: a GUID as 8-4-4-4-12 or 32 hexadecimal digits, with or without
///   braces, in upper or lower case.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
/// `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
/// caller below level 10 has no live call with this recording), `REC_ERR_INVALID_ID` (reason 0;
/// also for NULL), `REC_ERR_NOT_LIVE`, `REC_ERR_ALREADY_PAUSED`.
/// Since: 0.1.0
/// Source: Imagicle, Pause by id; Genesys, PauseCallRecording.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_pause_by_id(
    engine: rec_engine,
    caller: *const rec_caller,
    id: *const c_char,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: the caller's own pointers.
    run_always(error, || unsafe {
        control_by_id(engine, caller, ControlOperation::Pause, id)
    })
}

/// Resumes a recording. `REC_EVENT_RESUMED` is delivered once the manifest on disk shows the
/// end of the pause. No line policy refuses a resume.
///
/// If the timestamps of a sender stood still during the pause, the audio that arrives now may
/// have been spoken during the pause. Up to 5 s of that leg are then discarded, and the
/// manifest counts them as `pause_unclear`. Nothing is discarded for this reason if the
/// timestamps stood still for more than 5 s, or if one of these proves when the audio was
/// spoken: a new SSRC, a feed that was closed and opened again, an RTCP sender report, the age
/// given to `rec_feed_rtp_at`, or packets that arrived during the pause.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param id The recording's id: a GUID as 8-4-4-4-12 or 32 hexadecimal digits, with or without
///   braces, in upper or lower case.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: first `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE` and
/// `REC_ERR_FORKED`; then, in this order, `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN` (a
/// caller below level 10 has no live call with this recording), `REC_ERR_INVALID_ID` (reason 0;
/// also for NULL), `REC_ERR_NOT_LIVE`, `REC_ERR_NOT_PAUSED`.
/// Since: 0.1.0
/// Source: Imagicle, Resume by id; Genesys, ResumeCallRecording.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_resume_by_id(
    engine: rec_engine,
    caller: *const rec_caller,
    id: *const c_char,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: the caller's own pointers.
    run_always(error, || unsafe {
        control_by_id(engine, caller, ControlOperation::Resume, id)
    })
}

/// Stops every live recording on a line. `REC_EVENT_FINISHED` is delivered for each recording
/// once its file is published.
///
/// If `device_name` is given, recordings with `REC_START_MANUAL_DIAL_IN` are refused, even if
/// `directory_number` is given too. If no recording is stopped, the status says why the newest
/// one was refused. If several threads stop the same recording, exactly one of them counts it
/// in `changed`. A thread that finds no live recording gets `REC_ERR_NOT_LIVE`.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param device_name The device name of the line, or NULL.
/// @param directory_number The directory number of the line, or NULL. At least one of the two
///   is needed. If both are given, the line must have both.
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
/// caller below level 10 owns no call on the line), `REC_ERR_NO_TARGET` (reason 0),
/// `REC_ERR_NOT_LIVE`, `REC_ERR_MANDATORY` (never for the host), `REC_ERR_NOT_MONITORABLE`
/// (reason 1, with the device name), `REC_ERR_AUTOMATIC` (reason 2), `REC_ERR_DIAL_IN`.
/// Since: 0.1.0
/// Source: Imagicle, Stop Recording by device name and directory number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_stop_by_device(
    engine: rec_engine,
    caller: *const rec_caller,
    device_name: *const c_char,
    directory_number: *const c_char,
    counts: *mut rec_counts,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: the caller's own pointers.
    run_always(error, || unsafe {
        control_by_device(
            engine,
            caller,
            ControlOperation::Stop,
            [device_name, directory_number],
            counts,
        )
    })
}

/// Stops every live recording on a line and deletes its audio. No files remain.
/// `REC_EVENT_FINISHED` with `REC_END_DISCARDED` is delivered for each recording once its audio
/// is deleted.
///
/// If `device_name` is given, recordings with `REC_START_MANUAL_DIAL_IN` are refused, even if
/// `directory_number` is given too. If no recording is discarded, the status says why the
/// newest one was refused.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param device_name The device name of the line, or NULL.
/// @param directory_number The directory number of the line, or NULL. At least one of the two
///   is needed. If both are given, the line must have both.
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
/// caller below level 10 owns no call on the line), `REC_ERR_NO_TARGET` (reason 0),
/// `REC_ERR_NOT_LIVE`, `REC_ERR_MANDATORY` (never for the host), `REC_ERR_NOT_MONITORABLE`
/// (reason 1, with the device name), `REC_ERR_AUTOMATIC` (reason 2), `REC_ERR_DIAL_IN`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_discard_by_device(
    engine: rec_engine,
    caller: *const rec_caller,
    device_name: *const c_char,
    directory_number: *const c_char,
    counts: *mut rec_counts,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: the caller's own pointers.
    run_always(error, || unsafe {
        control_by_device(
            engine,
            caller,
            ControlOperation::Discard,
            [device_name, directory_number],
            counts,
        )
    })
}

/// Pauses every live recording on a line. `REC_EVENT_PAUSED` is delivered for each recording
/// once its manifest on disk shows the pause.
///
/// Audio that is passed in from now on until a resume is never written. Neither is audio that
/// is passed in after the resume, but may have been spoken during the pause. `REC_OK` means
/// that all live recordings on the line are paused now. No line policy refuses a pause.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param device_name The device name of the line, or NULL.
/// @param directory_number The directory number of the line, or NULL. At least one of the two
///   is needed. If both are given, the line must have both.
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
/// caller below level 10 owns no call on the line), `REC_ERR_NO_TARGET` (reason 0),
/// `REC_ERR_NOT_LIVE`, `REC_ERR_ALREADY_PAUSED` (all live recordings are paused).
/// Since: 0.1.0
/// Source: Imagicle, Pause by directory number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_pause_by_device(
    engine: rec_engine,
    caller: *const rec_caller,
    device_name: *const c_char,
    directory_number: *const c_char,
    counts: *mut rec_counts,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: the caller's own pointers.
    run_always(error, || unsafe {
        control_by_device(
            engine,
            caller,
            ControlOperation::Pause,
            [device_name, directory_number],
            counts,
        )
    })
}

/// Resumes every live recording on a line. `REC_EVENT_RESUMED` is delivered for each recording
/// once its manifest on disk shows the end of the pause. `rec_resume_by_id` says which audio
/// may still be discarded. No line policy refuses a resume.
///
/// @param engine The engine.
/// @param caller The user who makes the request, or NULL for the host itself.
/// @param device_name The device name of the line, or NULL.
/// @param directory_number The directory number of the line, or NULL. At least one of the two
///   is needed. If both are given, the line must have both.
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
/// caller below level 10 owns no call on the line), `REC_ERR_NO_TARGET` (reason 0),
/// `REC_ERR_NOT_LIVE`, `REC_ERR_NOT_PAUSED` (no live recording is paused).
/// Since: 0.1.0
/// Source: Imagicle, Resume by directory number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_resume_by_device(
    engine: rec_engine,
    caller: *const rec_caller,
    device_name: *const c_char,
    directory_number: *const c_char,
    counts: *mut rec_counts,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: the caller's own pointers.
    run_always(error, || unsafe {
        control_by_device(
            engine,
            caller,
            ControlOperation::Resume,
            [device_name, directory_number],
            counts,
        )
    })
}
