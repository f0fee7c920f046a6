//! The digest of a finished file.

use super::disk_access::DiskAccess;
use callrec_codec::Medium;
use sha2::{Digest as _, Sha256};
use std::io;

/// Hashes a file sequentially from its beginning.
pub struct FileHash {
    hash: Sha256,
    /// Bytes hashed so far.
    at: u64,
}

impl Default for FileHash {
    fn default() -> FileHash {
        FileHash {
            hash: Sha256::new(),
            at: 0,
        }
    }
}

impl FileHash {
    /// Reads and hashes the next part. Returns `false` at the end of the file.
    pub fn read(&mut self, file: &dyn Medium, buffer: &mut [u8]) -> io::Result<bool> {
        let read = file.read_range(self.at, buffer)?;
        self.hash.update(&buffer[..read]);
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
    buffer: &mut [u8],
    stop: impl Fn(u64) -> bool,
) -> io::Result<Option<(String, u64)>> {
    access.ready().await?;
    let length = file.len()?;
    let mut hash = FileHash::default();
    loop {
        if stop(length.saturating_sub(hash.bytes())) {
            return Ok(None);
        }
        access.ready().await?;
        if !hash.read(file, buffer)? {
            let bytes = hash.bytes();
            return Ok(Some((hash.finish(), bytes)));
        }
    }
}
