//! Writes the sidecar of a published recording: the work of a job of the kind [`VCON`].
//!
//! The sidecar is written in `.callrec/jobs/vcon` and then renamed, so the final name never has a
//! part of it. It is never rewritten: an attempt that finds it is done.

use super::digest::FileHash;
use super::directory::StorageDirectory;
use super::disk::{DiskDir, DiskFile};
use super::faults::FaultPoint;
use super::file_suffixes::{JSON, split_audio};
use super::files::{self, READ_BYTES, found_or_none, ignore_not_found};
use super::id_turns::IdTurns;
use super::job_files::{Job, JobFiles};
use super::manifest::Manifest;
use super::plain_file::PlainFile;
use super::published_location::manifest_of;
use super::sidecar::{VCON, vcon_name};
use super::vcon::{VconSource, is_vcon_of};
use crate::memory;
use crate::task::{self, NextStep};
use sha2::{Digest as _, Sha512};
use std::io;
use std::sync::Arc;
use uuid::Uuid;

const GONE: &str = "its audio and manifest are not where they were published";

/// The result of an attempt that need not be repeated.
#[derive(Debug, PartialEq, Eq)]
pub enum SidecarResult {
    /// The sidecar is beside the audio, on disk.
    Written,
    /// There will be no sidecar, for this reason.
    Impossible(String),
}

/// Writes sidecars.
pub struct SidecarWriter {
    pub directory: Arc<StorageDirectory>,
    pub jobs: Arc<JobFiles>,
    /// While a sidecar is written, its recording is not deleted.
    pub turns: Arc<IdTurns>,
}

/// What is at the name of a sidecar.
enum FoundSidecar {
    None,
    /// The recording's own sidecar.
    Own,
    /// An empty file, which an interrupted rename leaves on file systems that cannot rename
    /// exclusively.
    Reserved,
    Other,
}

/// What was published of a recording.
struct PublishedFiles {
    audio: Box<dyn DiskFile>,
    manifest: Manifest,
}

impl SidecarWriter {
    /// Writes the vCon of a job's recording, unless it exists.
    pub async fn write_vcon(&self, job: &Job) -> io::Result<SidecarResult> {
        let named = split_audio(&job.recording.file);
        let (Ok(id), Some((name, suffix))) = (Uuid::try_parse(&job.key), named) else {
            return Ok(impossible("its manifest names no audio file"));
        };
        let result = match found_or_none(self.directory.folder(&name).await)? {
            Some(folder) => self.write_in(&*folder, &name.stem(1), &suffix, id, job).await?,
            None => impossible(GONE),
        };
        // An attempt that a crash interrupted may have left its file.
        self.remove_work(&*self.jobs.folder(VCON).await?, id).await?;
        Ok(result)
    }

    async fn write_in(
        &self,
        folder: &dyn DiskDir,
        stem: &str,
        suffix: &str,
        id: Uuid,
        job: &Job,
    ) -> io::Result<SidecarResult> {
        let Some(found) = self.find(folder, stem, suffix, id).await? else {
            self.remove_if_deleted(folder, stem, id).await?;
            return Ok(impossible(GONE));
        };
        let sidecar = vcon_name(stem);
        let is_reserved = match self.look(folder, &sidecar, id).await? {
            FoundSidecar::Own => {
                self.directory.sync_names(folder).await?;
                return Ok(SidecarResult::Written);
            }
            FoundSidecar::Other => return Ok(taken(&sidecar)),
            FoundSidecar::Reserved => true,
            FoundSidecar::None => false,
        };
        let Some(sha512) = self.hash(found.audio, &found.manifest.digest).await? else {
            return Ok(impossible("its audio has changed since it was published"));
        };
        let vcon = VconSource {
            id,
            manifest: &found.manifest,
            created_at_ms: job.queued_at_ms,
            sha512: &sha512,
        };
        let bytes = vcon.to_bytes()?;
        let clock = self.directory.clock();
        let _turn = self.turns.take_async(id, || clock.now()).await;
        if !self.is_published(folder, stem, id).await? {
            return Ok(impossible(GONE));
        }
        match self.place(id, &bytes, folder, &sidecar, is_reserved).await {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(taken(&sidecar)),
            placed => placed?,
        }
        match self.remove_if_deleted(folder, stem, id).await? {
            true => Ok(impossible(GONE)),
            false => Ok(SidecarResult::Written),
        }
    }

    /// Removes the sidecar of a recording that was deleted before there was a sidecar to remove.
    /// Returns whether it was deleted.
    async fn remove_if_deleted(&self, folder: &dyn DiskDir, stem: &str, id: Uuid) -> io::Result<bool> {
        if self.is_published(folder, stem, id).await? {
            return Ok(false);
        }
        let sidecar = vcon_name(stem);
        if let FoundSidecar::Own = self.look(folder, &sidecar, id).await? {
            self.directory.ready().await?;
            ignore_not_found(folder.remove(&sidecar))?;
        }
        Ok(true)
    }

