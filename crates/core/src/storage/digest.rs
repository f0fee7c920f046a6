//! The digest of a finished file.

use super::files::READ_BYTES;
use super::steps::Steps;
use crate::memory;
use callrec_codec::Medium;
use sha2::{Digest as _, Sha256};
use std::io;

/// Hashes a file while it is read from its beginning on.
pub struct FileHash {
    hash: Sha256,
    buffer: Vec<u8>,
    /// So much has been hashed.
    at: u64,
}

impl FileHash {
    /// `length`: how long the file may be expected to be.
    pub fn new(length: u64) -> FileHash {
        FileHash {
            hash: Sha256::new(),
            buffer: memory::read_buffer(length.clamp(1, READ_BYTES) as usize),
            at: 0,
        }
    }

    /// Reads and hashes the next piece; `false` at the end of the file.
    pub fn read(&mut self, file: &dyn Medium) -> io::Result<bool> {
        let read = file.read_range(self.at, &mut self.buffer)?;
        self.hash.update(&self.buffer[..read]);
        self.at += read as u64;
        Ok(read > 0)
    }

    /// How many bytes have been hashed.
    pub fn bytes(&self) -> u64 {
        self.at
    }

    /// What `sha256sum` prints of them, after "sha256:".
    pub fn finish(self) -> String {
        let mut digest = "sha256:".to_owned();
        for byte in self.hash.finalize() {
            digest.extend(
                [byte >> 4, byte & 15].map(|nibble| char::from(b"0123456789abcdef"[usize::from(nibble)])),
            );
        }
        digest
    }
}

/// The digest of a file and the file's length. `stop` is asked before each read, with the
/// number of bytes left: if it says so, the result is `None`.
pub async fn digest_of(
    steps: &Steps,
    file: &dyn Medium,
    stop: impl Fn(u64) -> bool,
) -> io::Result<Option<(String, u64)>> {
    steps.turn().await?;
    let length = file.len()?;
    let mut hash = FileHash::new(length);
    loop {
        if stop(length.saturating_sub(hash.bytes())) {
            return Ok(None);
        }
        steps.turn().await?;
        if !hash.read(file)? {
            let bytes = hash.bytes();
            return Ok(Some((hash.finish(), bytes)));
        }
    }
}
