//! Renames a file without replacing another one, on any file system.

use super::disk::DiskDir;
use super::disk_access::DiskAccess;
use super::faults::FaultPoint;
use super::os;
use std::io;

/// Fails with `AlreadyExists` if the new name exists. Not every kernel and file system supports
/// exclusive renames or hard links; the last method works everywhere. `sync` syncs the entries of a
/// directory.
pub async fn rename_new(
    access: &DiskAccess,
    sync: impl AsyncFn(&dyn DiskDir) -> io::Result<()>,
    from_dir: &dyn DiskDir,
    from: &str,
    to_dir: &dyn DiskDir,
    to: &str,
) -> io::Result<()> {
    let renamed = access.reach(FaultPoint::RenameNew).await;
    match renamed.and_then(|()| from_dir.rename_exclusive(from, to_dir, to)) {
        Err(error) if os::is_unsupported(&error) => {}
        done => return done,
    }
    let linked = access.reach(FaultPoint::Link).await;
    match linked.and_then(|()| from_dir.link(from, to_dir, to)) {
        Err(error) if os::is_unsupported(&error) => {}
        Err(error) => return Err(error),
        Ok(()) => {
            // Otherwise a power cut could keep the removal and lose the new name.
            let safe = match sync(to_dir).await {
                Ok(()) => access.reach(FaultPoint::Unlink).await,
                unsafe_yet => unsafe_yet,
            };
            let removed = safe.and_then(|()| from_dir.remove(from));
            if removed.is_err() && access.ready().await.is_ok() {
                // Otherwise a second attempt would fail because of the first one's link.
                let _ = to_dir.remove(to);
            }
            return removed;
        }
    }
    rename_reserved(access, from_dir, from, to_dir, to).await
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
