//! Whether an audit log is still what was written. Needs no engine, and one may be writing it.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::FILE;
use super::chain::{ChainHead, ChainLink, LineDefect, hex, read_link};
use crate::words::{Error, Result, Status};

/// No line that is written comes near this length.
const LINE_MAX: u64 = 1 << 20;

/// What a log that is in order consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditReport {
    /// The last line.
    pub head: ChainHead,
    /// Lines behind the one that the host knows.
    pub after_known: u64,
    /// Lines that a process which died had begun, and that a later one has accounted for.
    pub unfinished: u64,
    /// Bytes of a line at the end that is not whole: it is being written, or a process died.
    pub unfinished_bytes: u64,
    /// Lines that the log itself says were dropped.
    pub dropped: u64,
}

/// Reads the whole audit log of a storage directory. `known`: a head that the host has kept.
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
        // No line was ever written, unless the host knows better.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unreadable(error)),
    }
    check.end()
}

/// A file and nothing else: a pipe would hold us.
fn open(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    File::open(path)
}

/// The next line with its newline; the last one may have none. `false`: there is no more.
fn read_line(file: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    file.take(LINE_MAX).read_until(b'\n', line)?;
    Ok(!line.is_empty())
}

/// A log as far as it has been read.
struct LogCheck<'a> {
    known: Option<&'a ChainHead>,
    head: ChainHead,
    /// Lines of the file, whole or not.
    lines: u64,
    unfinished: Option<UnfinishedLines>,
    report: AuditReport,
}

/// What processes that died have left of lines, since the last whole one.
struct UnfinishedLines {
    first_line: u64,
    count: u64,
    bytes: u64,
    /// The newline behind the last one is no part of them.
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
            (Err(LineDefect::Altered), _) => Err(altered(self.lines, "it was changed")),
            (Err(LineDefect::Unfinished), _) => {
                self.add_unfinished(text, body.is_some());
                Ok(())
            }
            // Its process died before the newline, or is writing it.
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
                "it is number {}, and {} is due",
                link.sequence,
                self.head.sequence + 1
            );
            return Err(altered(self.lines, &why));
        }
        if link.previous != self.head.hash {
            return Err(altered(self.lines, "it does not follow the line before"));
        }
        let members: Value = serde_json::from_slice(text)
            .map_err(|error| altered(self.lines, &format!("it is no JSON: {error}")))?;
        let operation = members["operation"].as_str().unwrap_or_default();
        if (link.sequence == 1) != (operation == "genesis") {
            return Err(altered(self.lines, "a log begins with one line of its genesis"));
        }
        // A genesis that was left unfinished is told of by the line behind the genesis.
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
                Err(altered(self.lines, "it is not the one that the known head names"))
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

    /// A line that says what was left of others must say exactly that.
    fn account_for(&mut self, unfinished: UnfinishedLines, operation: &str, members: &Value) -> Result<()> {
        let is_reported = operation == "unfinished"
            && members["bytes"].as_u64() == Some(unfinished.bytes)
            && members["sha256"].as_str() == Some(&hex(unfinished.hash.finalize().as_slice()));
        if !is_reported {
            let why = "it is not whole, and no later line says that a process died there";
            return Err(altered(unfinished.first_line, why));
        }
        self.report.unfinished += unfinished.count;
        Ok(())
    }

    fn end(mut self) -> Result<AuditReport> {
        if let Some(known) = self.known {
            if known.sequence > self.head.sequence {
                let message = format!(
                    "the audit log ends at line {}, and the known head is {}",
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
    Error::new(Status::Audit, format!("the audit log's line {line}: {why}"))
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests;
