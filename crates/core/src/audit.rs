//! The audit log: who did what to recordings, and who was refused.
//!
//! The log has one line for each operation, in a file that only grows. Each line contains the
//! hash of the line before, so [`verify`] detects every edited, reordered or removed line. A
//! person who can write the file can also rewrite all of it or cut off its end. [`verify`]
//! detects that if the host keeps a [`ChainHead`] elsewhere.
//!
//! Lines go to a bounded queue, and only the log's own part waits for the disk.

mod chain;
mod line;
mod line_queue;
mod log;
mod log_end;
mod verify;

pub use chain::ChainHead;
pub use line::{Actor, AuditLine, AuditedRecording};
pub use log::{AuditHead, AuditLog};
pub use verify::{AuditReport, verify};

/// The file's name in `.callrec`.
pub const FILE: &str = "audit.log";
