//! The handles of the C API, and the small structs of most functions. A struct only grows at its end.

use std::ffi::c_char;

use super::values::*;

/// An engine: its calls and recordings, its threads, and one storage directory. Zero is never
/// valid.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct rec_engine {
    /// Opaque: compare for equality only.
    pub id: u64,
}

/// A call on a line. Zero is never valid. The call lives until `rec_call_end` or `rec_close`,
/// or until it has had no media for `calls.idle_ms` (`REC_EVENT_CALL_IDLE`).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct rec_call {
    /// Opaque: compare for equality only.
    pub id: u64,
}

/// The source of one leg's audio. Zero is never valid.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct rec_feed {
    /// Opaque: compare for equality only.
    pub id: u64,
}

/// A subscription to an engine's events. Zero is never valid.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct rec_subscription {
    /// Opaque: compare for equality only.
    pub id: u64,
}

/// A running HTTP gateway. Zero is never valid.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct rec_gateway {
    /// Opaque: compare for equality only.
    pub id: u64,
}

/// A recording's UUID.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_id {
    /// 36 lower-case characters and a NUL.
    pub text: [c_char; 37],
}

/// The details of a failure. Every function that receives one writes it. After a success,
/// `status` is `REC_OK`, `reason` is -1, and the texts are "".
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_error {
    /// Size of this struct in bytes. Set by `REC_INIT`.
    pub struct_size: u32,
    /// The status that the function returned.
    pub status: rec_status,
    /// Imagicle's BadRequestReason for this error (0, 1, 2 or 4), or -1 if there is none.
    pub reason: i32,
    /// Always 0.
    pub reserved: u32,
    /// With `REC_ERR_NOT_MONITORABLE`, the line's device name; otherwise "".
    pub device_name: [c_char; 256],
    /// A message for people, which names the parameter and its value. One line of UTF-8 with
    /// escaped control characters. A long message is truncated.
    pub message: [c_char; 512],
}

/// The user on whose behalf the host calls a function. A NULL caller is the host itself, which
/// is trusted.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_caller {
    /// Size of this struct in bytes. Set by `REC_INIT`.
    pub struct_size: u32,
    /// 0 to 10: see `REC_LEVEL_…`. Below 10, the caller can reach only their own live calls.
    pub level: u32,
    /// The caller owns the calls whose current `rec_call_info.username` equals this one byte
    /// for byte. A caller with "" owns no call.
    pub username: *const c_char,
}

/// The number of recordings that an operation by device or by call affected.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_counts {
    /// Size of this struct in bytes. Set by `REC_INIT`.
    pub struct_size: u32,
    /// Recordings whose state the operation changed.
    pub changed: u32,
    /// Recordings that were already in the requested state.
    pub already: u32,
    /// Recordings for which a line's policy or `REC_ERR_DIAL_IN` refused the operation.
    pub refused: u32,
}
