//! A recording's bytes in a plain file.

use super::os;
use callrec_codec::Medium;
use std::fs::{File, Metadata};
use std::io;

/// A file of ours, open.
pub struct PlainFile {
    file: File,
    /// Where the next [`Medium::append`] writes: an earlier one may have failed half way.
    end: u64,
}

impl PlainFile {
    /// `end`: where what is appended goes.
    pub fn new(file: File, end: u64) -> PlainFile {
        PlainFile { file, end }
    }

    /// To be read only.
    pub fn to_read(file: File) -> PlainFile {
        PlainFile { file, end: 0 }
    }

    pub fn set_end(&mut self, end: u64) {
        self.end = end;
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    pub fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }
}

impl Medium for PlainFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        os::write_all_at(&self.file, bytes, self.end)?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    fn rewrite(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        os::write_all_at(&self.file, bytes, at)
    }

    fn read_range(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match os::read_at(&self.file, &mut buffer[done..], at + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn seal(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        self.end = len;
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}
