//! The store of one directory: the parts that write, publish, recover and find its
//! recordings, joined.

use super::activity::Activity;
use super::append_file::AppendFile;
use super::archive::Archive;
use super::audio_file::AudioFiles;
use super::backlog::Backlog;
use super::directory::{Directory, unusable};
use super::finisher::Finisher;
use super::finisher_queue::{FinisherQueue, FinisherWork};
use super::free_space::FreeSpace;
use super::handle::RecordingFile;
use super::job_files::JobFiles;
use super::live_manifests::{LeftInControl, LiveManifests};
use super::notifier::Notifier;
use super::plan::{FirstManifest, Maker};
use super::platform::Platform;
use super::publish::Publisher;
use super::recover::{Recovery, RecoveryLinks};
use super::report::Report;
use super::retry::Retry;
use super::root_path::RootPath;
use super::secret;
use super::settings::{Durability, StorageConfig};
use super::slots::FileSlots;
use super::sync_queue::SyncQueue;
use super::syncer::Syncer;
use super::writer::{Syncs, WriterLinks, Writers};
use crate::sync::Mutex;
use crate::task::{self, Runnable};
use crate::types::Result;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Everything that records into one directory shares this.
pub struct Store {
    config: StorageConfig,
    directory: Arc<Directory>,
    root_path: Arc<RootPath>,
    activity: Arc<Activity>,
    files: Arc<AudioFiles>,
    jobs: Arc<JobFiles>,
    finisher_queue: Arc<FinisherQueue>,
    writers: Arc<Writers>,
    syncer: Option<Syncer>,
    finisher: Finisher,
    recovery: Recovery,
    free_space: FreeSpace,
}

impl Store {
    /// Takes the directory and looks at what an earlier process left in it; what is
    /// to be done about that is done by [`Store::recovery`].
    pub fn open(config: StorageConfig, platform: &Platform, report: Arc<dyn Report>) -> Result<Arc<Store>> {
        let directory = Directory::open(&config, platform);
        let directory = Arc::new(task::block_on(directory, &*platform.clock)?);
        let manifests = Arc::new(LiveManifests::new(Arc::clone(&directory), Arc::clone(&report)));
        let found = task::block_on(manifests.find(), &*platform.clock);
        let found = found.map_err(|error| unusable(config.directory.as_ref(), "cannot be read", &error))?;
        let store = Store::join(config, platform, directory, manifests, found, report);
        store.wait_for(store.jobs.take_over());
        store.refresh_free();
        Ok(Arc::new(store))
    }

