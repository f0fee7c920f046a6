//! The archive of finished recordings: an index in memory of the manifests beside the audio files.
//! One scan fills it, and `note` adds recordings that end later.
//!
//! A host may move or remove finished files at any time, so each result is checked on the disk
//! first. All functions except `note` and `forget` may wait for the disk.

mod entry;
mod walk;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use callrec_codec::Medium;
use uuid::Uuid;

pub use entry::{ArchiveEntry, ArchiveFields};

use super::disk::DiskDir;
use super::manifest::Manifest;
use crate::sync::{Mutex, MutexGuard, thread};
use walk::EntryFiles;

/// A scan yields the processor after this many manifests.
const YIELD_EVERY: usize = 64;

/// How many times a page is collected, if files of it have been removed from the disk.
const PAGE_ATTEMPTS: usize = 3;

#[derive(Default)]
struct ArchiveIndex {
    by_time: BTreeMap<(i64, Uuid), Arc<ArchiveEntry>>,
    by_id: HashMap<Uuid, (i64, Uuid)>,
    /// Recordings that were removed during the scan, which may have read them before.
    removed: HashSet<Uuid>,
    complete: bool,
    stopped: bool,
}

impl ArchiveIndex {
    fn put(&mut self, entry: Arc<ArchiveEntry>) {
        let files = entry.sort_key();
        if let Some(old) = self.by_id.insert(entry.id, files) {
            self.by_time.remove(&old);
        }
        self.by_time.insert(files, entry);
    }

    fn get(&self, id: Uuid) -> Option<&Arc<ArchiveEntry>> {
        self.by_time.get(self.by_id.get(&id)?)
    }

    /// Removes the entry, unless another entry has replaced it.
    fn forget(&mut self, entry: &Arc<ArchiveEntry>) {
        if self.get(entry.id).is_some_and(|known| Arc::ptr_eq(known, entry)) {
            self.by_id.remove(&entry.id);
            self.by_time.remove(&entry.sort_key());
        }
    }
}

/// The finished recordings of one directory.
pub struct Archive {
    root: Box<dyn DiskDir>,
    index: Mutex<ArchiveIndex>,
    /// Entries that are not in the index yet, so that `note` does not wait for a long query.
    unsorted: Mutex<Vec<ArchiveEntry>>,
}

/// The audio of a finished recording.
pub struct FinishedAudio {
    pub medium: Box<dyn Medium>,
    /// The time of the last write, if the system provides it.
    pub modified: Option<SystemTime>,
}

impl Archive {
    pub fn new(root: Box<dyn DiskDir>) -> Archive {
        Archive {
            root,
            index: Mutex::default(),
            unsorted: Mutex::default(),
        }
    }

    /// Adds a recording that has been published. Never waits.
    pub fn note(&self, entry: ArchiveEntry) {
        self.unsorted.lock().push(entry);
    }

