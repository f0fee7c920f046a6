//! An append-only file in `.callrec`.

use super::directory::StorageDirectory;
use super::disk::DiskFile;
use super::faults::FaultPoint;
use super::files;
use super::plain_file::PlainFile;
use crate::sync::Mutex;
use callrec_codec::Medium as _;
use std::io;
use std::sync::Arc;

/// An append-only file. Only one thread at a time may write to it.
pub struct AppendFile {
    directory: Arc<StorageDirectory>,
    name: &'static str,
    file: Mutex<Option<Arc<dyn DiskFile>>>,
}

/// The end of a file.
pub struct FileTail {
    /// The length of the whole file.
    pub length: u64,
    pub bytes: Vec<u8>,
}

impl AppendFile {
    pub fn new(directory: Arc<StorageDirectory>, name: &'static str) -> AppendFile {
        AppendFile {
            directory,
            name,
            file: Mutex::default(),
        }
    }

    /// Reads at most `most` bytes from the end. Returns `None` if the file does not exist.
    pub async fn read_tail(&self, most: u64) -> io::Result<Option<FileTail>> {
        let (directory, control) = (&*self.directory, self.directory.control());
        let Some(file) = files::open(directory.access(), control, self.name).await? else {
            return Ok(None);
        };
        directory.check_own(&*file, self.name).await?;
        let file = PlainFile::to_read(file);
        directory.ready().await?;
        let length = file.len()?;
        let from = length.saturating_sub(most);
        let mut bytes = vec![0; (length - from) as usize];
        let read = files::read_whole(directory.access(), &file, from, &mut bytes).await?;
        bytes.truncate(read);
        Ok(Some(FileTail { length, bytes }))
    }

    /// Writes at offset `at`, the end of the file. Creates the file if it does not exist. A failed
    /// write may be repeated.
    pub async fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let file = self.opened_file().await?;
        self.directory.reach(FaultPoint::WriteAudit).await?;
        file.write_all_at(bytes, at)
    }

    async fn opened_file(&self) -> io::Result<Arc<dyn DiskFile>> {
        let known = self.file.lock().clone();
        if let Some(file) = known {
            return Ok(file);
        }
        let (directory, control) = (&*self.directory, self.directory.control());
        directory.ready().await?;
        let file = match control.open_write(self.name) {
            Ok(file) => {
                directory.check_own(&*file, self.name).await?;
                file
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                directory.ready().await?;
                let file = control.create_new(self.name)?;
                directory.sync_names(control).await?;
                file
            }
            Err(error) => return Err(error),
        };
        let file: Arc<dyn DiskFile> = Arc::from(file);
        *self.file.lock() = Some(Arc::clone(&file));
        Ok(file)
    }

    /// Whether the name still refers to the open file.
    pub async fn is_in_place(&self) -> io::Result<bool> {
        let known = self.file.lock().clone();
        let Some(file) = known else {
            return Ok(true);
        };
        self.directory.ready().await?;
        let named = files::found_or_none(self.directory.control().file_id_of(self.name))?;
        Ok(named == Some(file.file_id()?))
    }

    /// Closes the file. The next write opens the name again.
    pub fn close(&self) {
        let file = self.file.lock().take();
        drop(file);
    }

    /// Whether written data must survive a power cut.
    pub fn syncs(&self) -> bool {
        self.directory.syncs()
    }

    /// Syncs the file, if it must survive a power cut.
    pub async fn sync(&self) -> io::Result<()> {
        let known = self.file.lock().clone();
        match known {
            Some(file) => self.directory.sync_file(&*file).await,
            None => Ok(()),
        }
    }
}
