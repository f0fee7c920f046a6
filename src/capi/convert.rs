//! From C to Rust: strings, and structs that may be older or newer than ours.

use std::ffi::{CStr, c_char};
use std::ops::RangeInclusive;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::types::*;
use crate::calls::{Caller, ControlCounts};
use crate::text::Text;
use crate::types::{Codec, Error, FeedFormat, FeedOptions, Layout, Leg, PauseMode, Result, Status};

/// A `struct_size` outside is misuse, whatever the struct.
pub const STRUCT_SIZES: RangeInclusive<usize> = 4..=4096;
/// Longest string that comes in, in bytes, but for paths and attributes.
pub(super) const TEXT_MAX: usize = 1023;
pub(super) const PATH_MAX: usize = 4095;
pub(super) const ATTRIBUTES_MAX: usize = 65_536;
const AHEAD_MS_MAX: u32 = 600_000;

/// A struct of the ABI: plain data, beginning with its `struct_size`.
///
/// # Safety
/// `repr(C)`, first member `struct_size: u32`, and valid for any bit pattern.
pub unsafe trait Sized4: Copy {}

macro_rules! sized {
    ($($type:ty),* $(,)?) => { $(
        // SAFETY: repr(C), begins with struct_size, made of integers, raw pointers
        // and optional function pointers only.
        unsafe impl Sized4 for $type {}
    )* };
}
sized!(
    rec_error,
    rec_caller,
    rec_counts,
    rec_line_info,
    rec_call_info,
    rec_feed_format,
    rec_start_options,
    rec_filter,
    rec_statistics,
    rec_gateway_options,
    rec_http_request,
    rec_credentials,
    rec_identity,
    rec_subscribe_options,
    rec_chain_head,
    rec_audit_report,
);

pub fn invalid(message: impl Into<String>) -> Error {
    Error::new(Status::InvalidArgument, message)
}

/// # Safety
/// `at` points to at least four readable bytes.
pub unsafe fn struct_size<T>(at: *const T) -> usize {
    // SAFETY: promised by the caller; unaligned, since C may hand in anything.
    unsafe { at.cast::<u32>().read_unaligned() as usize }
}

/// Reads a struct by the size that its writer knew: what is short is zero, what is
/// long must be zero beyond what we know.
///
/// # Safety
/// `at` is NULL or points to a struct with as many readable bytes as its `struct_size` says.
pub unsafe fn read<T: Sized4>(at: *const T, name: &str) -> Result<Option<T>> {
    if at.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, so it has its size.
    let size = unsafe { struct_size(at) };
    check_size(size, name)?;
    // SAFETY: all-zero is valid for a Sized4.
    let mut known: T = unsafe { std::mem::zeroed() };
    let fits = size.min(size_of::<T>());
    // SAFETY: `fits` bytes are readable there and writable here.
    unsafe { std::ptr::copy_nonoverlapping(at.cast::<u8>(), (&raw mut known).cast::<u8>(), fits) };
    if size > size_of::<T>() {
        // SAFETY: the struct has `size` readable bytes.
        let tail = unsafe { std::slice::from_raw_parts(at.cast::<u8>().add(fits), size - fits) };
        if tail.iter().any(|byte| *byte != 0) {
            return Err(invalid(format!(
                "{name}.struct_size {size}: this version knows {} bytes, and what follows is not zero",
                size_of::<T>()
            )));
        }
    }
    Ok(Some(known))
}

/// The same where NULL is not allowed.
///
/// # Safety
/// As for `read`.
pub unsafe fn read_needed<T: Sized4>(at: *const T, name: &str) -> Result<T> {
    // SAFETY: promised by the caller.
    unsafe { read(at, name) }?.ok_or_else(|| invalid(format!("{name}: NULL")))
}

