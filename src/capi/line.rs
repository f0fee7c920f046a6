//! Lines and their policies.

use super::convert::{invalid, read_required, text};
use super::engine_of;
use super::guard::{run_always, run_with_memory};
use super::types::*;
use crate::text::Text;
use crate::types::Result;

/// Sets the policy of a line, in place of its previous one.
///
/// A policy with a device name applies to calls with that device name, one with a directory
/// number to calls with that number, and one with both to calls with both. If several policies
/// apply to a call, their flags are combined.
///
/// `REC_LINE_NOT_MONITORABLE` and `REC_LINE_AUTOMATIC` follow Imagicle's rules. They refuse
/// starts (`REC_LINE_AUTOMATIC` not those with `REC_START_ADDITIONAL`), and stops and discards
/// by id and by device. They refuse a discard by call unless the caller is the host. They never
/// refuse a stop by call, or a pause.
///
/// `REC_LINE_MANDATORY` refuses every stop and discard of a recording of the line's calls, by
/// id, by device and by call, unless the caller is the host. It does not refuse pauses. The end
/// of the call and a time limit end recordings as on other lines.
///
/// `REC_LINE_AUTOMATIC` records every call from the moment it is connected. Calls that are
/// connected on the line now are recorded from now on. Removing the policy does not end a
/// recording. After an automatic recording was stopped, no other one starts while the call
/// stays on the line. If an automatic recording cannot begin, or fails while its call
/// continues, the engine starts another one after 1 s, then after 2, 4, … s, at most 60 s;
/// after a recording that lasted 60 s, the delay is 1 s again. The new recording begins paused
/// if the last one was paused when it failed, or if the call is private.
///
/// @param engine The engine.
/// @param line The line and its policy. Must not be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_NO_TARGET` (neither a device name nor a directory number is given),
/// `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
/// Since: 0.1.0
/// Source: Imagicle, Start and Stop Recording, BadRequestReason 1, 2 and 4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_line_set(
    engine: rec_engine,
    line: *const rec_line_info,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || {
        // SAFETY: the caller's own pointer.
        let (device, number, flags) = unsafe { line_of(line) }?;
        engine_of(engine)?.set_line(&device, &number, flags)
    })
}

/// Removes the policy of a line. If the line has no policy, the function returns `REC_OK`.
///
/// @param engine The engine.
/// @param line The line, with the same device name and directory number as in `rec_line_set`.
///   Must not be NULL. `flags` must be 0.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_NO_TARGET` (neither a device name nor a directory number is given),
/// `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_line_remove(
    engine: rec_engine,
    line: *const rec_line_info,
    error: *mut rec_error,
) -> rec_status {
    run_always(error, || {
        // SAFETY: the caller's own pointer.
        let (device, number, flags) = unsafe { line_of(line) }?;
        if flags != 0 {
            return Err(invalid(format!(
                "line.flags {flags:#x}: must be 0 to remove a policy"
            )));
        }
        engine_of(engine)?.remove_line(&device, &number)
    })
}

/// # Safety
/// `line` is NULL or points to a rec_line_info by the rules of `read`.
unsafe fn line_of(line: *const rec_line_info) -> Result<(Text, Text, u32)> {
    // SAFETY: promised by the caller.
    let line = unsafe { read_required(line, "line") }?;
    let flags = super::convert::flags(
        line.flags,
        REC_LINE_NOT_MONITORABLE | REC_LINE_AUTOMATIC | REC_LINE_MANDATORY,
        "line.flags",
    )?;
    // SAFETY: strings or NULL, by the rules of the API.
    let (device, number) = unsafe {
        (
            text(line.device_name, "line.device_name")?,
            text(line.directory_number, "line.directory_number")?,
        )
    };
    Ok((device, number, flags))
}
