//! Recovers the recordings that an earlier process did not finish: finishes, publishes and reports
//! them.
//!
//! Each step leaves a state that the next recovery can continue from, so the process may be killed
//! at any point. Only files that a `.callrec/<uuid>.json` leads to are changed.

mod raw_alone;
mod refused;
mod spare_names;

use super::activity::Activity;
use super::audio_file::AudioFiles;
use super::audio_search::{AudioSearch, PartFileScan, closing_error};
use super::deletion::Deletions;
use super::directory::StorageDirectory;
use super::faults::FaultPoint;
use super::file_suffixes::{JSON, NUMBERS_MAX, PART, split_audio, split_part};
use super::files::{self, READ_BYTES, found_or_none, ignore_not_found};
use super::holds::LegalHolds;
use super::listener::{LOG_ERROR, LOG_INFO, LOG_WARNING, StorageListener, panic_text};
use super::live_manifests::{LiveManifest, LiveManifests, WholeManifest};
use super::live_recording::LiveRecording;
use super::manifest::{Manifest, PartialManifest};
use super::name::RecordingName;
use super::notifier::Notifier;
use super::orphan_audio::OrphanAudio;
use super::orphan_raw::find_raw;
use super::planted::StorageFault;
use super::publisher::Publisher;
use super::raw_file::raw_suffix;
use super::tail::{has_tail, remove_tail, tails};
use crate::memory;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::task;
use crate::types::{EndReason, RecordingState};
use std::collections::HashSet;
use std::io;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use uuid::Uuid;

/// The parts of a store that recovery uses.
pub struct RecoveryContext {
    pub directory: Arc<StorageDirectory>,
    pub manifests: Arc<LiveManifests>,
    pub files: Arc<AudioFiles>,
    pub publisher: Arc<Publisher>,
    pub notifier: Arc<Notifier>,
    pub deletions: Arc<Deletions>,
    pub activity: Arc<Activity>,
    pub listener: Arc<dyn StorageListener>,
    pub holds: Arc<LegalHolds>,
    pub discards_refused: bool,
}

/// Recovers the recordings of an earlier process.
pub struct Recovery {
    context: RecoveryContext,
    search: AudioSearch,
    /// The recordings whose live manifests existed when the directory was opened.
    unfinished: Mutex<Vec<Uuid>>,
    /// Those of them that recovery has not finished with.
    awaited: Mutex<HashSet<Uuid>>,
    /// Those that are left to the next open.
    unrecovered: AtomicUsize,
}

impl Recovery {
    pub fn new(context: RecoveryContext, unfinished: Vec<Uuid>) -> Recovery {
        context.activity.set_recovering(!unfinished.is_empty());
        Recovery {
            search: AudioSearch {
                directory: Arc::clone(&context.directory),
                activity: Arc::clone(&context.activity),
                listener: Arc::clone(&context.listener),
            },
            context,
            awaited: Mutex::new(unfinished.iter().copied().collect()),
            unfinished: Mutex::new(unfinished),
            unrecovered: AtomicUsize::new(0),
        }
    }

    /// How many recordings could not be recovered.
    pub fn unrecovered(&self) -> usize {
        self.unrecovered.load(Ordering::SeqCst)
    }

    /// Whether recovery may still work on this recording.
    pub fn awaits(&self, id: Uuid) -> bool {
        self.awaited.lock().contains(&id)
    }

    /// Runs the whole recovery. Work that it cannot do now is left for the next open.
    pub async fn run(&self) {
        let unfinished = mem::take(&mut *self.unfinished.lock());
        self.context.deletions.report_completed().await;
        self.remove_stale_tails().await;
        let mut scan = PartFileScan::default();
        for id in unfinished {
            if self.context.activity.is_shutting_down() {
                break;
            }
            let recovered = self
                .context
                .directory
                .when_free(async || self.recover(id, &mut scan).await);
            let done = task::catch_panic(pin!(recovered)).await;
            self.awaited.lock().remove(&id);
            let trouble = match done {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => error.to_string(),
                Err(panic) => panic_text(&panic),
            };
            self.unrecovered.fetch_add(1, Ordering::SeqCst);
            self.log(
                LOG_ERROR,
                format!("recording {id} cannot be recovered, and the next open tries again: {trouble}"),
            );
        }
        self.context.activity.set_recovering(false);
    }

