//! The store of one directory. Joins the parts that write, publish, recover and find its
//! recordings.

mod finished;

use super::activity::Activity;
use super::append_file::AppendFile;
use super::archive::Archive;
use super::audio_file::AudioFiles;
use super::backlog::Backlog;
use super::config::{Durability, StorageConfig};
use super::creator::{FirstManifest, RecordingCreator};
use super::deletion::Deletions;
use super::deletion_notes::DeletionNotes;
use super::directory::{StorageDirectory, unusable};
use super::emptied_directories::EmptiedDirectories;
use super::file_slots::FileSlots;
use super::finisher::Finisher;
use super::finisher_queue::{FinisherQueue, FinisherWork};
use super::free_space::FreeSpace;
use super::hash_buffers::HashBuffers;
use super::holds::LegalHolds;
use super::id_turns::IdTurns;
use super::job_files::JobFiles;
use super::listener::StorageListener;
use super::live_manifests::{ControlContents, LiveManifests};
use super::notifier::Notifier;
use super::platform::Platform;
use super::publisher::Publisher;
use super::raw_backlog::RawBacklog;
use super::recording_file::RecordingFile;
use super::recovery::{Recovery, RecoveryContext};
use super::retry::Retry;
use super::root_path::RootPath;
use super::secret;
use super::sidecar::{Sidecar, VCON};
use super::sidecar_writer::SidecarWriter;
use super::sync_queue::SyncQueue;
use super::syncer::Syncer;
use super::writer::{SyncOptions, WriterContext, Writers};
use crate::sync::Mutex;
use crate::sync::atomic::AtomicBool;
use crate::task::{self, Runnable};
use crate::types::{Format, Result};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// The store of one storage directory.
pub struct Store {
    config: StorageConfig,
    directory: Arc<StorageDirectory>,
    root_path: Arc<RootPath>,
    activity: Arc<Activity>,
    files: Arc<AudioFiles>,
    jobs: Arc<JobFiles>,
    deletions: Arc<Deletions>,
    holds: Arc<LegalHolds>,
    /// `None` if there are no sidecars to write.
    sidecars: Option<Arc<SidecarWriter>>,
    finisher_queue: Arc<FinisherQueue>,
    writers: Arc<Writers>,
    syncer: Option<Syncer>,
    finisher: Finisher,
    recovery: Recovery,
    free_space: FreeSpace,
    /// Whether the uploaded copy of a recording is held with it.
    holds_copies: AtomicBool,
}

impl Store {
    /// Opens and locks the directory, and finds what an earlier process left in it.
    /// [`Store::recovery`] then recovers it. Waits for the disk.
    pub fn open(
        config: StorageConfig,
        platform: &Platform,
        listener: Arc<dyn StorageListener>,
    ) -> Result<Arc<Store>> {
        let directory = StorageDirectory::open(&config, platform);
        let directory = Arc::new(task::block_on(directory, &*platform.clock)?);
        let manifests = Arc::new(LiveManifests::new(Arc::clone(&directory), Arc::clone(&listener)));
        let found = task::block_on(manifests.find(), &*platform.clock);
        let found = found.map_err(|error| unusable(config.directory.as_ref(), "cannot be read", &error))?;
        let unfinished = found.manifests.clone();
        let unreadable = |error| unusable(config.directory.as_ref(), "has unreadable holds", &error);
        let held = LegalHolds::found(&directory, &unfinished);
        let held = task::block_on(held, &*platform.clock).map_err(unreadable)?;
        let mut store = Store::join(config, platform, directory, manifests, found, listener);
        store.holds.add_all(held);
        store.wait_for(store.jobs.migrate_old_outbox());
        store.wait_for(store.deletions.complete());
        if store.deletions.has_completed() {
            // They are reported by the recovery.
            store.activity.set_recovering(true);
        }
        store.prepare_sidecars();
        store.refresh_free_space();
        Ok(Arc::new(store))
    }