fn check_size(size: usize, name: &str) -> Result<()> {
    if STRUCT_SIZES.contains(&size) {
        return Ok(());
    }
    Err(invalid(format!(
        "{name}.struct_size {size}: not 4 to 4096; use REC_INIT"
    )))
}

/// An optional output struct, checked before anything is done.
pub struct Out<T> {
    at: *mut T,
    size: usize,
}

impl<T: Sized4> Out<T> {
    /// # Safety
    /// `at` is NULL or points to a struct with as many writable bytes as its `struct_size` says.
    pub unsafe fn new(at: *mut T, name: &str) -> Result<Out<T>> {
        if at.is_null() {
            return Ok(Out { at, size: 0 });
        }
        // SAFETY: not NULL, so it has its size.
        let size = unsafe { struct_size(at) };
        check_size(size, name)?;
        Ok(Out { at, size })
    }

    /// What fits the caller's size is written; `struct_size` stays the caller's.
    pub fn write(self, value: &T) {
        let fits = self.size.min(size_of::<T>());
        if fits <= 4 {
            return;
        }
        let from = (&raw const *value).cast::<u8>();
        // SAFETY: `fits` bytes are readable here and, by `new`'s promise, writable there.
        unsafe { std::ptr::copy_nonoverlapping(from.add(4), self.at.cast::<u8>().add(4), fits - 4) };
    }
}

/// An output that must be given: where to write it.
pub fn needed<T>(at: *mut T, name: &str) -> Result<*mut T> {
    if at.is_null() {
        return Err(invalid(format!("{name}: NULL")));
    }
    Ok(at)
}

/// A string that comes in; `None` is NULL.
///
/// # Safety
/// `at` is NULL or a NUL-terminated string that lives as long as `'a`.
pub unsafe fn str_of<'a>(at: *const c_char, name: &str, max: usize) -> Result<Option<&'a str>> {
    if at.is_null() {
        return Ok(None);
    }
    // SAFETY: promised by the caller.
    let text = unsafe { CStr::from_ptr(at) };
    if text.count_bytes() > max {
        return Err(invalid(format!(
            "{name}: {} bytes, at most {max} are taken",
            text.count_bytes()
        )));
    }
    match text.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(error) => Err(invalid(format!(
            "{name}: not UTF-8 at byte {}",
            error.valid_up_to()
        ))),
    }
}

/// The same as a `Text`; NULL is empty.
///
/// # Safety
/// As for `str_of`.
pub unsafe fn text(at: *const c_char, name: &str) -> Result<Text> {
    // SAFETY: promised by the caller.
    let given = unsafe { str_of(at, name, TEXT_MAX) }?;
    Ok(Text::new(given.unwrap_or_default()))
}

/// # Safety
/// As for `str_of`.
pub unsafe fn optional_text(at: *const c_char, name: &str) -> Result<Option<Text>> {
    // SAFETY: promised by the caller.
    Ok(unsafe { str_of(at, name, TEXT_MAX) }?.map(Text::new))
}

/// # Safety
/// `at` is NULL or points to a rec_caller by the rules of `read`.
pub unsafe fn caller(at: *const rec_caller) -> Result<Caller> {
    // SAFETY: promised by the caller.
    let Some(given) = unsafe { read(at, "caller") }? else {
        return Ok(Caller::Host);
    };
    if given.level > REC_LEVEL_COMPLETE {
        return Err(invalid(format!(
            "caller.level {}: 0 to 10 are known",
            given.level
        )));
    }
    // SAFETY: the ABI wants a string or NULL there.
    let username = unsafe { text(given.username, "caller.username") }?;
    Ok(Caller::User {
        username,
        level: given.level,
        origin: None,
    })
}

