//! What storage believes to be its own: a directory may be open to others, who
//! could lay something in our way.

use super::disk::{DiskDir, DiskFile, Owner};
use super::files;
use super::steps::Steps;
use std::io;

/// Made and removed at once, to see whom our files belong to.
const PROBE: &str = "owner.tmp";

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
    steps.turn().await?;
    files::removed(control.remove(PROBE))?;
    steps.turn().await?;
    let ours = control.create_new(PROBE)?.owner();
    steps.turn().await?;
    control.remove(PROBE)?;
    if ours? == owner {
        return Ok(());
    }
    let why = format!("\"{name}\" belongs to another user ({})", owner.id);
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}
