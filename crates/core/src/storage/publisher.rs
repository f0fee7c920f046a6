//! Publishes a recording that has ended: seals, syncs, hashes and renames it.

use super::activity::Activity;
use super::config::Digest;
use super::directory::StorageDirectory;
use super::faults::FaultPoint;
use super::file_suffixes::{JSON, NUMBERS_MAX, audio_suffix};
use super::hash_buffers::HashBuffers;
use super::holds::LegalHolds;
use super::id_turns::IdTurns;
use super::listener::{LOG_ERROR, LOG_WARNING, StorageListener};
use super::live_manifests::LiveManifests;
use super::live_recording::LiveRecording;
use super::planted::StorageFault;
use super::raw_file::raw_suffix;
use super::retry::Retry;
use super::root_path::RootPath;
use crate::types::{Error, RecordingState};
use std::io;
use std::sync::Arc;

/// The largest remainder of a file, in bytes, that is still hashed when the engine closes without
/// waiting.
const CLOSING_BYTES: u64 = 64 << 20;
/// The longest audio that is still encoded then, in milliseconds.
const CLOSING_MS: u64 = 10_000;

/// Publishes recordings that have ended.
pub struct Publisher {
    pub directory: Arc<StorageDirectory>,
    pub root_path: Arc<RootPath>,
    pub manifests: Arc<LiveManifests>,
    pub retry: Arc<Retry>,
    pub activity: Arc<Activity>,
    pub listener: Arc<dyn StorageListener>,
    pub holds: Arc<LegalHolds>,
    pub turns: Arc<IdTurns>,
    pub digest: Digest,
    pub hash_buffers: HashBuffers,
}

