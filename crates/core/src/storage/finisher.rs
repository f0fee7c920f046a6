//! The finishers: what has ended is published or discarded, and only then told.
//!
//! An end is told once the disk holds what is told of it: the manifest beside the audio, or
//! the live manifest. While the disk takes neither, nobody is told, and the finisher tries
//! again as long as the engine lives. After that the next open tells the end. So no open
//! can tell another end than the one before it.

use super::activity::Activity;
use super::directory::Directory;
use super::ending::Ending;
use super::endings::PART;
use super::faults::Step;
use super::finisher_queue::{EndedRecording, FinisherQueue, FinisherWork};
use super::live::Live;
use super::live_manifests::LiveManifests;
use super::notifier::Notifier;
use super::planted::StorageFault;
use super::publish::{Publisher, state_end};
use super::report::{LOG_ERROR, Report, contain_logged, panic_text};
use super::retry::Retry;
use crate::task;
use crate::types::{EndReason, Error, RecordingState, Status};
use std::io;
use std::mem;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// After so long an end that the disk refused is tried again, and then after twice as long.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LONGEST: Duration = Duration::from_secs(1);

/// Ends recordings.
pub struct Finisher {
    pub directory: Arc<Directory>,
    pub manifests: Arc<LiveManifests>,
    pub publisher: Arc<Publisher>,
    pub notifier: Arc<Notifier>,
    pub finisher_queue: Arc<FinisherQueue>,
    pub retry: Arc<Retry>,
    pub activity: Arc<Activity>,
    pub report: Arc<dyn Report>,
}

/// What came of one try to end a recording.
enum Outcome {
    /// The disk holds what is to be told.
    Stored,
    /// The disk takes nothing that says how the recording has ended.
    Refused(Error),
    OutOfTime,
}

impl Finisher {
    /// One finisher. It returns after the shutdown.
    pub async fn run(&self) {
        while let Some(work) = self.finisher_queue.next().await {
            let done = async {
                match work {
                    FinisherWork::Finish(ended) => self.finish(ended).await,
                    FinisherWork::Settle(id) => self.notifier.settle(id).await,
                }
            };
            contain_logged(&*self.report, done).await;
            self.finisher_queue.work_done();
        }
    }

    async fn finish(&self, mut ended: Box<EndedRecording>) {
        match self.end(&mut ended).await {
            Outcome::Stored => {
                // Nothing but a test's kill can come in between here.
                let _ = self.directory.step(Step::Report).await;
                let manifest = mem::take(&mut *ended.live.manifest);
                self.notifier.ended(ended.live.id, manifest, false).await;
            }
            Outcome::OutOfTime => self.leave(ended.live.id, "closing has run out of time"),
            Outcome::Refused(error) if self.is_closing() => self.leave(ended.live.id, &error.message),
            Outcome::Refused(error) => self.hold(ended, &error),
        }
    }

    fn is_closing(&self) -> bool {
        self.activity.is_shutting_down() || self.activity.is_late(false)
    }

    /// Nobody is told yet.
    fn hold(&self, mut ended: Box<EndedRecording>, error: &Error) {
        if ended.tries == 0 {
            let (id, why) = (ended.live.id, &error.message);
            let message = format!("recording {id}: its end is told when the disk takes it: {why}");
            self.report.log(LOG_ERROR, message);
        }
        let pause = RETRY_FIRST.saturating_mul(1 << ended.tries.min(10));
        ended.tries += 1;
        let due = self.directory.clock().now() + pause.min(RETRY_LONGEST);
        self.finisher_queue.push_at(due, FinisherWork::Finish(ended));
    }

    /// Nobody is told by this engine.
    fn leave(&self, id: Uuid, why: &str) {
        let message = format!("recording {id}: its end is left to the next open: {why}");
        self.report.log(LOG_ERROR, message);
        self.report.left(id);
    }

