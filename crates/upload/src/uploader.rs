//! The uploader of one engine: its runtime and its actions.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use callrec_core::engine::{Dependent, Engine, JobPerformer, UploadResult};
use callrec_core::jobs::{Action, AttemptFuture, JobOutcome, JobPace};
use callrec_core::memory;
use callrec_core::storage::{Job, JobSpec, UPLOAD, UPLOAD_HOLD, UPLOAD_REMOVAL};
use callrec_core::sync::Mutex;
use callrec_core::types::{Error, Result, Status};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use super::bandwidth::Bandwidth;
use super::cloud::CloudStore;
use super::context::{RunningUploads, UploadContext};
use super::directory_store::DirectoryStore;
use super::http_client::StoreClient;
use super::location::{StoreLocation, StoreScheme};
use super::object_target::ObjectTarget;
use super::remote::StoreReader;
use super::settings::UploadSettings;
use super::{attempt, copy_hold, removal};

/// The uploader of one engine. The engine ends it.
pub struct Uploader {
    context: Arc<UploadContext>,
    runtime: Mutex<Option<Runtime>>,
}

impl Uploader {
    /// The jobs that each recording of an engine with these settings gets.
    pub fn jobs(settings: &UploadSettings) -> Vec<JobSpec> {
        let is_on = settings.location.is_some();
        is_on.then(|| JobSpec::new(UPLOAD, &())).into_iter().collect()
    }

    /// What an uploader needs, or why the settings do not give it. Sends no request.
    pub fn check(settings: &UploadSettings) -> Result<()> {
        settings.check()?;
        match &settings.location {
            Some(location) => target(settings, location).map(drop),
            None => Ok(()),
        }
    }

    /// Begins to upload the recordings of an engine that was opened with [`Uploader::jobs`]. Does
    /// nothing if there is no `upload.url`. Sends no request itself.
    pub fn start(engine: &Arc<Engine>, settings: UploadSettings) -> Result<()> {
        let Some(location) = settings.location.clone() else {
            return Ok(());
        };
        settings.check()?;
        engine.add_job_performer(Arc::new(AdoptedUploads(settings.clone())));
        let context = Arc::new(UploadContext {
            engine: Arc::downgrade(engine),
            template: settings.template()?,
            host: engine.config().storage.host.clone(),
            target: target(&settings, &location)?,
            running: RunningUploads::default(),
            location,
            settings,
        });
        let runtime = runtime(engine, &context.settings)?;
        let (handle, pace) = (runtime.handle().clone(), pace(&context.settings));
        let uploader = Arc::new(Uploader {
            context: context.clone(),
            runtime: Mutex::new(Some(runtime)),
        });
        engine.attach(uploader)?;
        engine.set_remote_audio(Arc::new(StoreReader {
            context: context.clone(),
            runtime: handle.clone(),
        }));
        let upload = RecordingUpload {
            context: context.clone(),
            runtime: handle.clone(),
        };
        if context.settings.hold_objects {
            engine.hold_uploaded_copies();
        }
        let removal = CopyAction {
            kind: UPLOAD_REMOVAL,
            attempt: |context, job| Box::pin(async move { removal::attempt(&context, &job).await }),
            context: context.clone(),
            runtime: handle.clone(),
        };
        let hold = CopyAction {
            kind: UPLOAD_HOLD,
            attempt: |context, job| Box::pin(async move { copy_hold::attempt(&context, &job).await }),
            context,
            runtime: handle,
        };
        engine.start_uploads((Arc::new(upload), pace), Arc::new(removal), Arc::new(hold))
    }
}

/// Uploads the recordings in the directories that an engine adopts.
struct AdoptedUploads(UploadSettings);

impl JobPerformer for AdoptedUploads {
    fn perform_for(&self, adopted: &Arc<Engine>) -> Result<()> {
        Uploader::start(adopted, self.0.clone())
    }
}

impl Drop for Uploader {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.lock().take() {
            runtime.shutdown_background();
        }
    }
}

impl Dependent for Uploader {
    fn halt(&self, until: Instant) {
        if let Some(engine) = self.context.engine.upgrade() {
            engine.stop_uploads(until);
        }
    }

