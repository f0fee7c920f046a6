//! What every call of the C ABI needs: structs with their size, strings, `rec_error`.

use std::ffi::{CStr, CString, c_char};

use callrec::capi::*;

/// An empty struct with its size set, as REC_INIT makes it.
pub fn init<T: Copy>() -> T {
    // SAFETY: the ABI's structs are plain data, valid when zero.
    let mut made: T = unsafe { std::mem::zeroed() };
    unsafe { (&raw mut made).cast::<u32>().write(size_of::<T>() as u32) };
    made
}

/// A refusal, as `rec_error` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: rec_status,
    pub reason: i32,
    pub device_name: String,
    pub message: String,
}

pub type Answer<T> = Result<T, Refusal>;

pub(super) fn text_of(chars: &[c_char]) -> String {
    unsafe { CStr::from_ptr(chars.as_ptr()) }
        .to_str()
        .unwrap()
        .to_owned()
}

pub fn string(at: *const c_char) -> String {
    assert!(!at.is_null(), "the ABI gives no NULL strings");
    unsafe { CStr::from_ptr(at) }.to_str().unwrap().to_owned()
}

/// Calls with a fresh `rec_error`; checks that error and status agree.
pub fn ask(call: impl FnOnce(*mut rec_error) -> rec_status) -> Answer<()> {
    let mut error: rec_error = init();
    let status = call(&mut error);
    assert_eq!(status, error.status, "rec_error says another status");
    if status == REC_OK {
        assert_eq!((error.reason, text_of(&error.message).as_str()), (-1, ""));
        return Ok(());
    }
    Err(Refusal {
        status,
        reason: error.reason,
        device_name: text_of(&error.device_name),
        message: text_of(&error.message),
    })
}

/// A C string that lives as long as this value; `None` is NULL.
pub struct Arg(Option<CString>);

impl From<&str> for Arg {
    fn from(text: &str) -> Arg {
        Arg(Some(CString::new(text).unwrap()))
    }
}

impl From<Option<&str>> for Arg {
    fn from(text: Option<&str>) -> Arg {
        Arg(text.map(|text| CString::new(text).unwrap()))
    }
}

impl Arg {
    pub fn ptr(&self) -> *const c_char {
        self.0.as_ref().map_or(std::ptr::null(), |text| text.as_ptr())
    }
}

pub fn with_caller<R>(caller: Option<(&str, u32)>, act: impl FnOnce(*const rec_caller) -> R) -> R {
    let Some((name, level)) = caller else {
        return act(std::ptr::null());
    };
    let name = Arg::from(name);
    let mut struct_: rec_caller = init();
    struct_.username = name.ptr();
    struct_.level = level;
    act(&struct_)
}
