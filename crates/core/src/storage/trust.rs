//! What storage believes to be its own: a directory may be open to others, who
//! could lay something in our way.

use super::disk::{DiskDir, DiskFile, Owner};
use super::files;
use std::io;

/// Made and removed at once, to see whom our files belong to.
const PROBE: &str = "owner.tmp";

/// Checks audio that is to be written to: it must have one name only, or what is
/// written would show elsewhere.
pub fn check_links(file: &dyn DiskFile, name: &str) -> io::Result<()> {
    let links = file.links()?;
    if links > 1 {
        let why = format!("\"{name}\" has {links} names (hard links)");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    Ok(())
}

/// This user, the owner of the storage directory, and root are trusted, and whoever
/// our own new files belong to: a file system may give all files to one.
pub fn check_owner(root: &dyn DiskDir, control: &dyn DiskDir, owner: Owner, name: &str) -> io::Result<()> {
    if owner.is_own || owner == root.owner()? {
        return Ok(());
    }
    files::removed(control.remove(PROBE))?;
    let probe = control.create_new(PROBE)?;
    let ours = probe.owner();
    control.remove(PROBE)?;
    if ours? == owner {
        return Ok(());
    }
    let why = format!("\"{name}\" belongs to another user ({})", owner.id);
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}
