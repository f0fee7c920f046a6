//! The job that removes the uploaded copy of a recording that is being deleted. It is stored before
//! the manifest is removed, because only the manifest and the upload's progress name the objects.

use super::fragment::Fragment;
use super::job_files::JobFiles;
use super::job_spec::{JobSpec, UPLOAD, UPLOAD_REMOVAL};
use super::manifest::{Manifest, UploadEntry};
use serde::{Deserialize, Serialize};
use std::io;
use uuid::Uuid;

/// The payload of a job of the kind [`UPLOAD_REMOVAL`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UploadRemoval {
    pub uploaded: Option<UploadEntry>,
    /// What the job that uploads had noted.
    pub progress: Fragment,
}

impl JobFiles {
    /// Stores the job, if anything of the recording may have been uploaded. Returns whether it is
    /// stored.
    pub(super) async fn queue_upload_removal(&self, id: Uuid, manifest: &Manifest) -> io::Result<bool> {
        let noted = self.progress(UPLOAD, id).await?;
        let progress = noted.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if manifest.uploaded.is_none() && progress.is_none() {
            return Ok(false);
        }
        let payload = UploadRemoval {
            uploaded: manifest.uploaded.clone(),
            progress: progress.unwrap_or_default(),
        };
        // The job may wait for the store for long. The rest of the manifest is to be deleted now.
        let deleted = Manifest {
            id: manifest.id.clone(),
            ..Manifest::default()
        };
        self.add(id, &JobSpec::new(UPLOAD_REMOVAL, &payload), &deleted)
            .await?;
        Ok(true)
    }
}
