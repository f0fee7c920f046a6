//! Legal holds of recordings that are not published yet: an empty file `.callrec/holds/<uuid>` for each. The manifest
//! of a published recording says itself whether it is held, so that a hold moves with the recording's files.

use super::directory::StorageDirectory;
use super::faults::FaultPoint;
use super::files::ignore_not_found;
use super::listener::{LOG_WARNING, StorageListener};
use crate::sync::Mutex;
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use uuid::Uuid;

const HOLDS: &str = "holds";

/// The holds of one storage directory.
pub struct LegalHolds {
    pub directory: Arc<StorageDirectory>,
    pub listener: Arc<dyn StorageListener>,
    pub unpublished: Mutex<HashSet<Uuid>>,
    /// Recordings whose end is not reported yet, although they are published, and where their audio is.
    pub published: Mutex<HashMap<Uuid, String>>,
}

impl LegalHolds {
    /// The holds that an earlier process left. `unfinished`: the ids of all live manifests. A hold of any other
    /// recording is in its manifest already, or its recording never began, so its file is removed.
    pub async fn found(directory: &StorageDirectory, unfinished: &[Uuid]) -> io::Result<Vec<Uuid>> {
        let Some(folder) = directory.found_control_folder(HOLDS).await? else {
            return Ok(Vec::new());
        };
        directory.ready().await?;
        let mut held = Vec::new();
        for entry in folder.list()? {
            match Uuid::try_parse(&entry.name) {
                Ok(id) if unfinished.contains(&id) => held.push(id),
                _ => {
                    directory.ready().await?;
                    ignore_not_found(folder.remove(&entry.name))?;
                }
            }
        }
        Ok(held)
    }

    pub fn add_all(&self, held: Vec<Uuid>) {
        self.unpublished.lock().extend(held);
    }

    /// Whether a recording that is not published yet is held.
    pub fn contains(&self, id: Uuid) -> bool {
        self.unpublished.lock().contains(&id)
    }

    /// Holds or releases a recording that is not published yet. On the disk when this returns.
    pub async fn set(&self, id: Uuid, is_held: bool) -> io::Result<()> {
        if self.contains(id) == is_held {
            return Ok(());
        }
        let name = id.as_hyphenated().to_string();
        let folder = self.directory.control_folder(HOLDS).await?;
        if is_held {
            self.directory.reach(FaultPoint::WriteHold).await?;
            match folder.create_new(&name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                created => drop(created?),
            }
        } else {
            self.directory.reach(FaultPoint::RemoveHold).await?;
            ignore_not_found(folder.remove(&name))?;
        }
        let synced = self.directory.sync_names(&*folder).await;
        if is_held && synced.is_err() {
            // The caller learns that the recording is not held.
            self.directory.ready().await?;
            let _ = folder.remove(&name);
        }
        synced?;
        match is_held {
            true => self.unpublished.lock().insert(id),
            false => self.unpublished.lock().remove(&id),
        };
        Ok(())
    }

    /// The recording was published with the hold in its manifest.
    pub async fn note_published(&self, id: Uuid, file: &str) {
        self.published.lock().insert(id, file.to_owned());
        if let Err(error) = self.set(id, false).await {
            let message = format!(
                "recording {id}: the file of its hold, .callrec/holds/{id}, cannot be removed, and a later open \
                 removes it: {error}"
            );
            self.listener.log(LOG_WARNING, message);
        }
    }

    /// Where the audio of a recording is that was published and whose end is not reported yet.
    pub fn just_published(&self, id: Uuid) -> Option<String> {
        self.published.lock().get(&id).cloned()
    }

    /// The end of the recording was reported.
    pub fn note_reported(&self, id: Uuid) {
        self.published.lock().remove(&id);
    }
}
