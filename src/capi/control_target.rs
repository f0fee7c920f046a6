//! Reads the target of an operation on live recordings: an id, a line or a call.

use std::ffi::c_char;

use super::convert::{OutputStruct, TEXT_MAX, caller, counts_of, invalid, str_of, text};
use super::recorder_of;
use super::types::*;
use crate::calls::ControlOperation;
use crate::types::Result;

/// # Safety
/// The pointers are NULL or valid by the rules of the API.
pub unsafe fn control_by_id(
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
/// The pointers are NULL or valid by the rules of the API.
pub unsafe fn control_by_device(
    engine: rec_engine,
    caller: *const rec_caller,
    operation: ControlOperation,
    [device, number]: [*const c_char; 2],
    counts: *mut rec_counts,
) -> Result<()> {
    // SAFETY: promised by the caller.
    let (out, caller, device, number) = unsafe {
        (
            OutputStruct::new(counts, "counts")?,
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
/// The pointers are NULL or valid by the rules of the API.
pub unsafe fn control_by_call(
    engine: rec_engine,
    caller: *const rec_caller,
    operation: ControlOperation,
    [call_id, url]: [*const c_char; 2],
    counts: *mut rec_counts,
) -> Result<()> {
    if call_id.is_null() {
        return Err(invalid("call_id is NULL"));
    }
    // SAFETY: promised by the caller.
    let (out, caller, call_id, url) = unsafe {
        (
            OutputStruct::new(counts, "counts")?,
            self::caller(caller)?,
            text(call_id, "call_id")?,
            text(url, "url")?,
        )
    };
    // NULL and "" mean the same.
    let url = (!url.is_empty()).then_some(&url);
    let done = recorder_of(engine)?.control_by_call(&caller, operation, &call_id, url)?;
    out.write(&counts_of(done));
    Ok(())
}
