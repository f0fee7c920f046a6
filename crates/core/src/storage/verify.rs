//! Checks a finished file against its manifest.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use super::digest::FileHash;
use super::files::MANIFEST_MAX;
use super::hash_buffers::HASH_BYTES;
use super::manifest::Manifest;
use super::os;
use super::plain_file::PlainFile;
use crate::memory;
use crate::types::{Error, Result, Status};
use callrec_codec::Medium;
use callrec_codec::pcapng::PCAPNG;

/// Compares the length and the digest of a finished file with the manifest beside it. Fails with
/// `Io` if they differ, and with `Unsupported` if the manifest has no digest.
// Inlined into the package callrec, it would be compiled for speed.
#[inline(never)]
pub fn verify(path: &Path) -> Result<()> {
    let manifest = read_manifest(&path.with_extension("json"))?;
    let (bytes, digest) = match manifest.raw {
        Some(raw) if path.extension().is_some_and(|of| of == PCAPNG) => (raw.bytes, raw.digest),
        _ => (manifest.bytes, manifest.digest),
    };
    let unreadable = |error| Error::io(format_args!("path \"{}\"", path.display()), &error);
    let file = open_file(path).map_err(unreadable)?;
    let file = PlainFile::to_read(os::file(file));
    let size = file.len().map_err(unreadable)?;
    if size != bytes {
        return Err(Error::new(
            Status::Io,
            format!(
                "path \"{}\": the file has {size} bytes, but its manifest says {bytes}",
                path.display()
            ),
        ));
    }
    if digest.is_empty() {
        return Err(Error::new(
            Status::Unsupported,
            format!("path \"{}\": its manifest has no digest", path.display()),
        ));
    }
    let mut hash = FileHash::default();
    let mut buffer = memory::read_buffer(size.clamp(1, HASH_BYTES as u64) as usize);
    while hash.read(&file, &mut buffer).map_err(unreadable)? {}
    let found = hash.finish();
    if found != digest {
        return Err(Error::new(
            Status::Io,
            format!(
                "path \"{}\": the file's digest is {found}, but its manifest says {digest}",
                path.display()
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

/// Opens a regular file only; opening a pipe could block.
fn open_file(path: &Path) -> io::Result<fs::File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    fs::File::open(path)
}