/// # Safety
/// As for `str_of`.
pub unsafe fn attributes(at: *const c_char) -> Result<Option<Arc<Map<String, Value>>>> {
    // SAFETY: promised by the caller.
    let Some(text) = unsafe { str_of(at, "attributes_json", ATTRIBUTES_MAX) }? else {
        return Ok(None);
    };
    if text.is_empty() {
        return Ok(Some(Arc::default()));
    }
    let members = match serde_json::from_str(text) {
        Ok(Value::Object(members)) => members,
        Ok(_) => return Err(invalid("attributes_json: not a JSON object")),
        Err(error) => return Err(invalid(format!("attributes_json: {error}"))),
    };
    if let Some((name, _)) = members.iter().find(|(_, value)| !value.is_string()) {
        return Err(invalid(format!("attributes_json: \"{name}\" is not a string")));
    }
    Ok(Some(Arc::new(members)))
}

/// # Safety
/// `at` is NULL or points to a rec_feed_format by the rules of `read`.
pub unsafe fn feed_options(at: *const rec_feed_format) -> Result<FeedOptions> {
    // SAFETY: promised by the caller.
    let given = unsafe { read_needed(at, "format") }?;
    reserved(given.reserved, "format.reserved")?;
    let codec = match given.codec {
        REC_CODEC_PCM16 => Codec::Pcm16,
        REC_CODEC_PCMU => Codec::Pcmu,
        REC_CODEC_PCMA => Codec::Pcma,
        REC_CODEC_G722 | REC_CODEC_OPUS => {
            return Err(Error::new(
                Status::Unsupported,
                format!(
                    "format.codec {}: not in this build, which has PCM16, PCMU, PCMA",
                    given.codec
                ),
            ));
        }
        other => return Err(invalid(format!("format.codec {other}: no such codec"))),
    };
    let rate = if given.sample_rate == 0 {
        8000
    } else {
        given.sample_rate
    };
    let known = match codec {
        Codec::Pcm16 => (8000..=48_000).contains(&rate),
        Codec::Pcmu | Codec::Pcma => rate == 8000,
    };
    if !known {
        return Err(invalid(format!(
            "format.sample_rate {rate}: PCM16 takes 8000 to 48000, G.711 takes 8000"
        )));
    }
    if given.ahead_ms > AHEAD_MS_MAX {
        return Err(invalid(format!(
            "format.ahead_ms {}: at most {AHEAD_MS_MAX}",
            given.ahead_ms
        )));
    }
    let channels = match given.channels {
        0 | 1 => 1,
        2 => 2,
        other => return Err(invalid(format!("format.channels {other}: 1 and 2 are known"))),
    };
    Ok(FeedOptions {
        format: FeedFormat { codec, rate },
        ahead_ms: given.ahead_ms,
        channels,
    })
}

pub fn leg(value: i32) -> Result<Leg> {
    let known = Leg::ALL.into_iter().find(|leg| *leg as i32 == value);
    known.ok_or_else(|| invalid(format!("leg {value}: 0, 1 and 2 are known")))
}

pub fn layout(value: i32) -> Result<Layout> {
    let known = Layout::ALL.into_iter().find(|layout| *layout as i32 == value);
    known.ok_or_else(|| invalid(format!("options.layout {value}: 0 to 3 are known")))
}

pub fn pause_mode(value: i32) -> Result<PauseMode> {
    let known = PauseMode::ALL.into_iter().find(|mode| *mode as i32 == value);
    known.ok_or_else(|| invalid(format!("options.pause_mode {value}: 0 and 1 are known")))
}

/// What has no meaning yet must be 0, or it could never be given one.
pub fn reserved(value: u32, name: &str) -> Result<()> {
    flags(value, 0, name).map(drop)
}

pub fn flags(value: u32, known: u32, name: &str) -> Result<u32> {
    if value & !known == 0 {
        return Ok(value);
    }
    Err(invalid(format!("{name} {value:#x}: {known:#x} are known")))
}

pub(super) fn counts_of(counts: ControlCounts) -> rec_counts {
    rec_counts {
        struct_size: 0,
        changed: counts.changed,
        already: counts.already,
        refused: counts.refused,
    }
}
