//! Compares a finished file with its manifest.

use std::ffi::c_char;
use std::path::Path;

use super::convert::{PATH_MAX, invalid, str_of};
use super::guard::run_with_memory;
use super::types::*;
use crate::storage::verify;

/// Reads a finished recording and compares its size and its digest with its manifest, the file
/// beside it that has the same name and the extension `.json`.
///
/// @param path The path of the audio file. Must not be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: reads the whole file.
/// In callbacks: yes, but later events wait until the function returns.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_IO` (the file or its manifest cannot be read, or the file differs from the
/// manifest: the message says which), `REC_ERR_UNSUPPORTED` (the manifest has no digest),
/// `REC_ERR_INVALID_ARGUMENT`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_verify(path: *const c_char, error: *mut rec_error) -> rec_status {
    run_with_memory(error, || {
        // SAFETY: a string or NULL, by the rules of the API.
        let path = unsafe { str_of(path, "path", PATH_MAX) }?;
        let path = path
            .filter(|path| !path.is_empty())
            .ok_or_else(|| invalid("path is missing"))?;
        verify::verify(Path::new(path))
    })
}
