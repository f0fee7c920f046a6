//! What an earlier process left is finished, published and told.
//!
//! Every step leaves a state that the next run of this understands, so it may be
//! killed anywhere. Only what `.callrec/<uuid>.json` leads to is touched.

use super::activity::Activity;
use super::audio_file::AudioFiles;
use super::directory::Directory;
use super::endings::{JSON, NUMBERS_MAX, PART, split_audio, split_part};
use super::faults::Step;
use super::files::{self, removed, there};
use super::left_audio::LeftAudio;
use super::live::Live;
use super::live_manifests::{LiveManifest, LiveManifests, WholeManifest};
use super::manifest::{Manifest, Salvage};
use super::notifier::Notifier;
use super::planted::StorageFault;
use super::publish::Publisher;
use super::report::{LOG_ERROR, LOG_INFO, LOG_WARNING, Report, panic_text};
use super::search::{AudioSearch, Walked, closing};
use super::tail::{has_tail, remove_tail, tails};
use crate::sync::Mutex;
use crate::task;
use crate::types::{EndReason, RecordingState};
use std::io;
use std::mem;
use std::sync::Arc;
use uuid::Uuid;

/// What recovery shares with the rest of a store.
pub struct RecoveryLinks {
    pub directory: Arc<Directory>,
    pub manifests: Arc<LiveManifests>,
    pub files: Arc<AudioFiles>,
    pub publisher: Arc<Publisher>,
    pub notifier: Arc<Notifier>,
    pub activity: Arc<Activity>,
    pub report: Arc<dyn Report>,
}

/// Goes on with the recordings that an earlier process left.
pub struct Recovery {
    links: RecoveryLinks,
    search: AudioSearch,
    /// Whose live manifests were there when the directory was opened.
    left: Mutex<Vec<Uuid>>,
}

impl Recovery {
    pub fn new(links: RecoveryLinks, left: Vec<Uuid>) -> Recovery {
        links.activity.set_recovering(!left.is_empty());
        Recovery {
            search: AudioSearch {
                directory: Arc::clone(&links.directory),
                activity: Arc::clone(&links.activity),
                report: Arc::clone(&links.report),
            },
            links,
            left: Mutex::new(left),
        }
    }

    /// All of the recovery. What it cannot do now is left for the next open.
    pub async fn run(&self) {
        let left = mem::take(&mut *self.left.lock());
        self.remove_stale_tails().await;
        let mut walked = Walked::default();
        for id in left {
            if self.links.activity.is_shutting_down() {
                break;
            }
            let done = task::catch_panic(self.recover(id, &mut walked)).await;
            let trouble = match done {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => error.to_string(),
                Err(panic) => panic_text(&panic),
            };
            self.log(
                LOG_ERROR,
                format!("{id}: not recovered, left for the next open: {trouble}"),
            );
        }
        self.links.activity.set_recovering(false);
    }

    /// The tails of recordings that nothing else is left of.
    async fn remove_stale_tails(&self) {
        let stale = match tails(&self.links.files).await {
            Ok(ids) => ids,
            Err(error) => return self.log_left_tail(&error),
        };
        for id in stale {
            let removed = match self.links.manifests.exists(id).await {
                // The manifest of a recording comes before its tail, and goes after it.
                Ok(true) => Ok(()),
                Ok(false) => remove_tail(&self.links.files, id).await,
                Err(error) => Err(error),
            };
            if let Err(error) = removed {
                self.log_left_tail(&error);
            }
        }
    }

    fn log_left_tail(&self, error: &io::Error) {
        self.log(LOG_WARNING, format!("a tail is left in .callrec: {error}"));
    }

    /// Removes a tail that no audio goes with: alone it is of no use.
    async fn drop_tail(&self, id: Uuid) -> io::Result<()> {
        if has_tail(&self.links.files, id).await? {
            let message = format!("{id}: its tail is removed: no audio goes with it");
            self.log(LOG_ERROR, message);
        }
        remove_tail(&self.links.files, id).await
    }

    fn log(&self, level: i32, message: String) {
        self.links.report.log(level, message);
    }

    async fn recover(&self, id: Uuid, walked: &mut Walked) -> io::Result<()> {
        self.links.directory.step(Step::Recover).await?;
        let WholeManifest {
            mut manifest,
            publishing,
            ended,
        } = match self.links.manifests.read(id).await? {
            LiveManifest::Missing => return Ok(()),
            LiveManifest::Whole(whole) => whole,
            LiveManifest::Broken(salvage) => return self.recover_unreadable(id, salvage, walked).await,
        };
        if manifest.part.is_empty() {
            manifest.part = format!("{}{PART}", manifest.file);
        }
        if ended || manifest.end_reason_is(EndReason::Discarded) {
            // Once it is told, a power cut must not change it.
            self.links.manifests.sync_note(id).await?;
        }
        if manifest.end_reason_is(EndReason::Discarded) {
            return self.recover_discarded(id, *manifest).await;
        }
        match self.search.find(id, &manifest.part, &manifest.file).await? {
            Some(left) if publishing && !left.is_published() => {
                self.drop_reservation(&manifest.file).await?;
                self.recover_audio(id, *manifest, ended, left).await
            }
            Some(left) => self.recover_audio(id, *manifest, ended, left).await,
            None if !manifest.started => self.remove_unbegun(id).await,
            None => self.recover_without_audio(id, *manifest, ended).await,
        }
    }

