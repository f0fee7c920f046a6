//! A new name for a file, never over something that is there, on any file system.

use super::disk::DiskDir;
use super::faults::Step;
use super::os;
use super::steps::Steps;
use std::io;

/// Fails with `AlreadyExists` if something has that name. Not every kernel and file system can
/// rename exclusively, nor make hard links; the last resort works everywhere. `sync`: brings
/// the names in a folder to the disk.
pub async fn rename_new(
    steps: &Steps,
    sync: impl AsyncFn(&dyn DiskDir) -> io::Result<()>,
    from_dir: &dyn DiskDir,
    from: &str,
    to_dir: &dyn DiskDir,
    to: &str,
) -> io::Result<()> {
    let renamed = steps.step(Step::RenameNew).await;
    match renamed.and_then(|()| from_dir.rename_exclusive(from, to_dir, to)) {
        Err(error) if os::is_unsupported(&error) => {}
        done => return done,
    }
    let linked = steps.step(Step::Link).await;
    match linked.and_then(|()| from_dir.link(from, to_dir, to)) {
        Err(error) if os::is_unsupported(&error) => {}
        Err(error) => return Err(error),
        Ok(()) => {
            // A power cut must not keep the removal and lose the new name.
            let safe = match sync(to_dir).await {
                Ok(()) => steps.step(Step::Unlink).await,
                unsafe_yet => unsafe_yet,
            };
            let removed = safe.and_then(|()| from_dir.remove(from));
            if removed.is_err() && steps.turn().await.is_ok() {
                // Otherwise a second try would find its own first one in the way.
                let _ = to_dir.remove(to);
            }
            return removed;
        }
    }
    rename_reserved(steps, from_dir, from, to_dir, to).await
}

/// Takes the name with an empty file, and renames over that. A crash in between
/// leaves the empty file, of which recovery knows by the next manifest.
async fn rename_reserved(
    steps: &Steps,
    from_dir: &dyn DiskDir,
    from: &str,
    to_dir: &dyn DiskDir,
    to: &str,
) -> io::Result<()> {
    steps.turn().await?;
    let reservation = to_dir.create_new(to)?;
    let ours = reservation.identity()?;
    let is_ours = async || {
        let turn = steps.turn().await;
        let found = turn.and_then(|()| to_dir.identity_of(to));
        found.is_ok_and(|found| found == ours)
    };
    let renamed = async {
        steps.step(Step::Reserved).await?;
        if !is_ours().await {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        // Some servers refuse to replace what is open.
        drop(reservation);
        steps.turn().await?;
        from_dir.rename_over(from, to_dir, to)
    };
    let renamed = renamed.await;
    if renamed.is_err() && is_ours().await && steps.turn().await.is_ok() {
        let _ = to_dir.remove(to);
    }
    renamed
}
