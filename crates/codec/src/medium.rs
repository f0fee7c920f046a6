//! Access to the bytes of a recording's file.

use std::io;

/// A recording's file. Positions and lengths are in bytes from the beginning of the file. Each
/// function makes at most one disk call, so that the caller can do other work between calls.
pub trait Medium: Send + Sync {
    /// Appends `bytes`. If it fails, nothing is appended and the next call writes at the same
    /// position.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Overwrites existing bytes.
    fn rewrite(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Reads at most `buffer.len()` bytes. Returns the number of bytes read, 0 at the end of the
    /// file.
    fn read_range(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// The size of the file.
    fn len(&self) -> io::Result<u64>;

    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Truncates the file to its final size `len`, which is at most its present size. Nothing is
    /// appended afterwards.
    fn seal(&mut self, len: u64) -> io::Result<()>;

    /// Waits until all written bytes are on stable storage.
    fn sync(&self) -> io::Result<()>;
}
