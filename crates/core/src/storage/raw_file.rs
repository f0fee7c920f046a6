//! Writes a recording's file of packets that are kept as they arrived: a pcapng file beside the
//! audio, with the same name.
//!
//! A refused write of this file never fails the audio: the packets are dropped and counted.

use super::audio_file::AudioFiles;
use super::digest::digest_of;
use super::disk::DiskDir;
use super::faults::FaultPoint;
use super::file_handle::FileHandle;
use super::file_suffixes::PART;
use super::files::{ignore_not_found, name_was_free};
use super::listener::LOG_WARNING;
use super::manifest::RawEntry;
use super::name::RecordingName;
use super::plain_file::PlainFile;
use super::raw_backlog::RawAdmission;
use crate::types::Leg;
use callrec_codec::Medium;
use callrec_codec::pcapng::{PCAPNG, PacketWriter, WholeBlocks};
use std::io;
use std::sync::Arc;
use uuid::Uuid;

/// Packets as they are in the file.
pub struct RawBlock {
    pub bytes: Vec<u8>,
    pub packets: u64,
    /// Packets before these that the backlog refused.
    pub refused: u64,
    /// Held until the packets are written.
    pub _admission: Option<RawAdmission>,
}

/// Begins a file of packets: its header is the first output.
pub fn packet_writer(id: Uuid) -> Option<PacketWriter> {
    PacketWriter::new(id, &Leg::ALL.map(Leg::text))
}

/// The suffix of a published file, with its dot.
pub fn raw_suffix() -> String {
    format!(".{PCAPNG}")
}

/// One recording's file of packets.
pub struct RawFile {
    files: Arc<AudioFiles>,
    id: Uuid,
    name: RecordingName,
    /// The current name of the file; empty until it is created.
    current: String,
    /// Whole blocks in the file.
    whole: WholeBlocks,
    dropped: u64,
    handle: FileHandle,
    is_unsynced: bool,
    /// It was created, and its name is not synced yet.
    is_name_unsynced: bool,
    /// A refusal by the disk has been logged.
    is_refusal_logged: bool,
}

impl RawFile {
    /// A file that is created with its first packets.
    pub fn new(files: &Arc<AudioFiles>, id: Uuid, name: &RecordingName) -> RawFile {
        RawFile {
            files: Arc::clone(files),
            id,
            name: name.clone(),
            current: String::new(),
            whole: WholeBlocks::default(),
            dropped: 0,
            handle: FileHandle::default(),
            is_unsynced: false,
            is_name_unsynced: false,
            is_refusal_logged: false,
        }
    }

    /// A file of an earlier process, whose whole blocks have been counted.
    pub fn reopened(
        files: &Arc<AudioFiles>,
        id: Uuid,
        name: &RecordingName,
        (current, whole): (String, WholeBlocks),
        file: PlainFile,
    ) -> RawFile {
        RawFile {
            current,
            whole,
            handle: FileHandle::new(file, None),
            is_unsynced: true,
            ..RawFile::new(files, id, name)
        }
    }

    /// Adds packets that an earlier process dropped.
    pub fn with_dropped(self, dropped: u64) -> RawFile {
        RawFile {
            dropped: self.dropped + dropped,
            ..self
        }
    }

    fn exists(&self) -> bool {
        !self.current.is_empty()
    }

    /// What the manifest says of it; `None` if no packet was kept.
    pub fn entry(&self) -> Option<RawEntry> {
        (self.exists() || self.dropped > 0).then(|| RawEntry {
            file: self.current_path(),
            bytes: self.bytes(),
            packets: self.whole.packets,
            dropped: self.dropped,
            digest: String::new(),
        })
    }

    fn current_path(&self) -> String {
        if !self.exists() {
            return String::new();
        }
        let mut components = self.name.directories().to_vec();
        components.push(self.current.clone());
        components.join("/")
    }

    /// Counts packets that are dropped.
    pub fn count_dropped(&mut self, packets: u64) {
        self.dropped += packets;
    }

    pub fn bytes(&self) -> u64 {
        self.whole.bytes as u64
    }

    /// Appends packets. Creates the file first if there is none. Packets that the disk refuses are
    /// dropped.
    pub async fn append(&mut self, block: &RawBlock) {
        self.dropped += block.refused;
        if block.packets == 0 {
            return;
        }
        if let Err(error) = self.try_append(&block.bytes).await {
            self.dropped += block.packets;
            if !std::mem::replace(&mut self.is_refusal_logged, true) {
                let (id, path) = (self.id, self.name.path(&raw_suffix()));
                let message = format!(
                    "recording {id}: packets cannot be written to \"{path}\", and are dropped: {error}"
                );
                self.files.log(LOG_WARNING, message);
            }
            return;
        }
        self.whole.bytes += block.bytes.len();
        self.whole.packets += block.packets;
    }

