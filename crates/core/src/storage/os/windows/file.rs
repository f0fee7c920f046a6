//! Open files.

use crate::storage::disk::{DiskFile, FileId, FileOwner};
use std::fs::File;
use std::io;
use std::os::windows::fs::FileExt;
use std::time::SystemTime;

/// Owners are not read: the access rights of the storage directory say who may write to it.
pub const OWNER: FileOwner = FileOwner { id: 0, is_own: true };

/// What distinguishes a file or directory from all others of this system.
pub struct FileIdentity {
    pub id: FileId,
    pub links: u64,
}

pub fn identity(file: &File) -> io::Result<FileIdentity> {
    let found = winapi_util::file::information(file)?;
    Ok(FileIdentity {
        id: (found.volume_serial_number(), found.file_index()),
        links: found.number_of_links(),
    })
}

/// An open file.
#[derive(Debug)]
pub struct WindowsFile(File);

impl WindowsFile {
    pub fn new(file: File) -> WindowsFile {
        WindowsFile(file)
    }
}

impl DiskFile for WindowsFile {
    fn write_all_at(&self, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.0.seek_write(bytes, at) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = &bytes[written..];
                    at += written as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        super::super::uninterrupted(|| self.0.seek_read(buffer, at))
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn file_id(&self) -> io::Result<FileId> {
        Ok(identity(&self.0)?.id)
    }

    fn owner(&self) -> io::Result<FileOwner> {
        Ok(OWNER)
    }

    fn links(&self) -> io::Result<u64> {
        Ok(identity(&self.0)?.links)
    }

    fn modified(&self) -> Option<SystemTime> {
        self.0.metadata().ok()?.modified().ok()
    }
}
