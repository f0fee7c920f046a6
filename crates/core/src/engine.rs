//! Creates the components (registry, media, storage, events) and connects them.

mod adoption;
mod ahead;
mod auditing;
mod call;
mod call_control;
mod call_reporter;
mod close;
mod deletion;
mod facts;
mod feeds;
mod hold;
mod jobs;
mod ledger;
mod live_duration;
mod manifest_change;
mod overdue_pauses;
mod parts;
mod recorder;
mod recording_output;
mod recording_reporter;
mod reference;
mod sidecars;
mod start;
mod transfer;
mod uploads;
mod watch;

use std::sync::Arc;
use std::time::Instant;

use once_cell::sync::OnceCell;
use uuid::Uuid;

pub use adoption::{Adoption, JobPerformer};
pub use auditing::verify_audit;
pub use call::Call;
pub use facts::call_name_fields;
pub use feeds::{CallFeeds, FeedSlot, OpenFeed};
pub use live_duration::{DurationRule, current_duration_ms};
pub use parts::{EnginePart, Group, StartedPart};
pub use reference::{HostReference, ReferenceCell};
pub use uploads::UploadResult;

use crate::audit::{self, AuditLog};
use crate::calls::registry::Limits;
use crate::calls::{RecordingView, RefusalAction, Registry};
use crate::clock::{Clock, NS_PER_MS};
use crate::config::{self, Config};
use crate::events::Bus;
use crate::host_codecs::{CodecDescription, HostCodec, HostCodecs};
use crate::jobs::RegisteredAction;
#[cfg(feature = "faults")]
use crate::media::planted::TimelineFault;
use crate::media::{ClockMode, MediaConfig, MediaStats, OverflowPool, WorkerInbox};
use crate::memory::ShardedMap;
use crate::storage::archive::Archive;
use crate::storage::{Platform, Store, Template};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::thread::JoinHandle;
use crate::sync::{Condvar, Mutex};
use crate::task::Signal;
use crate::types::{Error, Result, Status};
use ahead::AheadBudget;
use callrec_media::dtmf;
use facts::FileNaming;
use parts::RunningParts;
use recording_reporter::RecordingReporter;
use uploads::Uploads;

/// The longest time, in ms, that due audio waits for the media worker's visit to its call (100)
/// and then for its writer's tick (20). On Windows, each of the two waits ends up to 15.6 ms late.
const PROCESSING_MS: u32 = 100 + 20 + if cfg!(windows) { 32 } else { 0 };

/// One running instance of the recorder, with its threads and its storage directory.
pub struct Engine {
    config: Config,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Fn() -> Uuid + Send + Sync>,
    registry: Arc<Registry>,
    bus: Arc<Bus>,
    /// The bus belongs to the engine that has adopted this one's directory.
    is_adopted: bool,
    store: Arc<Store>,
    reporter: Arc<RecordingReporter>,
    audit: Arc<AuditLog>,
    naming: Arc<FileNaming>,
    media: Arc<MediaConfig>,
    media_stats: Arc<MediaStats>,
    overflow: Arc<OverflowPool>,
    ahead: Arc<AheadBudget>,
    workers: Vec<Arc<WorkerInbox>>,
    codecs: Arc<HostCodecs>,
    calls: Mutex<ShardedMap<u64, Arc<Call>>>,
    next_call: AtomicU64,
    closing: AtomicBool,
    closed: Mutex<bool>,
    closed_signal: Condvar,
    watch_stopped: AtomicBool,
    watch_signal: Arc<Signal>,
    running: Arc<RunningParts>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    subscriptions: Mutex<Vec<Arc<dyn HostReference>>>,
    dependents: Mutex<Vec<Arc<dyn Dependent>>>,
    performers: Mutex<Vec<Arc<dyn JobPerformer>>>,
    sidecar_jobs: OnceCell<RegisteredAction>,
    uploads: Uploads,
}

/// A component that uses the engine and must end before the engine releases its directory.
pub trait Dependent: Send + Sync {
    /// Invalidates the host's handle and aborts the remaining work at `until`. No function of
    /// the host is called after that. Never waits.
    fn halt(&self, until: Instant);
    /// Waits until the component has ended.
    fn wait_until_ended(&self);
}

impl Engine {
    /// Locks the storage directory, lists what an earlier process left in it and starts the
    /// threads. Recovery of those recordings continues in the background.
    // Inlined into the package callrec, it would be compiled for speed.
    #[inline(never)]
    pub fn open(config: Config) -> Result<Arc<Engine>> {
        Engine::open_on(Platform::system(), config)
    }

    /// As [`Engine::open`], with the caller's clock and disk.
    pub fn open_on(platform: Platform, config: Config) -> Result<Arc<Engine>> {
        let engine = Engine::prepare(platform, config)?;
        if let Err(error) = engine.start_threads() {
            engine.abandon();
            return Err(Error::io("a thread cannot be started", &error));
        }
        Ok(engine)
    }

