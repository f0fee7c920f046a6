//! Reads and writes C strings and structs, which may be older or newer than this library's.

use std::ffi::{CStr, c_char};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::sized_struct::SizedStruct;
use super::types::*;
use crate::calls::{Caller, ControlCounts, ControlOperation};
use crate::json;
use crate::text::Text;
use crate::types::{Error, KeepRaw, Layout, Leg, PauseMode, Result, Status};

/// Maximum length of a string argument in bytes, except for paths and attributes.
pub(super) const TEXT_MAX: usize = 1023;
pub(super) const PATH_MAX: usize = 4095;
pub(super) const ATTRIBUTES_MAX: usize = 65_536;
/// Deeper attributes are refused before they are parsed.
const ATTRIBUTES_DEPTH: u32 = 16;

pub fn invalid(message: impl Into<String>) -> Error {
    Error::new(Status::InvalidArgument, message)
}

/// Reads the `struct_size` with which a struct begins.
///
/// # Safety
/// `at` points to at least four readable bytes.
pub unsafe fn struct_size<T>(at: *const T) -> usize {
    // SAFETY: promised by the caller. The pointer of a C caller may be unaligned.
    unsafe { at.cast::<u32>().read_unaligned() as usize }
}

/// Reads a struct by its `struct_size`. Members beyond that size are zero. Bytes beyond this
/// library's struct must be zero.
///
/// # Safety
/// `at` is NULL or points to a struct with as many readable bytes as its `struct_size` says.
pub unsafe fn read<T: SizedStruct>(at: *const T, name: &str) -> Result<Option<T>> {
    if at.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, so it points to a struct that begins with its size.
    let size = unsafe { struct_size(at) };
    T::check_size(size, name)?;
    // SAFETY: all-zero is valid for a SizedStruct.
    let mut known: T = unsafe { std::mem::zeroed() };
    let fits = size.min(size_of::<T>());
    // SAFETY: `fits` bytes are readable there and writable here.
    unsafe { std::ptr::copy_nonoverlapping(at.cast::<u8>(), (&raw mut known).cast::<u8>(), fits) };
    if size > size_of::<T>() {
        // SAFETY: the struct has `size` readable bytes.
        let tail = unsafe { std::slice::from_raw_parts(at.cast::<u8>().add(fits), size - fits) };
        if tail.iter().any(|byte| *byte != 0) {
            return Err(invalid(format!(
                "{name}.struct_size {size}: this library's struct has {} bytes, and the excess is not zero",
                size_of::<T>()
            )));
        }
    }
    Ok(Some(known))
}

/// Reads a struct as `read` does. NULL is an error.
///
/// # Safety
/// As for `read`.
pub unsafe fn read_required<T: SizedStruct>(at: *const T, name: &str) -> Result<T> {
    // SAFETY: promised by the caller.
    unsafe { read(at, name) }?.ok_or_else(|| invalid(format!("{name} is NULL")))
}

/// An optional output struct, which is checked before the function does anything.
pub struct OutputStruct<T> {
    at: *mut T,
    size: usize,
}

impl<T: SizedStruct> OutputStruct<T> {
    /// # Safety
    /// `at` is NULL or points to a struct with as many writable bytes as its `struct_size` says.
    pub unsafe fn new(at: *mut T, name: &str) -> Result<OutputStruct<T>> {
        if at.is_null() {
            return Ok(OutputStruct { at, size: 0 });
        }
        // SAFETY: not NULL, so it points to a struct that begins with its size.
        let size = unsafe { struct_size(at) };
        T::check_size(size, name)?;
        Ok(OutputStruct { at, size })
    }

    /// Writes as many members as fit the caller's struct, except `struct_size`.
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

/// A pointer that must not be NULL.
pub fn not_null<T>(at: *mut T, name: &str) -> Result<*mut T> {
    if at.is_null() {
        return Err(invalid(format!("{name} is NULL")));
    }
    Ok(at)
}

/// Reads a string of at most `max` bytes. `None` is NULL.
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
            "{name} has {} bytes; the limit is {max}",
            text.count_bytes()
        )));
    }
    match text.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(error) => Err(invalid(format!(
            "{name} is not UTF-8 at byte {}",
            error.valid_up_to()
        ))),
    }
}

/// Reads a string of at most `TEXT_MAX` bytes. NULL is "".
///
/// # Safety
/// As for `str_of`.
pub unsafe fn text(at: *const c_char, name: &str) -> Result<Text> {
    // SAFETY: promised by the caller.
    let given = unsafe { str_of(at, name, TEXT_MAX) }?;
    Ok(Text::new(given.unwrap_or_default()))
}

