//! SHA-256 digests in the form of manifests: `sha256:` and hexadecimal digits.

use sha2::{Digest, Sha256};

use super::object_target::{ObjectError, ObjectSource};

/// Bytes per read.
const CHUNK_BYTES: usize = 256 << 10;
const PREFIX: &str = "sha256:";

#[derive(Default)]
pub struct RunningDigest(Sha256);

impl RunningDigest {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn finish(self) -> String {
        let digits = self
            .0
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>();
        format!("{PREFIX}{digits}")
    }
}

pub fn digest_of(bytes: &[u8]) -> String {
    let mut digest = RunningDigest::default();
    digest.update(bytes);
    digest.finish()
}

/// The hexadecimal digits alone, as object metadata has them.
pub fn digits_of(digest: &str) -> &str {
    digest.strip_prefix(PREFIX).unwrap_or(digest)
}

/// The digest with these digits.
pub fn of_digits(digits: &str) -> String {
    format!("{PREFIX}{}", digits.to_ascii_lowercase())
}

/// The size and the digest of a source. Reads it on a thread that may wait for the disk.
pub async fn measure(source: &ObjectSource) -> Result<(u64, String), ObjectError> {
    let source = source.clone();
    let measured = tokio::task::spawn_blocking(move || measure_now(&source)).await;
    let measured = measured.map_err(|_| ObjectError::Retry("a fault inside callrec".to_owned()))?;
    measured.map_err(|error| ObjectError::Retry(format!("its file cannot be read: {error}")))
}

fn measure_now(source: &ObjectSource) -> std::io::Result<(u64, String)> {
    let (mut digest, mut at) = (RunningDigest::default(), 0);
    loop {
        let chunk = source.read(at, CHUNK_BYTES)?;
        if chunk.is_empty() {
            return Ok((at, digest.finish()));
        }
        digest.update(&chunk);
        at += chunk.len() as u64;
    }
}
