//! The border: no panic crosses it, and every call writes its `rec_error`.

use std::ffi::c_char;
use std::mem::offset_of;

use super::convert::{STRUCT_SIZES, struct_size};
use super::types::*;
use crate::core_memory::InsideGuard;
use crate::memory;
use crate::sync::catch_panic;
use crate::text::one_line;
use crate::types::{Error, Result, Status};

/// Runs `body`; its result becomes the status and the `rec_error`. While memory is short,
/// `body` does not run, and the status is `LIMIT`.
pub fn answer(error: *mut rec_error, body: impl FnOnce() -> Result<()>) -> rec_status {
    respond(error, || match memory::is_short() {
        true => BodyOutcome::NoMemory,
        false => run(body),
    })
}

/// As `answer`, but `body` also runs while memory is short. For functions that give memory back,
/// ask for next to none, or keep audio private.
pub fn answer_anyway(error: *mut rec_error, body: impl FnOnce() -> Result<()>) -> rec_status {
    respond(error, || run(body))
}

enum BodyOutcome {
    Ran(Result<()>),
    NoMemory,
}

fn run(body: impl FnOnce() -> Result<()>) -> BodyOutcome {
    BodyOutcome::Ran(shielded(body))
}

fn respond(error: *mut rec_error, act: impl FnOnce() -> BodyOutcome) -> rec_status {
    let size = if error.is_null() {
        0
    } else {
        // SAFETY: by the ABI, a non-NULL error points to a rec_error whose first
        // member is its size.
        let size = unsafe { struct_size(error) };
        if !STRUCT_SIZES.contains(&size) {
            return REC_ERR_INVALID_ARGUMENT;
        }
        size
    };
    let outcome = act();
    if size > 0 {
        let written = describe(size as u32, &outcome);
        let fits = size.min(size_of::<rec_error>());
        // SAFETY: the caller's struct has `size` writable bytes; no more are written.
        unsafe { std::ptr::copy_nonoverlapping((&raw const written).cast::<u8>(), error.cast::<u8>(), fits) };
    }
    match outcome {
        BodyOutcome::Ran(Ok(())) => REC_OK,
        BodyOutcome::Ran(Err(error)) => error.status as rec_status,
        BodyOutcome::NoMemory => REC_ERR_LIMIT,
    }
}

/// Runs `body`; a panic becomes `INTERNAL`.
pub fn shielded<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    let _inside = InsideGuard::enter();
    catch_panic(body).unwrap_or_else(|what| {
        Err(Error::new(
            Status::Internal,
            format!("a fault inside callrec: {what}"),
        ))
    })
}

/// For functions that answer something else than a status.
pub fn shielded_or<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
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
            put(&mut out.device_name, &error.device_name);
            // A host writes it into its log.
            put(&mut out.message, &one_line(&error.message));
        }
        // Allocates nothing.
        BodyOutcome::NoMemory => {
            out.status = REC_ERR_LIMIT;
            put(&mut out.message, "out of memory");
        }
    }
    out
}

/// `text`, cut to fit on a character's border, and always with its NUL.
pub fn put(out: &mut [c_char], text: &str) {
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
    fn a_panic_is_an_answer() {
        let status = answer(std::ptr::null_mut(), || panic!("planted"));
        assert_eq!(status, REC_ERR_INTERNAL);
    }

    #[test]
    fn text_is_cut_between_characters() {
        let mut out = [1; 4];
        put(&mut out, "aüü");
        assert_eq!(out.map(|c| c as u8), [b'a', 0xc3, 0xbc, 0]);
    }
}
