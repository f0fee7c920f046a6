//! The job that gives the objects of an uploaded recording the legal hold that the recording has.
//!
//! The manifest says which hold that is, so a job has no payload, and it is right in any order with
//! others of the same recording. Each has an id of its own: one that is being performed must not
//! end one that was stored after it had read the manifest.

use super::job_files::JobFiles;
use super::job_spec::{JobSpec, UPLOAD_HOLD};
use super::manifest::Manifest;
use std::io;
use uuid::Uuid;

impl JobFiles {
    /// Stores the job and queues it. On the disk when this returns.
    pub(super) async fn queue_upload_hold(&self, manifest: &Manifest) -> io::Result<()> {
        let job = Uuid::new_v4();
        // Nothing of the call, since a deletion of the recording does not find this job.
        let recording = Manifest {
            id: manifest.id.clone(),
            file: manifest.file.clone(),
            ..Manifest::default()
        };
        self.add(job, &JobSpec::new(UPLOAD_HOLD, &()), &recording).await?;
        self.queued(UPLOAD_HOLD, job);
        Ok(())
    }
}
