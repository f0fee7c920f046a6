//! A model of a node's recorder: live recordings without audio, and the storage of its ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use callrec_cluster::simulation::{ClusterLink, LocalRecorder};
use callrec_core::calls::{
    CallInfo, CallView, Caller, ControlCounts, ControlOperation, Filter, ListedRecording, LiveList, Readings,
    ReadingsHandle, RecordingSpec, RecordingView, parse_id,
};
use callrec_core::events::{Listener, RefusedSubscription, SubscriptionId, SubscriptionOptions};
use callrec_core::recorder::{Recorder, Statistics};
use callrec_core::text::Text;
use callrec_core::types::{AudioSpec, Error, Format, Layout, PauseMode, RecordingState, Result, Status};
use parking_lot::Mutex;
use tokio::sync::Notify;
use uuid::Uuid;

use super::judge::Judge;
use super::sim_time;

/// A storage directory. It survives its processes.
#[derive(Default)]
pub struct ModelStorage {
    state: Mutex<StorageState>,
    /// Told when there may be a new end.
    pub changed: Notify,
}

#[derive(Default)]
struct StorageState {
    live: BTreeSet<Uuid>,
    /// Ends that are not appended to the stream, or not acknowledged.
    ends: BTreeSet<Uuid>,
}

impl ModelStorage {
    /// Ends what a dead process left, as the recovery does.
    pub fn recover(&self) {
        let mut state = self.state.lock();
        let live = std::mem::take(&mut state.live);
        state.ends.extend(live);
        self.changed.notify_one();
    }

    /// Takes over everything that is in another directory.
    pub fn adopt(&self, other: &ModelStorage) {
        other.recover();
        let ends = std::mem::take(&mut other.state.lock().ends);
        self.state.lock().ends.extend(ends);
        self.changed.notify_one();
    }

    pub fn ends(&self) -> Vec<Uuid> {
        self.state.lock().ends.iter().copied().collect()
    }

    pub fn settle(&self, id: Uuid) {
        self.state.lock().ends.remove(&id);
    }

    fn begin(&self, id: Uuid) {
        self.state.lock().live.insert(id);
    }

    fn end(&self, id: Uuid) {
        let mut state = self.state.lock();
        state.live.remove(&id);
        state.ends.insert(id);
        self.changed.notify_one();
    }
}

struct NodeRecording {
    order: u64,
    state: RecordingState,
    info: Arc<CallInfo>,
    started_at_ms: i64,
}

#[derive(Default)]
struct RecorderState {
    live: BTreeMap<Uuid, NodeRecording>,
    version: u64,
    started: u64,
    is_closed: bool,
}

/// The recorder of one process.
pub struct ModelRecorder {
    pub process: usize,
    node: String,
    judge: Arc<Judge>,
    pub storage: Arc<ModelStorage>,
    link: Arc<ClusterLink>,
    state: Mutex<RecorderState>,
}

fn refused<T>(status: Status) -> Result<T> {
    Err(Error::new(status, "refused"))
}

fn spec() -> RecordingSpec {
    RecordingSpec::new(AudioSpec {
        layout: Layout::Mono,
        format: Format::WAV,
        pause_mode: PauseMode::Skip,
        max_duration_ms: 0,
        rate: 0,
    })
}

impl NodeRecording {
    fn view(&self, id: Uuid) -> RecordingView {
        RecordingView {
            id,
            order: self.order,
            call: self.order,
            previous: None,
            first_info: self.info.clone(),
            state: self.state,
            end_reason: None,
            error: Status::Ok,
            spec: spec(),
            info: self.info.clone(),
            url: Text::default(),
            path: Text::default(),
            digest: Text::default(),
            raw: Default::default(),
            held: false,
            started_at_ms: self.started_at_ms,
            ended_at_ms: 0,
            ended: 0,
            readings: Readings::default(),
            node: Text::default(),
            is_unreachable: false,
        }
    }
}

impl ModelRecorder {
    pub fn new(
        process: usize,
        node: &str,
        judge: &Arc<Judge>,
        storage: &Arc<ModelStorage>,
        link: &Arc<ClusterLink>,
    ) -> ModelRecorder {
        ModelRecorder {
            process,
            node: node.to_owned(),
            judge: judge.clone(),
            storage: storage.clone(),
            link: link.clone(),
            state: Mutex::default(),
        }
    }

    /// The host starts a recording of a call.
    pub fn begin(&self, id: Uuid, info: CallInfo) {
        self.storage.begin(id);
        self.judge.begin_recording(self.process, id);
        let mut state = self.state.lock();
        state.started += 1;
        state.version += 1;
        let recording = NodeRecording {
            order: state.started,
            state: RecordingState::Recording,
            info: Arc::new(info),
            started_at_ms: sim_time::unix_ms() as i64,
        };
        state.live.insert(id, recording);
        self.link.changed.notify_one();
    }

    pub fn ids(&self) -> Vec<Uuid> {
        self.state.lock().live.keys().copied().collect()
    }

    /// Ends all recordings. From now on, every request is refused.
    pub fn close(&self) {
        for id in self.ids() {
            let _ = self.apply(ControlOperation::Stop, id);
        }
        self.state.lock().is_closed = true;
        self.link.changed.notify_one();
    }

