//! Renames a file without replacing another one, on any file system.

use super::disk::DiskDir;
use super::disk_access::DiskAccess;
use super::faults::FaultPoint;
use super::files::found_or_none;
use super::os;
use std::io;

/// Fails with `AlreadyExists` if the new name exists. Not every kernel and file system supports
/// exclusive renames or hard links; the last method works everywhere. `syncs`: the entries of a
/// directory must survive a power cut.
pub async fn rename_new(
    access: &DiskAccess,
    syncs: bool,
    from_dir: &dyn DiskDir,
    from: &str,
    to_dir: &dyn DiskDir,
    to: &str,
) -> io::Result<()> {
    let renamed = access.reach(FaultPoint::RenameNew).await;
    let renamed = renamed.and_then(|()| from_dir.rename_exclusive(from, to_dir, to));
    let linked = match renamed {
        Err(error) if os::is_unsupported(&error) => {
            let linked = access.reach(FaultPoint::Link).await;
            linked.and_then(|()| from_dir.link(from, to_dir, to))
        }
        Err(error) => Err(error),
        Ok(()) => return Ok(()),
    };
    match linked {
        Err(error) if os::is_unsupported(&error) => {
            return rename_reserved(access, from_dir, from, to_dir, to).await;
        }
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        // An earlier attempt may have made the link, and could then remove neither name.
        Err(error) => match is_same_file(access, from_dir, from, to_dir, to).await? {
            true => {}
            false => return Err(error),
        },
        Ok(()) => {}
    }
    // Otherwise a power cut could keep the removal and lose the new name.
    let synced = match syncs {
        true => sync_names(access, to_dir).await,
        false => Ok(()),
    };
    let safe = match synced {
        Ok(()) => access.reach(FaultPoint::Unlink).await,
        unsafe_yet => unsafe_yet,
    };
    let removed = safe.and_then(|()| from_dir.remove(from));
    if removed.is_err() && access.ready().await.is_ok() {
        let _ = to_dir.remove(to);
    }
    removed
}

/// Whether two names are those of one file.
async fn is_same_file(
    access: &DiskAccess,
    from_dir: &dyn DiskDir,
    from: &str,
    to_dir: &dyn DiskDir,
    to: &str,
) -> io::Result<bool> {
    access.ready().await?;
    let ours = from_dir.file_id_of(from)?;
    access.ready().await?;
    let found = found_or_none(to_dir.file_id_of(to))?;
    Ok(found == Some(ours))
}

/// Syncs the entries of a directory.
pub async fn sync_names(access: &DiskAccess, dir: &dyn DiskDir) -> io::Result<()> {
    access.reach(FaultPoint::SyncFolder).await?;
    dir.sync()
}

/// Reserves the name with an empty file, and renames over it. A crash in between leaves the empty
/// file; recovery finds it through the next version of the manifest.
async fn rename_reserved(
    access: &DiskAccess,
    from_dir: &dyn DiskDir,
    from: &str,
    to_dir: &dyn DiskDir,
    to: &str,
) -> io::Result<()> {
    access.ready().await?;
    let reservation = to_dir.create_new(to)?;
    let ours = reservation.file_id()?;
    let is_ours = async || {
        let ready = access.ready().await;
        let found = ready.and_then(|()| to_dir.file_id_of(to));
        found.is_ok_and(|found| found == ours)
    };
    let renamed = async {
        access.reach(FaultPoint::RenameReserved).await?;
        if !is_ours().await {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        // Some file servers refuse to replace an open file.
        drop(reservation);
        access.ready().await?;
        from_dir.rename_over(from, to_dir, to)
    };
    let renamed = renamed.await;
    if renamed.is_err() && is_ours().await && access.ready().await.is_ok() {
        let _ = to_dir.remove(to);
    }
    renamed
}
