//! The finishers: seal, sync, hash, publish, and only then tell.

use super::activity::Activity;
use super::directory::Directory;
use super::endings::{JSON, NUMBERS_MAX, PART, audio_ending};
use super::faults::Step;
use super::jobs::{Job, Jobs};
use super::live::Live;
use super::live_manifests::LiveManifests;
use super::notifier::Notifier;
use super::queue::Ending;
use super::report::{LOG_ERROR, LOG_WARNING, Report, contain_logged, panic_text};
use super::retry::Retry;
use super::settings::Digest;
use crate::task;
use crate::words::{EndReason, Error, State, Status};
use std::io;
use std::mem;
use std::sync::Arc;

/// How much of a file is still hashed when the engine closes without waiting.
const CLOSING_BYTES: u64 = 64 << 20;

/// Publishes recordings that have ended.
pub struct Publisher {
    pub directory: Arc<Directory>,
    pub manifests: Arc<LiveManifests>,
    pub notifier: Arc<Notifier>,
    pub jobs: Arc<Jobs>,
    pub retry: Arc<Retry>,
    pub activity: Arc<Activity>,
    pub report: Arc<dyn Report>,
    pub digest: Digest,
}

impl Publisher {
    /// One finisher. It returns after the shutdown.
    pub async fn run(&self) {
        while let Some(job) = self.jobs.next().await {
            let done = async {
                match job {
                    Job::Finish(live, ending) => self.finish(live, ending).await,
                    Job::Settle(id) => self.notifier.settle(id).await,
                }
            };
            contain_logged(&*self.report, done).await;
            self.jobs.work_done();
        }
    }

    async fn finish(&self, mut live: Box<Live>, ending: Ending) {
        let id = live.id;
        let discards = matches!(ending, Ending::Discard);
        let done = task::contain(async {
            self.directory.step_named("finisher", Step::Job);
            match ending {
                Ending::Discard => {
                    self.discard(&mut live).await;
                    true
                }
                Ending::Fail(error) | Ending::Lost(error) => {
                    live.manifest.fail(&error);
                    self.complete(&mut live, true).await
                }
                Ending::Keep => self.complete(&mut live, false).await,
            }
        })
        .await;
        match done {
            Ok(true) => {}
            Ok(false) => {
                let error = Error::new(Status::Timeout, "closing has run out of time");
                self.unpublished(&mut live, &error);
            }
            Err(panic) => {
                let error = Error::new(Status::Internal, panic_text(&panic));
                // The next open must not publish what was to be discarded.
                if !discards
                    || contain_logged(&*self.report, self.discard(&mut live))
                        .await
                        .is_none()
                {
                    self.unpublished(&mut live, &error);
                }
            }
        }
        // Nothing but a test's kill can come in between here.
        let _ = self.directory.step(Step::Report).await;
        self.notifier
            .ended(id, mem::take(&mut *live.manifest), false)
            .await;
    }

    /// Publishes a file, or notes that this has failed. `measured`: how much audio there is, is
    /// the file's to say. Returns `false` if there is no time for it: the next open goes on.
    pub async fn complete(&self, live: &mut Live, measured: bool) -> bool {
        state_end(live, self.directory.clock().unix_ms());
        let sealed = self.retry.persist(async || self.seal(live, measured).await).await;
        match sealed {
            Ok(()) => {}
            Err(error) if live.is_whole() => self.failed(live, &error),
            Err(error) => {
                // Published, it would lose what its tail still holds.
                live.state_facts();
                let error = live.error(&error);
                self.unpublished(live, &error);
                return true;
            }
        }
        live.state_facts();
        let safe = self.retry.persist(async || self.make_durable(live).await).await;
        let hashed = match safe {
            Ok(()) => self.retry.persist(async || self.hash(live).await).await,
            Err(error) => Err(error),
        };
        match hashed {
            Ok(true) => {}
            Ok(false) => return false,
            Err(error) => self.failed(live, &error),
        }
        if let Err(error) = self.retry.persist(async || self.place(live).await).await {
            let error = live.error(&error);
            self.unpublished(live, &error);
        } else if let Err(error) = self.retry.persist(async || live.remove_tail().await).await {
            let message = format!("{}: its tail is not removed: {error}", live.id);
            self.report.log(LOG_WARNING, message);
        }
        live.audio.close();
        true
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
        if !self.directory.syncs() {
            return Ok(());
        }
        self.directory.step(Step::Sync).await?;
        live.audio.sync()
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
        let Some((digest, length)) = live.audio.digest(is_late)? else {
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
        let folder = self.directory.folder(&name)?;
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
                self.sync_published(live);
                return Ok(());
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "every number of this name is taken",
        ))
    }

    fn sync_published(&self, live: &Live) {
        if !self.directory.syncs() {
            return;
        }
        if let Err(error) = self.directory.sync_folders(live.audio.name()) {
            let file = &live.manifest.file;
            self.report.log(
                LOG_ERROR,
                format!("\"{file}\": its directory cannot be synced: {error}"),
            );
        }
    }

    /// Publishing failed: the next open tries again, so the live manifest stays.
    fn unpublished(&self, live: &mut Live, error: &Error) {
        self.manifests.keep(live.id);
        live.manifest.fail(error);
        live.manifest.file = live.audio.current_path();
        live.manifest.part = String::new();
        let (id, file, why) = (live.id, &live.manifest.file, &error.message);
        let message = format!("recording {id}: left as \"{file}\", the next open tries again: {why}");
        self.report.log(LOG_ERROR, message);
    }

    /// Keeps no audio. That it is so is noted before the audio goes, or a crash in
    /// between would look like lost audio.
    async fn discard(&self, live: &mut Live) {
        state_discarded(live, self.directory.clock().unix_ms());
        let mut noted = self.retry.persist(async || self.note_discard(live).await).await;
        let gone = self.retry.persist(async || live.remove_audio().await).await;
        if noted.is_err() {
            // Where the disk was full there is room now.
            noted = self.note_discard(live).await;
        }
        if let Err(error) = noted {
            self.report
                .log(LOG_ERROR, format!("{}: discard not noted: {error}", live.id));
        }
        if let Err(error) = gone {
            self.failed(live, &error);
            self.manifests.keep(live.id);
        }
    }

    async fn note_discard(&self, live: &Live) -> io::Result<()> {
        self.directory.step(Step::NoteDiscard).await?;
        let mut note = (*live.manifest).clone();
        note.part = format!("{}{PART}", live.audio.path());
        self.manifests.rewrite(live.id, &note).await
    }
}

/// `now_ms`: since 1970.
fn state_end(live: &mut Live, now_ms: i64) {
    let manifest = &mut live.manifest;
    manifest.id = live.id.as_hyphenated().to_string();
    manifest.started = true;
    manifest.part = String::new();
    if !manifest.state_is(State::Failed) {
        manifest.state = State::Finished.text().to_owned();
    }
    if manifest.ended_at_ms == 0 {
        manifest.set_ended_at(now_ms);
    }
}

fn state_discarded(live: &mut Live, now_ms: i64) {
    state_end(live, now_ms);
    live.state_facts();
    let manifest = &mut live.manifest;
    manifest.state = State::Finished.text().to_owned();
    manifest.end_reason = EndReason::Discarded.text().to_owned();
    manifest.file = String::new();
    manifest.digest = String::new();
    manifest.bytes = 0;
    manifest.no_audio = false;
    manifest.undecoded = Vec::new();
}
