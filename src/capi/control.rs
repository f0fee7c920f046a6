//! Stop, discard, pause and resume: by id, by device, by call.

use std::ffi::c_char;

use super::control_target::{by_call, by_device, by_id};
use super::guard::answer_anyway;
use super::types::*;
use crate::calls::ControlOperation;

/// Stops the recording of this id. The file is finished and published, then
/// `REC_EVENT_FINISHED` is delivered. Of concurrent stops of one recording exactly one
/// gets `REC_OK`, the others `REC_ERR_NOT_LIVE`.
///
/// `caller`: who asks; NULL is the host itself. `id`: a GUID, 8-4-4-4-12 or 32 hex
/// digits, with or without braces, in any case.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the strings are borrowed for the call.
/// Errors, in the order of the checks: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`
/// (below level 10, and no live call of their own), `REC_ERR_INVALID_ID` (reason 0; also
/// NULL), `REC_ERR_NOT_LIVE`, `REC_ERR_MANDATORY` (not to the host),
/// `REC_ERR_NOT_MONITORABLE` (reason 1, with the device name), `REC_ERR_AUTOMATIC` (reason
/// 2); before all: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
/// `REC_ERR_FORKED`.
/// Since: 0.1.0
/// Source: Imagicle, Stop Recording by id.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_stop_by_id(
    engine: rec_engine,
    caller: *const rec_caller,
    id: *const c_char,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: handed on as they came.
    answer_anyway(error, || unsafe {
        by_id(engine, caller, ControlOperation::Stop, id)
    })
}

/// Stops, and keeps no audio of, the recording of this id. No file is left;
/// `REC_EVENT_FINISHED` with `REC_END_DISCARDED` is delivered once it is gone.
///
/// `caller`: who asks; NULL is the host itself. `id`: a GUID, 8-4-4-4-12 or 32 hex
/// digits, with or without braces, in any case.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the strings are borrowed for the call.
/// Errors, in the order of the checks: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`
/// (below level 10, and no live call of their own), `REC_ERR_INVALID_ID` (reason 0; also
/// NULL), `REC_ERR_NOT_LIVE`, `REC_ERR_MANDATORY` (not to the host),
/// `REC_ERR_NOT_MONITORABLE` (reason 1, with the device name), `REC_ERR_AUTOMATIC` (reason
/// 2); before all: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
/// `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_discard_by_id(
    engine: rec_engine,
    caller: *const rec_caller,
    id: *const c_char,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: handed on as they came.
    answer_anyway(error, || unsafe {
        by_id(engine, caller, ControlOperation::Discard, id)
    })
}

/// Pauses the recording of this id. What is handed in from here on is never written,
/// until a resume; nor is what is handed in later, but may have been said during the pause. `REC_EVENT_PAUSED` is delivered once the manifest says so. A line's
/// marks never refuse it.
///
/// `caller`: who asks; NULL is the host itself. `id`: a GUID, 8-4-4-4-12 or 32 hex
/// digits, with or without braces, in any case.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the strings are borrowed for the call.
/// Errors, in the order of the checks: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`
/// (below level 10, and no live call of their own), `REC_ERR_INVALID_ID` (reason 0; also
/// NULL), `REC_ERR_NOT_LIVE`, `REC_ERR_ALREADY_PAUSED`; before all:
/// `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
/// `REC_ERR_FORKED`.
/// Since: 0.1.0
/// Source: Imagicle, Pause by id; Genesys, PauseCallRecording.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_pause_by_id(
    engine: rec_engine,
    caller: *const rec_caller,
    id: *const c_char,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: handed on as they came.
    answer_anyway(error, || unsafe {
        by_id(engine, caller, ControlOperation::Pause, id)
    })
}

/// Resumes the recording of this id. `REC_EVENT_RESUMED` is delivered once the manifest
/// says so. A line's marks never refuse it.
///
/// If a sender's clock stood still during the pause, nobody can tell at first whether what
/// comes now was said during it. Up to 5 s of that leg are then not kept, and counted as
/// `pause_unclear`, unless something proves when it was said: a new SSRC, a feed that was
/// opened anew, an RTCP sender report, the age given to `rec_feed_rtp_at`, packets of the
/// pause itself, or a pause of more than 5 s.
///
/// `caller`: who asks; NULL is the host itself. `id`: a GUID, 8-4-4-4-12 or 32 hex
/// digits, with or without braces, in any case.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the strings are borrowed for the call.
/// Errors, in the order of the checks: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`
/// (below level 10, and no live call of their own), `REC_ERR_INVALID_ID` (reason 0; also
/// NULL), `REC_ERR_NOT_LIVE`, `REC_ERR_NOT_PAUSED`; before all:
/// `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
/// `REC_ERR_FORKED`.
/// Since: 0.1.0
/// Source: Imagicle, Resume by id; Genesys, ResumeCallRecording.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_resume_by_id(
    engine: rec_engine,
    caller: *const rec_caller,
    id: *const c_char,
    error: *mut rec_error,
) -> rec_status {
    // SAFETY: handed on as they came.
    answer_anyway(error, || unsafe {
        by_id(engine, caller, ControlOperation::Resume, id)
    })
}

