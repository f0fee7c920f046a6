//! Whether a finished file is still what its manifest says.

use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::papers::MANIFEST_MAX;
use super::{Manifest, os};
use crate::words::{Error, Result, Status};

/// How much of a file is hashed at once.
const READ_BYTES: usize = 256 << 10;

/// Compares a finished file's length and digest with the manifest beside it.
pub fn verify(path: &Path) -> Result<()> {
    let manifest = read_manifest(&path.with_extension("json"))?;
    let unreadable = |error| Error::io(format_args!("path \"{}\"", path.display()), &error);
    let file = open_file(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    if size != manifest.bytes {
        return Err(Error::new(
            Status::Io,
            format!(
                "path \"{}\": {size} bytes, the manifest says {}",
                path.display(),
                manifest.bytes
            ),
        ));
    }
    if manifest.digest.is_empty() {
        return Err(Error::new(
            Status::Unsupported,
            format!("path \"{}\": its manifest has no digest", path.display()),
        ));
    }
    let digest = digest_of(&file, |_| false).map_err(unreadable)?;
    let digest = digest.map_or_else(String::new, |(digest, _)| digest);
    if digest != manifest.digest {
        return Err(Error::new(
            Status::Io,
            format!(
                "path \"{}\": {digest}, the manifest says {}",
                path.display(),
                manifest.digest
            ),
        ));
    }
    Ok(())
}

fn read_manifest(path: &Path) -> Result<Manifest> {
    let name = path.display();
    let unreadable = |error| Error::io(format_args!("manifest \"{name}\""), &error);
    let file = open_file(path).map_err(unreadable)?;
    let mut text = Vec::new();
    file.take(MANIFEST_MAX)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    serde_json::from_slice(&text)
        .map_err(|error| Error::new(Status::Io, format!("manifest \"{name}\": {error}")))
}

/// A file and nothing else: a pipe would hold us.
fn open_file(path: &Path) -> io::Result<fs::File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    fs::File::open(path)
}

/// What `sha256sum` prints of a file, after "sha256:", and the file's length. `None`:
/// it was to stop with so many bytes left.
pub(super) fn digest_of(file: &File, stop: impl Fn(u64) -> bool) -> io::Result<Option<(String, u64)>> {
    let length = file.metadata()?.len();
    let mut buffer = vec![0; (length as usize).clamp(1, READ_BYTES)];
    let (mut hash, mut at) = (Sha256::new(), 0u64);
    loop {
        if stop(length.saturating_sub(at)) {
            return Ok(None);
        }
        match os::read_at(file, &mut buffer, at) {
            Ok(0) => break,
            Ok(read) => {
                hash.update(&buffer[..read]);
                at += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
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
