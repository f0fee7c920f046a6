//! Where a recording's bytes lie.

use std::io;

/// A recording's file: the only way to its bytes. Positions and lengths are in bytes from the
/// file's beginning. Each function makes one call of the disk at most, so that whoever calls
/// it may do something else between any two.
pub trait Medium: Send + Sync {
    /// Writes behind all that was appended before. After an error nothing was appended: the
    /// next call writes at the same place.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Replaces bytes that are there.
    fn rewrite(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Reads up to the buffer's length, perhaps less; 0 at the end of the file.
    fn read_range(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// How long the file is.
    fn len(&self) -> io::Result<u64>;

    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Gives the file its final length, which is at most its length. Nothing is appended
    /// after this.
    fn seal(&mut self, len: u64) -> io::Result<()>;

    /// Returns when all that was written is on stable storage.
    fn sync(&self) -> io::Result<()>;
}
