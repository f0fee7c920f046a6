//! A simulated disk as the engine sees it: its directories, files and locks.

use std::io;
use std::marker::PhantomData;
use std::path::Path;
use std::time::SystemTime;

use callrec_core::storage::disk::{DirEntry, DirRef, Disk, DiskDir, DiskFile, DiskLock, FileId, FileOwner};
use callrec_core::task::Readiness;

use super::disk::{Extent, SimDisk, Subject};
use super::tree::{Node, ROOT, Tree};
use super::troubles::DiskOperation;

impl Disk for SimDisk {
    fn open_root(&self, _: &Path, _: bool) -> io::Result<Box<dyn DiskDir>> {
        self.call(DiskOperation::Open, Subject::Node(ROOT), |_, _| Ok(()))?;
        Ok(SimDir::boxed(self, ROOT))
    }

    fn file_id_at(&self, _: &Path) -> io::Result<FileId> {
        let found = if self.is_moved() { u64::MAX } else { ROOT };
        self.call(DiskOperation::Open, Subject::Node(ROOT), |_, _| Ok((1, found)))
    }

    fn open_files_limit(&self) -> u64 {
        16
    }

    fn begin(&self) -> u64 {
        self.announce()
    }

    fn poll(&self, ticket: u64) -> Readiness<io::Result<()>> {
        self.ask(ticket)
    }
}

struct SimDir {
    disk: SimDisk,
    node: Node,
}

fn node_of(dir: &dyn DiskDir) -> io::Result<Node> {
    match dir.dir_ref() {
        DirRef::Number(node, _) => Ok(node),
        _ => Err(io::ErrorKind::CrossesDevices.into()),
    }
}

const OWNER: FileOwner = FileOwner {
    id: 1000,
    is_own: true,
};

impl SimDir {
    fn boxed(disk: &SimDisk, node: Node) -> Box<dyn DiskDir> {
        let disk = disk.clone();
        Box::new(SimDir { disk, node })
    }

    fn call<T>(
        &self,
        operation: DiskOperation,
        name: &str,
        act: impl FnOnce(&mut Tree, Extent) -> io::Result<T>,
    ) -> io::Result<T> {
        self.disk.call(operation, Subject::Name(name), act)
    }

    fn unsupported(&self, operation: DiskOperation, name: &str) -> io::Result<()> {
        self.call(operation, name, |_, _| Err(io::ErrorKind::Unsupported.into()))
    }

    fn rename(&self, from: &str, to_dir: &dyn DiskDir, to: &str, over: bool) -> io::Result<()> {
        let to_dir = node_of(to_dir)?;
        self.call(DiskOperation::Rename, from, |tree, _| {
            tree.rename((self.node, from), (to_dir, to), over)
        })
    }
}

impl DiskDir for SimDir {
    fn dir_ref(&self) -> DirRef<'_> {
        DirRef::Number(self.node, PhantomData)
    }

    fn file_id(&self) -> io::Result<FileId> {
        Ok((1, self.node))
    }

    fn try_clone(&self) -> io::Result<Box<dyn DiskDir>> {
        Ok(SimDir::boxed(&self.disk, self.node))
    }

    fn open_dir(&self, name: &str) -> io::Result<Box<dyn DiskDir>> {
        let node = self.call(DiskOperation::Open, name, |tree, _| {
            let node = tree.find(self.node, name)?;
            match tree.is_directory(node) {
                true => Ok(node),
                false => Err(io::ErrorKind::NotADirectory.into()),
            }
        })?;
        Ok(SimDir::boxed(&self.disk, node))
    }

    fn open_or_create_dir(&self, name: &str) -> io::Result<Box<dyn DiskDir>> {
        if self.disk.is_there(self.node, name) {
            return self.open_dir(name);
        }
        let made = self.call(DiskOperation::Create, name, |tree, _| {
            tree.make_directory(self.node, name)
        });
        Ok(SimDir::boxed(&self.disk, made?))
    }

    fn create_new(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let made = self.call(DiskOperation::Create, name, |tree, extent| {
            tree.make_file(self.node, name, extent.now_ns)
        });
        Ok(SimFile::boxed(&self.disk, made?))
    }

    fn open_write(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.open_read(name)
    }

    fn open_read(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let node = self.call(DiskOperation::Open, name, |tree, _| {
            let node = tree.find(self.node, name)?;
            match tree.is_directory(node) {
                true => Err(io::ErrorKind::InvalidInput.into()),
                false => Ok(node),
            }
        })?;
        Ok(SimFile::boxed(&self.disk, node))
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        self.call(DiskOperation::Open, name, |tree, _| {
            Ok(tree.find(self.node, name).is_ok())
        })
    }

    fn file_id_of(&self, name: &str) -> io::Result<FileId> {
        self.call(DiskOperation::Open, name, |tree, _| {
            Ok((1, tree.find(self.node, name)?))
        })
    }

    fn rename_over(&self, from: &str, to_dir: &dyn DiskDir, to: &str) -> io::Result<()> {
        self.rename(from, to_dir, to, true)
    }

    fn rename_exclusive(&self, from: &str, to_dir: &dyn DiskDir, to: &str) -> io::Result<()> {
        match self.disk.abilities().exclusive_renames {
            true => self.rename(from, to_dir, to, false),
            false => self.unsupported(DiskOperation::Rename, from),
        }
    }

    fn link(&self, from: &str, to_dir: &dyn DiskDir, to: &str) -> io::Result<()> {
        if !self.disk.abilities().links {
            return self.unsupported(DiskOperation::Rename, from);
        }
        let to_dir = node_of(to_dir)?;
        self.call(DiskOperation::Rename, from, |tree, _| {
            tree.link((self.node, from), (to_dir, to))
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.call(DiskOperation::Remove, name, |tree, _| {
            tree.remove(self.node, name)
        })
    }

    fn remove_dir(&self, name: &str) -> io::Result<()> {
        self.call(DiskOperation::Remove, name, |tree, _| {
            let node = tree.find(self.node, name)?;
            match tree.entries(node)?.is_empty() {
                true => tree.remove(self.node, name),
                false => Err(io::ErrorKind::DirectoryNotEmpty.into()),
            }
        })
    }

    fn list(&self) -> io::Result<Vec<DirEntry>> {
        self.disk
            .call(DiskOperation::List, Subject::Node(self.node), |tree, _| {
                let entries = tree.entries(self.node)?.iter();
                let listed = entries.map(|(name, node)| DirEntry {
                    name: name.clone(),
                    is_directory: tree.is_directory(*node),
                });
                Ok(listed.collect())
            })
    }

    fn sync(&self) -> io::Result<()> {
        self.disk
            .call(DiskOperation::Sync, Subject::Node(self.node), |tree, _| {
                tree.sync_names(self.node);
                Ok(())
            })
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.disk
            .call(DiskOperation::FreeRoom, Subject::Node(ROOT), |tree, _| {
                Ok((1u64 << 40).saturating_sub(tree.used_bytes()))
            })
    }

    fn owner(&self) -> io::Result<FileOwner> {
        Ok(OWNER)
    }

    fn lock(&self, _: &dyn DiskDir, name: &str) -> io::Result<Option<Box<dyn DiskLock>>> {
        if !self.disk.lock_root() {
            return Ok(None);
        }
        let _ = self.create_new(name);
        Ok(Some(Box::new(SimLock {
            disk: self.disk.clone(),
        })))
    }
}

struct SimLock {
    disk: SimDisk,
}

impl DiskLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.unlock_root();
    }
}

