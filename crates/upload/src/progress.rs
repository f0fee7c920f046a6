//! What the job of an upload notes on the disk, so that the next attempt, also after a crash, goes
//! on from there, and so that a deletion knows which objects there may be.

use std::sync::Weak;

use async_trait::async_trait;
use callrec_core::engine::Engine;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::object_target::{ObjectError, PartKeeper, PartState};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UploadProgress {
    /// The store's URL.
    pub store: String,
    /// In the order in which they are uploaded: the manifest is the last one.
    pub objects: Vec<ObjectProgress>,
    /// What earlier attempts may have begun under other keys or with other content, in the order in
    /// which they did. No attempt goes on with it, but a deletion removes it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<ObjectProgress>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectProgress {
    pub key: String,
    pub bytes: u64,
    pub digest: String,
    pub is_done: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<PartState>,
}

impl UploadProgress {
    /// Makes these the objects to upload. Those that an earlier attempt has begun are gone on with,
    /// and the others that it has begun are kept.
    pub fn plan(&mut self, objects: impl Iterator<Item = ObjectProgress>) {
        let mut known = std::mem::take(&mut self.earlier);
        known.append(&mut self.objects);
        self.objects = objects
            .map(|object| {
                let is_same =
                    |known: &ObjectProgress| known.key == object.key && known.digest == object.digest;
                match known.iter().position(is_same) {
                    Some(at) => known.remove(at),
                    None => object,
                }
            })
            .collect();
        self.earlier = known;
    }
}

/// The progress of one upload, on the disk and in memory.
pub struct StoredProgress {
    engine: Weak<Engine>,
    id: Uuid,
    pub progress: UploadProgress,
    /// What the disk has.
    on_disk: Option<UploadProgress>,
}

impl StoredProgress {
    /// Reads what an earlier attempt has noted, if it was for the same store.
    pub async fn read(engine: &Weak<Engine>, id: Uuid, store: &str) -> Result<StoredProgress, ObjectError> {
        let noted = on_disk(engine, move |engine| engine.upload_progress(id)).await?;
        let noted = noted.and_then(|bytes| serde_json::from_slice::<UploadProgress>(&bytes).ok());
        let noted = noted.filter(|noted| noted.store == store);
        Ok(StoredProgress {
            engine: engine.clone(),
            id,
            progress: noted.clone().unwrap_or_else(|| UploadProgress {
                store: store.to_owned(),
                ..UploadProgress::default()
            }),
            on_disk: noted,
        })
    }

    /// On the disk when this returns. Writes nothing if it is there already.
    pub async fn store(&mut self) -> Result<(), ObjectError> {
        if self.on_disk.as_ref() == Some(&self.progress) {
            return Ok(());
        }
        let id = self.id;
        let bytes = serde_json::to_vec(&self.progress)
            .map_err(|error| ObjectError::Retry(format!("its progress cannot be stored: {error}")))?;
        // A failure leaves it open which of both the disk has.
        self.on_disk = None;
        on_disk(&self.engine, move |engine| engine.set_upload_progress(id, &bytes)).await?;
        self.on_disk = Some(self.progress.clone());
        Ok(())
    }

    /// The keeper of the parts of the object at this position.
    pub fn keeper(&mut self, index: usize) -> ProgressKeeper<'_> {
        ProgressKeeper { stored: self, index }
    }
}

/// Keeps the parts of one object.
pub struct ProgressKeeper<'a> {
    stored: &'a mut StoredProgress,
    index: usize,
}

#[async_trait]
impl PartKeeper for ProgressKeeper<'_> {
    fn parts(&self) -> Option<PartState> {
        self.stored.progress.objects.get(self.index)?.parts.clone()
    }

    async fn keep(&mut self, parts: Option<PartState>) -> Result<(), ObjectError> {
        if let Some(object) = self.stored.progress.objects.get_mut(self.index) {
            object.parts = parts;
        }
        self.stored.store().await
    }
}

/// Uses the engine's storage directory on a thread that may wait for the disk.
pub async fn on_disk<T: Send + 'static>(
    engine: &Weak<Engine>,
    act: impl FnOnce(&Engine) -> std::io::Result<T> + Send + 'static,
) -> Result<T, ObjectError> {
    let engine = engine.clone();
    let done = tokio::task::spawn_blocking(move || match engine.upgrade() {
        Some(engine) => act(&engine),
        None => Err(std::io::Error::other("the engine is closed")),
    });
    let done = done
        .await
        .map_err(|_| ObjectError::Retry("a fault inside callrec".to_owned()))?;
    done.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => ObjectError::Gone,
        _ => ObjectError::Retry(format!("the storage directory: {error}")),
    })
}
