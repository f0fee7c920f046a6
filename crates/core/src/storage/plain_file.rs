//! A recording's bytes in a plain file.

use super::disk::DiskFile;
use callrec_codec::Medium;
use std::io;
use std::time::SystemTime;

/// An open file of callrec.
pub struct PlainFile {
    file: Box<dyn DiskFile>,
    /// Where the next [`Medium::append`] writes. Kept here because an earlier append may have
    /// failed half way.
    end: u64,
}

impl PlainFile {
    /// `end`: the offset at which appended bytes are written.
    pub fn new(file: Box<dyn DiskFile>, end: u64) -> PlainFile {
        PlainFile { file, end }
    }

    /// A file that is only read.
    pub fn to_read(file: Box<dyn DiskFile>) -> PlainFile {
        PlainFile { file, end: 0 }
    }

    pub fn set_end(&mut self, end: u64) {
        self.end = end;
    }

    pub fn file(&self) -> &dyn DiskFile {
        &*self.file
    }

    /// The time of the last write, if the system provides it.
    pub fn modified(&self) -> Option<SystemTime> {
        self.file.modified()
    }
}

impl Medium for PlainFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.end)?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    fn rewrite(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, at)
    }

    fn read_range(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(buffer, at)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn seal(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        self.end = len;
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}
