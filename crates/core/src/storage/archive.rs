//! Finished recordings, by the manifests that stand beside them: an index in memory,
//! filled by one scan and kept current by whoever hears that a recording has ended.
//!
//! Whatever it answers is looked at on the disk first, because a host may move or
//! remove finished files at any time. So everything here but `note` may wait for the disk.

mod entry;
mod walk;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use callrec_codec::Medium;
use uuid::Uuid;

pub use entry::{ArchiveEntry, Facts};

use super::disk::DiskDir;
use super::manifest::Manifest;
use crate::sync::{Mutex, MutexGuard, thread};
use walk::Place;

/// A scan gives way after so many manifests.
const BREATH: usize = 64;

/// How often a page is looked for again because some of it has gone from the disk.
const LOOKS: usize = 3;

#[derive(Default)]
struct Index {
    by_time: BTreeMap<(i64, Uuid), Arc<ArchiveEntry>>,
    by_id: HashMap<Uuid, (i64, Uuid)>,
    /// What was removed while the scan still ran, and may have been read before.
    removed: HashSet<Uuid>,
    complete: bool,
    stopped: bool,
}

impl Index {
    fn put(&mut self, entry: Arc<ArchiveEntry>) {
        let place = entry.place();
        if let Some(old) = self.by_id.insert(entry.id, place) {
            self.by_time.remove(&old);
        }
        self.by_time.insert(place, entry);
    }

    fn get(&self, id: Uuid) -> Option<&Arc<ArchiveEntry>> {
        self.by_time.get(self.by_id.get(&id)?)
    }

    /// The entry alone, unless another has taken its place meanwhile.
    fn forget(&mut self, entry: &Arc<ArchiveEntry>) {
        if self.get(entry.id).is_some_and(|known| Arc::ptr_eq(known, entry)) {
            self.by_id.remove(&entry.id);
            self.by_time.remove(&entry.place());
        }
    }
}

/// The finished recordings of one directory.
pub struct Archive {
    root: Box<dyn DiskDir>,
    index: Mutex<Index>,
    /// What was noted and not yet sorted in: `note` must not wait for a long query.
    news: Mutex<Vec<ArchiveEntry>>,
}

/// The audio of a finished recording.
pub struct FinishedAudio {
    pub medium: Box<dyn Medium>,
    /// When it was last written to, if the system says.
    pub modified: Option<SystemTime>,
}

impl Archive {
    pub fn new(root: Box<dyn DiskDir>) -> Archive {
        Archive {
            root,
            index: Mutex::default(),
            news: Mutex::default(),
        }
    }

    /// A recording has been published. Waits for nothing.
    pub fn note(&self, entry: ArchiveEntry) {
        self.news.lock().push(entry);
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        let mut index = self.index.lock();
        for entry in std::mem::take(&mut *self.news.lock()) {
            if !index.removed.contains(&entry.id) {
                index.put(Arc::new(entry));
            }
        }
        index
    }

    /// Reads the whole directory, until it is through or `stop`. Answers what could not
    /// be read.
    pub fn scan(&self) -> Vec<(String, io::Error)> {
        let mut seen = 0;
        let unread = walk::walk(&*self.root, &mut |entry| {
            seen += 1;
            if seen % BREATH == 0 {
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

    /// The scan ends soon.
    pub fn stop(&self) {
        self.index.lock().stopped = true;
    }

    /// Whether the first scan is over.
    pub fn is_complete(&self) -> bool {
        self.index.lock().complete
    }

    /// Those that are wanted, newest first: how many there are, and of them `limit`
    /// behind the first `offset`. `wanted` is asked under a lock. Once nobody waits for
    /// the answer any more it is anything.
    pub fn select(
        &self,
        wanted: impl Fn(&ArchiveEntry) -> bool,
        offset: usize,
        limit: Option<usize>,
        is_awaited: impl Fn() -> bool,
    ) -> (usize, Vec<Arc<ArchiveEntry>>) {
        let mut looks = 1;
        loop {
            let (total, mut page) = self.look(&wanted, offset, limit, &is_awaited);
            let before = page.len();
            page.retain(|entry| is_awaited() && self.is_there(entry));
            if page.len() == before || looks == LOOKS || !is_awaited() {
                return (total - (before - page.len()), page);
            }
            looks += 1;
        }
    }

    fn look(
        &self,
        wanted: &impl Fn(&ArchiveEntry) -> bool,
        offset: usize,
        limit: Option<usize>,
        is_awaited: &impl Fn() -> bool,
    ) -> (usize, Vec<Arc<ArchiveEntry>>) {
        let index = self.index();
        let mut total = 0;
        let mut page = Vec::new();
        let all = index.by_time.values().rev().take_while(|_| is_awaited());
        for entry in all.filter(|entry| wanted(entry)) {
            if total >= offset && limit.is_none_or(|limit| page.len() < limit) {
                page.push(entry.clone());
            }
            total += 1;
        }
        (total, page)
    }

    pub fn find(&self, id: Uuid) -> Option<Arc<ArchiveEntry>> {
        let found = self.index().get(id).cloned()?;
        self.is_there(&found).then_some(found)
    }

    /// What has gone from the disk is forgotten.
    fn is_there(&self, entry: &Arc<ArchiveEntry>) -> bool {
        let gone = match Place::of(&*self.root, entry.file()) {
            Ok(Some(place)) => matches!(place.exists(), Ok(false)),
            Ok(None) => true,
            // It cannot be said now.
            Err(_) => false,
        };
        if gone {
            self.index.lock().forget(entry);
        }
        !gone
    }

    /// The entry's place and manifest, if what is there is still that recording.
    fn look_at(&self, id: Uuid) -> io::Result<Option<(Place, Manifest)>> {
        let Some(entry) = self.find(id) else {
            return Ok(None);
        };
        let place = Place::of(&*self.root, entry.file())?;
        let manifest = match &place {
            Some(place) => place.manifest(id)?,
            None => None,
        };
        if manifest.is_none() {
            self.index.lock().forget(&entry);
        }
        Ok(place.zip(manifest))
    }

    /// All that is known of a finished recording.
    pub fn manifest(&self, id: Uuid) -> io::Result<Option<Manifest>> {
        Ok(self.look_at(id)?.map(|(_, manifest)| manifest))
    }

    /// Its audio, to read from. It can be read to its end even if it is removed meanwhile.
    pub fn open(&self, id: Uuid) -> io::Result<Option<FinishedAudio>> {
        let file = match self.look_at(id)? {
            Some((place, _)) => place.open()?,
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

    /// Removes audio and manifest; `false` if there is no such recording.
    pub fn remove(&self, id: Uuid) -> io::Result<bool> {
        let Some((place, _)) = self.look_at(id)? else {
            return Ok(false);
        };
        place.remove()?;
        let mut index = self.index();
        if let Some(entry) = index.get(id).cloned() {
            index.forget(&entry);
        }
        if !index.complete {
            index.removed.insert(id);
        }
        Ok(true)
    }
}

#[cfg(all(test, unix))]
mod tests;