    async fn try_append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.exists() {
            self.create().await?;
        }
        self.open().await?;
        self.files.directory().reach(FaultPoint::WriteRaw).await?;
        self.is_unsynced = true;
        if self.whole.bytes == 0 {
            let header = packet_writer(self.id).map(|mut writer| writer.take(Vec::new()));
            let header = header.ok_or(io::ErrorKind::InvalidData)?;
            self.handle.file()?.append(&header)?;
            self.whole.bytes = header.len();
            self.files.directory().ready().await?;
        }
        // After a failure, the next packets are written over those that the disk refused.
        self.handle.file()?.append(bytes)
    }

    /// Creates the file, without its header. From now on it is the recording's, whatever the disk refuses.
    async fn create(&mut self) -> io::Result<()> {
        let files = Arc::clone(&self.files);
        let directory = files.directory();
        let current = format!("{}{}{PART}", self.name.stem(1), raw_suffix());
        let folder = directory.folder(&self.name).await?;
        directory.reach(FaultPoint::CreateRaw).await?;
        let file = PlainFile::new(folder.create_new(&current)?, 0);
        self.current = current;
        self.is_name_unsynced = true;
        self.handle = FileHandle::new(file, self.files.slots().take());
        Ok(())
    }

    /// Opens the file again if it was closed.
    async fn open(&mut self) -> io::Result<()> {
        if !self.handle.is_open() {
            let directory = self.files.directory();
            let folder = directory.folder(&self.name).await?;
            directory.ready().await?;
            let file = PlainFile::new(folder.open_write(&self.current)?, self.whole.bytes as u64);
            self.handle.set_reopened(file, self.files.slots());
        }
        Ok(())
    }

    pub fn close_unless_slotted(&mut self) {
        self.handle.close_unless_slotted();
    }

    pub fn close(&mut self) {
        self.handle.close();
    }

    pub fn is_unsynced(&self) -> bool {
        self.exists() && self.is_unsynced
    }

    /// Syncs data that was written while the recording is in progress, and the file's name.
    pub async fn sync_progress(&mut self) -> io::Result<()> {
        if self.is_unsynced() {
            self.sync().await?;
        }
        if std::mem::take(&mut self.is_name_unsynced) {
            let synced = self.files.directory().sync_path(&self.name).await;
            self.is_name_unsynced = synced.is_err();
            synced?;
        }
        Ok(())
    }

    pub async fn sync(&mut self) -> io::Result<()> {
        if self.exists() {
            self.open().await?;
            self.files.directory().reach(FaultPoint::Sync).await?;
            self.handle.file()?.sync()?;
            self.is_unsynced = false;
        }
        Ok(())
    }

    /// Cuts the file after its last whole block. Removes a file without a packet.
    pub async fn seal(&mut self) -> io::Result<()> {
        if self.whole.packets == 0 {
            self.remove().await?;
            self.current = String::new();
            self.whole = WholeBlocks::default();
        }
        if self.exists() {
            self.open().await?;
            self.files.directory().ready().await?;
            self.handle.file()?.seal(self.whole.bytes as u64)?;
        }
        Ok(())
    }

    /// Hashes the file as it is read back; see [`digest_of`]. Returns an empty digest if there is no
    /// file.
    pub async fn digest(
        &mut self,
        buffer: &mut [u8],
        stop: impl Fn(u64) -> bool,
    ) -> io::Result<Option<String>> {
        if !self.exists() {
            return Ok(Some(String::new()));
        }
        self.open().await?;
        let file = self.handle.file()?;
        let hashed = digest_of(self.files.directory().access(), file, buffer, stop).await?;
        Ok(hashed.map(|(digest, _)| digest))
    }

    /// Gives the file the name `<stem>.pcapng` in its directory. Returns `false` if that exists.
    pub async fn rename(&mut self, folder: &dyn DiskDir, stem: &str) -> io::Result<bool> {
        let to = format!("{stem}{}", raw_suffix());
        if !self.exists() || self.current == to {
            return Ok(true);
        }
        let directory = self.files.directory();
        directory.reach(FaultPoint::RenameRaw).await?;
        let renamed = name_was_free(directory.rename_new(folder, &self.current, folder, &to).await)?;
        if renamed {
            self.current = to;
        }
        Ok(renamed)
    }

    /// Removes the file. If that fails, truncates it.
    pub async fn remove(&mut self) -> io::Result<()> {
        if !self.exists() {
            return Ok(());
        }
        let done = self.try_remove().await;
        if done.is_err() && self.open().await.is_ok() && self.files.directory().ready().await.is_ok() {
            let _ = self.handle.file().and_then(|file| file.seal(0));
        }
        self.close();
        done
    }

    async fn try_remove(&self) -> io::Result<()> {
        let directory = self.files.directory();
        let folder = directory.folder(&self.name).await?;
        directory.reach(FaultPoint::RemoveRaw).await?;
        ignore_not_found(folder.remove(&self.current))?;
        directory.sync_names(&*folder).await
    }
}
