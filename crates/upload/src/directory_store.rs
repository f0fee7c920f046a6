//! A directory, for example of a mounted NAS.
//!
//! An object is written under a temporary name, synced, read back, and then linked to its own name.
//! A link never replaces a file. Where the file system has no links, the name is checked and the
//! file is renamed, so that only a client that uses the same name at the same moment is overwritten.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;

use super::bandwidth::Bandwidth;
use super::digest::RunningDigest;
use super::object_target::{
    Creation, NewObject, ObjectError, ObjectFacts, ObjectTarget, PartKeeper, PartState,
};

/// Bytes per read and write.
const CHUNK_BYTES: usize = 64 << 10;

#[derive(Clone)]
pub struct DirectoryStore {
    root: PathBuf,
    bandwidth: Arc<Bandwidth>,
}

/// Stops a copy whose attempt was dropped.
struct StoppedOnDrop(Arc<AtomicBool>);

impl Drop for StoppedOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl DirectoryStore {
    pub fn new(root: &str, bandwidth: Arc<Bandwidth>) -> DirectoryStore {
        DirectoryStore {
            root: PathBuf::from(root),
            bandwidth,
        }
    }

    /// The path of an object. Keys have no `..`, because core made them of safe components.
    fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    /// Fails if the root is missing: that is a file system that is not mounted, whose objects are
    /// not gone.
    fn check_root(&self) -> io::Result<()> {
        match self.root.is_dir() {
            true => Ok(()),
            false => {
                let text = format!("there is no directory \"{}\"", self.root.display());
                Err(io::Error::other(text))
            }
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        what: &str,
        act: impl FnOnce(DirectoryStore) -> io::Result<T> + Send + 'static,
    ) -> Result<T, ObjectError> {
        let store = self.clone();
        let done = tokio::task::spawn_blocking(move || act(store)).await;
        let done = done.map_err(|_| ObjectError::Retry("a fault inside callrec".to_owned()))?;
        done.map_err(|error| ObjectError::io(what, &error))
    }

    fn create_now(&self, object: &NewObject, is_stopped: &AtomicBool) -> io::Result<Creation> {
        self.check_root()?;
        let path = self.path(&object.key);
        let folder = path.parent().unwrap_or(&self.root).to_owned();
        self.make_folders(&folder)?;
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let work = folder.join(format!(".{name}.{}.part", object.id.as_hyphenated()));
        remove_if_there(&work)?;
        let copied = self.copy(object, &work, is_stopped).and_then(|()| {
            let created = publish(&work, &path)?;
            sync_folder(&folder)?;
            Ok(created)
        });
        let removed = remove_if_there(&work);
        let created = copied?;
        removed?;
        Ok(created)
    }

    fn make_folders(&self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        if let Some(above) = folder.parent() {
            self.make_folders(above)?;
            match fs::create_dir(folder) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => sync_folder(above)?,
            }
        }
        Ok(())
    }

    fn copy(&self, object: &NewObject, work: &Path, is_stopped: &AtomicBool) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(work)?;
        let (mut at, mut read) = (0, RunningDigest::default());
        while at < object.bytes {
            if is_stopped.load(Ordering::Relaxed) {
                return Err(io::Error::other("the attempt was stopped"));
            }
            let chunk = object.source.read(at, CHUNK_BYTES)?;
            if chunk.is_empty() {
                return Err(io::Error::new(
                    ErrorKind::InvalidData,
                    "its file has become shorter",
                ));
            }
            read.update(&chunk);
            std::thread::sleep(self.bandwidth.take(chunk.len(), Instant::now()));
            file.write_all(&chunk)?;
            at += chunk.len() as u64;
        }
        if read.finish() != object.digest {
            return Err(io::Error::new(ErrorKind::InvalidData, "its file has changed"));
        }
        file.sync_all()?;
        file.seek(SeekFrom::Start(0))?;
        match digest_of_file(&mut file)? == object.digest {
            true => Ok(()),
            false => Err(io::Error::other(
                "the copy differs from the file that was published",
            )),
        }
    }
}

#[async_trait]
impl ObjectTarget for DirectoryStore {
    async fn find(&self, key: &str) -> Result<Option<ObjectFacts>, ObjectError> {
        let path = self.path(key);
        let look = move |store: DirectoryStore| match fs::symlink_metadata(&path) {
            Ok(found) => Ok(Some(ObjectFacts {
                bytes: found.len(),
                digest: None,
            })),
            Err(error) if error.kind() == ErrorKind::NotFound => store.check_root().map(|()| None),
            Err(error) => Err(error),
        };
        self.blocking("the directory cannot be read", look).await
    }

    async fn create(&self, object: &NewObject, _: &mut dyn PartKeeper) -> Result<Creation, ObjectError> {
        let (object, is_stopped) = (object.clone(), Arc::new(AtomicBool::new(false)));
        let _stop = StoppedOnDrop(is_stopped.clone());
        let create = move |store: DirectoryStore| store.create_now(&object, &is_stopped);
        let created = self.blocking("the directory cannot be written", create).await;
        created.map_err(|error| match error {
            // A folder was removed meanwhile.
            ObjectError::NotFound(text) => ObjectError::Retry(text),
            other => other,
        })
    }

    async fn digest(&self, key: &str) -> Result<String, ObjectError> {
        let path = self.path(key);
        let read = move |_| digest_of_file(&mut File::open(path)?);
        self.blocking("the directory cannot be read", read).await
    }

    async fn read(&self, key: &str, range: Range<u64>) -> Result<Bytes, ObjectError> {
        let path = self.path(key);
        let read = move |_| {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(range.start))?;
            let mut bytes = Vec::new();
            let length = range.end.saturating_sub(range.start);
            file.take(length).read_to_end(&mut bytes)?;
            Ok(Bytes::from(bytes))
        };
        self.blocking("the directory cannot be read", read).await
    }

    async fn remove(&self, key: &str) -> Result<(), ObjectError> {
        let path = self.path(key);
        let remove = move |store: DirectoryStore| {
            store.check_root()?;
            remove_if_there(&path)?;
            match path.parent().filter(|folder| folder.is_dir()) {
                Some(folder) => sync_folder(folder),
                None => Ok(()),
            }
        };
        self.blocking("the directory cannot be changed", remove).await
    }

    /// A directory has no parts.
    /// No system has holds; `UploadSettings::check` refuses to ask for them.
    async fn hold(&self, _: &str, _: bool) -> Result<(), ObjectError> {
        Err(ObjectError::Retry("a directory has no legal holds".to_owned()))
    }

    async fn abort(&self, _: &str, _: &PartState) -> Result<(), ObjectError> {
        Ok(())
    }
}

/// Gives a file its name, without replacing another file.
fn publish(work: &Path, path: &Path) -> io::Result<Creation> {
    match fs::hard_link(work, path) {
        Ok(()) => return Ok(Creation::Created),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(Creation::Exists),
        Err(error) if error.kind() == ErrorKind::StorageFull => return Err(error),
        // The file system has no links.
        Err(_) => {}
    }
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(Creation::Exists),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fs::rename(work, path)?;
            Ok(Creation::Created)
        }
        Err(error) => Err(error),
    }
}

fn digest_of_file(file: &mut File) -> io::Result<String> {
    let mut digest = RunningDigest::default();
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(digest.finish()),
            Ok(read) => digest.update(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Windows has no sync of a directory.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(windows) {
        return Ok(());
    }
    File::open(folder)?.sync_all()
}
