//! Publishing a recording that has ended: seal, sync, hash, and give it its name.

use super::activity::Activity;
use super::directory::Directory;
use super::endings::{JSON, NUMBERS_MAX, audio_ending};
use super::faults::Step;
use super::live::Live;
use super::live_manifests::LiveManifests;
use super::planted::StorageFault;
use super::report::{LOG_ERROR, LOG_WARNING, Report};
use super::retry::Retry;
use super::root_path::RootPath;
use super::settings::Digest;
use crate::types::{Error, RecordingState};
use std::io;
use std::sync::Arc;

/// How much of a file is still hashed when the engine closes without waiting.
const CLOSING_BYTES: u64 = 64 << 20;

/// Publishes recordings that have ended.
pub struct Publisher {
    pub directory: Arc<Directory>,
    pub root_path: Arc<RootPath>,
    pub manifests: Arc<LiveManifests>,
    pub retry: Arc<Retry>,
    pub activity: Arc<Activity>,
    pub report: Arc<dyn Report>,
    pub digest: Digest,
}

impl Publisher {
    /// Publishes a file. `measured`: how much audio there is, is the file's to say, and what
    /// the manifest counts beyond it is lost. Returns `false` if there is no time for it: the
    /// next open goes on. May be called again after an error.
    pub async fn complete(&self, live: &mut Live, measured: bool) -> Result<bool, Error> {
        state_end(live, self.directory.clock().unix_ms());
        let sealed = self.retry.persist(async || self.seal(live, measured).await).await;
        let (recorded, settled) = (live.manifest.samples, live.manifest.settled_frames);
        live.state_facts();
        if measured {
            live.manifest.count_unwritten(recorded, settled);
        }
        match sealed {
            Ok(()) => {}
            Err(error) if live.is_whole() => self.failed(live, &error),
            // Published, it would lose what its tail still holds.
            Err(error) => return Err(live.error(&error)),
        }
        if let Some(error) = live.sync_error.take() {
            // A later sync does not know of what that one has lost.
            self.failed(live, &error);
        }
        let safe = self.retry.persist(async || self.make_durable(live).await).await;
        let hashed = match safe {
            Ok(()) => self.retry.persist(async || self.hash(live).await).await,
            Err(error) => Err(error),
        };
        match hashed {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error) => self.failed(live, &error),
        }
        self.check_root(live).await?;
        let placed = self.retry.persist(async || self.place(live).await).await;
        placed.map_err(|error| live.error(&error))?;
        if let Err(error) = self.retry.persist(async || live.remove_tail().await).await {
            let message = format!("{}: its tail is not removed: {error}", live.id);
            self.report.log(LOG_WARNING, message);
        }
        live.audio.close();
        Ok(true)
    }

    /// Fails where the recording would be published in a directory that the paths which are
    /// told do not lead to.
    async fn check_root(&self, live: &Live) -> Result<(), Error> {
        let checked = self.root_path.check().await;
        checked.map_err(|error| Error {
            message: format!("\"{}\": {}", live.audio.current(), error.message),
            ..error
        })
    }

    /// Where audio is that could not be published, as it is told: nothing, if no path that we
    /// know leads to it.
    pub fn path_told(&self, live: &Live) -> String {
        match self.root_path.answer() {
            Ok(()) => live.audio.current_path(),
            Err(_) => String::new(),
        }
    }

    /// It is published all the same, as failed.
    fn failed(&self, live: &mut Live, error: &io::Error) {
        let error = live.error(error);
        live.manifest.fail(&error);
        let message = format!("recording {}: {}", live.id, error.message);
        self.report.log(LOG_ERROR, message);
    }

    async fn seal(&self, live: &mut Live, measured: bool) -> io::Result<()> {
        self.directory.step(Step::Seal).await?;
        live.seal(measured).await
    }

    async fn make_durable(&self, live: &mut Live) -> io::Result<()> {
        if !self.directory.syncs() || self.directory.has(StorageFault::AudioUnsynced) {
            return Ok(());
        }
        live.audio.sync().await
    }

    /// Hashes what can be read back, as `sha256sum` will. Returns `false` if it would have
    /// taken too long, and the engine is closing.
    async fn hash(&self, live: &mut Live) -> io::Result<bool> {
        live.manifest.digest = String::new();
        if self.digest == Digest::None {
            return Ok(true);
        }
        self.directory.step(Step::Digest).await?;
        let recovers = live.recovers;
        let is_late = |left| left > CLOSING_BYTES && self.activity.is_late(recovers);
        let Some((digest, length)) = live.audio.digest(is_late).await? else {
            return Ok(false);
        };
        live.manifest.digest = digest;
        live.manifest.bytes = length;
        Ok(true)
    }

    /// Gives audio and manifest their final names, over nothing that is there. The
    /// whole manifest lies ready in `.callrec` before the audio is renamed.
    async fn place(&self, live: &mut Live) -> io::Result<()> {
        let name = live.audio.name().clone();
        let folder = self.directory.folder(&name).await?;
        let ending = audio_ending(live.audio.shape().format);
        for number in 1..=NUMBERS_MAX {
            let stem = name.stem(number);
            live.manifest.file = name.numbered(number).path(&ending);
            self.manifests.prepare(live.id, &live.manifest).await?;
            if live.audio.rename(&*folder, format!("{stem}{ending}")).await?
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
            "every number of this name is taken",
        ))
    }

    async fn sync_published(&self, live: &Live) {
        if let Err(error) = self.directory.sync_way(live.audio.name()).await {
            let file = &live.manifest.file;
            self.report.log(
                LOG_ERROR,
                format!("\"{file}\": its directory cannot be synced: {error}"),
            );
        }
    }
}

/// Notes in the manifest that the recording is over. `now_ms`: since 1970.
pub fn state_end(live: &mut Live, now_ms: i64) {
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
