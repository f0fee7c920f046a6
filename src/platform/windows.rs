//! The calls of Windows.

#![allow(unsafe_code)]

use std::io;
use std::os::windows::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use windows_sys::Win32::Storage::FileSystem::{GetDiskFreeSpaceExW, MOVEFILE_WRITE_THROUGH, MoveFileExW};
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
};

use crate::storage::os::WindowsCalls;

pub const CALLS: WindowsCalls = WindowsCalls {
    free_bytes,
    rename_exclusive,
};

fn free_bytes(directory: &Path) -> io::Result<u64> {
    let directory = wide(directory)?;
    let mut available = 0;
    // SAFETY: the path ends with a zero, the number is writable, and NULL means "not asked for".
    let is_known = unsafe {
        GetDiskFreeSpaceExW(
            directory.as_ptr(),
            &mut available,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    done(is_known).map(|()| available)
}

/// Without the flag that replaces the new name, an existing one makes the call fail.
fn rename_exclusive(from: &Path, to: &Path) -> io::Result<()> {
    let (from, to) = (wide(from)?, wide(to)?);
    // SAFETY: both paths end with a zero.
    done(unsafe { MoveFileExW(from.as_ptr(), to.as_ptr(), MOVEFILE_WRITE_THROUGH) })
}

fn done(is_done: i32) -> io::Result<()> {
    match is_done {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// The path as the calls take it. It is made absolute, because only then may it be long.
fn wide(path: &Path) -> io::Result<Vec<u16>> {
    let path = std::path::absolute(path)?;
    let mut units: Vec<u16> = path.as_os_str().encode_wide().collect();
    if units.contains(&0) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    units.push(0);
    Ok(units)
}

/// Pins the module that contains this function: callrec's library, or the program or library that
/// it is linked into.
pub fn pin_module() {
    static PINNED: AtomicBool = AtomicBool::new(false);
    if PINNED.load(Ordering::Acquire) {
        return;
    }
    let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
    let address = pin_module as fn() as *const u16;
    let mut module = ptr::null_mut();
    // SAFETY: with the first flag, the argument is an address in the module and is not read.
    if unsafe { GetModuleHandleExW(flags, address, &mut module) } != 0 {
        PINNED.store(true, Ordering::Release);
    }
}
