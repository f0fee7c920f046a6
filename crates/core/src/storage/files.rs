//! Small files read as a whole, and results of file operations that are no errors.

use super::disk::{DiskDir, DiskFile};
use super::medium::PlainFile;
use super::os;
use super::steps::Steps;
use callrec_codec::Medium;
use std::io;

/// No manifest that we write comes near this size; a larger file is not read.
pub const MANIFEST_MAX: u64 = 8 << 20;

/// How much of a large file is read at once.
pub const READ_BYTES: u64 = 256 << 10;

/// Opens a file for reading, if it is there.
pub async fn open(steps: &Steps, dir: &dyn DiskDir, name: &str) -> io::Result<Option<Box<dyn DiskFile>>> {
    steps.turn().await?;
    match dir.open_read(name) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads all of a small file. The result is empty for a file that is too large to be a manifest.
pub async fn read_all(steps: &Steps, file: Box<dyn DiskFile>) -> io::Result<Vec<u8>> {
    read_open(steps, &PlainFile::to_read(file)).await
}

/// The same of a file that stays open.
pub async fn read_open(steps: &Steps, file: &PlainFile) -> io::Result<Vec<u8>> {
    steps.turn().await?;
    let length = file.len()?;
    if length > MANIFEST_MAX {
        return Ok(Vec::new());
    }
    read_front(steps, file, length as usize).await
}

/// Reads the first bytes of a file: `most`, or all there are.
pub async fn read_front(steps: &Steps, file: &dyn Medium, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; most];
    let read = read_whole(steps, file, 0, &mut bytes).await?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Reads until the buffer is full or the file ends.
pub async fn read_whole(steps: &Steps, file: &dyn Medium, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        steps.turn().await?;
        match file.read_range(at + done as u64, &mut buffer[done..])? {
            0 => break,
            read => done += read,
        }
    }
    Ok(done)
}

/// A removal that finds nothing to remove has succeeded.
pub fn removed(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Whether a rename that replaces nothing has succeeded. `false`: something has that name.
pub fn got_name(renamed: io::Result<()>) -> io::Result<bool> {
    match renamed {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// What is not there, or is a link or a pipe, is not ours.
pub fn there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
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
        Err(error) if os::is_odd(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
