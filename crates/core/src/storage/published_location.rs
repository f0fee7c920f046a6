//! The files of a published recording, by the path of its audio.

use super::directory::{Folder, StorageDirectory};
use super::disk::DiskDir;
use super::faults::FaultPoint;
use super::file_suffixes::JSON;
use super::files::{self, found_or_none, ignore_not_found};
use super::manifest::Manifest;
use super::noted_directory::NotedDirectory;
use super::raw_file::raw_suffix;
use super::safe_name;
use super::sidecar::vcon_name;
use super::vcon::is_vcon_of;
use std::io;
use uuid::Uuid;

/// The directory of a published recording and the names in it.
pub struct PublishedLocation<'a> {
    directory: &'a StorageDirectory,
    folder: Folder<'a>,
    audio: String,
    stem: String,
}

impl<'a> PublishedLocation<'a> {
    /// `file`: the path of the audio, relative to the storage directory. Returns `None` if callrec would not use the
    /// path, or if its directory does not exist.
    pub async fn open(
        directory: &'a StorageDirectory,
        file: &str,
    ) -> io::Result<Option<PublishedLocation<'a>>> {
        let mut parts: Vec<String> = file.split('/').map(str::to_owned).collect();
        if !parts.iter().all(|part| safe_name::is_component(part)) {
            return Ok(None);
        }
        let Some(audio) = parts.pop() else { return Ok(None) };
        let Some((stem, _)) = audio.rsplit_once('.') else {
            return Ok(None);
        };
        let stem = stem.to_owned();
        let Some(folder) = found_or_none(directory.open_path(&parts).await)? else {
            return Ok(None);
        };
        Ok(Some(PublishedLocation {
            directory,
            folder,
            audio,
            stem,
        }))
    }

    pub fn folder(&self) -> &dyn DiskDir {
        &*self.folder
    }

    /// Identifies the directory to a later process.
    pub async fn noted_directory(&self) -> io::Result<NotedDirectory> {
        self.directory.ready().await?;
        Ok(NotedDirectory::new(self.folder.file_id()?, self.directory))
    }

    /// The names of the recording's files, without a suffix.
    pub fn stem(&self) -> &str {
        &self.stem
    }

    pub fn audio_name(&self) -> &str {
        &self.audio
    }

    /// Begins with a dot.
    pub fn audio_suffix(&self) -> String {
        self.audio[self.stem.len()..].to_owned()
    }

    pub fn manifest_name(&self) -> String {
        format!("{}{JSON}", self.stem)
    }

    /// The bytes of the manifest. `None` if there is none.
    pub async fn manifest_bytes(&self) -> io::Result<Option<Vec<u8>>> {
        let access = self.directory.access();
        let opened = files::open(access, &*self.folder, &self.manifest_name()).await;
        match found_or_none(opened)?.flatten() {
            Some(file) => files::read_all(access, file).await.map(Some),
            None => Ok(None),
        }
    }

    /// Reads the manifest, if it belongs to this recording. Another recording may have got the name since.
    pub async fn manifest(&self, id: Uuid) -> io::Result<Option<Manifest>> {
        let bytes = self.manifest_bytes().await?.unwrap_or_default();
        Ok(manifest_of(&bytes, id))
    }

    pub async fn remove_audio(&self) -> io::Result<()> {
        self.directory.reach(FaultPoint::DeleteAudio).await?;
        ignore_not_found(self.folder.remove(&self.audio))
    }

    /// Removes the packets that were kept as they arrived.
    pub async fn remove_raw(&self) -> io::Result<()> {
        self.directory.reach(FaultPoint::DeleteRaw).await?;
        let name = format!("{}{}", self.stem, raw_suffix());
        ignore_not_found(self.folder.remove(&name))
    }

    pub async fn remove_manifest(&self) -> io::Result<()> {
        self.directory.reach(FaultPoint::DeleteManifest).await?;
        ignore_not_found(self.folder.remove(&self.manifest_name()))
    }

    /// Removes the recording's vCon. A file of the same name that callrec has not made stays.
    pub async fn remove_sidecar(&self, id: Uuid) -> io::Result<()> {
        let access = self.directory.access();
        let sidecar = vcon_name(&self.stem);
        let opened = files::open(access, &*self.folder, &sidecar).await;
        let Some(file) = found_or_none(opened)?.flatten() else {
            return Ok(());
        };
        if !is_vcon_of(&files::read_all(access, file).await?, id) {
            return Ok(());
        }
        self.directory.reach(FaultPoint::DeleteSidecar).await?;
        ignore_not_found(self.folder.remove(&sidecar))
    }

    pub async fn sync_names(&self) -> io::Result<()> {
        self.directory.sync_names(&*self.folder).await
    }
}

/// The manifest in these bytes, if it belongs to this recording.
pub fn manifest_of(bytes: &[u8], id: Uuid) -> Option<Manifest> {
    Manifest::from_bytes(bytes).filter(|manifest| Uuid::try_parse(&manifest.id) == Ok(id))
}