struct SimFile {
    disk: SimDisk,
    node: Node,
}

impl SimFile {
    fn boxed(disk: &SimDisk, node: Node) -> Box<dyn DiskFile> {
        let disk = disk.clone();
        Box::new(SimFile { disk, node })
    }

    fn call<T>(
        &self,
        operation: DiskOperation,
        act: impl FnOnce(&mut Tree, Extent) -> io::Result<T>,
    ) -> io::Result<T> {
        self.disk.call(operation, Subject::Node(self.node), act)
    }
}

/// How much of a write takes effect if the process is killed after `part` of its bytes. A system stops
/// a write between pages, so no sample that is overwritten is torn: its offset in the file is even.
fn written_bytes(at: u64, part: usize, bytes: usize, length: u64) -> usize {
    let end = at + part as u64;
    match part < bytes && end < length {
        true => part.saturating_sub((end % 2) as usize),
        false => part,
    }
}

impl DiskFile for SimFile {
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.call(DiskOperation::Write, |tree, extent| {
            // What cannot be appended may be there in part. What is there stays as it was.
            let length = tree.data(self.node)?.len() as u64;
            if extent.is_refused && at < length {
                return Ok(());
            }
            let written = written_bytes(at, extent.of(bytes.len()), bytes.len(), length);
            tree.write(self.node, at, &bytes[..written], extent.now_ns)
        })
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.call(DiskOperation::Read, |tree, _| {
            let data = tree.data(self.node)?;
            let from = usize::try_from(at).unwrap_or(usize::MAX).min(data.len());
            let read = buffer.len().min(data.len() - from);
            buffer[..read].copy_from_slice(&data[from..from + read]);
            Ok(read)
        })
    }

    fn length(&self) -> io::Result<u64> {
        self.call(DiskOperation::Open, |tree, _| {
            Ok(tree.data(self.node)?.len() as u64)
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.call(DiskOperation::Write, |tree, extent| match extent.is_whole() {
            true => tree.set_length(self.node, len, extent.now_ns),
            false => Ok(()),
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.call(DiskOperation::Sync, |tree, _| tree.sync_data(self.node))
    }

    fn file_id(&self) -> io::Result<FileId> {
        Ok((1, self.node))
    }

    fn owner(&self) -> io::Result<FileOwner> {
        Ok(OWNER)
    }

    fn links(&self) -> io::Result<u64> {
        self.call(DiskOperation::Open, |tree, _| Ok(tree.links(self.node)))
    }

    fn modified(&self) -> Option<SystemTime> {
        self.disk.modified(self.node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_tears_what_is_appended_and_no_sample_that_is_overwritten() {
        for (at, part, bytes, length, written) in [
            (44, 7, 320, 1000, 6),
            (45, 7, 320, 1000, 7),
            (45, 0, 320, 1000, 0),
            (44, 320, 320, 1000, 320),
            (44, 319, 319, 1000, 319),
            (1000, 7, 320, 1000, 7),
            (900, 101, 320, 1000, 101),
        ] {
            assert_eq!(written_bytes(at, part, bytes, length), written, "{at} {part}");
        }
    }
}
