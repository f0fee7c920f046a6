//! Runs the body of a C function: no panic leaves it, and its result is written to the `rec_error`.

use std::ffi::c_char;
use std::mem::offset_of;

use super::convert::struct_size;
use super::sized_struct::SizedStruct;
use super::types::*;
use crate::core_memory::InsideGuard;
use crate::memory;
use crate::sync::catch_panic;
use crate::text::one_line;
use crate::types::{Error, Result, Status};

/// Runs `body`, and returns its result as a status and in `error`. While memory is short, `body`
/// does not run, and the status is `LIMIT`.
pub fn run_with_memory(error: *mut rec_error, body: impl FnOnce() -> Result<()>) -> rec_status {
    respond(error, || match memory::is_short() {
        true => BodyOutcome::NoMemory,
        false => run(body),
    })
}

/// Runs `body` as `run_with_memory` does, but also while memory is short. For functions that free
/// memory, need next to none, or keep audio private.
pub fn run_always(error: *mut rec_error, body: impl FnOnce() -> Result<()>) -> rec_status {
    respond(error, || run(body))
}

enum BodyOutcome {
    Ran(Result<()>),
    NoMemory,
}

fn run(body: impl FnOnce() -> Result<()>) -> BodyOutcome {
    BodyOutcome::Ran(catch_faults(body))
}

fn respond(error: *mut rec_error, act: impl FnOnce() -> BodyOutcome) -> rec_status {
    let size = if error.is_null() {
        0
    } else {
        // SAFETY: not NULL, so it points to a rec_error, which begins with its size.
        let size = unsafe { struct_size(error) };
        if !rec_error::is_valid_size(size) {
            return REC_ERR_INVALID_ARGUMENT;
        }
        size
    };
    let outcome = act();
    if size > 0 {
        let written = describe(size as u32, &outcome);
        let fits = size.min(size_of::<rec_error>());
        // SAFETY: the caller's struct has `size` writable bytes, and no more are written.
        unsafe { std::ptr::copy_nonoverlapping((&raw const written).cast::<u8>(), error.cast::<u8>(), fits) };
    }
    match outcome {
        BodyOutcome::Ran(Ok(())) => REC_OK,
        BodyOutcome::Ran(Err(error)) => error.status as rec_status,
        BodyOutcome::NoMemory => REC_ERR_LIMIT,
    }
}

/// Runs `body`; a panic becomes `INTERNAL`.
pub fn catch_faults<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    let _inside = InsideGuard::enter();
    catch_panic(body).unwrap_or_else(|panic| {
        Err(Error::new(
            Status::Internal,
            format!("a fault inside callrec: {panic}"),
        ))
    })
}

/// Runs `body`; a panic becomes `otherwise`. For functions that do not return a status.
pub fn catch_faults_or<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    let _inside = InsideGuard::enter();
    catch_panic(body).unwrap_or(otherwise)
}

fn describe(size: u32, outcome: &BodyOutcome) -> rec_error {
    let mut out = rec_error {
        struct_size: size,
        status: REC_OK,
        reason: -1,
        reserved: 0,
        device_name: [0; 256],
        message: [0; 512],
    };
    match outcome {
        BodyOutcome::Ran(Ok(())) => {}
        BodyOutcome::Ran(Err(error)) => {
            let _inside = InsideGuard::enter();
            out.status = error.status as rec_status;
            out.reason = error.reason;
            write_text(&mut out.device_name, &error.device_name);
            // The host may write the message to its log.
            write_text(&mut out.message, &one_line(&error.message));
        }
        // This must not allocate memory.
        BodyOutcome::NoMemory => {
            out.status = REC_ERR_LIMIT;
            write_text(&mut out.message, "out of memory");
        }
    }
    out
}

/// Writes `text` and its NUL into `out`, truncated between two characters if it is too long.
pub fn write_text(out: &mut [c_char], text: &str) {
    let mut length = text.len().min(out.len().saturating_sub(1));
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    for (to, from) in out.iter_mut().zip(text.bytes().take(length)) {
        *to = from as c_char;
    }
    if let Some(end) = out.get_mut(length) {
        *end = 0;
    }
}

const _: () = assert!(offset_of!(rec_error, struct_size) == 0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_status() {
        let status = run_with_memory(std::ptr::null_mut(), || panic!("planted"));
        assert_eq!(status, REC_ERR_INTERNAL);
    }

    #[test]
    fn text_is_truncated_between_characters() {
        let mut out = [1; 4];
        write_text(&mut out, "aüü");
        assert_eq!(out.map(|c| c as u8), [b'a', 0xc3, 0xbc, 0]);
    }
}
