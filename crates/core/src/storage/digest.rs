//! The digest of a finished file.

use callrec_codec::Medium;
use sha2::{Digest as _, Sha256};
use std::io;

/// How much of a file is hashed at once.
const READ_BYTES: usize = 256 << 10;

/// Returns what `sha256sum` prints of a file, after "sha256:", and the file's length.
/// `stop` is asked before each read, with the number of bytes left: if it says so, the
/// result is `None`.
pub fn digest_of(file: &dyn Medium, stop: impl Fn(u64) -> bool) -> io::Result<Option<(String, u64)>> {
    let length = file.len()?;
    let mut buffer = vec![0; (length as usize).clamp(1, READ_BYTES)];
    let (mut hash, mut at) = (Sha256::new(), 0u64);
    loop {
        if stop(length.saturating_sub(at)) {
            return Ok(None);
        }
        match file.read_range(at, &mut buffer)? {
            0 => break,
            read => {
                hash.update(&buffer[..read]);
                at += read as u64;
            }
        }
    }
    let mut digest = "sha256:".to_owned();
    for byte in hash.finalize() {
        digest.extend(
            [byte >> 4, byte & 15].map(|nibble| char::from(b"0123456789abcdef"[usize::from(nibble)])),
        );
    }
    Ok(Some((digest, at)))
}
