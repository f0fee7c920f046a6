//! The audit log: who did what to recordings, and who was refused.
//!
//! One line for each operation, in a file that only grows. Each line carries the digest of the
//! one before, so that nobody edits, reorders or removes a line unseen by [`verify`]. Whoever
//! may write the file may also write all of it anew, or cut off its end: that shows against a
//! [`ChainHead`] which the host keeps elsewhere.
//!
//! Nobody waits for the disk here but the log's own part: lines go to a bounded queue.

mod chain;
mod line;
mod line_queue;
mod log;
mod verify;

pub use chain::ChainHead;
pub use line::{Actor, AuditLine, AuditedRecording};
pub use log::{AuditHead, AuditLog};
pub use verify::{AuditReport, verify};

/// The file's name in `.callrec`.
pub const FILE: &str = "audit.log";
