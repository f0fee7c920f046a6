//! The digest of a finished file.

use super::disk_access::DiskAccess;
use super::files::READ_BYTES;
use crate::memory;
use callrec_codec::Medium;
use sha2::{Digest as _, Sha256};
use std::io;

/// Hashes a file sequentially from its beginning.
pub struct FileHash {
    hash: Sha256,
    buffer: Vec<u8>,
    /// Bytes hashed so far.
    at: u64,
}

impl FileHash {
    /// `length`: the expected length of the file, in bytes.
    pub fn new(length: u64) -> FileHash {
        FileHash {
            hash: Sha256::new(),
            buffer: memory::read_buffer(length.clamp(1, READ_BYTES) as usize),
            at: 0,
        }
    }

    /// Reads and hashes the next part. Returns `false` at the end of the file.
    pub fn read(&mut self, file: &dyn Medium) -> io::Result<bool> {
        let read = file.read_range(self.at, &mut self.buffer)?;
        self.hash.update(&self.buffer[..read]);
        self.at += read as u64;
        Ok(read > 0)
    }

    /// The number of bytes hashed so far.
    pub fn bytes(&self) -> u64 {
        self.at
    }

    /// `sha256:` and the digest as `sha256sum` prints it.
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

/// Returns the digest of a file and the file's length. Calls `stop` before each read with the
/// number of bytes left, and returns `None` if it returns true.
pub async fn digest_of(
    access: &DiskAccess,
    file: &dyn Medium,
    stop: impl Fn(u64) -> bool,
) -> io::Result<Option<(String, u64)>> {
    access.ready().await?;
    let length = file.len()?;
    let mut hash = FileHash::new(length);
    loop {
        if stop(length.saturating_sub(hash.bytes())) {
            return Ok(None);
        }
        access.ready().await?;
        if !hash.read(file)? {
            let bytes = hash.bytes();
            return Ok(Some((hash.finish(), bytes)));
        }
    }
}