/// Reads a string of at most `TEXT_MAX` bytes. `None` is NULL.
///
/// # Safety
/// As for `str_of`.
pub unsafe fn optional_text(at: *const c_char, name: &str) -> Result<Option<Text>> {
    // SAFETY: promised by the caller.
    Ok(unsafe { str_of(at, name, TEXT_MAX) }?.map(Text::new))
}

/// Reads a caller. NULL is the host.
///
/// # Safety
/// `at` is NULL or points to a rec_caller by the rules of `read`.
pub unsafe fn caller(at: *const rec_caller) -> Result<Caller> {
    // SAFETY: promised by the caller.
    let Some(given) = unsafe { read(at, "caller") }? else {
        return Ok(Caller::Host);
    };
    if given.level > REC_LEVEL_COMPLETE {
        return Err(invalid(format!("caller.level {}: must be 0 to 10", given.level)));
    }
    // SAFETY: a string or NULL, by the rules of the API.
    let username = unsafe { text(given.username, "caller.username") }?;
    Ok(Caller::User {
        username,
        level: given.level,
        origin: None,
    })
}

/// Reads a call's attributes. `None` is NULL.
///
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
    // Checked first, because the parser needs stack for each level.
    if json::nesting(text.as_bytes()) > ATTRIBUTES_DEPTH {
        return Err(invalid(format!(
            "attributes_json is nested deeper than {ATTRIBUTES_DEPTH}; its values are strings"
        )));
    }
    let members = match serde_json::from_str(text) {
        Ok(Value::Object(members)) => members,
        Ok(_) => return Err(invalid("attributes_json is not a JSON object")),
        Err(error) => return Err(invalid(format!("attributes_json: {error}"))),
    };
    if let Some((name, _)) = members.iter().find(|(_, value)| !value.is_string()) {
        return Err(invalid(format!("attributes_json: \"{name}\" is not a string")));
    }
    Ok(Some(Arc::new(members)))
}

pub fn leg(value: i32) -> Result<Leg> {
    let known = Leg::ALL.into_iter().find(|leg| *leg as i32 == value);
    known.ok_or_else(|| invalid(format!("leg {value}: must be 0, 1 or 2")))
}

pub fn layout(value: i32) -> Result<Layout> {
    let known = Layout::ALL.into_iter().find(|layout| *layout as i32 == value);
    known.ok_or_else(|| invalid(format!("options.layout {value}: must be 0 to 3")))
}

pub fn pause_mode(value: i32) -> Result<PauseMode> {
    let known = PauseMode::ALL.into_iter().find(|mode| *mode as i32 == value);
    known.ok_or_else(|| invalid(format!("options.pause_mode {value}: must be 0 or 1")))
}

/// `None`: as the configuration says.
pub fn keep_raw(value: i32) -> Result<Option<KeepRaw>> {
    let known = KeepRaw::ALL.into_iter().find(|keep| *keep as i32 == value);
    match known {
        None if value != 0 => Err(invalid(format!("options.keep_raw {value}: must be 0 to 3"))),
        known => Ok(known),
    }
}

/// Refuses a reserved member that is not 0, so that a later version can give it a meaning.
pub fn check_reserved(value: u32, name: &str) -> Result<()> {
    flags(value, 0, name).map(drop)
}

/// Refuses flags that are not in `known`.
pub fn flags(value: u32, known: u32, name: &str) -> Result<u32> {
    if value & !known == 0 {
        return Ok(value);
    }
    Err(invalid(format!(
        "{name} {value:#x}: only the flags {known:#x} are known"
    )))
}

pub(super) fn counts_of(counts: ControlCounts) -> rec_counts {
    rec_counts {
        struct_size: 0,
        changed: counts.changed,
        already: counts.already,
        refused: counts.refused,
    }
}

/// A `REC_CONTROL_…`.
// Once, and not in each function.
#[inline(never)]
pub fn operation_of(operation: i32) -> Result<ControlOperation> {
    match operation {
        REC_CONTROL_STOP => Ok(ControlOperation::Stop),
        REC_CONTROL_DISCARD => Ok(ControlOperation::Discard),
        REC_CONTROL_PAUSE => Ok(ControlOperation::Pause),
        REC_CONTROL_RESUME => Ok(ControlOperation::Resume),
        _ => Err(invalid(format!(
            "operation {operation}: must be one of REC_CONTROL_…"
        ))),
    }
}
