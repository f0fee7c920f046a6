//! The live manifests in `.callrec`: made, rewritten, read, removed.

use super::faults::Step;
use super::manifest::{self, Manifest};
use super::os::{self, Dir};
use super::{LOG_WARNING, Store};
use std::fs::File;
use std::io;
use uuid::Uuid;

/// No manifest that we write comes near; a larger file is not read.
pub(super) const MANIFEST_MAX: u64 = 8 << 20;

pub fn live_name(id: Uuid) -> String {
    format!("{}.json", id.as_hyphenated())
}

pub fn next_name(id: Uuid) -> String {
    format!("{}.json.tmp", id.as_hyphenated())
}

/// The ids of the live manifests; names that are none of ours are passed over.
pub fn list(control: &Dir) -> io::Result<Vec<Uuid>> {
    let ids = control.list()?.into_iter().filter_map(|entry| {
        let stem = entry.name.strip_suffix(".json")?;
        let id = Uuid::try_parse(stem).ok()?;
        (live_name(id) == entry.name && !entry.is_directory).then_some(id)
    });
    let mut ids: Vec<Uuid> = ids.collect();
    ids.sort_unstable();
    Ok(ids)
}

/// A file, if it is there.
pub fn open(dir: &Dir, name: &str) -> io::Result<Option<File>> {
    match dir.open_read(name) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// All of a small file below a directory; empty for one that is too large to be a paper.
pub fn read(dir: &Dir, name: &str) -> io::Result<Option<Vec<u8>>> {
    match open(dir, name)? {
        Some(file) => read_all(&file).map(Some),
        None => Ok(None),
    }
}

/// All of a small file.
pub fn read_all(file: &File) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    if length > MANIFEST_MAX {
        return Ok(Vec::new());
    }
    let mut bytes = vec![0; length as usize];
    let mut at = 0;
    while at < bytes.len() {
        match os::read_at(file, &mut bytes[at..], at as u64) {
            Ok(0) => break,
            Ok(read) => at += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(at);
    Ok(bytes)
}

/// A removal that finds nothing to remove has done its duty.
pub fn removed(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// What the live manifests of one recording say.
pub enum Papers {
    None,
    /// And whether publishing had begun: then its `file` is the name it was to get.
    Whole(Box<Manifest>, bool),
    /// Not readable as a whole; with what it still says of the audio's name.
    Broken(manifest::Salvage),
}

impl Store {
    /// Writes a recording's first manifest, and leaves it open.
    pub(super) fn create_manifest(&self, id: Uuid, manifest: &Manifest) -> io::Result<OpenManifest> {
        self.hook.at(Step::CreateManifest)?;
        let bytes = manifest.to_bytes()?;
        let file = self.control.create_new(&live_name(id))?;
        let written = os::write_all_at(&file, &bytes, 0);
        if written.is_err() {
            self.forget_loudly(id);
        }
        written.map(|()| OpenManifest { file, bytes })
    }

    /// Writes the next manifest beside the live one.
    pub(super) fn write_next(&self, id: Uuid, manifest: &Manifest) -> io::Result<File> {
        let name = next_name(id);
        let bytes = manifest.to_bytes()?;
        let file = match self.control.create_new(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.control.remove(&name)?;
                self.control.create_new(&name)?
            }
            other => other?,
        };
        os::write_all_at(&file, &bytes, 0)?;
        Ok(file)
    }

    /// Replaces the live manifest.
    pub(super) fn rewrite(&self, id: Uuid, manifest: &Manifest) -> io::Result<()> {
        self.hook.at(Step::WriteMark)?;
        self.write_next(id, manifest)?;
        self.hook.at(Step::PlaceMark)?;
        self.control
            .rename_over(&next_name(id), &self.control, &live_name(id))
    }

    /// Reads what is known. A next manifest that is whole is newer than the live
    /// one; only the audio's name in progress is the live one's to say.
    pub(super) fn read_papers(&self, id: Uuid) -> io::Result<Papers> {
        let Some(live_bytes) = self.read_control(&live_name(id))? else {
            return Ok(Papers::None);
        };
        let next_bytes = self.read_control(&next_name(id))?;
        let live = Manifest::from_bytes(&live_bytes);
        let text = id.as_hyphenated().to_string();
        let next = next_bytes
            .and_then(|bytes| Manifest::from_bytes(&bytes))
            .filter(|next| next.id == text);
        Ok(match (live, next) {
            (Some(live), None) => Papers::Whole(Box::new(live), false),
            (Some(live), Some(mut next)) => {
                let publishing = next.part.is_empty();
                next.part = live.part;
                next.started |= live.started;
                Papers::Whole(Box::new(next), publishing)
            }
            (None, Some(next)) => {
                let publishing = next.part.is_empty();
                Papers::Whole(Box::new(next), publishing)
            }
            (None, None) => Papers::Broken(manifest::salvage(&live_bytes)),
        })
    }

    /// Removes a recording's live manifest, and what was to follow it.
    pub(super) fn forget(&self, id: Uuid) -> io::Result<()> {
        removed(self.control.remove(&live_name(id)))
    }

    pub(super) fn forget_next(&self, id: Uuid) -> io::Result<()> {
        removed(self.control.remove(&next_name(id)))
    }

    pub(super) fn forget_loudly(&self, id: Uuid) {
        if let Err(error) = self.forget(id) {
            self.report
                .log(LOG_WARNING, format!("{id}: manifest not removed: {error}"));
        }
    }

    /// Puts an unreadable paper aside, for a person to look at.
    pub(super) fn put_aside(&self, dir: &Dir, id: Uuid) -> io::Result<()> {
        let name = live_name(id);
        for number in 1..1000 {
            let aside = if number == 1 {
                format!("{name}.bad")
            } else {
                format!("{name}.bad-{number}")
            };
            match self.rename_new(dir, &name, dir, &aside) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                other => return other,
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

/// A first manifest, just written.
pub(super) struct OpenManifest {
    file: File,
    bytes: Vec<u8>,
}

impl OpenManifest {
    /// Notes in it that the audio's file is there.
    pub fn note_started(&self) -> io::Result<()> {
        match manifest::started_patch(&self.bytes) {
            Some((at, patch)) => os::write_all_at(&self.file, patch, at),
            None => Ok(()),
        }
    }
}