/// Stops every live recording on the line that has this device name and this directory
/// number, whichever are given. The file is finished and published, then
/// `REC_EVENT_FINISHED` is delivered. Of concurrent stops of one recording exactly one
/// gets `REC_OK`, the others `REC_ERR_NOT_LIVE` if they
/// found nothing else.
///
/// `caller`: who asks; NULL is the host itself. `device_name`, `directory_number`: at
/// least one; both must fit one and the same recorded line. `counts`: how many changed,
/// were so already, were refused; may be NULL; written on success only.
///
/// A manually started dial-in is refused if the device is named, even with the right
/// number. If nothing changed, the status is the reason for the newest.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the strings are borrowed for the call.
/// Errors, in the order of the checks: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`,
/// `REC_ERR_NO_TARGET` (reason 0), `REC_ERR_NOT_LIVE`, `REC_ERR_MANDATORY` (not to the host),
/// `REC_ERR_NOT_MONITORABLE` (reason 1, with the device name), `REC_ERR_AUTOMATIC` (reason
/// 2), `REC_ERR_DIAL_IN`; before all: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`,
/// `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
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
    // SAFETY: handed on as they came.
    answer_anyway(error, || unsafe {
        by_device(
            engine,
            caller,
            ControlOperation::Stop,
            [device_name, directory_number],
            counts,
        )
    })
}

/// Stops, and keeps no audio of, every live recording on the line that has this device
/// name and this directory number, whichever are given. No file is left;
/// `REC_EVENT_FINISHED` with `REC_END_DISCARDED` is delivered once it is gone.
///
/// `caller`: who asks; NULL is the host itself. `device_name`, `directory_number`: at
/// least one; both must fit one and the same recorded line. `counts`: how many changed,
/// were so already, were refused; may be NULL; written on success only.
///
/// A manually started dial-in is refused if the device is named, even with the right
/// number. If nothing changed, the status is the reason for the newest.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the strings are borrowed for the call.
/// Errors, in the order of the checks: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`,
/// `REC_ERR_NO_TARGET` (reason 0), `REC_ERR_NOT_LIVE`, `REC_ERR_MANDATORY` (not to the host),
/// `REC_ERR_NOT_MONITORABLE` (reason 1, with the device name), `REC_ERR_AUTOMATIC` (reason
/// 2), `REC_ERR_DIAL_IN`; before all: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`,
/// `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
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
    // SAFETY: handed on as they came.
    answer_anyway(error, || unsafe {
        by_device(
            engine,
            caller,
            ControlOperation::Discard,
            [device_name, directory_number],
            counts,
        )
    })
}

/// Pauses every live recording on the line that has this device name and this directory
/// number, whichever are given. What is handed in from here on is never written, until a
/// resume. `REC_EVENT_PAUSED` is delivered once the manifest says so. A line's marks
/// never refuse it.
///
/// `caller`: who asks; NULL is the host itself. `device_name`, `directory_number`: at
/// least one; both must fit one and the same recorded line. `counts`: how many changed,
/// were so already, were refused; may be NULL; written on success only.
///
/// `REC_OK` only if nothing of the target still records.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the strings are borrowed for the call.
/// Errors, in the order of the checks: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`,
/// `REC_ERR_NO_TARGET` (reason 0), `REC_ERR_NOT_LIVE`, `REC_ERR_ALREADY_PAUSED` (all of
/// it); before all: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`,
/// `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
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
    // SAFETY: handed on as they came.
    answer_anyway(error, || unsafe {
        by_device(
            engine,
            caller,
            ControlOperation::Pause,
            [device_name, directory_number],
            counts,
        )
    })
}

/// Resumes every live recording on the line that has this device name and this directory
/// number, whichever are given. `REC_EVENT_RESUMED` is delivered once the manifest says
/// so. A line's marks never refuse it.
///
/// `caller`: who asks; NULL is the host itself. `device_name`, `directory_number`: at
/// least one; both must fit one and the same recorded line. `counts`: how many changed,
/// were so already, were refused; may be NULL; written on success only.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the strings are borrowed for the call.
/// Errors, in the order of the checks: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`,
/// `REC_ERR_NO_TARGET` (reason 0), `REC_ERR_NOT_LIVE`, `REC_ERR_NOT_PAUSED` (none of it);
/// before all: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
/// `REC_ERR_FORKED`.
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
    // SAFETY: handed on as they came.
    answer_anyway(error, || unsafe {
        by_device(
            engine,
            caller,
            ControlOperation::Resume,
            [device_name, directory_number],
            counts,
        )
    })
}