    /// Removes the tails of recordings without a live manifest.
    async fn remove_stale_tails(&self) {
        let stale = match tails(&self.context.files).await {
            Ok(ids) => ids,
            Err(error) => return self.log_tail_error(&error),
        };
        for id in stale {
            let removed = match self.context.manifests.exists(id).await {
                // The manifest is created before the tail and removed after it.
                Ok(true) => Ok(()),
                Ok(false) => remove_tail(&self.context.files, id).await,
                Err(error) => Err(error),
            };
            if let Err(error) = removed {
                self.log_tail_error(&error);
            }
        }
    }

    fn log_tail_error(&self, error: &io::Error) {
        self.log(
            LOG_WARNING,
            format!("a .tail file that nothing needs remains in .callrec: {error}"),
        );
    }

    /// Removes a tail without its audio file; it cannot be used alone.
    async fn drop_tail(&self, id: Uuid) -> io::Result<()> {
        if has_tail(&self.context.files, id).await? {
            let message = format!(
                "recording {id}: .callrec/{id}.tail is removed, because the audio file it continues is missing"
            );
            self.log(LOG_ERROR, message);
        }
        remove_tail(&self.context.files, id).await
    }

    fn log(&self, level: i32, message: String) {
        self.context.listener.log(level, message);
    }

    async fn recover(&self, id: Uuid, scan: &mut PartFileScan) -> io::Result<()> {
        self.context.directory.reach(FaultPoint::Recover).await?;
        let WholeManifest {
            mut manifest,
            publishing,
            ended,
        } = match self.context.manifests.read(id).await? {
            LiveManifest::Missing => return Ok(()),
            LiveManifest::Whole(whole) => whole,
            LiveManifest::Broken(partial) => return self.recover_unreadable(id, partial, scan).await,
        };
        if manifest.part.is_empty() {
            manifest.part = format!("{}{PART}", manifest.file);
        }
        if manifest.deleted {
            return self.report_deleted(id, *manifest).await;
        }
        if ended || manifest.end_reason_is(EndReason::Discarded) {
            // Once the end is reported, a power cut must not change it.
            self.context.manifests.sync_note(id).await?;
        }
        if manifest.end_reason_is(EndReason::Discarded) {
            return self.recover_discarded(id, *manifest).await;
        }
        if !ended && !publishing && self.was_refused(id, &manifest) {
            return self.discard_refused(id, *manifest).await;
        }
        match self.search.find(id, &manifest.part, &manifest.file).await? {
            Some(orphan) if publishing && !orphan.is_published() => {
                self.drop_reservation(&manifest.file).await?;
                self.recover_audio(id, *manifest, ended, orphan).await
            }
            Some(orphan) => self.recover_audio(id, *manifest, ended, orphan).await,
            None if !manifest.started => self.remove_not_started(id).await,
            None => self.recover_without_audio(id, *manifest, ended).await,
        }
    }

    /// The audio of a published recording may have been moved since. For any other recording, the
    /// end is stored before it is reported; otherwise the next open could report it without
    /// `repeated`.
    async fn recover_without_audio(&self, id: Uuid, mut manifest: Manifest, ended: bool) -> io::Result<()> {
        let published = self
            .search
            .find_manifest(id, &manifest.part, &manifest.file)
            .await?;
        self.drop_tail(id).await?;
        let (reported, repeated) = match published {
            Some(published) if !ended || manifest.ends_like(&published) => (published, true),
            _ => {
                record_missing_audio(id, &mut manifest, ended, self.context.directory.clock().unix_ms());
                let alone = self.raw_alone(id, &mut manifest).await?;
                if !ended {
                    self.context.manifests.note_end(id, &manifest).await?;
                }
                manifest.part = String::new();
                manifest.file = String::new();
                if let Some(raw) = alone {
                    self.publish_raw_alone(id, &mut manifest, raw).await?;
                }
                (manifest, ended)
            }
        };
        self.context.notifier.report_end(id, reported, repeated).await;
        self.context.manifests.remove_next(id).await
    }

    /// The manifest is unreadable: the state is taken from the audio file.
    async fn recover_unreadable(
        &self,
        id: Uuid,
        partial: PartialManifest,
        scan: &mut PartFileScan,
    ) -> io::Result<()> {
        let part = partial.part.unwrap_or_default();
        let file = part.strip_suffix(PART).unwrap_or_default();
        let orphan = match self.search.find(id, &part, file).await? {
            Some(orphan) => Some(orphan),
            None => self.search.find_anywhere(id, scan).await?,
        };
        let Some(orphan) = orphan else {
            if partial.not_started {
                // Truncated while it was first written: no start was reported.
                return self.remove_not_started(id).await;
            }
            self.log(
                LOG_ERROR,
                format!("recording {id} cannot be recovered: its live manifest is unreadable, and no audio file was \
                     found; the manifest stays as .callrec/{id}.json.bad"),
            );
            self.drop_tail(id).await?;
            self.context.manifests.remove_next(id).await?;
            return self.context.manifests.quarantine(id).await;
        };
        let file = orphan.name().path(orphan.suffix());
        let message = format!(
            "recording {id}: its live manifest is unreadable; callrec recovers it from its audio file \"{file}{PART}\""
        );
        self.log(LOG_WARNING, message);
        let manifest = Manifest {
            part: format!("{file}{PART}"),
            started: true,
            id: id.as_hyphenated().to_string(),
            file,
            ..Manifest::default()
        };
        // Published audio could not be found by the search again.
        self.context.manifests.rewrite_safely(id, &manifest).await?;
        self.recover_audio(id, manifest, false, orphan).await
    }

