//! Secrets that outlive the process: a file each in `.callrec` that this user alone may read.

use super::directory::Directory;
use super::files::removed;
use std::io;
use uuid::Uuid;

/// The secret of that name. It is `fresh` from here on if there is none, or if what is there
/// has another length: then it was cut off.
pub async fn kept(directory: &Directory, name: &str, fresh: &[u8]) -> io::Result<Vec<u8>> {
    let control = directory.control();
    if let Some(known) = directory.read_own(control, name).await? {
        if known.len() == fresh.len() {
            return Ok(known);
        }
        directory.turn().await?;
        removed(control.remove(name))?;
    }
    // Of its own name, because another may do the same now.
    let next = format!("{name}.{}", Uuid::new_v4());
    directory.turn().await?;
    let file = control.create_private(&next)?;
    directory.turn().await?;
    file.write_all_at(fresh, 0)?;
    directory.sync_file(&*file).await?;
    let placed = directory.rename_new(control, &next, control, name).await;
    let other = match placed {
        Ok(()) => None,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            directory.turn().await?;
            removed(control.remove(&next))?;
            directory.read_own(control, name).await?
        }
        Err(error) => return Err(error),
    };
    directory.sync_names(control).await?;
    Ok(other.unwrap_or_else(|| fresh.to_vec()))
}
