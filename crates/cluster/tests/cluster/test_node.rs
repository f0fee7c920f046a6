//! An engine in a cluster, in this process.

use std::sync::Arc;
use std::time::Duration;

use callrec_cluster::{ClusterNode, ClusterRecorder, ClusterSettings};
use callrec_core::calls::{CallInfo, Caller, ControlOperation, Filter, RecordingView};
use callrec_core::config::Config;
use callrec_core::engine::{Call, Engine};
use callrec_core::events::{Event, EventKind, Listener, SubscriptionOptions};
use callrec_core::recorder::Recorder;
use callrec_core::storage::{END_JOB, JobSpec};
use callrec_core::sync::Mutex;
use callrec_core::text::Text;
use callrec_core::types::{Format, Result, Status};
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::{PATIENCE, until};

/// The events of an engine.
#[derive(Default)]
pub struct EventLog(pub Mutex<Vec<(EventKind, String)>>);

impl Listener for EventLog {
    fn event(&self, event: &Event, sequence: u64) {
        self.0.lock().push((event.kind, event.json(sequence)));
    }
}

impl EventLog {
    pub fn of(&self, kind: EventKind) -> Vec<String> {
        let events = self.0.lock();
        let matching = events.iter().filter(|(known, _)| *known == kind);
        matching.map(|(_, json)| json.clone()).collect()
    }

    pub fn wait_for(&self, kind: EventKind, count: usize) -> Vec<String> {
        until(&format!("{count} events {}", kind.text()), || {
            self.of(kind).len() >= count
        });
        self.of(kind)
    }
}

/// An engine in a cluster, which is closed when this value is dropped.
pub struct TestNode {
    pub engine: Arc<Engine>,
    pub node: Arc<ClusterNode>,
    pub events: Arc<EventLog>,
    pub recorder: ClusterRecorder,
    pub directory: Option<ScratchDir>,
}

/// The lease of a node whose death a test awaits, or whose next renewal.
pub const SHORT_LEASE: (&str, &str) = ("cluster.lease_ms", "1500");
/// The lease of a node that is to find another one dead. It looks at each renewal, so every five
/// seconds, and is not found dead itself.
pub const WATCHER_LEASE: (&str, &str) = ("cluster.lease_ms", "15000");

/// The settings of a node. Its lease and its timeout are so long that a busy machine exceeds neither.
pub fn settings(url: &str, name: &str, keys: &[(&str, &str)]) -> ClusterSettings {
    let mut settings = ClusterSettings::default();
    let base = [
        ("cluster.url", url),
        ("cluster.node", name),
        ("cluster.lease_ms", "30000"),
        ("cluster.timeout_ms", "30000"),
    ];
    for (key, value) in base.iter().chain(keys) {
        settings.set_known(key, value).expect("a key").expect("valid");
    }
    settings
}

pub fn open_engine(directory: &str) -> Arc<Engine> {
    open_engine_with(directory, |_| {})
}

pub fn open_engine_with(directory: &str, change: impl FnOnce(&mut Config)) -> Arc<Engine> {
    let mut config = Config::default();
    config.storage.directory = directory.to_owned();
    config.storage.min_free_bytes = 0;
    config.storage.end_jobs = vec![JobSpec::new(END_JOB, &())];
    change(&mut config);
    Engine::open(config).expect("an engine")
}

/// A call on a line.
pub fn call(id: &str, device: &str, number: &str, user: &str) -> CallInfo {
    CallInfo {
        call_id: id.into(),
        device_name: device.into(),
        directory_number: number.into(),
        username: user.into(),
        ..CallInfo::default()
    }
}

pub fn user(name: &str, level: u32) -> Caller {
    Caller::User {
        username: name.into(),
        level,
        origin: None,
    }
}

/// Begins a call and its recording.
pub fn record(engine: &Arc<Engine>, info: CallInfo) -> Result<(Arc<Call>, String)> {
    let target = Filter::call(&info.call_id);
    let call = engine.begin_call(info)?;
    let spec = engine.default_spec(Format::WAV);
    let id = engine.start(&Caller::Host, &target, Ok(spec))?;
    Ok((call, id.to_string()))
}

impl TestNode {
    pub fn start(url: &str, name: &str, keys: &[(&str, &str)]) -> TestNode {
        let directory = ScratchDir::new();
        let mut node = TestNode::start_in(&directory, url, name, keys);
        node.directory = Some(directory);
        node
    }

    pub fn start_in(directory: &std::path::Path, url: &str, name: &str, keys: &[(&str, &str)]) -> TestNode {
        let engine = open_engine(directory.to_str().expect("UTF-8"));
        TestNode::of(engine, url, name, keys)
    }

    pub fn of(engine: Arc<Engine>, url: &str, name: &str, keys: &[(&str, &str)]) -> TestNode {
        let events = Arc::new(EventLog::default());
        let subscribed = engine.subscribe(SubscriptionOptions::default(), events.clone());
        assert!(subscribed.is_ok());
        let node = ClusterNode::start(&engine, settings(url, name, keys)).expect("a node");
        TestNode {
            recorder: ClusterRecorder::new(node.clone(), None),
            engine,
            node,
            events,
            directory: None,
        }
    }

    pub fn with_timeout(&self, timeout: Duration) -> ClusterRecorder {
        ClusterRecorder::new(self.node.clone(), Some(timeout))
    }

    pub fn record(&self, info: CallInfo) -> String {
        record(&self.engine, info).expect("a recording").1
    }

    pub fn wait_until_connected(&self) {
        until("the connection", || self.node.statistics().is_connected);
    }

    /// What the cluster lists, as the host sees it.
    pub fn list(&self, filter: &Filter) -> Result<Vec<RecordingView>> {
        self.recorder.list(&Caller::Host, filter)
    }

    /// The ids that the cluster lists as live, sorted. Empty while it cannot be listed.
    pub fn live_ids(&self) -> Vec<String> {
        let views = self.list(&Filter::default()).unwrap_or_default();
        let live = views.iter().filter(|view| !view.is_unreachable);
        let mut ids: Vec<String> = live.map(|view| view.id.to_string()).collect();
        ids.sort();
        ids
    }

    pub fn wait_for_ids(&self, ids: &[&str]) {
        let mut expected: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        expected.sort();
        until("the listed recordings", || self.live_ids() == expected);
    }

    /// Stops a recording of a node that may be out of reach for a moment. What happened to an attempt
    /// without a response is not known, so the recording may have ended before the next one.
    pub fn stop_when_reachable(&self, id: &str) {
        let mut is_first = true;
        until("the stop", || {
            let stop = ControlOperation::Stop;
            let stopped = self.recorder.control_by_id(&Caller::Host, stop, id);
            match stopped.map_err(|error| error.status) {
                Ok(()) => true,
                Err(Status::NotLive) if !is_first => true,
                Err(Status::Unavailable | Status::Timeout) => {
                    is_first = false;
                    false
                }
                Err(status) => panic!("{status:?}"),
            }
        });
    }

    pub fn close(&self) {
        self.engine.close(PATIENCE).expect("closed");
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        let _ = self.engine.close(PATIENCE);
    }
}

/// A filter by user.
pub fn by_user(name: &str) -> Filter {
    Filter {
        username: Text::new(name),
        ..Filter::default()
    }
}