    /// `ended`: the manifest says how the recording has ended, and the end may have been reported.
    async fn recover_audio(
        &self,
        id: Uuid,
        manifest: Manifest,
        ended: bool,
        orphan: OrphanAudio,
    ) -> io::Result<()> {
        let orphan = if orphan.is_published() {
            orphan
        } else {
            self.drop_second_name(id, orphan).await?
        };
        if orphan.is_published() {
            let published = self.published_manifest(id, &orphan, ended.then_some(&manifest));
            if let Some(reported) = published.await? {
                remove_tail(&self.context.files, id).await?;
                self.context.manifests.remove_next(id).await?;
                self.context.notifier.report_end(id, reported, true).await;
                return Ok(());
            }
        } else if !manifest.started
            && orphan.is_empty(id, &manifest.shape())
            && !has_tail(&self.context.files, id).await?
            && find_raw(&self.context.files, id, orphan.name()).await?.is_none()
        {
            self.remove(&orphan).await?;
            return self.remove_not_started(id).await;
        }
        orphan.check_own(&self.context.directory).await?;
        self.publish_orphan(id, manifest, ended, orphan).await
    }

    async fn remove(&self, orphan: &OrphanAudio) -> io::Result<()> {
        let folder = self.context.directory.folder(orphan.name()).await?;
        self.context.directory.ready().await?;
        ignore_not_found(folder.remove(orphan.current()))
    }

    /// Reads the manifest beside published audio, if it is intact and belongs to this recording.
    /// Removes a damaged one, which is then written again. Also removes one with a different end
    /// than `noted`, the end that was reported because publishing had failed.
    async fn published_manifest(
        &self,
        id: Uuid,
        orphan: &OrphanAudio,
        noted: Option<&Manifest>,
    ) -> io::Result<Option<Manifest>> {
        let access = self.context.directory.access();
        let folder = self.context.directory.folder(orphan.name()).await?;
        let json = format!("{}{JSON}", orphan.name().stem(1));
        let Some(file) = found_or_none(files::open(access, &*folder, &json).await)?.flatten() else {
            return Ok(None);
        };
        let bytes = files::read_all(access, file).await?;
        let manifest = Manifest::from_bytes(&bytes);
        let is_ours = |manifest: &Manifest| manifest.id == id.as_hyphenated().to_string();
        let is_refuted = |manifest: &Manifest| noted.is_some_and(|noted| !noted.ends_like(manifest));
        let is_stale = match &manifest {
            Some(manifest) => is_ours(manifest) && is_refuted(manifest),
            None => bytes.iter().all(|byte| *byte == 0) || bytes.starts_with(b"{\"part\":"),
        };
        if !is_stale {
            return Ok(manifest.filter(is_ours));
        }
        self.context.directory.reach(FaultPoint::RemoveStale).await?;
        ignore_not_found(folder.remove(&json))?;
        Ok(None)
    }

    /// Finishes and publishes the audio as the finisher would have. If that fails, an end that was
    /// not reported is left for the next open.
    async fn publish_orphan(
        &self,
        id: Uuid,
        mut manifest: Manifest,
        ended: bool,
        orphan: OrphanAudio,
    ) -> io::Result<()> {
        let written_at = orphan.modified_ms(self.context.directory.clock());
        let reopened = orphan.reopen(&self.context.files, manifest.tags(id), manifest.shape());
        let (audio, measured) = reopened.await?;
        let mut live = LiveRecording::reopen(id, audio, measured, Box::default()).await?;
        live.reopen_raw(manifest.raw.as_ref().map_or(0, |raw| raw.dropped))
            .await?;
        let frames = live.audio.length().frames;
        record_recovery(&mut manifest, written_at, live.audio.shape().duration_ms(frames));
        manifest.samples = frames;
        manifest.close_spans();
        *live.manifest = manifest;
        match self.context.publisher.publish(&mut live, false).await {
            Ok(true) => {}
            Ok(false) => return Err(closing_error()),
            Err(error) if !ended => return Err(io::Error::other(error.message)),
            Err(error) => {
                self.log(
                    LOG_ERROR,
                    format!(
                        "recording {id}: its end is reported again, but its audio still cannot be \
                         published, and the next open tries again: {}",
                        error.message
                    ),
                );
                self.context.manifests.retain(id);
                live.manifest.file = self.context.publisher.reported_path(&live);
            }
        }
        if self.context.directory.has_fault(StorageFault::RecoveryUnreported) {
            return self.context.manifests.remove(id).await;
        }
        self.context.notifier.report_end(id, *live.manifest, ended).await;
        Ok(())
    }