    /// The audio of a published recording may have been taken away since. Of any other one,
    /// what is told is written down first, or the next open might tell it as if for the first
    /// time.
    async fn recover_without_audio(&self, id: Uuid, mut manifest: Manifest, ended: bool) -> io::Result<()> {
        let published = self
            .search
            .find_manifest(id, &manifest.part, &manifest.file)
            .await?;
        self.drop_tail(id).await?;
        let (told, repeated) = match published {
            Some(published) if !ended || manifest.ends_like(&published) => (published, true),
            _ => {
                state_gone(id, &mut manifest, ended, self.links.directory.clock().unix_ms());
                if !ended {
                    self.links.manifests.note_end(id, &manifest).await?;
                }
                manifest.part = String::new();
                manifest.file = String::new();
                (manifest, ended)
            }
        };
        self.links.notifier.ended(id, told, repeated).await;
        self.links.manifests.forget_next(id).await
    }

    /// The manifest was cut short or overwritten: the audio must speak for itself.
    async fn recover_unreadable(&self, id: Uuid, salvage: Salvage, walked: &mut Walked) -> io::Result<()> {
        let part = salvage.part.unwrap_or_default();
        let file = part.strip_suffix(PART).unwrap_or_default();
        let left = match self.search.find(id, &part, file).await? {
            Some(left) => Some(left),
            None => self.search.find_anywhere(id, walked).await?,
        };
        let Some(left) = left else {
            if salvage.unbegun {
                // Cut short while it was first written: nothing was promised yet.
                return self.remove_unbegun(id).await;
            }
            self.log(
                LOG_ERROR,
                format!("{id}: manifest unreadable and no audio found: put aside"),
            );
            self.drop_tail(id).await?;
            self.links.manifests.forget_next(id).await?;
            return self.links.manifests.put_aside(id).await;
        };
        self.log(
            LOG_WARNING,
            format!("{id}: manifest unreadable, audio found by its header"),
        );
        let file = left.name().path(left.ending());
        let manifest = Manifest {
            part: format!("{file}{PART}"),
            started: true,
            id: id.as_hyphenated().to_string(),
            file,
            ..Manifest::default()
        };
        // Once published the audio could not be found by search again.
        self.links.manifests.rewrite_safely(id, &manifest).await?;
        self.recover_audio(id, manifest, false, left).await
    }

    /// `ended`: the manifest says how it has ended, and that may have been told.
    async fn recover_audio(
        &self,
        id: Uuid,
        manifest: Manifest,
        ended: bool,
        left: LeftAudio,
    ) -> io::Result<()> {
        let left = if left.is_published() {
            left
        } else {
            self.drop_second_name(id, left).await?
        };
        if left.is_published() {
            let published = self.published_manifest(id, &left, ended.then_some(&manifest));
            if let Some(told) = published.await? {
                remove_tail(&self.links.files, id).await?;
                self.links.manifests.forget_next(id).await?;
                self.links.notifier.ended(id, told, true).await;
                return Ok(());
            }
        } else if !manifest.started
            && left.is_empty(id, &manifest.shape())
            && !has_tail(&self.links.files, id).await?
        {
            self.remove(&left).await?;
            return self.remove_unbegun(id).await;
        }
        left.check_own(&self.links.directory).await?;
        self.publish_left(id, manifest, ended, left).await
    }

    async fn remove(&self, left: &LeftAudio) -> io::Result<()> {
        let folder = self.links.directory.folder(left.name()).await?;
        self.links.directory.turn().await?;
        removed(folder.remove(left.current()))
    }

    /// Publishing by link and unlink may have been cut between the two.
    async fn drop_second_name(&self, id: Uuid, left: LeftAudio) -> io::Result<LeftAudio> {
        let Some(second) = self.search.find_published(id, left.name(), left.ending()).await? else {
            self.drop_headless_name(&left).await?;
            return Ok(left);
        };
        if !left.is_same_as(&second) {
            return Ok(left);
        }
        let folder = self.links.directory.folder(left.name()).await?;
        self.links.directory.sync_names(&*folder).await?;
        self.links.directory.step(Step::RemoveStale).await?;
        self.remove(&left).await?;
        Ok(second)
    }

    /// The same, where a power cut has taken the header as well: the published name cannot be
    /// known by it, so it goes.
    async fn drop_headless_name(&self, left: &LeftAudio) -> io::Result<()> {
        let Some(identity) = left.headless_identity()? else {
            return Ok(());
        };
        let directory = &self.links.directory;
        let folder = directory.folder(left.name()).await?;
        for number in 1..=NUMBERS_MAX {
            let second = format!("{}{}", left.name().stem(number), left.ending());
            directory.turn().await?;
            let Some(found) = there(folder.identity_of(&second))? else {
                break;
            };
            if found == identity {
                directory.step(Step::RemoveStale).await?;
                return removed(folder.remove(&second));
            }
        }
        Ok(())
    }

