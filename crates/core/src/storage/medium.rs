//! A recording's bytes in a plain file.

use super::disk::DiskFile;
use callrec_codec::Medium;
use std::io;
use std::time::SystemTime;

/// A file of ours, open.
pub struct PlainFile {
    file: Box<dyn DiskFile>,
    /// Where the next [`Medium::append`] writes: an earlier one may have failed half way.
    end: u64,
}

impl PlainFile {
    /// `end`: where what is appended goes.
    pub fn new(file: Box<dyn DiskFile>, end: u64) -> PlainFile {
        PlainFile { file, end }
    }

    /// To be read only.
    pub fn to_read(file: Box<dyn DiskFile>) -> PlainFile {
        PlainFile { file, end: 0 }
    }

    pub fn set_end(&mut self, end: u64) {
        self.end = end;
    }

    pub fn file(&self) -> &dyn DiskFile {
        &*self.file
    }

    /// When it was last written to, if the system says.
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