    fn index(&self) -> MutexGuard<'_, ArchiveIndex> {
        let mut index = self.index.lock();
        for entry in std::mem::take(&mut *self.unsorted.lock()) {
            if !index.removed.contains(&entry.id) {
                index.put(Arc::new(entry));
            }
        }
        index
    }

    /// Scans the whole directory, until the end or `stop`. Returns the paths that could not be
    /// read.
    pub fn scan(&self) -> Vec<(String, io::Error)> {
        let mut seen = 0;
        let unread = walk::walk(&*self.root, &mut |entry| {
            seen += 1;
            if seen % YIELD_EVERY == 0 {
                thread::yield_now();
            }
            let mut index = self.index();
            if let Some(entry) = entry
                && index.get(entry.id).is_none()
                && !index.removed.contains(&entry.id)
            {
                index.put(Arc::new(entry));
            }
            !index.stopped
        });
        let mut index = self.index();
        index.complete = !index.stopped;
        index.removed = HashSet::new();
        unread
    }

    /// Stops the scan.
    pub fn stop(&self) {
        self.index.lock().stopped = true;
    }

    /// Whether the first scan is complete.
    pub fn is_complete(&self) -> bool {
        self.index.lock().complete
    }

    /// Selects the entries for which `is_selected` returns true, newest first. Returns their number, and
    /// at most `limit` of them after the first `offset`. `is_selected` is called under a lock. Once
    /// `is_awaited` returns false, the result is unspecified.
    pub fn select(
        &self,
        is_selected: impl Fn(&ArchiveEntry) -> bool,
        offset: usize,
        limit: Option<usize>,
        is_awaited: impl Fn() -> bool,
    ) -> (usize, Vec<Arc<ArchiveEntry>>) {
        let mut attempts = 1;
        loop {
            let (total, mut page) = self.collect_page(&is_selected, offset, limit, &is_awaited);
            let before = page.len();
            page.retain(|entry| is_awaited() && self.exists_on_disk(entry));
            if page.len() == before || attempts == PAGE_ATTEMPTS || !is_awaited() {
                return (total - (before - page.len()), page);
            }
            attempts += 1;
        }
    }

    fn collect_page(
        &self,
        is_selected: &impl Fn(&ArchiveEntry) -> bool,
        offset: usize,
        limit: Option<usize>,
        is_awaited: &impl Fn() -> bool,
    ) -> (usize, Vec<Arc<ArchiveEntry>>) {
        let index = self.index();
        let mut total = 0;
        let mut page = Vec::new();
        let all = index.by_time.values().rev().take_while(|_| is_awaited());
        for entry in all.filter(|entry| is_selected(entry)) {
            if total >= offset && limit.is_none_or(|limit| page.len() < limit) {
                page.push(entry.clone());
            }
            total += 1;
        }
        (total, page)
    }

    pub fn find(&self, id: Uuid) -> Option<Arc<ArchiveEntry>> {
        let found = self.index().get(id).cloned()?;
        self.exists_on_disk(&found).then_some(found)
    }

    /// Whether the entry's files exist. Removes the entry from the index if they do not.
    fn exists_on_disk(&self, entry: &Arc<ArchiveEntry>) -> bool {
        let gone = match EntryFiles::of(&*self.root, entry.file()) {
            Ok(Some(files)) => matches!(files.exists(), Ok(false)),
            Ok(None) => true,
            // It is unknown whether the files exist.
            Err(_) => false,
        };
        if gone {
            self.index.lock().forget(entry);
        }
        !gone
    }

    /// The entry's files and manifest, if they still belong to that recording.
    fn locate(&self, id: Uuid) -> io::Result<Option<(EntryFiles, Manifest)>> {
        let Some(entry) = self.find(id) else {
            return Ok(None);
        };
        let files = EntryFiles::of(&*self.root, entry.file())?;
        let manifest = match &files {
            Some(files) => files.manifest(id)?,
            None => None,
        };
        if manifest.is_none() {
            self.index.lock().forget(&entry);
        }
        Ok(files.zip(manifest))
    }

    /// Reads the manifest of a finished recording.
    pub fn manifest(&self, id: Uuid) -> io::Result<Option<Manifest>> {
        Ok(self.locate(id)?.map(|(_, manifest)| manifest))
    }

    /// Opens the audio for reading. It can be read to its end even if it is removed in between.
    pub fn open(&self, id: Uuid) -> io::Result<Option<FinishedAudio>> {
        let file = match self.locate(id)? {
            Some((files, _)) => files.open()?,
            None => None,
        };
        file.map(|file| {
            Ok(FinishedAudio {
                modified: file.modified(),
                medium: Box::new(file),
            })
        })
        .transpose()
    }

    /// Removes a recording that was deleted from the index. Never waits for the disk.
    pub fn forget(&self, id: Uuid) {
        let mut index = self.index();
        if let Some(entry) = index.get(id).cloned() {
            index.forget(&entry);
        }
        if !index.complete {
            index.removed.insert(id);
        }
    }
}

#[cfg(all(test, unix))]
mod tests;