    async fn end(&self, ended: &mut EndedRecording) -> Outcome {
        let EndedRecording {
            live,
            ending,
            tries,
            is_noted,
        } = ended;
        let discards = matches!(ending, Ending::Discard);
        let done = task::catch_panic(async {
            self.directory.step_named("finisher", Step::Finisher);
            if *tries > 0 && !discards {
                // A disk that takes no manifest is asked for nothing else.
                let probe = match *is_noted {
                    true => self.take_back_note(live).await,
                    false => self.manifests.prepare(live.id, &live.manifest).await,
                };
                probe.map_err(|error| live.error(&error))?;
                *is_noted = false;
            }
            match ending {
                Ending::Discard if self.directory.has(StorageFault::DiscardPublished) => {
                    self.publisher.complete(live, false).await
                }
                Ending::Discard => self.discard(live).await.map(|()| true),
                Ending::Fail(error) | Ending::Lost(error) => {
                    live.manifest.fail(error);
                    self.publisher.complete(live, true).await
                }
                Ending::Keep => self.publisher.complete(live, false).await,
            }
        })
        .await;
        match done {
            Ok(Ok(true)) => Outcome::Stored,
            Ok(Ok(false)) => Outcome::OutOfTime,
            // What was to be discarded must not be published by the next open.
            Ok(Err(error)) if discards => Outcome::Refused(error),
            Err(panic) if discards => Outcome::Refused(Error::new(Status::Internal, panic_text(&panic))),
            Ok(Err(error)) => self.note_unpublished(live, is_noted, error).await,
            Err(panic) => {
                self.note_unpublished(live, is_noted, Error::new(Status::Internal, panic_text(&panic)))
                    .await
            }
        }
    }

    /// Publishing failed. Once the live manifest says so, it is told, and the next open
    /// publishes the audio.
    async fn note_unpublished(&self, live: &mut Live, is_noted: &mut bool, error: Error) -> Outcome {
        state_end(live, self.directory.clock().unix_ms());
        let mut told = live.manifest.clone();
        told.fail(&error);
        told.file = self.publisher.path_told(live);
        let mut note = told.clone();
        note.part = format!("{}{PART}", live.audio.path());
        if !live.audio.is_published() {
            note.file = live.audio.path();
        }
        let noted = contain_logged(&*self.report, self.manifests.note_end(live.id, &note)).await;
        if !matches!(noted, Some(Ok(()))) {
            *is_noted = true;
            return Outcome::Refused(error);
        }
        let (id, file, why) = (live.id, live.audio.current_path(), &error.message);
        let message = format!("recording {id}: left as \"{file}\", the next open tries again: {why}");
        self.report.log(LOG_ERROR, message);
        self.manifests.keep(id);
        live.manifest = told;
        Outcome::Stored
    }

    /// The end that was noted was not told, and another one is about to be. Had the live
    /// manifest kept the first, the next open would tell that.
    async fn take_back_note(&self, live: &Live) -> io::Result<()> {
        let mut manifest = (*live.manifest).clone();
        manifest.state = RecordingState::Recording.text().to_owned();
        manifest.end_reason = String::new();
        manifest.part = format!("{}{PART}", live.audio.path());
        if !live.audio.is_published() {
            manifest.file = live.audio.path();
        }
        self.manifests.rewrite_safely(live.id, &manifest).await
    }

    /// Keeps no audio. That it is so is noted before the audio goes, or a crash in
    /// between would look like lost audio.
    async fn discard(&self, live: &mut Live) -> Result<(), Error> {
        state_discarded(live, self.directory.clock().unix_ms());
        let mut noted = self.retry.persist(async || self.note_discard(live).await).await;
        let gone = self.retry.persist(async || live.remove_audio().await).await;
        if noted.is_err() {
            // Where the disk was full there is room now.
            noted = self.note_discard(live).await;
        }
        noted.and(gone).map_err(|error| live.error(&error))
    }

    async fn note_discard(&self, live: &Live) -> io::Result<()> {
        self.directory.step(Step::NoteDiscard).await?;
        let mut note = (*live.manifest).clone();
        note.part = format!("{}{PART}", live.audio.path());
        self.manifests.note_end(live.id, &note).await
    }
}

/// `now_ms`: since 1970.
fn state_discarded(live: &mut Live, now_ms: i64) {
    state_end(live, now_ms);
    live.state_facts();
    let manifest = &mut live.manifest;
    manifest.state = RecordingState::Finished.text().to_owned();
    manifest.end_reason = EndReason::Discarded.text().to_owned();
    manifest.file = String::new();
    manifest.digest = String::new();
    manifest.bytes = 0;
    manifest.no_audio = false;
    manifest.undecoded = Vec::new();
}
