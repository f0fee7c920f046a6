//! The structs of the audit log. A struct only grows at its end.

use std::ffi::c_char;

/// The position of an audit log: the number and the hash of its last line. Keep a copy out of
/// reach of everyone who can change the log.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rec_chain_head {
    /// Size of this struct in bytes. Set by `REC_INIT`.
    pub struct_size: u32,
    /// Always 0.
    pub reserved: u32,
    /// Number of the last line on the disk, or 0 if there is none.
    pub sequence: u64,
    /// Number of lines that are not on the disk yet. `rec_verify_audit` ignores this member.
    pub waiting: u64,
    /// Number of lines that this engine dropped, because the disk did not accept them or
    /// because too many logins were refused. `rec_verify_audit` ignores this member.
    pub dropped: u64,
    /// Hash of the last line: 64 hexadecimal digits and a NUL.
    pub hash: [c_char; 72],
}

/// What `rec_verify_audit` found in an audit log that is intact.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rec_audit_report {
    /// Size of this struct in bytes. Set by `REC_INIT`.
    pub struct_size: u32,
    /// Always 0.
    pub reserved: u32,
    /// Number of the last line, which is also the number of complete lines. 0 if there is none.
    pub sequence: u64,
    /// Number of lines after `known_head`.
    pub lines_after_head: u64,
    /// Number of lines that were cut short because a process died. A later line of the log
    /// records each of them.
    pub unfinished: u64,
    /// Size of an incomplete last line in bytes, or 0. A process is writing this line, or died
    /// while it wrote it.
    pub unfinished_bytes: u64,
    /// Number of lines that the log itself reports as dropped.
    pub dropped: u64,
    /// Hash of the last line: 64 hexadecimal digits and a NUL.
    pub hash: [c_char; 72],
}
