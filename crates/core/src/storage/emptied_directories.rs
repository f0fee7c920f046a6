//! Removes the directories that a deletion has emptied. `storage.name` makes them, and their names may say who called.
//!
//! A deletion that a crash interrupts is completed in the directory that its note names, so that directory stays until
//! the note names it no longer. Recordings may begin in a directory meanwhile: a directory that is not empty cannot be
//! removed, and a recording whose directory has just been removed creates it again.

use super::directory::StorageDirectory;
use super::faults::FaultPoint;
use super::files::found_or_none;
use super::id_turns::{IdTurn, IdTurns};
use super::safe_name;
use crate::sync::Mutex;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use uuid::Uuid;

/// The deletions that need their directories, and the removal of the others.
pub struct EmptiedDirectories {
    directory: Arc<StorageDirectory>,
    /// Where the audio is, or was, of recordings whose deletion has begun. One that has failed stays here: the next
    /// open looks for its directory.
    begun: Mutex<HashMap<Uuid, Vec<String>>>,
    turns: IdTurns,
}

/// The directories of a path relative to the storage directory. `None` if callrec would not use the path.
fn directories_of(file: &str) -> Option<Vec<String>> {
    let mut parts: Vec<String> = file.split('/').map(str::to_owned).collect();
    let is_usable = parts.iter().all(|part| safe_name::is_component(part));
    parts.pop();
    is_usable.then_some(parts)
}

impl EmptiedDirectories {
    pub fn new(directory: Arc<StorageDirectory>) -> EmptiedDirectories {
        EmptiedDirectories {
            directory,
            begun: Mutex::default(),
            turns: IdTurns::default(),
        }
    }

    /// No deletion begins while directories are removed.
    async fn turn(&self) -> IdTurn<'_> {
        let clock = self.directory.clock();
        self.turns.take_async(Uuid::nil(), || clock.now()).await
    }

    /// Keeps the directory of a recording. `file`: the path of its audio.
    pub async fn keep(&self, id: Uuid, file: &str) {
        let _turn = self.turn().await;
        let dirs = directories_of(file).unwrap_or_default();
        self.begun.lock().insert(id, dirs);
    }

    /// The deletion needs its directory no longer, because its note is removed.
    pub fn release(&self, id: Uuid) {
        self.begun.lock().remove(&id);
    }

    /// Removes the directories above a deleted recording that are empty now. Calls `forget` first, after which the note
    /// of this deletion does not name its directory. If that fails, the directory is kept until `release`.
    pub async fn remove(
        &self,
        id: Uuid,
        file: &str,
        forget: impl AsyncFnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let _turn = self.turn().await;
        let dirs = directories_of(file).unwrap_or_default();
        if dirs.is_empty() {
            return Ok(());
        }
        forget().await?;
        self.release(id);
        for depth in (1..=dirs.len()).rev() {
            if self.is_needed(&dirs[..depth]) || !self.remove_one(&dirs[..depth]).await? {
                break;
            }
        }
        Ok(())
    }

    /// Whether a deletion has begun in a directory or below it.
    fn is_needed(&self, dirs: &[String]) -> bool {
        let begun = self.begun.lock();
        begun.values().any(|others| others.starts_with(dirs))
    }

    /// Removes a directory, if it is there. Returns `false` if it stays, because something is in it.
    async fn remove_one(&self, dirs: &[String]) -> io::Result<bool> {
        let Some((name, above)) = dirs.split_last() else {
            return Ok(false);
        };
        let Some(folder) = found_or_none(self.directory.open_path(above).await)? else {
            return Ok(true);
        };
        self.directory.reach(FaultPoint::DeleteFolder).await?;
        // A link, a file system that is mounted there, or a missing right.
        if found_or_none(folder.remove_dir(name)).is_err() {
            return Ok(false);
        }
        self.directory.sync_names(&*folder).await?;
        Ok(true)
    }
}
