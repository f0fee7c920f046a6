//! What recovery believes to be its own: a directory may be open to others, who
//! could lay something in our way.

use super::os::{self, Dir};
use super::search::LeftAudio;
use super::store::CONTROL;
use super::{Store, papers};
use std::fs::File;
use std::io;

/// Made and removed at once, to see whom our files belong to.
const PROBE: &str = "owner.tmp";

impl Store {
    /// Audio that is to be written to: ours, and under one name only, or what is
    /// written would show elsewhere.
    pub(super) fn check_audio(&self, left: &LeftAudio) -> io::Result<()> {
        let links = os::links(&left.file)?;
        if links > 1 {
            let why = format!("\"{}\" has {links} names (hard links)", left.current);
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        check_owner(&self.root, &self.control, &left.file, &left.current)
    }

    /// All of a file in `.callrec`, if it is there.
    pub(super) fn read_control(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.read_own(&self.control, name)
    }

    /// All of a file in `.callrec` or in a directory of it, if it is there.
    pub(super) fn read_own(&self, dir: &Dir, name: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = papers::open(dir, name)? else {
            return Ok(None);
        };
        check_owner(&self.root, &self.control, &file, name)?;
        papers::read_all(&file).map(Some)
    }

    /// A directory in `.callrec` must not be somebody else's either.
    pub(super) fn check_below(&self, dir: &Dir, name: &str) -> io::Result<()> {
        check_owner(&self.root, &self.control, &dir.as_file()?, name)
    }
}

/// `.callrec` must not be somebody else's, who could exchange what lies in it.
pub fn check_control(root: &Dir, control: &Dir) -> io::Result<()> {
    check_owner(root, control, &control.as_file()?, CONTROL)
}

/// This user, the owner of the storage directory, and root are trusted, and whoever
/// our own new files belong to: a file system may give all files to one.
fn check_owner(root: &Dir, control: &Dir, file: &File, name: &str) -> io::Result<()> {
    let owner = os::owner(file)?;
    if os::is_own(owner) || owner == os::owner(&root.as_file()?)? {
        return Ok(());
    }
    papers::removed(control.remove(PROBE))?;
    let probe = control.create_new(PROBE)?;
    let ours = os::owner(&probe);
    control.remove(PROBE)?;
    if ours? == owner {
        return Ok(());
    }
    let why = format!("\"{name}\" belongs to another user ({owner})");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}
