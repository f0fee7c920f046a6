//! An engine's part in the cluster: starts it, stops it, and counts.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use callrec_core::engine::{Dependent, Engine};
use callrec_core::events::{Event, LogLevel, Observer};
use callrec_core::jobs::RegisteredAction;
use callrec_core::memory;
use callrec_core::recorder::{ClusterStatistics, Recorder};
use callrec_core::storage;
use callrec_core::sync::{Mutex, thread::JoinHandle};
use callrec_core::types::{Error, Result, Status};
use tokio::runtime::{Builder, Handle, Runtime};

use super::connection::NodeConnector;
use super::end_action::{AdoptedEnds, EndAction};
use super::endpoint::RedisEndpoint;
use super::failed_starts::FailedStarts;
use super::link::{ClusterLink, TaskSpawner};
use super::registry_writer::RegistryWriter;
use super::settings::ClusterSettings;

const THREAD: &str = "callrec-cluster";
/// The threads besides the one that publishes.
const WORKERS: usize = 2;
/// How long a stopping node waits for the ends of its last recordings to reach Redis.
const ENDS_WAIT: Duration = Duration::from_millis(500);
const ENDS_LOOK: Duration = Duration::from_millis(10);

/// The part of one engine in its cluster.
pub struct ClusterNode {
    engine: Arc<Engine>,
    link: Arc<ClusterLink>,
    settings: ClusterSettings,
    runtime: Handle,
    ends: RegisteredAction,
    failed_starts: Arc<FailedStarts>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl ClusterNode {
    /// Starts the engine's part. Does not wait for Redis, which may be away for any time.
    pub fn start(engine: &Arc<Engine>, settings: ClusterSettings) -> Result<Arc<ClusterNode>> {
        let address = settings
            .address
            .clone()
            .ok_or_else(|| wrong("cluster.url is missing"))?;
        settings.check()?;
        let response_wait = Duration::from_millis(settings.lease_ms.clamp(500, 5000).into());
        let endpoint = RedisEndpoint::open(&settings, &address, response_wait)?;
        let bus = engine.bus().clone();
        let (runtime, body) = open_runtime(engine)?;
        let tasks = runtime.clone();
        let spawner: TaskSpawner = Box::new(move |task| tasks.spawn(task));
        let link = ClusterLink::new(endpoint.shown(), spawner, move |level: LogLevel, line| {
            bus.log(level, line)
        });
        let action = Arc::new(EndAction::new(link.clone(), runtime.clone()));
        let ends = engine.register_action(action, EndAction::pace())?;
        let instance = instance_of(engine);
        let recorder: Arc<dyn Recorder> = engine.clone();
        let bus = engine.bus().clone();
        let connector = Box::new(endpoint);
        let writer = RegistryWriter::new(recorder, bus, link.clone(), connector, settings.clone(), instance);
        let node = Arc::new(ClusterNode {
            engine: engine.clone(),
            link,
            settings,
            runtime,
            ends,
            failed_starts: Arc::default(),
            thread: Mutex::default(),
        });
        engine.attach(node.clone())?;
        engine.add_job_performer(Arc::new(AdoptedEnds {
            link: node.link.clone(),
            runtime: node.runtime.clone(),
        }));
        node.run(body, writer)?;
        Ok(node)
    }

    fn run(self: &Arc<Self>, runtime: Runtime, writer: RegistryWriter) -> Result<()> {
        let node = self.clone();
        let hooks = self.engine.config().thread_hooks.clone();
        let observer: Arc<dyn Observer> = Arc::new(ChangeObserver {
            link: self.link.clone(),
            failed_starts: self.failed_starts.clone(),
        });
        // From now on, no failed start is missed.
        self.engine.bus().observe(observer.clone());
        let observing = observer.clone();
        let thread = storage::spawn(THREAD, &hooks, move || {
            memory::stay_inside();
            runtime.block_on(async {
                tokio::select! {
                    () = writer.run() => {}
                    () = node.failed_starts.run(node.link.clone()) => {}
                    () = node.link.aborted() => {}
                }
            });
            node.link.set(None);
            node.engine.bus().forget_observer(&observing);
            runtime.shutdown_background();
            let dependent: Arc<dyn Dependent> = node.clone();
            node.engine.detach(&dependent);
        });
        match thread {
            Ok(thread) => {
                *self.thread.lock() = Some(thread);
                Ok(())
            }
            Err(error) => {
                self.engine.bus().forget_observer(&observer);
                let dependent: Arc<dyn Dependent> = self.clone();
                self.engine.detach(&dependent);
                Err(Error::io("the cluster's thread cannot be started", &error))
            }
        }
    }

    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub fn settings(&self) -> &ClusterSettings {
        &self.settings
    }

    pub(crate) fn link(&self) -> &Arc<ClusterLink> {
        &self.link
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    pub fn statistics(&self) -> ClusterStatistics {
        let counters = &self.link.counters;
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        ClusterStatistics {
            is_connected: self.link.is_connected(),
            losses: read(&counters.losses),
            recordings: read(&counters.published),
            commands: read(&counters.commands),
            late_commands: read(&counters.late_commands),
            pending_ends: self.ends.pending() + self.failed_starts.pending() as u64,
        }
    }
}

impl Dependent for ClusterNode {
    fn halt(&self, until: Instant) {
        let (link, now) = (self.link.clone(), Instant::now());
        let ends_until = now + until.saturating_duration_since(now).min(ENDS_WAIT);
        let (pending_jobs, failed_starts) = (self.ends.pending_counter(), self.failed_starts.clone());
        let pending = move || pending_jobs() + failed_starts.pending() as u64;
        self.runtime.spawn(async move {
            while pending() > 0 && link.is_connected() && Instant::now() < ends_until {
                tokio::time::sleep(ENDS_LOOK).await;
            }
            link.stop(until);
        });
        if until <= now {
            self.link.stop(until);
        }
    }

    fn wait_until_ended(&self) {
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

/// Wakes the writer, and notes failed starts.
struct ChangeObserver {
    link: Arc<ClusterLink>,
    failed_starts: Arc<FailedStarts>,
}

impl Observer for ChangeObserver {
    fn published(&self, event: &Arc<Event>) {
        self.failed_starts.note(event);
        self.link.changed.notify_one();
    }
}

/// The runtime is made by a thread that blocks all signals, so that its own threads do too.
fn open_runtime(engine: &Arc<Engine>) -> Result<(Handle, Runtime)> {
    let hooks = engine.config().thread_hooks.clone();
    let (started, ended) = (hooks.clone(), hooks.clone());
    let (send, receive) = std::sync::mpsc::sync_channel(1);
    let build = move || {
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .enable_all()
            .thread_name(THREAD)
            .on_thread_start(move || {
                memory::stay_inside();
                started.started(THREAD);
            })
            .on_thread_stop(move || ended.ended(THREAD))
            .build();
        let _ = send.send(runtime);
    };
    let failed = |error: &std::io::Error| Error::io("the cluster's threads cannot be started", error);
    let thread = storage::spawn(THREAD, &hooks, build).map_err(|error| failed(&error))?;
    let runtime = receive.recv();
    let _ = thread.join();
    let runtime = runtime
        .map_err(|_| Error::new(Status::Internal, "the cluster's threads did not start"))?
        .map_err(|error| failed(&error))?;
    Ok((runtime.handle().clone(), runtime))
}

/// The storage directory on this machine: only one process can have it, and after a crash the next
/// process that has it takes the node's name over at once.
fn instance_of(engine: &Engine) -> String {
    let directory = engine.config().storage.directory.clone();
    let directory =
        std::fs::canonicalize(&directory).map_or(directory, |path| path.to_string_lossy().into_owned());
    let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{} {} {directory}", machine.trim(), host.trim())
}

fn wrong(why: &str) -> Error {
    Error::new(Status::Config, why)
}
