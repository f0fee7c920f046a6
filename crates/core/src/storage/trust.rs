//! What storage believes to be its own: a directory may be open to others, who
//! could lay something in our way.

use super::files;
use super::os::{self, Dir};
use std::fs::File;
use std::io;

/// Made and removed at once, to see whom our files belong to.
const PROBE: &str = "owner.tmp";

/// Checks audio that is to be written to: it must have one name only, or what is
/// written would show elsewhere.
pub fn check_links(file: &File, name: &str) -> io::Result<()> {
    let links = os::links(file)?;
    if links > 1 {
        let why = format!("\"{name}\" has {links} names (hard links)");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    Ok(())
}

/// This user, the owner of the storage directory, and root are trusted, and whoever
/// our own new files belong to: a file system may give all files to one.
pub fn check_owner(root: &Dir, control: &Dir, file: &File, name: &str) -> io::Result<()> {
    let owner = os::owner(file)?;
    if os::is_own(owner) || owner == os::owner(&root.as_file()?)? {
        return Ok(());
    }
    files::removed(control.remove(PROBE))?;
    let probe = control.create_new(PROBE)?;
    let ours = os::owner(&probe);
    control.remove(PROBE)?;
    if ours? == owner {
        return Ok(());
    }
    let why = format!("\"{name}\" belongs to another user ({owner})");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}
