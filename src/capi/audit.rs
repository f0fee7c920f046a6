//! The audit log: its position, and the check that it is unchanged.

use std::ffi::c_char;
use std::path::Path;

use super::convert::{OutputStruct, PATH_MAX, check_reserved, invalid, not_null, read, str_of};
use super::engine_of;
use super::guard::{run_always, run_with_memory, write_text};
use super::types::*;
use crate::audit::ChainHead;
use crate::engine::verify_audit;
use crate::types::Result;

const HASH_DIGITS: usize = 64;

/// Returns the position of the engine's audit log on the disk: the number and the hash of its
/// last line.
///
/// A person who can write the log can also cut off its end, or replace the whole log.
/// `rec_verify_audit` detects this only if it is given a position that the host has stored
/// elsewhere.
///
/// @param engine The engine.
/// @param[out] head The position. Must not be NULL. If the log has no line yet, `sequence` is 0
///   and `hash` is all zeros.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`,
/// `REC_ERR_FORKED`, `REC_ERR_IO` (the engine could not read the log yet).
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_audit_head(
    engine: rec_engine,
    head: *mut rec_chain_head,
    error: *mut rec_error,
) -> rec_status {
    run_always(error, || {
        let pointer = not_null(head, "head")?;
        // SAFETY: not NULL, so it points to a struct that begins with its size.
        let out = unsafe { OutputStruct::new(pointer, "head") }?;
        let now = engine_of(engine)?.audit_head()?;
        out.write(&rec_chain_head {
            struct_size: 0,
            reserved: 0,
            sequence: now.head.sequence,
            waiting: now.waiting,
            dropped: now.dropped,
            hash: digits(&now.head.hash),
        });
        Ok(())
    })
}

/// Reads the whole audit log of a storage directory and checks that it is unchanged.
///
/// The check finds every line that was edited, moved, removed or inserted. With `known_head`,
/// it also detects that the log was cut off before that position, or replaced. Without it, a
/// log that was replaced, or cut off at the end of a line, looks intact. An incomplete last
/// line is not an error: a process is writing it, or died while it wrote it. The function needs
/// no engine, and an engine may write the log at the same time.
///
/// @param directory The value of `storage.directory`. Must not be NULL.
/// @param known_head A position that `rec_audit_head` returned earlier, or NULL. One whose
///   `sequence` is 0 has the same effect as NULL.
/// @param[out] report What was found. May be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: reads the whole log.
/// In callbacks: yes, but later events wait until the function returns.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_AUDIT` (the log was changed: the message gives the line and the fault),
/// `REC_ERR_IO` (the log cannot be read), `REC_ERR_INVALID_ARGUMENT`.
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_verify_audit(
    directory: *const c_char,
    known_head: *const rec_chain_head,
    report: *mut rec_audit_report,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || {
        // SAFETY: a string or NULL, and structs that begin with their size, by the rules of the API.
        let (directory, known, out) = unsafe {
            (
                str_of(directory, "directory", PATH_MAX)?,
                read(known_head, "known_head")?,
                OutputStruct::new(report, "report")?,
            )
        };
        let directory = directory
            .filter(|path| !path.is_empty())
            .ok_or_else(|| invalid("directory is missing"))?;
        // Number 0 is the position of an empty log, which says nothing about later lines.
        let known = match known {
            Some(head) => {
                check_reserved(head.reserved, "known_head.reserved")?;
                Some(head).filter(|head| head.sequence > 0)
            }
            None => None,
        };
        let known = known.as_ref().map(head_of).transpose()?;
        let found = verify_audit(Path::new(directory), known.as_ref())?;
        out.write(&rec_audit_report {
            struct_size: 0,
            reserved: 0,
            sequence: found.head.sequence,
            lines_after_head: found.after_known,
            unfinished: found.unfinished,
            unfinished_bytes: found.unfinished_bytes,
            dropped: found.dropped,
            hash: digits(&found.head.hash),
        });
        Ok(())
    })
}

fn digits(hash: &str) -> [c_char; 72] {
    let mut digits = [0; 72];
    write_text(&mut digits, hash);
    digits
}

fn head_of(given: &rec_chain_head) -> Result<ChainHead> {
    let digits = given.hash.iter().take(HASH_DIGITS).map(|digit| *digit as u8);
    let hash: String = digits.map(char::from).collect();
    let is_hash = hash
        .bytes()
        .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if !is_hash || given.hash[HASH_DIGITS] != 0 {
        return Err(invalid(
            "known_head.hash must be 64 lower-case hexadecimal digits",
        ));
    }
    Ok(ChainHead {
        sequence: given.sequence,
        hash,
    })
}
