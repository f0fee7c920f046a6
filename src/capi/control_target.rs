//! What an operation on live recordings acts on: an id, a line, a call.

use std::ffi::c_char;

use super::convert::{Out, TEXT_MAX, caller, counts_of, invalid, str_of, text};
use super::recorder_of;
use super::types::*;
use crate::calls::ControlOperation;
use crate::types::Result;

/// # Safety
/// What C handed in, by the ABI.
pub unsafe fn by_id(
    engine: rec_engine,
    caller: *const rec_caller,
    operation: ControlOperation,
    id: *const c_char,
) -> Result<()> {
    // SAFETY: promised by the caller.
    let (caller, id) = unsafe { (self::caller(caller)?, str_of(id, "id", TEXT_MAX)?) };
    recorder_of(engine)?.control_by_id(&caller, operation, id.unwrap_or_default())
}

/// # Safety
/// What C handed in, by the ABI.
pub unsafe fn by_device(
    engine: rec_engine,
    caller: *const rec_caller,
    operation: ControlOperation,
    [device, number]: [*const c_char; 2],
    counts: *mut rec_counts,
) -> Result<()> {
    // SAFETY: promised by the caller.
    let (out, caller, device, number) = unsafe {
        (
            Out::new(counts, "counts")?,
            self::caller(caller)?,
            text(device, "device_name")?,
            text(number, "directory_number")?,
        )
    };
    let done = recorder_of(engine)?.control_by_line(&caller, operation, &device, &number)?;
    out.write(&counts_of(done));
    Ok(())
}

/// # Safety
/// What C handed in, by the ABI.
pub unsafe fn by_call(
    engine: rec_engine,
    caller: *const rec_caller,
    operation: ControlOperation,
    [call_id, url]: [*const c_char; 2],
    counts: *mut rec_counts,
) -> Result<()> {
    if call_id.is_null() {
        return Err(invalid("call_id: NULL"));
    }
    // SAFETY: promised by the caller.
    let (out, caller, call_id, url) = unsafe {
        (
            Out::new(counts, "counts")?,
            self::caller(caller)?,
            text(call_id, "call_id")?,
            text(url, "url")?,
        )
    };
    // By the ABI, an absent text and an empty one are the same.
    let url = (!url.is_empty()).then_some(&url);
    let done = recorder_of(engine)?.control_by_call(&caller, operation, &call_id, url)?;
    out.write(&counts_of(done));
    Ok(())
}
