//! The structs of the audit log. Layouts only grow at their end.

use std::ffi::c_char;

/// How far an audit log has come. Keep a copy where nobody who can change the log can reach it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rec_chain_head {
    pub struct_size: u32,
    pub reserved: u32,
    /// The number of the last line on the disk; 0: there is none yet.
    pub sequence: u64,
    /// Lines that wait for the disk. Not looked at by `rec_verify_audit`.
    pub waiting: u64,
    /// Lines that this engine has dropped, because the disk did not take them or because too
    /// many logins were refused. Not looked at by `rec_verify_audit`.
    pub dropped: u64,
    /// The last line's hash: 64 hexadecimal digits and a NUL.
    pub hash: [c_char; 72],
}

/// What `rec_verify_audit` has read of an audit log that is in order.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rec_audit_report {
    pub struct_size: u32,
    pub reserved: u32,
    /// The number of the last line, and so of lines; 0: there is none.
    pub sequence: u64,
    /// Lines behind the known head.
    pub lines_after_head: u64,
    /// Lines that were cut short because a process died; a later line accounts for each.
    pub unfinished: u64,
    /// Bytes of an incomplete last line: it is being written, or a process died. 0: none.
    pub unfinished_bytes: u64,
    /// Lines that the log itself says were dropped.
    pub dropped: u64,
    /// The last line's hash: 64 hexadecimal digits and a NUL.
    pub hash: [c_char; 72],
}
