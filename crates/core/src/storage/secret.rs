//! Persistent secrets, each in a file in `.callrec` that only this user may read.

use super::directory::StorageDirectory;
use super::files::ignore_not_found;
use std::io;
use uuid::Uuid;

/// Returns the secret `name`. Stores `fresh` as the secret if there is none, or if the stored one
/// has another length because it was cut short.
pub async fn load_or_create(directory: &StorageDirectory, name: &str, fresh: &[u8]) -> io::Result<Vec<u8>> {
    let control = directory.control();
    if let Some(known) = directory.read_own(control, name).await? {
        if known.len() == fresh.len() {
            return Ok(known);
        }
        directory.ready().await?;
        ignore_not_found(control.remove(name))?;
    }
    // A unique name, because another thread may do the same now.
    let next = format!("{name}.{}", Uuid::new_v4());
    directory.ready().await?;
    let file = control.create_private(&next)?;
    directory.ready().await?;
    file.write_all_at(fresh, 0)?;
    directory.sync_file(&*file).await?;
    let placed = directory.rename_new(control, &next, control, name).await;
    let other = match placed {
        Ok(()) => None,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            directory.ready().await?;
            ignore_not_found(control.remove(&next))?;
            directory.read_own(control, name).await?
        }
        Err(error) => return Err(error),
    };
    directory.sync_names(control).await?;
    Ok(other.unwrap_or_else(|| fresh.to_vec()))
}
