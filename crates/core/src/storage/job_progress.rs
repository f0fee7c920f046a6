//! What an action notes about an unfinished job, in `.callrec/jobs/<kind>/<uuid>.progress`. The next
//! attempt, also of a later process, goes on from there. The file stays when the job is given up, so
//! that a deletion of the recording still finds what the job has left elsewhere.

use super::files::ignore_not_found;
use super::job_files::JobFiles;
use std::io;
use uuid::Uuid;

fn progress_name(id: Uuid) -> String {
    format!("{}.progress", id.as_hyphenated())
}

impl JobFiles {
    /// The last progress that was noted. `None` if there is none.
    pub async fn progress(&self, kind: &str, id: Uuid) -> io::Result<Option<Vec<u8>>> {
        if !self.has_folder(kind).await? {
            return Ok(None);
        }
        let folder = self.folder(kind).await?;
        self.directory().read_own(&*folder, &progress_name(id)).await
    }

    /// Notes progress in place of an earlier one. On the disk when this returns.
    pub async fn set_progress(&self, kind: &str, id: Uuid, bytes: &[u8]) -> io::Result<()> {
        let directory = self.directory();
        let folder = self.folder(kind).await?;
        let (name, next) = (progress_name(id), format!("{}.tmp", progress_name(id)));
        directory.ready().await?;
        ignore_not_found(folder.remove(&next))?;
        directory.ready().await?;
        let file = folder.create_new(&next)?;
        directory.ready().await?;
        file.write_all_at(bytes, 0)?;
        directory.sync_file(&*file).await?;
        directory.ready().await?;
        folder.rename_over(&next, &*folder, &name)?;
        directory.sync_names(&*folder).await
    }

    /// Removes the progress. Succeeds if there is none.
    pub async fn remove_progress(&self, kind: &str, id: Uuid) -> io::Result<()> {
        let folder = self.folder(kind).await?;
        self.directory().ready().await?;
        ignore_not_found(folder.remove(&progress_name(id)))
    }
}
