//! Checks that an audit log is unchanged. Needs no engine; one may be writing the log meanwhile.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::FILE;
use super::chain::{ChainHead, ChainLink, LineDefect, hex, read_link};
use crate::types::{Error, Result, Status};

/// A limit on the length of a line, far above that of any written line.
const LINE_MAX: u64 = 1 << 20;

/// The contents of an unchanged log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditReport {
    /// The last line.
    pub head: ChainHead,
    /// Lines after the head that the host has kept.
    pub after_known: u64,
    /// Incomplete lines of processes that died, which a later line accounts for.
    pub unfinished: u64,
    /// Bytes of an incomplete line at the end, which is being written or whose process died.
    pub unfinished_bytes: u64,
    /// Lines that were dropped, according to the log.
    pub dropped: u64,
}

/// Reads and checks the whole audit log of a storage directory. `known` is a head that the host
/// has kept. Fails with `AUDIT` if the log was changed, and with `IO` if it cannot be read.
pub fn verify(directory: &Path, known: Option<&ChainHead>) -> Result<AuditReport> {
    let path = directory.join(".callrec").join(FILE);
    let unreadable = |error: io::Error| Error::io(format_args!("\"{}\"", path.display()), &error);
    if !fs::metadata(directory).map_err(unreadable)?.is_dir() {
        return Err(unreadable(io::ErrorKind::NotADirectory.into()));
    }
    let mut check = LogCheck::new(known);
    match open(&path) {
        Ok(file) => {
            let mut file = BufReader::new(file);
            let mut line = Vec::new();
            while read_line(&mut file, &mut line).map_err(unreadable)? {
                check.line(&line)?;
            }
        }
        // The log is empty. The known head, if any, shows whether it was removed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unreadable(error)),
    }
    check.end()
}

/// Opens a regular file. Opening a pipe would block.
fn open(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    File::open(path)
}

/// Reads the next line with its newline, which the last line may lack. Returns `false` at the
/// end.
fn read_line(file: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    file.take(LINE_MAX).read_until(b'\n', line)?;
    Ok(!line.is_empty())
}

/// The state of the check after the lines read so far.
struct LogCheck<'a> {
    known: Option<&'a ChainHead>,
    head: ChainHead,
    /// Lines of the file, complete or not.
    lines: u64,
    unfinished: Option<UnfinishedLines>,
    report: AuditReport,
}

/// The incomplete lines since the last complete one.
struct UnfinishedLines {
    first_line: u64,
    count: u64,
    bytes: u64,
    /// The last one is followed by a newline, which `hash` and `bytes` do not include.
    newline: bool,
    hash: Sha256,
}

impl LogCheck<'_> {
    fn new(known: Option<&ChainHead>) -> LogCheck<'_> {
        LogCheck {
            known: known.filter(|head| head.sequence > 0),
            head: ChainHead::of_empty_log(),
            lines: 0,
            unfinished: None,
            report: AuditReport {
                head: ChainHead::of_empty_log(),
                after_known: 0,
                unfinished: 0,
                unfinished_bytes: 0,
                dropped: 0,
            },
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<()> {
        self.lines += 1;
        let body = line.strip_suffix(b"\n");
        let text = body.unwrap_or(line);
        match (read_link(text), body) {
            (Err(LineDefect::Altered), _) => Err(altered(self.lines, "was changed")),
            (Err(LineDefect::Unfinished), _) => {
                self.add_unfinished(text, body.is_some());
                Ok(())
            }
            // The process died before the newline, or is just writing it.
            (Ok(_), None) => {
                self.add_unfinished(text, false);
                Ok(())
            }
            (Ok(link), Some(_)) => self.link(&link, text),
        }
    }

    fn link(&mut self, link: &ChainLink<'_>, text: &[u8]) -> Result<()> {
        if link.sequence != self.head.sequence + 1 {
            let why = format!(
                "has number {} instead of {}",
                link.sequence,
                self.head.sequence + 1
            );
            return Err(altered(self.lines, &why));
        }
        if link.previous != self.head.hash {
            return Err(altered(
                self.lines,
                "does not contain the hash of the line before it",
            ));
        }
        let members: Value = serde_json::from_slice(text)
            .map_err(|error| altered(self.lines, &format!("is not JSON: {error}")))?;
        let operation = members["operation"].as_str().unwrap_or_default();
        if (link.sequence == 1) != (operation == "genesis") {
            return Err(altered(
                self.lines,
                "breaks the rule that the first line, and no other, is the genesis line",
            ));
        }
        // The line after the genesis accounts for an unfinished genesis.
        if operation != "genesis"
            && let Some(unfinished) = self.unfinished.take()
        {
            self.account_for(unfinished, operation, &members)?;
        }
        if operation == "dropped" {
            self.report.dropped += members["lines"].as_u64().unwrap_or_default();
        }
        self.head = ChainHead {
            sequence: link.sequence,
            hash: link.hash.to_owned(),
        };
        match self.known {
            Some(known) if known.sequence == link.sequence && known.hash != link.hash => {
                Err(altered(self.lines, "has another hash than the known head"))
            }
            _ => Ok(()),
        }
    }

    fn add_unfinished(&mut self, text: &[u8], newline: bool) {
        let first_line = self.lines;
        let unfinished = self.unfinished.get_or_insert_with(|| UnfinishedLines {
            first_line,
            count: 0,
            bytes: 0,
            newline: false,
            hash: Sha256::new(),
        });
        if std::mem::replace(&mut unfinished.newline, newline) {
            unfinished.hash.update(b"\n");
            unfinished.bytes += 1;
        }
        unfinished.hash.update(text);
        unfinished.bytes += text.len() as u64;
        unfinished.count += 1;
    }

    /// Checks that a line accounts for exactly these unfinished lines.
    fn account_for(&mut self, unfinished: UnfinishedLines, operation: &str, members: &Value) -> Result<()> {
        let is_reported = operation == "unfinished"
            && members["bytes"].as_u64() == Some(unfinished.bytes)
            && members["sha256"].as_str() == Some(&hex(unfinished.hash.finalize().as_slice()));
        if !is_reported {
            let why = "is incomplete, and no later line says that a process died there";
            return Err(altered(unfinished.first_line, why));
        }
        self.report.unfinished += unfinished.count;
        Ok(())
    }

    fn end(mut self) -> Result<AuditReport> {
        if let Some(known) = self.known {
            if known.sequence > self.head.sequence {
                let message = format!(
                    "the audit log ends with line number {}, before number {} of the known head",
                    self.head.sequence, known.sequence
                );
                return Err(Error::new(Status::Audit, message));
            }
            self.report.after_known = self.head.sequence - known.sequence;
        }
        if let Some(unfinished) = &self.unfinished {
            self.report.unfinished_bytes = unfinished.bytes + u64::from(unfinished.newline);
        }
        self.report.head = self.head;
        Ok(self.report)
    }
}

fn altered(line: u64, why: &str) -> Error {
    Error::new(Status::Audit, format!("line {line} of the audit log {why}"))
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests;
