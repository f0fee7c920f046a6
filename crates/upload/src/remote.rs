//! Reads the audio of uploaded recordings, for the HTTP APIs.

use std::io;
use std::sync::Arc;

use callrec_core::storage::{Manifest, RemoteAudio, RemoteFile, RemoteRead};
use tokio::runtime::Handle;

use super::context::UploadContext;

/// The uploaded audio in one store.
pub struct StoreReader {
    pub context: Arc<UploadContext>,
    pub runtime: Handle,
}

/// The audio of one recording.
struct StoredAudio {
    context: Arc<UploadContext>,
    runtime: Handle,
    key: String,
    bytes: u64,
}

impl RemoteAudio for StoreReader {
    fn open(&self, manifest: &Manifest) -> Option<Arc<dyn RemoteFile>> {
        let entry = manifest.uploaded.as_ref()?;
        let (_, extension) = manifest.file.rsplit_once('.')?;
        let is_audio = |key: &str| key.rsplit_once('.').is_some_and(|(_, own)| own == extension);
        let audio = entry.objects.iter().find(|object| is_audio(&object.key))?;
        (entry.store == self.context.location.url()).then(|| {
            let file: Arc<dyn RemoteFile> = Arc::new(StoredAudio {
                context: self.context.clone(),
                runtime: self.runtime.clone(),
                key: audio.key.clone(),
                bytes: audio.bytes,
            });
            file
        })
    }
}

impl RemoteFile for StoredAudio {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read(&self, at: u64, most: usize) -> RemoteRead {
        let end = at.saturating_add(most as u64).min(self.bytes);
        let (context, key) = (self.context.clone(), self.key.clone());
        let reading = self.runtime.spawn(async move {
            match at < end {
                true => context.target.read(&key, at..end).await,
                false => Ok(bytes::Bytes::new()),
            }
        });
        Box::pin(async move {
            let read = reading
                .await
                .map_err(|_| io::Error::other("the uploader has ended"))?;
            match read {
                Ok(bytes) if bytes.len() as u64 == end.saturating_sub(at) => Ok(bytes.to_vec()),
                Ok(_) => Err(io::Error::other("the object is shorter than it was")),
                Err(error) => Err(io::Error::other(error.text())),
            }
        })
    }
}
