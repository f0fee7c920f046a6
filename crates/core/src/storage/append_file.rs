//! A file in `.callrec` that only grows.

use super::directory::Directory;
use super::disk::DiskFile;
use super::faults::Step;
use super::files;
use super::medium::PlainFile;
use crate::sync::Mutex;
use callrec_codec::Medium as _;
use std::io;
use std::sync::Arc;

/// One part at a time writes to it.
pub struct AppendFile {
    directory: Arc<Directory>,
    name: &'static str,
    file: Mutex<Option<Arc<dyn DiskFile>>>,
}

/// The end of a file.
pub struct FileTail {
    /// Of the whole file.
    pub length: u64,
    pub bytes: Vec<u8>,
}

impl AppendFile {
    pub fn new(directory: Arc<Directory>, name: &'static str) -> AppendFile {
        AppendFile {
            directory,
            name,
            file: Mutex::default(),
        }
    }

    /// Reads the last bytes: `most`, or all there are. `None`: it is not there.
    pub async fn read_tail(&self, most: u64) -> io::Result<Option<FileTail>> {
        let (directory, control) = (&*self.directory, self.directory.control());
        let Some(file) = files::open(directory.steps(), control, self.name).await? else {
            return Ok(None);
        };
        directory.check_own(&*file, self.name).await?;
        let file = PlainFile::to_read(file);
        directory.turn().await?;
        let length = file.len()?;
        let from = length.saturating_sub(most);
        let mut bytes = vec![0; (length - from) as usize];
        let read = files::read_whole(directory.steps(), &file, from, &mut bytes).await?;
        bytes.truncate(read);
        Ok(Some(FileTail { length, bytes }))
    }

    /// Writes at the end of the file, which is here, and makes the file if it is not there.
    /// The same may be written once more where it has failed.
    pub async fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let file = self.opened().await?;
        self.directory.step(Step::WriteAudit).await?;
        file.write_all_at(bytes, at)
    }

    async fn opened(&self) -> io::Result<Arc<dyn DiskFile>> {
        let known = self.file.lock().clone();
        if let Some(file) = known {
            return Ok(file);
        }
        let (directory, control) = (&*self.directory, self.directory.control());
        directory.turn().await?;
        let file = match control.open_write(self.name) {
            Ok(file) => {
                directory.check_own(&*file, self.name).await?;
                file
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                directory.turn().await?;
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

    /// Whether the file that is written to still has its name.
    pub async fn is_in_place(&self) -> io::Result<bool> {
        let known = self.file.lock().clone();
        let Some(file) = known else {
            return Ok(true);
        };
        self.directory.turn().await?;
        let named = files::there(self.directory.control().identity_of(self.name))?;
        Ok(named == Some(file.identity()?))
    }

    /// What is written next goes to the file that then has the name.
    pub fn let_go(&self) {
        let file = self.file.lock().take();
        drop(file);
    }

    /// Whether what was written must survive a power cut.
    pub fn syncs(&self) -> bool {
        self.directory.syncs()
    }

    /// Brings it to the disk.
    pub async fn sync(&self) -> io::Result<()> {
        let known = self.file.lock().clone();
        match known {
            Some(file) => self.directory.sync_file(&*file).await,
            None => Ok(()),
        }
    }
}