    /// `found`: what an earlier process left.
    fn join(
        config: StorageConfig,
        platform: &Platform,
        directory: Arc<Directory>,
        manifests: Arc<LiveManifests>,
        found: LeftInControl,
        report: Arc<dyn Report>,
    ) -> Store {
        let activity = Arc::new(Activity::default());
        let root_path = Arc::new(RootPath::new(Arc::clone(&directory), Arc::clone(&report)));
        let clock = Arc::clone(&platform.clock);
        let writer_count = config.writers.max(1);
        let finisher_queue = Arc::new(FinisherQueue::new(
            Arc::clone(&activity),
            writer_count,
            Arc::clone(&directory),
        ));
        let retry = Arc::new(Retry::new(
            Arc::clone(&report),
            Arc::clone(&activity),
            clock,
            Duration::from_millis(u64::from(config.backlog_ms)),
        ));
        let files = Arc::new(AudioFiles::new(
            Arc::clone(&directory),
            FileSlots::new(config.max_open_files, platform.disk.open_files_limit()),
            Arc::clone(&report),
        ));
        let jobs = Arc::new(JobFiles::new(
            Arc::clone(&directory),
            Arc::clone(&manifests),
            Arc::clone(&report),
            found.has_old_outbox,
        ));
        let notifier = Arc::new(Notifier {
            directory: Arc::clone(&directory),
            manifests: Arc::clone(&manifests),
            jobs: Arc::clone(&jobs),
            report: Arc::clone(&report),
        });
        let sync_queue = (config.durability == Durability::Power)
            .then(|| Arc::new(SyncQueue::new(Arc::clone(&finisher_queue))));
        let writers = Arc::new(Writers::new(
            writer_count,
            Backlog::new(config.backlog_ms, config.backlog_bytes),
            WriterLinks {
                directory: Arc::clone(&directory),
                manifests: Arc::clone(&manifests),
                maker: Maker {
                    directory: Arc::clone(&directory),
                    root_path: Arc::clone(&root_path),
                    manifests: Arc::clone(&manifests),
                    files: Arc::clone(&files),
                    report: Arc::clone(&report),
                },
                finisher_queue: Arc::clone(&finisher_queue),
                retry: Arc::clone(&retry),
                activity: Arc::clone(&activity),
                report: Arc::clone(&report),
                syncs: sync_queue.clone().map(|queue| Syncs {
                    queue,
                    delay: config.sync_delay(),
                }),
            },
        ));
        let syncer = sync_queue.map(|queue| Syncer {
            queue,
            writers: Arc::clone(&writers),
            directory: Arc::clone(&directory),
            manifests: Arc::clone(&manifests),
            retry: Arc::clone(&retry),
            report: Arc::clone(&report),
            interval: Duration::from_millis(u64::from(config.sync_interval_ms)),
            delay: config.sync_delay(),
            written_within: config.written_within(),
            told_late: Mutex::default(),
        });
        let publisher = Arc::new(Publisher {
            directory: Arc::clone(&directory),
            root_path: Arc::clone(&root_path),
            manifests: Arc::clone(&manifests),
            retry: Arc::clone(&retry),
            activity: Arc::clone(&activity),
            report: Arc::clone(&report),
            digest: config.digest,
        });
        let finisher = Finisher {
            directory: Arc::clone(&directory),
            manifests: Arc::clone(&manifests),
            publisher: Arc::clone(&publisher),
            notifier: Arc::clone(&notifier),
            finisher_queue: Arc::clone(&finisher_queue),
            retry,
            activity: Arc::clone(&activity),
            report: Arc::clone(&report),
        };
        let recovery = Recovery::new(
            RecoveryLinks {
                directory: Arc::clone(&directory),
                manifests,
                files: Arc::clone(&files),
                publisher,
                notifier,
                activity: Arc::clone(&activity),
                report: Arc::clone(&report),
            },
            found.manifests,
        );
        let free_space = FreeSpace::new(
            Arc::clone(&directory),
            Arc::clone(&root_path),
            report,
            Arc::clone(&activity),
            config.min_free_bytes,
        );
        Store {
            config,
            directory,
            root_path,
            activity,
            files,
            jobs,
            finisher_queue,
            writers,
            syncer,
            finisher,
            recovery,
            free_space,
        }
    }

    /// The finished recordings of its directory, yet to be looked for. Waits for no disk.
    pub fn archive(&self) -> io::Result<Archive> {
        Ok(Archive::new(self.directory.root_again()?))
    }

    /// The secret of that name, which outlives the process; `fresh` if there is none yet. Waits for
    /// the disk.
    pub fn secret(&self, name: &str, fresh: &[u8]) -> io::Result<Vec<u8>> {
        self.wait_for(secret::kept(&self.directory, name, fresh))
    }

    /// A file in `.callrec` that only grows.
    pub fn append_file(&self, name: &'static str) -> AppendFile {
        AppendFile::new(Arc::clone(&self.directory), name)
    }

    pub fn config(&self) -> &StorageConfig {
        &self.config
    }

    /// Begins a recording: queues the making of its manifest and its file.
    pub fn begin(&self, id: Uuid, first_manifest: FirstManifest) -> RecordingFile {
        RecordingFile::begin(&self.writers, id, first_manifest)
    }

    /// A writer; it is over after [`Store::shutdown`].
    pub fn writer(self: &Arc<Store>, index: usize) -> Runnable {
        let store = Arc::clone(self);
        let signal = self.writers.signal(index).cloned().unwrap_or_default();
        Runnable::new(signal, async move { store.writers.run(index).await })
    }