    /// As [`Engine::open_on`], but starts no thread: the caller runs [`Engine::parts`].
    pub fn prepare(platform: Platform, config: Config) -> Result<Arc<Engine>> {
        Engine::assemble(platform, config, None)
    }

    /// As [`Engine::prepare`]. `adopting`: the bus of the engine that adopts the directory.
    fn assemble(platform: Platform, mut config: Config, adopting: Option<Arc<Bus>>) -> Result<Arc<Engine>> {
        // The host may change its working directory later.
        let storage = &mut config.storage;
        storage.directory = std::path::absolute(&storage.directory)
            .map_err(|error| Error::io("storage.directory", &error))?
            .to_string_lossy()
            .into_owned();
        storage.encoders = thread_count(config.encoders);
        storage.lag_ms = PROCESSING_MS + config.reorder_ms;
        storage.discards_refused = config.on_refusal == RefusalAction::Discard;
        let template = Template::with(&config.storage.name, &config.storage.placeholders)
            .map_err(|why| Error::new(Status::Config, format!("key \"storage.name\": {why}")))?;
        let limits = Limits {
            calls: config.calls_max,
            recordings: config.recordings_max,
            per_call: config.recordings_max_per_call,
            on_refusal: config.on_refusal,
            on_transfer: config.on_transfer,
        };
        let registry = Arc::new(Registry::new(limits, config.lines_strict, platform.clock.clone()));
        let is_adopted = adopting.is_some();
        let bus = adopting.unwrap_or_default();
        let reporter = RecordingReporter::new(registry.clone(), bus.clone(), platform.clock.clone(), &config);
        let store = Store::open(config.storage.clone(), &platform, reporter.clone())?;
        reporter.set_store(&store);
        let audit = open_audit_log(&config, &platform, &store, &bus);
        reporter.set_audit_log(&audit);
        let naming = Arc::new(FileNaming {
            template,
            host: config.storage.host.clone(),
        });
        let media = Arc::new(media_config(&config, platform.clock.clone()));
        let media_stats = Arc::new(MediaStats::default());
        let worker_count = if is_adopted {
            0
        } else {
            thread_count(config.workers)
        };
        let workers = (0..worker_count)
            .map(|index| WorkerInbox::new(media.clone(), media_stats.clone(), index))
            .collect::<Vec<_>>();
        let overflow = OverflowPool::with_large_pages(config.overflow_bytes, config.large_pages);
        if let (Some(first), ClockMode::Real) = (workers.first(), media.clock) {
            first.keep_ready(overflow.clone());
        }
        let ahead = AheadBudget::new(config.ahead_bytes);
        let running = Arc::<RunningParts>::default();
        let is_real_time = media.clock == ClockMode::Real;
        let codecs = HostCodecs::new(
            running.signal().clone(),
            is_real_time,
            config.thread_hooks.clone(),
        );
        Ok(Arc::new(Engine {
            config,
            clock: platform.clock,
            ids: platform.ids,
            registry,
            bus,
            is_adopted,
            store,
            reporter,
            audit,
            naming,
            media,
            media_stats,
            overflow,
            ahead,
            workers,
            codecs,
            calls: Mutex::default(),
            next_call: AtomicU64::new(1),
            closing: AtomicBool::new(false),
            closed: Mutex::new(false),
            closed_signal: Condvar::new(),
            watch_stopped: AtomicBool::new(false),
            watch_signal: Arc::default(),
            running,
            threads: Mutex::default(),
            subscriptions: Mutex::default(),
            dependents: Mutex::default(),
            performers: Mutex::default(),
            sidecar_jobs: OnceCell::new(),
            uploads: Uploads::default(),
        }))
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn bus(&self) -> &Arc<Bus> {
        &self.bus
    }

    /// Registers the host's reference to a subscription. Closing the engine revokes it.
    pub fn note_subscription(&self, reference: Arc<dyn HostReference>) {
        self.subscriptions.lock().push(reference);
    }

    pub fn forget_subscription(&self, reference: &Arc<dyn HostReference>) {
        let mut noted = self.subscriptions.lock();
        noted.retain(|known| !Arc::ptr_eq(known, reference));
    }

    /// Registers a component that closing the engine has to end first.
    ///
    /// Fails with `UNAVAILABLE` once closing has begun.
    pub fn attach(&self, dependent: Arc<dyn Dependent>) -> Result<()> {
        let mut all = self.dependents.lock();
        // Checked under the lock, so that closing finds every accepted dependent.
        self.require_open()?;
        all.push(dependent);
        Ok(())
    }

    pub fn detach(&self, dependent: &Arc<dyn Dependent>) {
        self.dependents
            .lock()
            .retain(|known| !Arc::ptr_eq(known, dependent));
    }

    /// Registers a codec that the host decodes. Returns its number.
    pub fn register_codec(&self, description: CodecDescription, host: Arc<dyn HostCodec>) -> Result<i32> {
        self.require_open()?;
        self.codecs.register(description, host)
    }

    /// The archive of finished recordings, not searched yet. Never waits for the disk.
    pub fn archive(&self) -> std::io::Result<Archive> {
        self.store.archive()
    }

    /// Returns the directory's secret of this name, which outlives the process. If there is none
    /// of the length of `fresh`, stores `fresh` and returns it. Waits for the disk.
    pub fn secret(&self, name: &str, fresh: &[u8]) -> std::io::Result<Vec<u8>> {
        self.store.secret(name, fresh)
    }

    /// Whether files are being written, finished or recovered.
    pub fn has_storage_work(&self) -> bool {
        !self.store.is_idle()
    }

    /// Whether free space is below `storage.min_free_bytes`, so that no recording can start.
    pub fn is_space_low(&self) -> bool {
        self.store.is_low_on_space()
    }

    /// Fails with `UNAVAILABLE` from the moment closing begins.
    fn require_open(&self) -> Result<()> {
        if self.closing.load(Ordering::Acquire) {
            return Err(closing());
        }
        Ok(())
    }

    /// Whether a live call may be recorded. `None` if the call has ended.
    pub fn is_monitorable(&self, call: u64) -> Option<bool> {
        self.registry.is_monitorable(call)
    }

    /// Whether only the host may end a live call's recordings.
    pub fn is_mandatory(&self, call: u64) -> bool {
        self.registry.is_mandatory(call)
    }

    /// The highest order of all recordings that have begun so far.
    pub fn latest_order(&self) -> u64 {
        self.registry.order()
    }

    /// The current state of a recording, without a permission check. Works while the engine
    /// closes.
    pub fn view(&self, id: Uuid) -> Option<RecordingView> {
        self.registry.recording(id).map(|recording| recording.view())
    }

    /// Panics if a test has asked for a panic at this place.
    #[cfg(feature = "faults")]
    pub fn panic_point(&self, place: &str) {
        assert!(self.config.storage.panic_at != place, "planted at {place}");
    }

    #[cfg(not(feature = "faults"))]
    pub fn panic_point(&self, _place: &str) {}
}

fn open_audit_log(config: &Config, platform: &Platform, store: &Store, bus: &Arc<Bus>) -> Arc<AuditLog> {
    let log = Arc::new(AuditLog::new(
        config.audit,
        store.append_file(audit::FILE),
        platform.clock.clone(),
        bus.clone(),
        platform.ids.clone(),
    ));
    log.read_end();
    log
}

fn closing() -> Error {
    Error::new(Status::Unavailable, "the engine is closing")
}

/// The number of threads of a kind. `configured` 0: half the number of cores.
fn thread_count(configured: u32) -> usize {
    match configured {
        0 => std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1)),
        count => count as usize,
    }
}