    fn require_open(&self) -> Result<()> {
        match self.state.lock().is_closed {
            true => refused(Status::Unavailable),
            false => Ok(()),
        }
    }

    fn apply(&self, operation: ControlOperation, id: Uuid) -> Result<()> {
        let mut state = self.state.lock();
        let Some(recording) = state.live.get_mut(&id) else {
            return refused(Status::NotLive);
        };
        let is_paused = recording.state == RecordingState::Paused;
        match operation {
            ControlOperation::Pause if is_paused => return refused(Status::AlreadyPaused),
            ControlOperation::Resume if !is_paused => return refused(Status::NotPaused),
            ControlOperation::Pause => recording.state = RecordingState::Paused,
            ControlOperation::Resume => recording.state = RecordingState::Recording,
            ControlOperation::Stop | ControlOperation::Discard => {
                state.live.remove(&id);
                self.storage.end(id);
                self.judge.end_recording(id);
            }
        }
        state.version += 1;
        self.link.changed.notify_one();
        Ok(())
    }

    fn apply_to_all(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        filter: &Filter,
    ) -> Result<ControlCounts> {
        let matching = self.list(&Caller::Host, filter)?;
        let mut counts = ControlCounts::default();
        let mut error = Error::new(Status::NotLive, "no such live recording");
        for view in matching {
            match self.apply(operation, view.id) {
                Ok(()) => counts.changed += 1,
                Err(newer) => {
                    counts.already += 1;
                    error = newer;
                }
            }
        }
        self.judge
            .note_execution(caller.username().as_str(), &self.node, counts.changed);
        match counts.changed {
            0 => Err(error),
            _ => Ok(counts),
        }
    }
}

impl LocalRecorder for ModelRecorder {
    fn has(&self, id: Uuid) -> bool {
        self.state.lock().live.contains_key(&id)
    }

    fn require_memory(&self) -> fn(u64) -> Result<()> {
        |_| Ok(())
    }
}

impl Recorder for ModelRecorder {
    fn default_spec(&self, _: Format) -> RecordingSpec {
        spec()
    }

    fn file_rate(&self, _: Format) -> u32 {
        0
    }

    /// The hosts of the simulation start recordings with [`ModelRecorder::begin`].
    fn start(&self, _: &Caller, _: &Filter, _: Result<RecordingSpec>) -> Result<Uuid> {
        refused(Status::NoCall)
    }

    fn start_own(&self, _: &Caller, _: Result<RecordingSpec>) -> Result<Uuid> {
        refused(Status::NoCall)
    }

    fn control_by_id(&self, caller: &Caller, operation: ControlOperation, id: &str) -> Result<()> {
        self.require_open()?;
        let result = self.apply(operation, parse_id(id)?);
        let changed = u32::from(result.is_ok());
        self.judge
            .note_execution(caller.username().as_str(), &self.node, changed);
        result
    }

    fn control_by_line(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        device: &Text,
        number: &Text,
    ) -> Result<ControlCounts> {
        self.apply_to_all(caller, operation, &Filter::line(device, number))
    }

    fn control_by_call(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        call_id: &Text,
        _: Option<&Text>,
    ) -> Result<ControlCounts> {
        self.apply_to_all(caller, operation, &Filter::call(call_id))
    }

    fn control_own(&self, _: &Caller, _: ControlOperation) -> Result<ControlCounts> {
        refused(Status::NotLive)
    }

    fn delete(&self, _: &Caller, _: &str) -> Result<()> {
        refused(Status::NotFound)
    }

    fn hold(&self, _: &Caller, _: &str, _: bool) -> Result<()> {
        refused(Status::NotFound)
    }

    fn list(&self, _: &Caller, filter: &Filter) -> Result<Vec<RecordingView>> {
        self.require_open()?;
        let state = self.state.lock();
        let matching = state.live.iter().filter(|(_, live)| filter.matches(&live.info));
        Ok(matching.map(|(id, live)| live.view(*id)).collect())
    }

    fn list_live(&self) -> Result<LiveList> {
        let views = self.list(&Caller::Host, &Filter::default())?;
        let recordings = views.into_iter().map(|view| ListedRecording {
            readings: ReadingsHandle::fixed(view.readings),
            view,
        });
        Ok(LiveList {
            version: self.state.lock().version,
            recordings: recordings.collect(),
        })
    }

    fn live_version(&self) -> Result<u64> {
        self.require_open()?;
        Ok(self.state.lock().version)
    }

    fn get(&self, _: &Caller, id: &str) -> Result<RecordingView> {
        let id = parse_id(id)?;
        let state = self.state.lock();
        let found = state.live.get(&id).map(|live| live.view(id));
        found.map_or_else(|| refused(Status::NotLive), Ok)
    }

    fn calls(&self, _: &Caller, _: &Filter) -> Result<Vec<CallView>> {
        Ok(Vec::new())
    }

    fn subscribe(
        &self,
        _: SubscriptionOptions,
        listener: Arc<dyn Listener>,
    ) -> std::result::Result<SubscriptionId, RefusedSubscription> {
        let error = Error::new(Status::Unavailable, "refused");
        Err(RefusedSubscription { error, listener })
    }

    fn unsubscribe(&self, _: SubscriptionId) -> bool {
        false
    }

    fn statistics(&self) -> Result<Statistics> {
        Ok(Statistics::default())
    }
}
