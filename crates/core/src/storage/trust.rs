//! What storage believes to be its own: a directory may be open to others, who
//! could lay something in our way.

use super::disk::{DiskDir, DiskFile, Owner};
use super::files;
use super::steps::Steps;
use std::io;

/// Made and removed at once, to see whom our files belong to.
const PROBE: &str = "owner.tmp";
/// So many other threads may do that in between.
const TRIES: usize = 100;

/// Checks audio that is to be written to: it must have one name only, or what is
/// written would show elsewhere.
pub async fn check_links(steps: &Steps, file: &dyn DiskFile, name: &str) -> io::Result<()> {
    steps.turn().await?;
    let links = file.links()?;
    if links > 1 {
        let why = format!("\"{name}\" has {links} names (hard links)");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    Ok(())
}

/// This user, the owner of the storage directory, and root are trusted, and whoever
/// our own new files belong to: a file system may give all files to one.
pub async fn check_owner(
    steps: &Steps,
    root: &dyn DiskDir,
    control: &dyn DiskDir,
    owner: Owner,
    name: &str,
) -> io::Result<()> {
    if owner.is_own || owner == root.owner()? {
        return Ok(());
    }
    if own_owner(steps, control).await? == owner {
        return Ok(());
    }
    let why = format!("\"{name}\" belongs to another user ({})", owner.id);
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}

/// Whom our own new files belong to.
async fn own_owner(steps: &Steps, control: &dyn DiskDir) -> io::Result<Owner> {
    let mut tries = 0;
    loop {
        tries += 1;
        steps.turn().await?;
        let probe = control.create_new(PROBE);
        // One that was there is a dead process's, or another thread's that asks the same.
        steps.turn().await?;
        files::removed(control.remove(PROBE))?;
        match probe {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < TRIES => {}
            probe => return probe?.owner(),
        }
    }
}
