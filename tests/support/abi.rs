//! The basics of every call of the C ABI: structs with their size, strings, `rec_error`.

use std::ffi::{CStr, CString, c_char};

use callrec::capi::*;

/// A zeroed struct with its size set, as `REC_INIT` makes it.
pub fn init<T: Copy>() -> T {
    // SAFETY: the ABI's structs are plain data, valid when zero.
    let mut zeroed: T = unsafe { std::mem::zeroed() };
    unsafe { (&raw mut zeroed).cast::<u32>().write(size_of::<T>() as u32) };
    zeroed
}

/// A copy of a `rec_error`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbiError {
    pub status: rec_status,
    pub reason: i32,
    pub device_name: String,
    pub message: String,
}

pub type AbiResult<T> = Result<T, AbiError>;

pub(super) fn text_of(chars: &[c_char]) -> String {
    unsafe { CStr::from_ptr(chars.as_ptr()) }
        .to_str()
        .unwrap()
        .to_owned()
}

pub fn string(at: *const c_char) -> String {
    assert!(!at.is_null(), "the ABI returns no NULL strings");
    unsafe { CStr::from_ptr(at) }.to_str().unwrap().to_owned()
}

/// Calls a function with a fresh `rec_error`, and checks that the error agrees with the returned
/// status.
pub fn checked(call: impl FnOnce(*mut rec_error) -> rec_status) -> AbiResult<()> {
    let mut error: rec_error = init();
    let status = call(&mut error);
    assert_eq!(status, error.status, "rec_error has another status");
    if status == REC_OK {
        assert_eq!((error.reason, text_of(&error.message).as_str()), (-1, ""));
        return Ok(());
    }
    Err(AbiError {
        status,
        reason: error.reason,
        device_name: text_of(&error.device_name),
        message: text_of(&error.message),
    })
}

/// A C string that lives as long as this value; `None` is NULL.
pub struct CText(Option<CString>);

impl From<&str> for CText {
    fn from(text: &str) -> CText {
        CText(Some(CString::new(text).unwrap()))
    }
}

impl From<Option<&str>> for CText {
    fn from(text: Option<&str>) -> CText {
        CText(text.map(|text| CString::new(text).unwrap()))
    }
}

impl CText {
    pub fn ptr(&self) -> *const c_char {
        self.0.as_ref().map_or(std::ptr::null(), |text| text.as_ptr())
    }
}

pub fn with_caller<R>(caller: Option<(&str, u32)>, act: impl FnOnce(*const rec_caller) -> R) -> R {
    let Some((name, level)) = caller else {
        return act(std::ptr::null());
    };
    let name = CText::from(name);
    let mut struct_: rec_caller = init();
    struct_.username = name.ptr();
    struct_.level = level;
    act(&struct_)
}