    /// Whether the manifest with this name is the recording's. Another one may have the name since.
    async fn is_published(&self, folder: &dyn DiskDir, stem: &str, id: Uuid) -> io::Result<bool> {
        let access = self.directory.access();
        let opened = files::open(access, folder, &format!("{stem}{JSON}")).await;
        let bytes = match found_or_none(opened)?.flatten() {
            Some(file) => files::read_all(access, file).await?,
            None => Vec::new(),
        };
        Ok(manifest_of(&bytes, id).is_some())
    }

    /// Opens the recording's audio and reads its manifest. Returns `None` if they have been removed.
    async fn find(
        &self,
        folder: &dyn DiskDir,
        stem: &str,
        suffix: &str,
        id: Uuid,
    ) -> io::Result<Option<PublishedFiles>> {
        let access = self.directory.access();
        let open =
            async |name: String| found_or_none(files::open(access, folder, &name).await).map(Option::flatten);
        let manifest = open(format!("{stem}{JSON}")).await?;
        let audio = open(format!("{stem}{suffix}")).await?;
        let (Some(manifest), Some(audio)) = (manifest, audio) else {
            return Ok(None);
        };
        let manifest = Manifest::from_bytes(&files::read_all(access, manifest).await?);
        let manifest = manifest.filter(|manifest| Uuid::try_parse(&manifest.id) == Ok(id));
        Ok(manifest.map(|manifest| PublishedFiles { audio, manifest }))
    }

    async fn look(&self, folder: &dyn DiskDir, sidecar: &str, id: Uuid) -> io::Result<FoundSidecar> {
        let access = self.directory.access();
        let Some(file) = found_or_none(files::open(access, folder, sidecar).await)?.flatten() else {
            return Ok(FoundSidecar::None);
        };
        access.ready().await?;
        if file.length()? == 0 {
            return Ok(FoundSidecar::Reserved);
        }
        let bytes = files::read_all(access, file).await?;
        Ok(match is_vcon_of(&bytes, id) {
            true => FoundSidecar::Own,
            false => FoundSidecar::Other,
        })
    }

    /// The SHA-512 digest of the audio. Returns `None` if the audio has another digest than
    /// `published`, unless that is empty. Suspends after each read, so that a closing engine does
    /// not wait for a long file.
    async fn hash(&self, audio: Box<dyn DiskFile>, published: &str) -> io::Result<Option<Vec<u8>>> {
        let audio = PlainFile::to_read(audio);
        let (mut sha512, mut sha256) = (Sha512::new(), FileHash::default());
        let mut buffer = memory::read_buffer(READ_BYTES as usize);
        loop {
            let before = sha256.bytes();
            self.directory.ready().await?;
            if !sha256.read(&audio, &mut buffer)? {
                break;
            }
            sha512.update(&buffer[..(sha256.bytes() - before) as usize]);
            task::suspend(NextStep::Now).await;
        }
        let is_same = published.is_empty() || sha256.finish() == published;
        Ok(is_same.then(|| sha512.finalize().to_vec()))
    }

    /// Writes the bytes to a file of their own, and renames it. Fails with `AlreadyExists` if the
    /// name is taken; replaces the file with that name if `is_reserved`.
    async fn place(
        &self,
        id: Uuid,
        bytes: &[u8],
        folder: &dyn DiskDir,
        sidecar: &str,
        is_reserved: bool,
    ) -> io::Result<()> {
        let directory = &*self.directory;
        let work = self.jobs.folder(VCON).await?;
        let next = work_name(id);
        self.remove_work(&*work, id).await?;
        directory.reach(FaultPoint::WriteSidecar).await?;
        let file = work.create_new(&next)?;
        directory.ready().await?;
        file.write_all_at(bytes, 0)?;
        directory.sync_file(&*file).await?;
        drop(file);
        directory.reach(FaultPoint::RenameSidecar).await?;
        let renamed = match is_reserved {
            true => work.rename_over(&next, folder, sidecar),
            false => directory.rename_new(&*work, &next, folder, sidecar).await,
        };
        if renamed.is_err() {
            self.remove_work(&*work, id).await?;
        }
        renamed?;
        directory.sync_names(folder).await
    }

    /// Removes the file in which an attempt writes, if it exists.
    async fn remove_work(&self, work: &dyn DiskDir, id: Uuid) -> io::Result<()> {
        self.directory.ready().await?;
        ignore_not_found(work.remove(&work_name(id)))
    }
}

/// The name of the file in which an attempt writes.
fn work_name(id: Uuid) -> String {
    format!("{}.tmp", vcon_name(&id.as_hyphenated().to_string()))
}

fn taken(sidecar: &str) -> SidecarResult {
    impossible(format!("another file is named \"{sidecar}\""))
}

fn impossible(reason: impl Into<String>) -> SidecarResult {
    SidecarResult::Impossible(reason.into())
}
