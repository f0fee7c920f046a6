//! Whether a finished file is still what its manifest says.

use std::ffi::c_char;
use std::path::Path;

use super::convert::{PATH_MAX, invalid, str_of};
use super::guard::answer;
use super::types::*;
use crate::storage::verify;

/// Reads a finished recording and compares it with the manifest beside it
/// (`<name>.json`): its length and its digest.
///
/// `path`: of the audio file, UTF-8, not NULL.
///
/// Threads: any.
/// Blocking: reads the whole file.
/// In callbacks: yes, but events wait meanwhile.
/// Ownership: the string is borrowed for the call.
/// Errors: `REC_ERR_IO` (it or its manifest cannot be read, or it is not what the
/// manifest says: the message tells which), `REC_ERR_UNSUPPORTED` (the manifest has
/// no digest), `REC_ERR_INVALID_ARGUMENT`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_verify(path: *const c_char, error: *mut rec_error) -> rec_status {
    answer(error, || {
        // SAFETY: a string or NULL, by the ABI.
        let path = unsafe { str_of(path, "path", PATH_MAX) }?;
        let path = path
            .filter(|path| !path.is_empty())
            .ok_or_else(|| invalid("path: absent"))?;
        verify::verify(Path::new(path))
    })
}