    /// `found`: what an earlier process left.
    fn join(
        config: StorageConfig,
        platform: &Platform,
        directory: Arc<StorageDirectory>,
        manifests: Arc<LiveManifests>,
        found: ControlContents,
        listener: Arc<dyn StorageListener>,
    ) -> Store {
        let activity = Arc::new(Activity::default());
        let root_path = Arc::new(RootPath::new(Arc::clone(&directory), Arc::clone(&listener)));
        let clock = Arc::clone(&platform.clock);
        let writer_counts = (config.writers.max(1), config.encoders);
        let finisher_queue = Arc::new(FinisherQueue::new(
            Arc::clone(&activity),
            writer_counts.0 + writer_counts.1,
            Arc::clone(&directory),
        ));
        let retry = Arc::new(Retry::new(
            Arc::clone(&listener),
            Arc::clone(&activity),
            clock,
            Duration::from_millis(u64::from(config.backlog_ms)),
        ));
        let files = Arc::new(AudioFiles::new(
            Arc::clone(&directory),
            FileSlots::new(config.max_open_files, platform.disk.open_files_limit()),
            Arc::clone(&listener),
        ));
        let jobs = Arc::new(JobFiles::new(
            Arc::clone(&directory),
            Arc::clone(&manifests),
            Arc::clone(&listener),
            found.has_old_outbox,
        ));
        let turns = Arc::<IdTurns>::default();
        let holds = Arc::new(LegalHolds {
            directory: Arc::clone(&directory),
            listener: Arc::clone(&listener),
            unpublished: Mutex::default(),
            published: Mutex::default(),
        });
        let deletions = Arc::new(Deletions {
            directory: Arc::clone(&directory),
            manifests: Arc::clone(&manifests),
            jobs: Arc::clone(&jobs),
            listener: Arc::clone(&listener),
            notes: DeletionNotes {
                directory: Arc::clone(&directory),
                listener: Arc::clone(&listener),
            },
            turns: Arc::clone(&turns),
            emptied: EmptiedDirectories::new(Arc::clone(&directory)),
            completed: Mutex::default(),
        });
        let notifier = Arc::new(Notifier {
            directory: Arc::clone(&directory),
            manifests: Arc::clone(&manifests),
            jobs: Arc::clone(&jobs),
            holds: Arc::clone(&holds),
            common: config
                .sidecars
                .iter()
                .filter_map(|sidecar| sidecar.job())
                .chain(config.jobs.iter().cloned())
                .collect(),
            end_jobs: config.end_jobs.clone(),
            listener: Arc::clone(&listener),
        });
        let sync_queue = (config.durability == Durability::Power)
            .then(|| Arc::new(SyncQueue::new(Arc::clone(&finisher_queue))));
        let writers = Arc::new(Writers::new(
            writer_counts,
            Backlog::new(config.backlog_ms, config.backlog_bytes),
            RawBacklog::new(config.backlog_bytes),
            WriterContext {
                directory: Arc::clone(&directory),
                manifests: Arc::clone(&manifests),
                creator: RecordingCreator {
                    directory: Arc::clone(&directory),
                    root_path: Arc::clone(&root_path),
                    manifests: Arc::clone(&manifests),
                    files: Arc::clone(&files),
                    listener: Arc::clone(&listener),
                    makes_vcons: config.sidecars.contains(&Sidecar::Vcon),
                },
                finisher_queue: Arc::clone(&finisher_queue),
                retry: Arc::clone(&retry),
                activity: Arc::clone(&activity),
                listener: Arc::clone(&listener),
                syncs: sync_queue.clone().map(|queue| SyncOptions {
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
            listener: Arc::clone(&listener),
            interval: Duration::from_millis(u64::from(config.sync_interval_ms)),
            delay: config.sync_delay(),
            written_within: config.written_within(),
            late_logged_at: Mutex::default(),
        });
        let publisher = Arc::new(Publisher {
            directory: Arc::clone(&directory),
            root_path: Arc::clone(&root_path),
            manifests: Arc::clone(&manifests),
            retry: Arc::clone(&retry),
            activity: Arc::clone(&activity),
            listener: Arc::clone(&listener),
            holds: Arc::clone(&holds),
            turns,
            digest: config.digest,
            hash_buffers: HashBuffers::default(),
        });
        let finisher = Finisher {
            directory: Arc::clone(&directory),
            manifests: Arc::clone(&manifests),
            publisher: Arc::clone(&publisher),
            notifier: Arc::clone(&notifier),
            finisher_queue: Arc::clone(&finisher_queue),
            retry,
            activity: Arc::clone(&activity),
            listener: Arc::clone(&listener),
        };
        let recovery = Recovery::new(
            RecoveryContext {
                directory: Arc::clone(&directory),
                manifests,
                files: Arc::clone(&files),
                publisher,
                notifier,
                deletions: Arc::clone(&deletions),
                activity: Arc::clone(&activity),
                listener: Arc::clone(&listener),
                holds: Arc::clone(&holds),
                discards_refused: config.discards_refused,
            },
            found.manifests,
        );
        let free_space = FreeSpace::new(
            Arc::clone(&directory),
            Arc::clone(&root_path),
            listener,
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
            deletions,
            holds,
            sidecars: None,
            finisher_queue,
            writers,
            syncer,
            finisher,
            recovery,
            free_space,
            holds_copies: AtomicBool::new(false),
        }
    }

    /// The archive of finished recordings, not scanned yet. Does not wait for the disk.
    pub fn archive(&self) -> io::Result<Archive> {
        Ok(Archive::new(self.directory.clone_root()?))
    }

    /// The persistent secret `name`. Stores `fresh` as the secret if there is none. Waits for the
    /// disk.
    pub fn secret(&self, name: &str, fresh: &[u8]) -> io::Result<Vec<u8>> {
        self.wait_for(secret::load_or_create(&self.directory, name, fresh))
    }

    /// An append-only file in `.callrec`.
    pub fn append_file(&self, name: &'static str) -> AppendFile {
        AppendFile::new(Arc::clone(&self.directory), name)
    }

    pub fn config(&self) -> &StorageConfig {
        &self.config
    }

    /// Begins a recording: queues the creation of its manifest and its file.
    pub fn begin(&self, id: Uuid, format: Format, first_manifest: FirstManifest) -> RecordingFile {
        RecordingFile::begin(&self.writers, id, format, first_manifest)
    }

    /// The number of writers and of encoders to run.
    pub fn writers(&self) -> (usize, usize) {
        (self.config.writers.max(1), self.config.encoders)
    }

    /// A writer, or an encoder: the indexes of encoders follow those of writers. It ends after [`Store::shutdown`].
    pub fn writer(self: &Arc<Store>, index: usize) -> Runnable {
        let store = Arc::clone(self);
        let signal = self.writers.signal(index).cloned().unwrap_or_default();
        Runnable::new(signal, async move { store.writers.run(index).await })
    }

    /// The number of syncers to run.
    pub fn syncers(&self) -> usize {
        match self.syncer {
            Some(_) => self.config.syncers.max(1),
            None => 0,
        }
    }

    /// A syncer. It ends after [`Store::shutdown`].
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

    /// The number of finishers to run.
    pub fn finishers(&self) -> usize {
        match self.config.durability {
            Durability::Process => self.config.finishers,
            Durability::Finish | Durability::Power => self.config.syncing_finishers,
        }
    }

    /// A finisher. It ends after [`Store::shutdown`].
    pub fn finisher(self: &Arc<Store>) -> Runnable {
        let store = Arc::clone(self);
        let signal = Arc::clone(self.finisher_queue.signal());
        Runnable::new(signal, async move { store.finisher.run().await })
    }

    /// The recovery. Work that it cannot do now is left for the next open.
    pub fn recovery(self: &Arc<Store>) -> Runnable {
        let store = Arc::clone(self);
        Runnable::new(Arc::default(), async move { store.recovery.run().await })
    }

    /// The monitor of the free space, separate from all other work because a file system may never
    /// answer. It ends after [`Store::shutdown`].
    pub fn free_space_monitor(self: &Arc<Store>) -> Runnable {
        let store = Arc::clone(self);
        let signal = Arc::clone(self.free_space.signal());
        Runnable::new(signal, async move { store.free_space.run().await })
    }

    /// The terminal event has been delivered. Queues the removal of the live manifest.
    pub fn settle(&self, id: Uuid) {
        self.finisher_queue.push(FinisherWork::Settle(id));
    }

    /// The jobs of its recordings.
    pub fn jobs(&self) -> &Arc<JobFiles> {
        &self.jobs
    }

    /// Whether a recording has a pending job of this kind. Waits for the disk.
    pub fn is_job_pending(&self, kind: &str, id: Uuid) -> io::Result<bool> {
        self.wait_for(self.jobs.is_pending(kind, id))
    }

    /// What an unfinished attempt at a job has noted. Waits for the disk.
    pub fn job_progress(&self, kind: &str, id: Uuid) -> io::Result<Option<Vec<u8>>> {
        self.wait_for(self.jobs.progress(kind, id))
    }

    /// Notes the progress of a job. Waits for the disk.
    pub fn set_job_progress(&self, kind: &str, id: Uuid, progress: &[u8]) -> io::Result<()> {
        self.wait_for(self.jobs.set_progress(kind, id, progress))
    }

    /// Removes the progress of a job. Waits for the disk.
    pub fn remove_job_progress(&self, kind: &str, id: Uuid) -> io::Result<()> {
        self.wait_for(self.jobs.remove_progress(kind, id))
    }

    /// Decides whether this store writes sidecars: it is configured to, or an earlier process has
    /// left some to write. Waits for the disk.
    fn prepare_sidecars(&mut self) {
        let is_configured = self.config.sidecars.contains(&Sidecar::Vcon);
        // A directory that cannot be read is none of the default configuration's concern.
        if is_configured || self.wait_for(self.jobs.has_folder(VCON)).unwrap_or(false) {
            self.sidecars = Some(Arc::new(SidecarWriter {
                directory: Arc::clone(&self.directory),
                jobs: Arc::clone(&self.jobs),
                turns: Arc::clone(&self.deletions.turns),
            }));
        }
    }

    /// Writes its sidecars; `None` if there are none to write.
    pub fn sidecars(&self) -> Option<&Arc<SidecarWriter>> {
        self.sidecars.as_ref()
    }

    /// Queries the free space and waits for the answer, which [`Store::free_bytes`] then returns.
    pub fn refresh_free_space(&self) {
        self.free_space.refresh_at_once();
    }

    fn wait_for<T>(&self, body: impl Future<Output = T>) -> T {
        task::block_on(body, self.directory.clock())
    }

    pub fn free_bytes(&self) -> u64 {
        self.free_space.bytes()
    }

    /// The number of successful queries of the free space.
    pub fn free_space_answers(&self) -> u64 {
        self.free_space.answers()
    }

    pub fn is_low_on_space(&self) -> bool {
        self.free_space.is_low()
    }

    /// Fails while `storage.directory` names another directory than the open one, according to the
    /// last check. No recording can be created then.
    pub fn check_path(&self) -> Result<()> {
        self.root_path.last_result()
    }

    /// Bytes of audio queued for the disk.
    pub fn backlog_bytes(&self) -> u64 {
        self.writers.backlog().bytes()
    }

    /// Bytes of audio refused because of a limit.
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
    pub fn wake_writers(&self) {
        self.writers.wake();
    }

    /// Makes the threads finish the queued work and return.
    pub fn shutdown(&self) {
        self.activity.shut_down();
        self.wake_writers();
        self.free_space.wake();
        self.finisher_queue.wake_all();
    }

    /// Releases the directory lock. All threads must have returned.
    pub fn unlock(&self) {
        self.directory.unlock();
    }

    /// Makes the shutdown quick: long work is left to the next open. No further end is reported.
    pub fn give_up(&self) {
        self.activity.give_up();
        self.finisher_queue.wake_all();
    }

    /// How many recordings the recovery has left to the next open.
    pub fn unrecovered(&self) -> usize {
        self.recovery.unrecovered()
    }

    /// Whether no work is queued or in progress, including recovery.
    pub fn is_idle(&self) -> bool {
        self.activity.is_idle()
    }
}