/// Stops recordings of the calls of this id, all of them or one. The file is finished and
/// published, then `REC_EVENT_FINISHED` is delivered. Of concurrent stops of one
/// recording exactly one counts it in `changed`. Of a line's marks, `REC_LINE_MANDATORY` alone
/// refuses it, and not to the host. If nothing changed because of that, the status is
/// `REC_ERR_MANDATORY`; otherwise `counts` says how many were refused.
///
/// `caller`: who asks; NULL is the host itself. `call_id`: not NULL. `url`: NULL for all,
/// which is `REC_OK` even if there are none; or the url of one recording
/// (`rec_recording.url`), which is `REC_OK` with 0 changed if it is not live. `counts`:
/// may be NULL; written on success only.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the strings are borrowed for the call.
/// Errors, in the order of the checks: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`,
/// `REC_ERR_NO_CALL`, `REC_ERR_MANDATORY` (not to the host); before all:
/// `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
/// `REC_ERR_FORKED`.
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
    // SAFETY: handed on as they came.
    answer_anyway(error, || unsafe {
        by_call(engine, caller, ControlOperation::Stop, [call_id, url], counts)
    })
}

/// Stops, and keeps no audio of, recordings of the calls of this id, all of them or one.
/// No file is left; `REC_EVENT_FINISHED` with `REC_END_DISCARDED` is delivered once it is
/// gone. A line's marks refuse it to a caller that is named, as they refuse a discard by id, and
/// never to the host. If nothing changed because of that, the status is the reason for the
/// newest; otherwise `counts` says how many were refused. (In 0.1.0 no mark refused it.)
///
/// `caller`: who asks; NULL is the host itself. `call_id`: not NULL. `url`: NULL for all,
/// which is `REC_OK` even if there are none; or the url of one recording
/// (`rec_recording.url`), which is `REC_OK` with 0 changed if it is not live. `counts`:
/// may be NULL; written on success only.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the strings are borrowed for the call.
/// Errors, in the order of the checks: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`,
/// `REC_ERR_NO_CALL`, and to a named caller `REC_ERR_MANDATORY`, `REC_ERR_NOT_MONITORABLE`
/// (reason 1, with the device name), `REC_ERR_AUTOMATIC` (reason 2); before all:
/// `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
/// `REC_ERR_FORKED`.
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
    // SAFETY: handed on as they came.
    answer_anyway(error, || unsafe {
        by_call(engine, caller, ControlOperation::Discard, [call_id, url], counts)
    })
}

/// Pauses every live recording of the calls of this id. What is handed in from here on is
/// never written, until a resume. `REC_EVENT_PAUSED` is delivered once the manifest says
/// so. A line's marks never refuse it.
///
/// `caller`: who asks; NULL is the host itself. `call_id`: not NULL. `counts`: may be
/// NULL; written on success only.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the strings are borrowed for the call.
/// Errors: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`, `REC_ERR_NO_CALL`,
/// `REC_ERR_NOT_LIVE` (the call is not being recorded), `REC_ERR_ALREADY_PAUSED` (all of
/// it); before all: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`,
/// `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
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
    // SAFETY: handed on as they came.
    answer_anyway(error, || unsafe {
        by_call(
            engine,
            caller,
            ControlOperation::Pause,
            [call_id, std::ptr::null()],
            counts,
        )
    })
}

/// Resumes every live recording of the calls of this id. `REC_EVENT_RESUMED` is delivered
/// once the manifest says so. A line's marks never refuse it.
///
/// `caller`: who asks; NULL is the host itself. `call_id`: not NULL. `counts`: may be
/// NULL; written on success only.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the strings are borrowed for the call.
/// Errors: `REC_ERR_UNAUTHENTICATED`, `REC_ERR_FORBIDDEN`, `REC_ERR_NO_CALL`,
/// `REC_ERR_NOT_LIVE` (the call is not being recorded), `REC_ERR_NOT_PAUSED` (none of
/// it); before all: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`,
/// `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
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
    // SAFETY: handed on as they came.
    answer_anyway(error, || unsafe {
        by_call(
            engine,
            caller,
            ControlOperation::Resume,
            [call_id, std::ptr::null()],
            counts,
        )
    })
}
