//! The store of uploaded objects, as the rest of the crate sees it.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use callrec_core::storage::Medium;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use super::object_error::ObjectError;

/// The content of an object that is to be uploaded.
#[derive(Clone)]
pub enum ObjectSource {
    File(Arc<dyn Medium>),
    Bytes(Bytes),
}

/// An object that is to be uploaded.
#[derive(Clone)]
pub struct NewObject {
    /// Below the prefix of the store.
    pub key: String,
    pub mime: &'static str,
    /// The recording.
    pub id: Uuid,
    pub bytes: u64,
    /// `sha256:` and the digest in hexadecimal digits.
    pub digest: String,
    pub source: ObjectSource,
}

/// What a store says of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectFacts {
    pub bytes: u64,
    /// `sha256:` and the digest, from the object's metadata. `None` if it has none.
    pub digest: Option<String>,
}

/// What became of the creation of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    Created,
    /// There is an object with this key already. It was not changed.
    Exists,
}

/// The uploaded parts of an object that is not complete.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartState {
    pub upload_id: String,
    /// The size of each part except the last one.
    pub part_bytes: u64,
    /// The store's identifications of the parts so far.
    pub parts: Vec<String>,
}

/// Keeps the parts of an object, so that a later attempt goes on with them.
#[async_trait]
pub trait PartKeeper: Send {
    fn parts(&self) -> Option<PartState>;
    /// On the disk when this returns.
    async fn keep(&mut self, parts: Option<PartState>) -> Result<(), ObjectError>;
}

/// A bucket, container or directory. Keys are below its prefix.
#[async_trait]
pub trait ObjectTarget: Send + Sync {
    async fn find(&self, key: &str) -> Result<Option<ObjectFacts>, ObjectError>;

    /// Creates an object. Never overwrites one, as far as the store can promise that.
    async fn create(&self, object: &NewObject, parts: &mut dyn PartKeeper) -> Result<Creation, ObjectError>;

    /// The digest of an object's content, which is read for that.
    async fn digest(&self, key: &str) -> Result<String, ObjectError>;

    /// A part of an object's content.
    async fn read(&self, key: &str, range: Range<u64>) -> Result<Bytes, ObjectError>;

    /// Removes an object. Succeeds if there is none.
    async fn remove(&self, key: &str) -> Result<(), ObjectError>;

    /// Sets the legal hold of an object, or removes it.
    async fn hold(&self, key: &str, is_held: bool) -> Result<(), ObjectError>;

    /// Makes the store forget the parts of an object that will not be completed.
    async fn abort(&self, key: &str, parts: &PartState) -> Result<(), ObjectError>;
}

impl ObjectSource {
    /// Reads at most `most` bytes from `at` on; fewer only at the end. Waits for the disk.
    pub fn read(&self, at: u64, most: usize) -> std::io::Result<Bytes> {
        match self {
            ObjectSource::Bytes(all) => {
                let from = usize::try_from(at).unwrap_or(usize::MAX).min(all.len());
                Ok(all.slice(from..from.saturating_add(most).min(all.len())))
            }
            ObjectSource::File(medium) => {
                let mut buffer = vec![0; most];
                let mut done = 0;
                while done < most {
                    match medium.read_range(at + done as u64, &mut buffer[done..])? {
                        0 => break,
                        read => done += read,
                    }
                }
                buffer.truncate(done);
                Ok(Bytes::from(buffer))
            }
        }
    }

    /// The size, which is asked on a thread that may wait for the disk.
    pub async fn size(&self) -> Result<u64, ObjectError> {
        let source = self.clone();
        let asked = tokio::task::spawn_blocking(move || match source {
            ObjectSource::Bytes(all) => Ok(all.len() as u64),
            ObjectSource::File(medium) => medium.len(),
        });
        let asked = asked.await;
        let asked = asked.map_err(|_| ObjectError::Retry("a fault inside callrec".to_owned()))?;
        asked.map_err(|error| ObjectError::Retry(format!("its file cannot be read: {error}")))
    }

    /// Like [`ObjectSource::read`], on a thread that may wait for the disk. Fails if the file is
    /// shorter than that.
    pub async fn read_exactly(&self, at: u64, bytes: u64) -> Result<Bytes, ObjectError> {
        let source = self.clone();
        let most = usize::try_from(bytes).unwrap_or(usize::MAX);
        let read = tokio::task::spawn_blocking(move || source.read(at, most)).await;
        let read = read.map_err(|_| ObjectError::Retry("a fault inside callrec".to_owned()))?;
        let read = read.map_err(|error| ObjectError::Retry(format!("its file cannot be read: {error}")))?;
        match read.len() as u64 == bytes {
            true => Ok(read),
            false => Err(ObjectError::Changed("its file has become shorter".to_owned())),
        }
    }
}
