//! Reads small files, and maps the results of file operations that are not errors.

use super::disk::{DiskDir, DiskFile};
use super::disk_access::DiskAccess;
use super::os;
use super::plain_file::PlainFile;
use callrec_codec::Medium;
use std::io;

/// The largest manifest that is read, in bytes. callrec writes none of this size.
pub const MANIFEST_MAX: u64 = 8 << 20;

/// The size of a read of a large file, in bytes.
pub const READ_BYTES: u64 = 256 << 10;

/// Opens a file for reading. Returns `None` if it does not exist.
pub async fn open(
    access: &DiskAccess,
    dir: &dyn DiskDir,
    name: &str,
) -> io::Result<Option<Box<dyn DiskFile>>> {
    access.ready().await?;
    match dir.open_read(name) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads a small file. Returns no bytes if it is too large to be a manifest.
pub async fn read_all(access: &DiskAccess, file: Box<dyn DiskFile>) -> io::Result<Vec<u8>> {
    read_open(access, &PlainFile::to_read(file)).await
}

/// Like `read_all`, for a file that stays open.
pub async fn read_open(access: &DiskAccess, file: &PlainFile) -> io::Result<Vec<u8>> {
    access.ready().await?;
    let length = file.len()?;
    if length > MANIFEST_MAX {
        return Ok(Vec::new());
    }
    read_front(access, file, length as usize).await
}

/// Reads at most `most` bytes from the beginning of a file.
pub async fn read_front(access: &DiskAccess, file: &dyn Medium, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; most];
    let read = read_whole(access, file, 0, &mut bytes).await?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Reads until the buffer is full or the file ends.
pub async fn read_whole(
    access: &DiskAccess,
    file: &dyn Medium,
    at: u64,
    buffer: &mut [u8],
) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        access.ready().await?;
        match file.read_range(at + done as u64, &mut buffer[done..])? {
            0 => break,
            read => done += read,
        }
    }
    Ok(done)
}

/// Turns `NotFound` into success.
pub fn ignore_not_found(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Turns `AlreadyExists` of an exclusive rename into `false`.
pub fn name_was_free(renamed: io::Result<()>) -> io::Result<bool> {
    match renamed {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns `None` for an entry that does not exist, or that callrec did not create: a link, a pipe
/// or another kind of file.
pub fn found_or_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    use io::ErrorKind::{InvalidInput, NotADirectory, NotFound};
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error)
            if matches!(
                error.kind(),
                NotFound | NotADirectory | InvalidInput | io::ErrorKind::IsADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) if os::is_special_file(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