/// The interval of blocks. Masked recordings are rendered later, so they are flushed more often: a
/// crash loses no more of them.
fn flush_ns(config: &Config) -> u64 {
    const STEP_NS: u64 = 100 * NS_PER_MS;
    let flush_ns = u64::from(config.storage.flush_ms) * NS_PER_MS;
    match config.masks_dtmf {
        true => flush_ns.saturating_sub(dtmf::HOLD_NS).max(flush_ns / 2) / STEP_NS * STEP_NS,
        false => flush_ns,
    }
}

fn media_config(config: &Config, time: Arc<dyn Clock>) -> MediaConfig {
    MediaConfig {
        clock: match config.clock {
            config::MediaClock::Real => ClockMode::Real,
            config::MediaClock::Stream => ClockMode::Stream,
        },
        time,
        reorder_ns: u64::from(config.reorder_ms) * NS_PER_MS,
        leg_wait_ns: u64::from(config.leg_wait_ms) * NS_PER_MS,
        flush_ns: flush_ns(config),
        backlog_ns: u64::from(config.storage.backlog_ms) * NS_PER_MS,
        silent_ns: u64::from(config.silent_ms) * NS_PER_MS,
        hold_is_silence: config.hold_is_silence,
        masks_dtmf: config.masks_dtmf,
        lookback_ns: u64::from(config.lookback_ms) * NS_PER_MS,
        lookback_bytes: config.lookback_bytes,
        conceals: config.conceals,
        overflow_bytes: config.overflow_bytes,
        #[cfg(feature = "faults")]
        panic_at: match config.storage.panic_at.strip_prefix("packet:") {
            Some(payload) => payload.into(),
            None => Vec::new(),
        },
        #[cfg(feature = "faults")]
        planted: config
            .storage
            .panic_at
            .strip_prefix("timeline:")
            .and_then(TimelineFault::named),
    }
}