    /// How many syncers there are to be.
    pub fn syncers(&self) -> usize {
        match self.syncer {
            Some(_) => self.config.syncers.max(1),
            None => 0,
        }
    }

    /// A syncer; it is over after [`Store::shutdown`].
    pub fn syncer(self: &Arc<Store>) -> Runnable {
        let store = Arc::clone(self);
        let signal = store
            .syncer
            .as_ref()
            .map(|syncer| Arc::clone(syncer.queue.signal()));
        Runnable::new(signal.unwrap_or_default(), async move {
            if let Some(syncer) = &store.syncer {
                syncer.run().await;
            }
        })
    }

    /// A finisher; it is over after [`Store::shutdown`].
    pub fn finisher(self: &Arc<Store>) -> Runnable {
        let store = Arc::clone(self);
        let signal = Arc::clone(self.finisher_queue.signal());
        Runnable::new(signal, async move { store.finisher.run().await })
    }

    /// The recovery. What it cannot do now is left for the next open.
    pub fn recovery(self: &Arc<Store>) -> Runnable {
        let store = Arc::clone(self);
        Runnable::new(Arc::default(), async move { store.recovery.run().await })
    }

    /// Asks for the free room, apart from all else because a file system may never answer. It
    /// is over after [`Store::shutdown`].
    pub fn free_room(self: &Arc<Store>) -> Runnable {
        let store = Arc::clone(self);
        let signal = Arc::clone(self.free_space.signal());
        Runnable::new(signal, async move { store.free_space.run().await })
    }

    /// The terminal event has been delivered: the live manifest may go. A finisher
    /// removes it.
    pub fn settle(&self, id: Uuid) {
        self.finisher_queue.push(FinisherWork::Settle(id));
    }

    /// The jobs for its recordings.
    pub fn jobs(&self) -> &Arc<JobFiles> {
        &self.jobs
    }

    /// Asks the file system how much is free; what it answered last is asked of
    /// [`Store::free_bytes`].
    pub fn refresh_free(&self) {
        self.free_space.refresh_at_once();
    }

    fn wait_for<T>(&self, body: impl Future<Output = T>) -> T {
        task::block_on(body, self.directory.clock())
    }

    pub fn free_bytes(&self) -> u64 {
        self.free_space.bytes()
    }

    /// How often the file system has answered.
    pub fn free_answers(&self) -> u64 {
        self.free_space.answers()
    }

    pub fn low(&self) -> bool {
        self.free_space.is_low()
    }

    /// Fails while `storage.directory` names another directory than the one that is held, as
    /// it was last looked: no recording can be made then.
    pub fn check_path(&self) -> Result<()> {
        self.root_path.answer()
    }

    /// Audio that waits for the disk.
    pub fn backlog_bytes(&self) -> u64 {
        self.writers.backlog().bytes()
    }

    /// Audio given back because too much waited.
    pub fn dropped_bytes(&self) -> u64 {
        self.writers.backlog().dropped_bytes()
    }

    pub fn bytes_written(&self) -> u64 {
        self.files.bytes_written()
    }

    pub fn open_files(&self) -> usize {
        self.files.open_files()
    }

    /// Wakes the writers before their tick.
    pub fn nudge(&self) {
        self.writers.nudge();
    }

    /// Lets the threads finish what is queued, and then return.
    pub fn shutdown(&self) {
        self.activity.shut_down();
        self.nudge();
        self.free_space.nudge();
        self.finisher_queue.look_again();
    }

    /// Lets the directory go, once all threads have returned.
    pub fn unlock(&self) {
        self.directory.unlock();
    }

    /// Nobody waits for the end any more: what would take long is left to the next
    /// open. Nothing is told from here on.
    pub fn give_up(&self) {
        self.activity.give_up();
        self.finisher_queue.look_again();
    }

    /// Nothing is queued or being done, recovery included.
    pub fn idle(&self) -> bool {
        self.activity.is_idle()
    }
}