    /// Publishing by reservation may have been cut before the audio took its name.
    async fn drop_reservation(&self, file: &str) -> io::Result<()> {
        let Some((name, ending)) = split_audio(file) else {
            return Ok(());
        };
        let Some(folder) = there(self.links.directory.folder(&name).await)? else {
            return Ok(());
        };
        let current = format!("{}{ending}", name.stem(1));
        self.links.directory.turn().await?;
        let Some(reserved) = there(folder.open_read(&current))? else {
            return Ok(());
        };
        self.links.directory.turn().await?;
        if reserved.length()? == 0 {
            self.links.directory.step(Step::RemoveStale).await?;
            removed(folder.remove(&current))?;
        }
        Ok(())
    }

    /// The manifest beside published audio, if it is whole and of this recording. A
    /// broken one is removed, to be written again; so is one that says another end than the one
    /// that was noted, and told, because its publishing had failed.
    async fn published_manifest(
        &self,
        id: Uuid,
        left: &LeftAudio,
        noted: Option<&Manifest>,
    ) -> io::Result<Option<Manifest>> {
        let steps = self.links.directory.steps();
        let folder = self.links.directory.folder(left.name()).await?;
        let json = format!("{}{JSON}", left.name().stem(1));
        let Some(file) = there(files::open(steps, &*folder, &json).await)?.flatten() else {
            return Ok(None);
        };
        let bytes = files::read_all(steps, file).await?;
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
        self.links.directory.step(Step::RemoveStale).await?;
        removed(folder.remove(&json))?;
        Ok(None)
    }

    /// Finishes what is there as the finisher would have. Where that fails, what nobody has
    /// been told of is left for the next open.
    async fn publish_left(
        &self,
        id: Uuid,
        mut manifest: Manifest,
        ended: bool,
        left: LeftAudio,
    ) -> io::Result<()> {
        let written_at = left.modified_ms(self.links.directory.clock());
        let (audio, measured) = left.reopen(&self.links.files, id, manifest.shape()).await?;
        let mut live = Live::left(id, audio, measured, Box::default()).await?;
        let frames = live.audio.length().frames;
        state_recovered(&mut manifest, written_at, live.audio.shape().duration_ms(frames));
        manifest.samples = frames;
        manifest.close_spans();
        *live.manifest = manifest;
        match self.links.publisher.complete(&mut live, false).await {
            Ok(true) => {}
            Ok(false) => return Err(closing()),
            Err(error) if !ended => return Err(io::Error::other(error.message)),
            Err(error) => {
                self.log(
                    LOG_ERROR,
                    format!("{id}: told again, not published: {}", error.message),
                );
                self.links.manifests.keep(id);
                live.manifest.file = self.links.publisher.path_told(&live);
            }
        }
        if self.links.directory.has(StorageFault::RecoveryUntold) {
            return self.links.manifests.forget(id).await;
        }
        self.links.notifier.ended(id, *live.manifest, ended).await;
        Ok(())
    }

    /// The audio goes if it has not gone yet; only then may it have been told.
    async fn recover_discarded(&self, id: Uuid, mut manifest: Manifest) -> io::Result<()> {
        let part = mem::take(&mut manifest.part);
        let left = self.search.find(id, &part, "").await?;
        let left = left.filter(|left| !left.is_published());
        let was_gone = left.is_none() && !has_tail(&self.links.files, id).await?;
        let tail = remove_tail(&self.links.files, id).await;
        if let Some(left) = &left {
            self.links.directory.step(Step::RemoveAudio).await?;
            self.remove(left).await?;
        }
        tail?;
        // Also what went before the process died: it may not have come to the disk.
        let directory = &self.links.directory;
        directory.sync_names(directory.control()).await?;
        if let Some((name, _)) = split_part(&part)
            && let Some(folder) = there(directory.folder(&name).await)?
        {
            directory.sync_names(&*folder).await?;
        }
        manifest.id = id.as_hyphenated().to_string();
        manifest.state = RecordingState::Finished.text().to_owned();
        manifest.file = String::new();
        manifest.recovered = true;
        self.links.manifests.forget_next(id).await?;
        self.links.notifier.ended(id, manifest, was_gone).await;
        Ok(())
    }

    /// It was never told as started, so nothing is owed.
    async fn remove_unbegun(&self, id: Uuid) -> io::Result<()> {
        self.log(LOG_INFO, format!("{id}: never begun, removed"));
        remove_tail(&self.links.files, id).await?;
        self.links.manifests.forget_next(id).await?;
        self.links.manifests.forget(id).await
    }
}

/// `ended`: the manifest says how it has ended, which stays. `now_ms`: since 1970.
fn state_gone(id: Uuid, manifest: &mut Manifest, ended: bool, now_ms: i64) {
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

fn state_recovered(manifest: &mut Manifest, written_at: i64, duration_ms: u64) {
    manifest.recovered = true;
    manifest.digest = String::new();
    // One that had already failed stays so.
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