impl Publisher {
    /// Publishes a recording. With `measured`, the length of the audio is measured in the file, and
    /// audio that the manifest counts beyond it is counted as lost. Returns `false` if there is no
    /// time left; the next open continues. May be called again after an error.
    pub async fn publish(&self, live: &mut LiveRecording, measured: bool) -> Result<bool, Error> {
        record_end(live, self.directory.clock().unix_ms());
        if live.unencoded() > live.audio.shape().frames(CLOSING_MS)
            && self.activity.defers_long_work(live.is_recovered)
        {
            return Ok(false);
        }
        let sealed = self
            .retry
            .retry_temporary(async || self.seal(live, measured).await)
            .await;
        let (recorded, settled) = (live.manifest.samples, live.manifest.settled_frames);
        live.record_measured();
        if measured {
            live.manifest.count_unwritten(recorded, settled);
        }
        match sealed {
            Ok(()) => {}
            Err(error) if live.is_whole() => self.mark_failed(live, &error),
            // A published recording would lose the frames in its tail.
            Err(error) => return Err(live.error(&error)),
        }
        if let Some(error) = live.sync_error.take() {
            // A later sync does not report the data that this one lost.
            self.mark_failed(live, &error);
        }
        let safe = self
            .retry
            .retry_temporary(async || self.make_durable(live).await)
            .await;
        let hashed = match safe {
            Ok(()) => self.retry.retry_temporary(async || self.hash(live).await).await,
            Err(error) => Err(error),
        };
        match hashed {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error) => self.mark_failed(live, &error),
        }
        self.check_root(live).await?;
        self.place(live).await.map_err(|error| live.error(&error))?;
        if let Err(error) = self
            .retry
            .retry_temporary(async || live.remove_tail().await)
            .await
        {
            let message = format!(
                "recording {0}: .callrec/{0}.tail cannot be removed: {error}",
                live.id
            );
            self.listener.log(LOG_WARNING, message);
        }
        live.audio.close();
        if let Some(raw) = live.raw() {
            raw.close();
        }
        Ok(true)
    }

    /// Fails if the storage directory was moved: the path in the event would be wrong.
    async fn check_root(&self, live: &LiveRecording) -> Result<(), Error> {
        let checked = self.root_path.check().await;
        checked.map_err(|error| Error {
            message: format!("\"{}\": {}", live.audio.current(), error.message),
            ..error
        })
    }

    /// The path of unpublished audio for its event; empty if no known path leads to it.
    pub fn reported_path(&self, live: &LiveRecording) -> String {
        match self.root_path.last_result() {
            Ok(()) => live.audio.current_path(),
            Err(_) => String::new(),
        }
    }

    /// Marks the recording as failed. It is still published.
    fn mark_failed(&self, live: &mut LiveRecording, error: &io::Error) {
        let error = live.error(error);
        live.manifest.fail(&error);
        let message = format!("recording {} has failed: {}", live.id, error.message);
        self.listener.log(LOG_ERROR, message);
    }

    async fn seal(&self, live: &mut LiveRecording, measured: bool) -> io::Result<()> {
        self.directory.reach(FaultPoint::Seal).await?;
        live.seal(measured).await
    }

    async fn make_durable(&self, live: &mut LiveRecording) -> io::Result<()> {
        if !self.directory.syncs() || self.directory.has_fault(StorageFault::AudioUnsynced) {
            return Ok(());
        }
        live.audio.sync().await?;
        match live.raw() {
            Some(raw) => raw.sync().await,
            None => Ok(()),
        }
    }

    /// Hashes the file as it is read back. Returns `false` if the engine is closing and hashing
    /// would take too long.
    async fn hash(&self, live: &mut LiveRecording) -> io::Result<bool> {
        live.manifest.digest = String::new();
        if self.digest == Digest::None {
            return Ok(true);
        }
        self.directory.reach(FaultPoint::Digest).await?;
        let is_recovered = live.is_recovered;
        let is_late = |remaining| remaining > CLOSING_BYTES && self.activity.defers_long_work(is_recovered);
        let raw_bytes = live.raw().map_or(0, |raw| raw.bytes());
        let length = live.audio.sealed_bytes().max(raw_bytes);
        let buffer = self
            .hash_buffers
            .wait(length, self.directory.clock(), || is_late(length));
        let Some(mut buffer) = buffer.await else {
            return Ok(false);
        };
        let Some((digest, length)) = live.audio.digest(&mut buffer.bytes, is_late).await? else {
            return Ok(false);
        };
        live.manifest.digest = digest;
        live.manifest.bytes = length;
        let Some(raw) = live.raw() else {
            return Ok(true);
        };
        let Some(digest) = raw.digest(&mut buffer.bytes, is_late).await? else {
            return Ok(false);
        };
        if let Some(entry) = &mut live.manifest.raw {
            entry.digest = digest;
        }
        Ok(true)
    }

    /// Gives the files their final names. A hold is in the manifest from then on.
    async fn place(&self, live: &mut LiveRecording) -> io::Result<()> {
        let clock = self.directory.clock();
        let _turn = self.turns.take_async(live.id, || clock.now()).await;
        live.manifest.held = self.holds.contains(live.id);
        self.retry
            .retry_temporary(async || self.rename_into_place(live).await)
            .await?;
        self.holds.note_published(live.id, &live.manifest.file).await;
        Ok(())
    }

    /// Renames the audio and the manifest to their final names, without replacing a file. The
    /// complete manifest is in `.callrec` before the audio is renamed.
    async fn rename_into_place(&self, live: &mut LiveRecording) -> io::Result<()> {
        let name = live.audio.name().clone();
        let folder = self.directory.folder(&name).await?;
        let suffix = audio_suffix(live.audio.shape().format);
        for number in 1..=NUMBERS_MAX {
            let stem = name.stem(number);
            live.manifest.file = name.numbered(number).path(&suffix);
            if let Some(entry) = live.manifest.raw.as_mut().filter(|entry| !entry.file.is_empty()) {
                entry.file = name.numbered(number).path(&raw_suffix());
            }
            self.manifests.prepare(live.id, &live.manifest).await?;
            // The packets first: the audio's name tells recovery that they have theirs.
            if let Some(raw) = live.raw()
                && !raw.rename(&*folder, &stem).await?
            {
                continue;
            }
            if live.audio.rename(&*folder, format!("{stem}{suffix}")).await?
                && self
                    .manifests
                    .publish(live.id, &*folder, &format!("{stem}{JSON}"))
                    .await?
            {
                self.sync_published(live).await;
                return Ok(());
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("this name and its variants up to -{NUMBERS_MAX} exist already"),
        ))
    }

    async fn sync_published(&self, live: &LiveRecording) {
        if let Err(error) = self.directory.sync_path(live.audio.name()).await {
            let (id, file) = (live.id, &live.manifest.file);
            self.listener.log(
                LOG_ERROR,
                format!(
                    "recording {id} is published as \"{file}\", but its directory cannot be synced, so a \
                     power cut may undo that: {error}"
                ),
            );
        }
    }
}

/// Records in the manifest that the recording has ended. `now_ms`: Unix time.
pub fn record_end(live: &mut LiveRecording, now_ms: i64) {
    let manifest = &mut live.manifest;
    manifest.id = live.id.as_hyphenated().to_string();
    manifest.started = true;
    manifest.part = String::new();
    if !manifest.state_is(RecordingState::Failed) {
        manifest.state = RecordingState::Finished.text().to_owned();
    }
    if manifest.ended_at_ms == 0 {
        manifest.set_ended_at(now_ms);
    }
}