    /// The engine waits for the runners of the jobs.
    fn wait_until_ended(&self) {}
}

fn target(settings: &UploadSettings, location: &StoreLocation) -> Result<Arc<dyn ObjectTarget>> {
    let bandwidth = Arc::new(Bandwidth::new(settings.bytes_per_second));
    if location.scheme == StoreScheme::Directory {
        return Ok(Arc::new(DirectoryStore::new(&location.prefix, bandwidth)));
    }
    let limit = Duration::from_millis(settings.timeout_ms.into());
    let refused = |key: &str, why: String| {
        let why = settings.without_secrets(&why);
        Error::new(Status::Config, format!("key \"{key}\": {why}"))
    };
    let client = StoreClient::new(bandwidth, limit).map_err(|why| refused("upload.url", why))?;
    let key = match location.scheme == StoreScheme::Google && !settings.google_credentials.is_empty() {
        // The file is read here, and nothing else of this store can be wrong.
        true => "upload.google_credentials",
        false => "upload.url",
    };
    let store = CloudStore::open(settings, location, client);
    Ok(Arc::new(store.map_err(|why| refused(key, why))?))
}

fn runtime(engine: &Engine, settings: &UploadSettings) -> Result<Runtime> {
    const NAME: &str = "callrec-upload";
    let hooks = engine.config().thread_hooks.clone();
    let at_end = hooks.clone();
    let built = Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(settings.parallel as usize + 2)
        .thread_name(NAME)
        .on_thread_start(move || {
            memory::stay_inside();
            hooks.started(NAME);
        })
        .on_thread_stop(move || at_end.ended(NAME))
        .enable_all()
        .build();
    built.map_err(|error| Error::io("a thread cannot be started", &error))
}

fn pace(settings: &UploadSettings) -> JobPace {
    let ms = |ms: u32| Duration::from_millis(ms.into());
    let give_up = Duration::from_millis(settings.give_up_ms);
    JobPace {
        parallel: settings.parallel as usize,
        retry: ms(settings.retry_ms),
        retry_max: ms(settings.retry_max_ms),
        give_up: (!give_up.is_zero()).then_some(give_up),
        jitter: true,
        ..JobPace::default()
    }
}

/// Uploads recordings.
struct RecordingUpload {
    context: Arc<UploadContext>,
    runtime: Handle,
}

/// Removes, holds and releases uploaded copies: jobs that need nothing but one attempt.
struct CopyAction {
    kind: &'static str,
    attempt: fn(Arc<UploadContext>, Job) -> AttemptFuture,
    context: Arc<UploadContext>,
    runtime: Handle,
}

impl Action for RecordingUpload {
    fn kind(&self) -> &'static str {
        UPLOAD
    }

    fn receiver(&self, _: &Job) -> String {
        self.context.location.url()
    }

    fn given_up(&self, job: &Job, reason: &str) {
        if let Some(engine) = self.context.engine.upgrade() {
            // Its key may depend on files that are gone, so the store is named.
            let url = self.context.location.url();
            engine.report_upload(&job.recording, &url, UploadResult::Failed(reason));
        }
    }

    fn perform(&self, job: Job) -> AttemptFuture {
        let context = self.context.clone();
        let running = context.begin(&job);
        Box::pin(AbortedOnDrop(self.runtime.spawn(async move {
            let _running = running;
            attempt::attempt(&context, &job).await
        })))
    }
}

impl Action for CopyAction {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn receiver(&self, _: &Job) -> String {
        self.context.location.url()
    }

    fn perform(&self, job: Job) -> AttemptFuture {
        let attempt = (self.attempt)(self.context.clone(), job);
        Box::pin(AbortedOnDrop(self.runtime.spawn(attempt)))
    }
}

/// A task that is aborted when its future is dropped.
struct AbortedOnDrop(JoinHandle<JobOutcome>);

impl Future for AbortedOnDrop {
    type Output = JobOutcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<JobOutcome> {
        let ended = Pin::new(&mut self.0).poll(context);
        ended.map(|ended| ended.unwrap_or_else(|_| JobOutcome::retry("a fault inside callrec")))
    }
}

impl Drop for AbortedOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
