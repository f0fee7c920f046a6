//! The audit log of a storage directory.

use std::path::Path;

use callrec::capi::*;
use callrec_testkit::wait::until;
use serde_json::Value;

use super::abi::{AbiResult, CText, checked, init, text_of};
use super::engine::TestEngine;

/// Every complete line of the audit log.
pub fn audit_lines(directory: &Path) -> Vec<Value> {
    let text = std::fs::read(directory.join(".callrec/audit.log")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The chain head that a host may keep.
pub fn audit_head(engine: &TestEngine) -> rec_chain_head {
    let mut head: rec_chain_head = init();
    checked(|e| unsafe { rec_audit_head(engine.handle, &mut head, e) }).unwrap();
    head
}

/// Waits until every line is on the disk.
pub fn audit_written(engine: &TestEngine) -> rec_chain_head {
    until("the audit log is on the disk", || audit_head(engine).waiting == 0);
    audit_head(engine)
}

/// The head's sequence number and hash.
pub fn head_of(head: &rec_chain_head) -> (u64, String) {
    (head.sequence, text_of(&head.hash))
}

pub fn verify_audit(directory: &Path, known: Option<&rec_chain_head>) -> AbiResult<rec_audit_report> {
    let path = CText::from(directory.to_str().unwrap());
    let mut report: rec_audit_report = init();
    let known = known.map_or(std::ptr::null(), std::ptr::from_ref);
    checked(|e| unsafe { rec_verify_audit(path.ptr(), known, &mut report, e) })?;
    Ok(report)
}
