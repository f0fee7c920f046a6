//! Small files read as a whole, and results of file operations that are no errors.

use super::disk::{DiskDir, DiskFile};
use super::medium::PlainFile;
use super::os;
use callrec_codec::Medium;
use std::io;

/// No manifest that we write comes near this size; a larger file is not read.
pub const MANIFEST_MAX: u64 = 8 << 20;

/// Opens a file for reading, if it is there.
pub fn open(dir: &dyn DiskDir, name: &str) -> io::Result<Option<Box<dyn DiskFile>>> {
    match dir.open_read(name) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads all of a small file of a directory, if it is there.
pub fn read(dir: &dyn DiskDir, name: &str) -> io::Result<Option<Vec<u8>>> {
    match open(dir, name)? {
        Some(file) => read_all(file).map(Some),
        None => Ok(None),
    }
}

/// Reads all of a small file. The result is empty for a file that is too large to be a manifest.
pub fn read_all(file: Box<dyn DiskFile>) -> io::Result<Vec<u8>> {
    read_open(&PlainFile::to_read(file))
}

/// The same of a file that stays open.
pub fn read_open(file: &PlainFile) -> io::Result<Vec<u8>> {
    let length = file.len()?;
    if length > MANIFEST_MAX {
        return Ok(Vec::new());
    }
    read_front(file, length as usize)
}

/// Reads the first bytes of a file: `most`, or all there are.
pub fn read_front(file: &dyn Medium, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; most];
    let read = file.read_range(0, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
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
