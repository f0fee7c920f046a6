//! Lines and their marks.

use super::convert::{invalid, read_needed, text};
use super::engine_of;
use super::guard::{answer, answer_anyway};
use super::types::*;
use crate::text::Text;
use crate::types::Result;

/// Marks a line, replacing what was set for it before. A mark applies to a call
/// where every field that it names equals the call's; the flags of all that apply
/// are joined. Imagicle's rules: a line that is not monitorable, or automatic,
/// refuses start, stop by id and stop by device; never a pause or a stop by call. To a caller
/// that is named, it also refuses a discard by call.
/// A line marked mandatory refuses every named caller to stop or to discard any recording of
/// its calls, by id, by device and by call. A pause is not refused, and the host, the end of the
/// call and a recording's time limit end recordings there as elsewhere.
/// A line marked automatic has every call recorded from the moment it is connected; calls
/// that are connected there now begin to be recorded at once. Taking the mark away ends no
/// recording, and one that was stopped is not begun again while the call stays on the line.
/// A recording that could not begin, or that failed while its call goes on, is followed by
/// another one after 1, 2, 4, … s, at most 60 s. The pauses begin anew at 1 s after a
/// recording that lasted 60 s. What follows begins paused if the call's automatic recording
/// was paused last, or if the call is private.
///
/// `line`: not NULL; a device name, a directory number, or both; `flags`
/// `REC_LINE_…`, 0: monitorable and manual.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the strings are borrowed for the call.
/// Errors: `REC_ERR_NO_TARGET` (neither name), `REC_ERR_INVALID_ARGUMENT`,
/// `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
/// Since: 0.1.0
/// Source: Imagicle, Start and Stop Recording, BadRequestReason 1, 2 and 4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_line_set(
    engine: rec_engine,
    line: *const rec_line_info,
    error: *mut rec_error,
) -> rec_status {
    answer(error, || {
        // SAFETY: handed on as it came.
        let (device, number, flags) = unsafe { line_of(line) }?;
        engine_of(engine)?.set_line(&device, &number, flags)
    })
}

/// Forgets a line's mark; that there is none is well.
///
/// `line`: not NULL; the same names as were marked; `flags` must be 0.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the strings are borrowed for the call.
/// Errors: as for `rec_line_set`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_line_remove(
    engine: rec_engine,
    line: *const rec_line_info,
    error: *mut rec_error,
) -> rec_status {
    answer_anyway(error, || {
        // SAFETY: handed on as it came.
        let (device, number, flags) = unsafe { line_of(line) }?;
        if flags != 0 {
            return Err(invalid(format!(
                "line.flags {flags:#x}: 0 is needed to remove a mark"
            )));
        }
        engine_of(engine)?.remove_line(&device, &number)
    })
}

/// # Safety
/// `line` is NULL or points to a rec_line_info by the rules of `read`.
unsafe fn line_of(line: *const rec_line_info) -> Result<(Text, Text, u32)> {
    // SAFETY: promised by the caller.
    let line = unsafe { read_needed(line, "line") }?;
    let flags = super::convert::flags(
        line.flags,
        REC_LINE_NOT_MONITORABLE | REC_LINE_AUTOMATIC | REC_LINE_MANDATORY,
        "line.flags",
    )?;
    // SAFETY: strings or NULL, by the ABI.
    let (device, number) = unsafe {
        (
            text(line.device_name, "line.device_name")?,
            text(line.directory_number, "line.directory_number")?,
        )
    };
    Ok((device, number, flags))
}
