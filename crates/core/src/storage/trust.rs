//! Checks that files and directories are callrec's own. Other users may have write access to the
//! storage directory and could place files in it.

use super::disk::{DiskDir, DiskFile, FileOwner};
use super::disk_access::DiskAccess;
use super::files;
use std::io;

/// Created and removed at once to find the owner of new files.
const PROBE: &str = "owner.tmp";
/// Attempts, since other threads may create the same file.
const ATTEMPTS_MAX: usize = 100;

/// Fails if the file has more than one hard link. Writing to it would change a file elsewhere.
pub async fn check_links(access: &DiskAccess, file: &dyn DiskFile, name: &str) -> io::Result<()> {
    access.ready().await?;
    let links = file.links()?;
    if links > 1 {
        let why = format!("\"{name}\" has {links} hard links, and callrec only trusts a file with one");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    Ok(())
}

/// Fails unless the owner is this user, root, the owner of the storage directory, or the owner that
/// the file system gives to new files of this process.
pub async fn check_owner(
    access: &DiskAccess,
    root: &dyn DiskDir,
    control: &dyn DiskDir,
    owner: FileOwner,
    name: &str,
) -> io::Result<()> {
    if owner.is_own || owner == root.owner()? {
        return Ok(());
    }
    if owner_of_new_files(access, control).await? == owner {
        return Ok(());
    }
    let why = format!(
        "\"{name}\" belongs to another user ({}), and callrec does not trust it",
        owner.id
    );
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}

/// The owner that new files of this process get.
async fn owner_of_new_files(access: &DiskAccess, control: &dyn DiskDir) -> io::Result<FileOwner> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        access.ready().await?;
        let probe = control.create_new(PROBE);
        // An existing file was left by a dead process, or belongs to another thread that does the
        // same.
        access.ready().await?;
        files::ignore_not_found(control.remove(PROBE))?;
        match probe {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempts < ATTEMPTS_MAX => {}
            probe => return probe?.owner(),
        }
    }
}
