//! The job that owes the end of a recording to the cluster's stream, once the recording is deleted: it
//! stays, but nothing of the call is left in it.

use super::deletion_notes::is_full;
use super::disk::DiskDir;
use super::faults::FaultPoint;
use super::files;
use super::job_files::{Job, JobFiles};
use super::listener::LOG_WARNING;
use super::live_manifests::{end_of, live_name};
use super::plain_file::PlainFile;
use callrec_codec::Medium;
use std::io;
use uuid::Uuid;

impl JobFiles {
    /// Reduces the job with this file to the recording's id and how it ended. Returns `false` if there
    /// is none that can stay.
    pub(super) async fn reduce_end(&self, folder: &dyn DiskDir, id: Uuid) -> io::Result<bool> {
        match self.try_reduce_end(folder, id).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            // A file system that copies on write. The deletion makes the space.
            Err(error) if is_full(&error) => {
                let message = format!(
                    "recording {id} is deleted, and the disk is full: its end is not added to the stream of the \
                     cluster any more: {error}"
                );
                self.log(LOG_WARNING, message);
                Ok(false)
            }
            done => done,
        }
    }

    /// Overwrites the file in place, which needs no space. If the process dies meanwhile, the deletion
    /// is completed by the next open, which removes an unreadable file.
    async fn try_reduce_end(&self, folder: &dyn DiskDir, id: Uuid) -> io::Result<bool> {
        let (directory, name) = (self.directory(), live_name(id));
        directory.reach(FaultPoint::DeleteJobs).await?;
        let file = folder.open_write(&name)?;
        directory.check_own(&*file, &name).await?;
        let mut file = PlainFile::new(file, 0);
        let old = files::read_open(directory.access(), &file).await?;
        let Ok(mut job) = serde_json::from_slice::<Job>(&old) else {
            return Ok(false);
        };
        if job.recording.deleted {
            return Ok(true);
        }
        job.recording = end_of(id, &job.recording);
        let mut bytes = serde_json::to_vec(&job)?;
        // Trailing spaces are valid in JSON, so the file need not become shorter.
        bytes.resize(bytes.len().max(old.len()), b' ');
        directory.ready().await?;
        file.rewrite(0, &bytes)?;
        directory.sync_file(file.file()).await?;
        Ok(true)
    }
}
