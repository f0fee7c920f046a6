//! The hash chain of an audit log. Each line begins with its number and the hash of the line
//! before, and ends with its own hash.

use sha2::{Digest, Sha256};

/// Hexadecimal digits of a hash.
const HASH_DIGITS: usize = 64;
const HASH_MEMBER: &[u8] = b",\"hash\":\"";
/// The end of a line, after its hash.
const LINE_END: &[u8] = b"\"}";

/// The last line of an audit log, or the last line read or written so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainHead {
    /// The line's number. 0 if the log has no line.
    pub sequence: u64,
    /// The line's hash, as hexadecimal digits.
    pub hash: String,
}

impl ChainHead {
    /// The head of a log without a line.
    pub fn of_empty_log() -> ChainHead {
        ChainHead {
            sequence: 0,
            hash: "0".repeat(HASH_DIGITS),
        }
    }

    /// Builds the next line, with its newline, and makes it the head. `members` are its JSON
    /// members.
    pub fn seal(&mut self, members: &str) -> String {
        self.sequence += 1;
        let (sequence, previous) = (self.sequence, &self.hash);
        let mut line = format!("{{\"seq\":{sequence},\"prev\":\"{previous}\",{members}");
        self.hash = hash_of(line.as_bytes());
        line.push_str(",\"hash\":\"");
        line.push_str(&self.hash);
        line.push_str("\"}\n");
        line
    }
}

/// SHA-256 as hexadecimal digits.
pub fn hash_of(bytes: &[u8]) -> String {
    hex(Sha256::digest(bytes).as_slice())
}

pub fn hex(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles
        .map(|nibble| char::from(b"0123456789abcdef"[usize::from(nibble)]))
        .collect()
}

/// A line whose own hash is correct.
#[derive(Debug, PartialEq, Eq)]
pub struct ChainLink<'a> {
    pub sequence: u64,
    pub previous: &'a str,
    pub hash: &'a str,
}

/// What is wrong with a single line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineDefect {
    /// The line is incomplete, because a process died while writing it.
    Unfinished,
    /// The line is complete, but was changed after it was written.
    Altered,
}

/// Reads a line, without its newline.
pub fn read_link(line: &[u8]) -> Result<ChainLink<'_>, LineDefect> {
    let (sealed, hash) = split_hash(line).ok_or(LineDefect::Unfinished)?;
    if hash_of(sealed) != hash {
        return Err(LineDefect::Altered);
    }
    let (sequence, previous) = read_prefix(sealed).ok_or(LineDefect::Altered)?;
    Ok(ChainLink {
        sequence,
        previous,
        hash,
    })
}

/// Splits a line into the hashed bytes and the hash.
fn split_hash(line: &[u8]) -> Option<(&[u8], &str)> {
    let rest = line.strip_suffix(LINE_END)?;
    let (rest, hash) = rest.split_at_checked(rest.len().checked_sub(HASH_DIGITS)?)?;
    let sealed = rest.strip_suffix(HASH_MEMBER)?;
    let hash = std::str::from_utf8(hash).ok()?;
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    hash.bytes().all(is_digit).then_some((sealed, hash))
}

/// Reads the line's number and the previous line's hash.
fn read_prefix(sealed: &[u8]) -> Option<(u64, &str)> {
    let text = std::str::from_utf8(sealed).ok()?;
    let (sequence, rest) = text.strip_prefix("{\"seq\":")?.split_once(",\"prev\":\"")?;
    let (previous, _) = rest.split_once('"')?;
    Some((sequence.parse().ok()?, previous))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> String {
        let mut head = ChainHead::of_empty_log();
        head.seal("\"a\":1");
        let line = head.seal("\"b\":{\"c\":\"d\"}");
        line.trim_end().to_owned()
    }

    #[test]
    fn a_sealed_line_can_be_read() {
        let mut head = ChainHead::of_empty_log();
        let first = head.seal("\"a\":1");
        let after_first = head.clone();
        let second = head.seal("\"b\":2");
        let link = read_link(second.trim_end().as_bytes()).expect("a line");
        assert_eq!((link.sequence, link.previous), (2, after_first.hash.as_str()));
        assert_eq!(link.hash, head.hash);
        assert!(first.starts_with("{\"seq\":1,\"prev\":\"0000"), "{first}");
        assert!(serde_json::from_str::<serde_json::Value>(&second).is_ok());
    }

    #[test]
    fn a_change_of_any_byte_is_detected() {
        let line = sealed().into_bytes();
        for at in 0..line.len() {
            for change in [1, 0x20, 0x80] {
                let mut changed = line.clone();
                changed[at] ^= change;
                assert!(read_link(&changed).is_err(), "byte {at} ^ {change:#x}");
            }
        }
    }

    #[test]
    fn every_prefix_of_a_line_is_unfinished() {
        let line = sealed().into_bytes();
        for length in 0..line.len() {
            assert_eq!(
                read_link(&line[..length]),
                Err(LineDefect::Unfinished),
                "{length}"
            );
        }
        assert!(read_link(&line).is_ok());
    }
}
