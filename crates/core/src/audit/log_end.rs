//! What the end of the audit log says when it is opened.

use super::chain::{self, ChainHead, LineDefect};
use crate::storage::FileTail;

/// How many bytes at the end of the file are read to find the last complete line.
pub const TAIL_BYTES: u64 = 1 << 20;
/// A part of each line about a deletion.
const DELETION: &str = "\"operation\":\"delete\"";

/// The end of the file.
#[derive(Clone, Debug)]
pub struct LogEnd {
    pub length: u64,
    pub head: ChainHead,
    /// The incomplete last line of a process that died.
    pub unfinished: Vec<u8>,
    /// The last line is complete but lacks its newline.
    pub needs_newline: bool,
}

/// The lines about deletions.
pub fn deletions_in(bytes: &[u8]) -> Vec<String> {
    let lines = bytes.split(|byte| *byte == b'\n');
    let lines = lines.filter_map(|line| std::str::from_utf8(line).ok());
    let deletions = lines.filter(|line| line.contains(DELETION));
    deletions.map(str::to_owned).collect()
}

impl LogEnd {
    pub fn of_missing_file() -> LogEnd {
        LogEnd {
            length: 0,
            head: ChainHead::of_empty_log(),
            unfinished: Vec::new(),
            needs_newline: false,
        }
    }

    /// Finds the last correct line. Also returns whether the bytes after it were changed.
    pub fn of(tail: FileTail) -> (LogEnd, bool) {
        let mut found = LogEnd {
            length: tail.length,
            ..LogEnd::of_missing_file()
        };
        let mut rest = &tail.bytes[..];
        let mut is_altered = false;
        // From the last line backwards to the first correct one.
        let mut before = rest;
        while !before.is_empty() {
            let body = before.strip_suffix(b"\n").unwrap_or(before);
            let from = body
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1);
            match chain::read_link(&body[from..]) {
                Ok(link) => {
                    found.head = ChainHead {
                        sequence: link.sequence,
                        hash: link.hash.to_owned(),
                    };
                    found.needs_newline = body.len() == before.len();
                    rest = &tail.bytes[before.len()..];
                    break;
                }
                Err(fault) => is_altered |= fault == LineDefect::Altered,
            }
            before = &before[..from];
        }
        // A file that is longer than the tail and has no correct line in it is not an audit log.
        is_altered |= found.head.sequence == 0 && tail.length > tail.bytes.len() as u64;
        match is_altered {
            true => found.needs_newline |= !tail.bytes.ends_with(b"\n"),
            false => found.unfinished = rest.to_vec(),
        }
        (found, is_altered)
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests;