    /// Removes the audio if it still exists. If it did not, the end may have been reported.
    async fn recover_discarded(&self, id: Uuid, mut manifest: Manifest) -> io::Result<()> {
        let part = mem::take(&mut manifest.part);
        let orphan = self.search.find(id, &part, "").await?;
        let orphan = orphan.filter(|orphan| !orphan.is_published());
        let name = split_part(&part).map(|(name, _)| name);
        let raw = match &name {
            Some(name) => find_raw(&self.context.files, id, name).await?,
            None => None,
        };
        let was_gone = orphan.is_none() && raw.is_none() && !has_tail(&self.context.files, id).await?;
        let tail = remove_tail(&self.context.files, id).await;
        if let Some(orphan) = &orphan {
            self.context.directory.reach(FaultPoint::RemoveAudio).await?;
            self.remove(orphan).await?;
        }
        tail?;
        if let Some(mut raw) = raw {
            raw.remove().await?;
        }
        // Also sync removals before the process died, which may not be on disk.
        let directory = &self.context.directory;
        directory.sync_names(directory.control()).await?;
        if let Some(name) = name
            && let Some(folder) = found_or_none(directory.folder(&name).await)?
        {
            directory.sync_names(&*folder).await?;
        }
        manifest.id = id.as_hyphenated().to_string();
        manifest.state = RecordingState::Finished.text().to_owned();
        manifest.file = String::new();
        manifest.recovered = true;
        self.context.manifests.remove_next(id).await?;
        self.context.notifier.report_end(id, manifest, was_gone).await;
        Ok(())
    }

    /// Reports the end of a recording that was deleted before its end was delivered.
    async fn report_deleted(&self, id: Uuid, mut manifest: Manifest) -> io::Result<()> {
        manifest.part = String::new();
        self.context.manifests.remove_next(id).await?;
        self.context.notifier.report_end(id, manifest, true).await;
        Ok(())
    }

    /// Removes a recording whose start was not reported, so that no terminal event is owed.
    async fn remove_not_started(&self, id: Uuid) -> io::Result<()> {
        self.log(
            LOG_INFO,
            format!("recording {id} was interrupted before it began, and its files are removed"),
        );
        remove_tail(&self.context.files, id).await?;
        self.context.manifests.remove_next(id).await?;
        self.context.manifests.remove(id).await
    }
}

/// `ended`: the manifest says how the recording has ended, which is kept. `now_ms`: Unix time.
fn record_missing_audio(id: Uuid, manifest: &mut Manifest, ended: bool, now_ms: i64) {
    manifest.id = id.as_hyphenated().to_string();
    if !ended {
        manifest.state = RecordingState::Failed.text().to_owned();
        manifest.end_reason = EndReason::Recovered.text().to_owned();
        manifest.error = "audio is gone".to_owned();
    }
    manifest.recovered = true;
    manifest.digest = String::new();
    (manifest.samples, manifest.duration_ms, manifest.bytes) = (0, 0, 0);
    if manifest.ended_at_ms == 0 {
        manifest.set_ended_at(now_ms);
    }
    manifest.close_spans();
}

fn record_recovery(manifest: &mut Manifest, written_at: i64, duration_ms: u64) {
    manifest.recovered = true;
    manifest.digest = String::new();
    // A failed recording stays failed.
    if !manifest.state_is(RecordingState::Failed) {
        manifest.state = RecordingState::Finished.text().to_owned();
        manifest.end_reason = EndReason::Recovered.text().to_owned();
    }
    if manifest.ended_at_ms == 0 {
        manifest.set_ended_at(written_at);
    }
    if manifest.started_at_ms == 0 {
        let duration = i64::try_from(duration_ms).unwrap_or(0);
        manifest.set_started_at(manifest.ended_at_ms.saturating_sub(duration));
    }
}
