//! The queues between sinks and writers: one for each recording, and one for each writer. Their
//! locks are held only for a push or a swap.

use super::buffer_pool::BufferPool;
use super::creator::Stage;
use super::ending::Ending;
use super::manifest::Manifest;
use super::patch::Patch;
use super::raw_file::RawBlock;
use super::retry::FailingSince;
use crate::memory::PieceQueue;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64};
use crate::task::{self, Signal};
use callrec_codec::{Block, Samples, Shape};
use once_cell::sync::OnceCell;
use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Weak};
use std::time::Instant;

/// An entry of a recording's queue, in the order of the sink's calls.
pub enum QueueEntry {
    Shape(Shape),
    Audio(Block),
    Patch(Patch),
    /// No frame before this one will be patched.
    Settled(u64),
    /// Packets that are kept as they arrived.
    Raw(RawBlock),
    /// Audio in the form in which it is written, which the writer put back.
    Gathered(Vec<u8>),
    /// The end; always the last entry.
    Finish(Option<Box<Manifest>>, Ending),
}

impl QueueEntry {
    /// Returns the entry's buffer to the pool.
    pub fn recycle(self, pool: &BufferPool) {
        match self {
            QueueEntry::Audio(block) => pool.give(block.into_buffer()),
            QueueEntry::Patch(patch) => pool.give(patch.bytes),
            QueueEntry::Raw(block) => pool.give(block.bytes),
            _ => {}
        }
    }

    /// Bytes of audio in this entry; 0 for silence and for packets, which have their own limits.
    fn audio_bytes(&self) -> u64 {
        match self {
            QueueEntry::Audio(block) => block.bytes().len() as u64,
            QueueEntry::Patch(Patch { bytes, .. }) | QueueEntry::Gathered(bytes) => bytes.len() as u64,
            _ => 0,
        }
    }
}

/// Provides the latest manifest of a recording when it is written.
pub trait ManifestSource: Send + Sync {
    fn manifest(&self) -> Box<Manifest>;
}

/// The maximum number of updates that are queued for notification. Beyond it, the oldest are
/// dropped.
const UPDATES_MAX: usize = 65_536;

/// A pending rewrite of the live manifest. Only the latest state is written, so a recording has at
/// most one.
pub struct ManifestUpdate {
    pub source: Arc<dyn ManifestSource>,
    /// The numbers that are reported once the manifest is on disk.
    pub numbers: VecDeque<u64>,
}

impl ManifestUpdate {
    /// Merges a later update: writes its manifest, and reports the numbers of both.
    fn merge_later(&mut self, mut later: ManifestUpdate) {
        self.source = later.source;
        self.numbers.append(&mut later.numbers);
    }
}

/// The pending work of one recording's writer. The update is written after the audio.
#[derive(Default)]
pub struct PendingWork {
    pub entries: VecDeque<QueueEntry>,
    pub update: Option<ManifestUpdate>,
}

impl PendingWork {
    fn add_update(&mut self, source: Arc<dyn ManifestSource>, number: u64) {
        let update = self.update.get_or_insert_with(|| ManifestUpdate {
            source: Arc::clone(&source),
            numbers: VecDeque::new(),
        });
        update.source = source;
        if update.numbers.len() >= UPDATES_MAX {
            update.numbers.pop_front();
        }
        update.numbers.push_back(number);
    }

    /// Puts work that was taken out back in front.
    fn prepend(&mut self, mut earlier: PendingWork) {
        earlier.entries.append(&mut self.entries);
        self.entries = earlier.entries;
        if let Some(mut update) = earlier.update {
            if let Some(later) = self.update.take() {
                update.merge_later(later);
            }
            self.update = Some(update);
        }
    }

    /// The shape of the audio, if it is queued.
    pub fn shape(&self) -> Option<Shape> {
        self.entries.iter().find_map(|entry| match entry {
            QueueEntry::Shape(shape) => Some(*shape),
            _ => None,
        })
    }

    /// Whether the end is all that is left to write.
    pub fn is_ending(&self) -> bool {
        matches!(self.entries.front(), Some(QueueEntry::Finish(..)))
    }

    pub fn audio_bytes(&self) -> u64 {
        self.entries.iter().map(QueueEntry::audio_bytes).sum()
    }
}

/// The queue between one recording's sink and its writer.
pub struct RecordingQueue {
    pub writer_index: usize,
    queued: Mutex<QueueState>,
    /// `None` while a writer or a syncer works on the recording.
    pub stage: Mutex<Option<Stage>>,
    /// Bytes of audio that are queued, and their limit.
    pub live_bytes: AtomicU64,
    pub limit: AtomicU64,
    /// Bytes from before the start, which are first in the queue.
    pub early_bytes: AtomicU64,
    /// The size of the recording's file in bytes after the writer's last turn.
    pub file_bytes: Arc<AtomicU64>,
    /// The recording was discarded and must not be published.
    pub discarded: AtomicBool,
    /// Since when writing fails.
    pub failing_since: FailingSince,
    /// Since when syncing fails.
    pub sync_failing_since: FailingSince,
    /// The source of the latest manifest, once it is set.
    pub source: OnceCell<Weak<dyn ManifestSource>>,
}

/// The thread that works on a recording.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum ActiveWorker {
    #[default]
    Idle,
    Writer,
    Syncer,
}

#[derive(Default)]
struct QueueState {
    work: PendingWork,
    /// An update that the writer has passed to a syncer.
    ready: Option<ManifestUpdate>,
    /// The recording is in the writer's queue.
    is_scheduled: bool,
    worker: ActiveWorker,
    /// An urgent sync is queued, because a notification depends on it.
    is_sync_requested: bool,
    /// A syncer came while another thread worked on the recording.
    syncer_was_busy: bool,
    /// The recording waits for its turn to encode.
    awaits_encoding: bool,
    /// A writer came while a syncer worked on the recording.
    writer_was_refused: bool,
}

impl QueueState {
    /// Whether the recording must now be added to the writer's queue. While a syncer works on it,
    /// it is added later.
    fn schedule(&mut self) -> bool {
        let needs_scheduling = !self.is_scheduled && self.worker != ActiveWorker::Syncer;
        self.is_scheduled |= needs_scheduling;
        needs_scheduling
    }
}

/// The actions that follow the release of a recording.
pub struct ReleaseActions {
    /// Add the recording to the writer's queue.
    pub schedule_writer: bool,
    /// Queue an urgent sync.
    pub queue_sync: bool,
}

impl RecordingQueue {
    pub fn new(writer_index: usize, stage: Stage) -> RecordingQueue {
        RecordingQueue {
            writer_index,
            queued: Mutex::default(),
            stage: Mutex::new(Some(stage)),
            live_bytes: AtomicU64::new(0),
            early_bytes: AtomicU64::new(0),
            limit: AtomicU64::new(u64::MAX),
            file_bytes: Arc::default(),
            discarded: AtomicBool::new(false),
            failing_since: FailingSince::default(),
            sync_failing_since: FailingSince::default(),
            source: OnceCell::new(),
        }
    }

    /// Adds an entry. Returns whether the recording must be added to the writer's queue.
    pub fn push(&self, entry: Option<QueueEntry>) -> bool {
        let mut queued = self.queued.lock();
        match (entry, queued.work.entries.back_mut()) {
            (Some(QueueEntry::Audio(more)), Some(QueueEntry::Audio(last)))
                if more.samples == Samples::Silence && last.samples == Samples::Silence =>
            {
                last.frames = last.frames.saturating_add(more.frames);
            }
            (Some(QueueEntry::Settled(more)), Some(QueueEntry::Settled(last))) => *last = more.max(*last),
            (Some(entry), _) => queued.work.entries.push_back(entry),
            (None, _) => {}
        }
        queued.schedule()
    }

    /// Requests a rewrite of the manifest. Returns whether the recording must be added to the
    /// writer's queue.
    pub fn push_update(&self, source: Arc<dyn ManifestSource>, number: u64) -> bool {
        let mut queued = self.queued.lock();
        queued.work.add_update(source, number);
        queued.schedule()
    }

    /// Puts back work that could not be written. Returns whether the recording must be added to the
    /// writer's queue.
    pub fn put_back(&self, work: PendingWork) -> bool {
        let mut queued = self.queued.lock();
        queued.work.prepend(work);
        queued.schedule()
    }

    /// Called by the writer. Takes all queued work; [`RecordingQueue::release`] must follow.
    /// Returns `None` while a syncer works on the recording; the syncer's release adds it to the
    /// writer's queue.
    pub fn take(&self) -> Option<PendingWork> {
        let mut queued = self.queued.lock();
        queued.is_scheduled = false;
        if queued.worker == ActiveWorker::Syncer {
            queued.writer_was_refused = true;
            return None;
        }
        queued.worker = ActiveWorker::Writer;
        Some(mem::take(&mut queued.work))
    }

    /// Called by the writer. Leaves work that must follow the encoding, or an update that was put off.
    pub fn leave_for_later(&self, work: PendingWork) {
        self.queued.lock().work.prepend(work);
    }

    /// Whether the recording must be added to the recordings whose audio is to be encoded. It is
    /// among them until [`RecordingQueue::begin_encoding`].
    pub fn await_encoding(&self) -> bool {
        !mem::replace(&mut self.queued.lock().awaits_encoding, true)
    }

    /// Called by the writer before a turn that encodes.
    pub fn begin_encoding(&self) {
        self.queued.lock().awaits_encoding = false;
    }

    /// Called by the writer. Leaves work that must follow the next sync.
    pub fn leave_for_syncer(&self, mut work: PendingWork) {
        let mut queued = self.queued.lock();
        if let Some(update) = work.update.take() {
            match &mut queued.ready {
                Some(ready) => ready.merge_later(update),
                none => *none = Some(update),
            }
        }
        queued.work.prepend(work);
    }

    /// Whether an update is pending for a syncer.
    pub fn has_ready_update(&self) -> bool {
        self.queued.lock().ready.is_some()
    }

    /// Whether the recording's end is all that is left to write.
    pub fn is_ending(&self) -> bool {
        self.queued.lock().work.is_ending()
    }

    /// Requests an urgent sync. Returns `false` if one is queued already.
    pub fn request_sync(&self) -> bool {
        !mem::replace(&mut self.queued.lock().is_sync_requested, true)
    }

    /// Called by a syncer. Claims the recording and takes the pending update;
    /// [`RecordingQueue::release`] must follow. Returns `None` if another thread works on it; that
    /// thread's release queues an urgent sync.
    pub fn claim(&self) -> Option<Option<ManifestUpdate>> {
        let mut queued = self.queued.lock();
        queued.is_sync_requested = false;
        if queued.worker != ActiveWorker::Idle {
            queued.syncer_was_busy = true;
            return None;
        }
        queued.worker = ActiveWorker::Syncer;
        Some(queued.ready.take())
    }

    /// Called by a syncer. Puts back an update that could not be written.
    pub fn put_back_update(&self, mut update: ManifestUpdate) {
        let mut queued = self.queued.lock();
        if let Some(later) = queued.ready.take() {
            update.merge_later(later);
        }
        queued.ready = Some(update);
    }

    /// Ends a writer's or syncer's work. With `again`, the recording is added to the writer's queue
    /// even without work.
    pub fn release(&self, again: bool) -> ReleaseActions {
        let mut queued = self.queued.lock();
        let by_syncer = mem::take(&mut queued.worker) == ActiveWorker::Syncer;
        let was_refused = mem::take(&mut queued.writer_was_refused);
        let has_work = was_refused || !queued.work.entries.is_empty() || queued.work.update.is_some();
        ReleaseActions {
            schedule_writer: (again || by_syncer && has_work) && queued.schedule(),
            queue_sync: mem::take(&mut queued.syncer_was_busy),
        }
    }

    /// Takes all queued work of a recording that fails.
    pub fn clear(&self) -> PendingWork {
        let mut queued = self.queued.lock();
        queued.ready = None;
        mem::take(&mut queued.work)
    }

    /// Since when data of the recording has been due to be synced.
    pub fn unsynced_since(&self) -> Option<Instant> {
        match &*self.stage.lock() {
            Some(Stage::Live(live)) => live.unsynced_since(),
            _ => None,
        }
    }
}

/// The recordings that have work for one writer.
#[derive(Default)]
pub struct WriterQueue {
    state: Mutex<WriterQueueState>,
    signal: Arc<Signal>,
}

#[derive(Default)]
struct WriterQueueState {
    recordings: PieceQueue<Arc<RecordingQueue>>,
    /// Recordings whose written audio is to be encoded.
    encodings: PieceQueue<Arc<RecordingQueue>>,
    /// The writer sleeps, and the next recording wakes it.
    is_asleep: bool,
}

impl WriterQueue {
    /// Adds a recording. Wakes the writer if it sleeps, at the end of the caller's step.
    pub fn push(&self, recording: Arc<RecordingQueue>) {
        let mut state = self.state.lock();
        state.recordings.push_back(recording);
        let wake = mem::take(&mut state.is_asleep);
        drop(state);
        if wake {
            task::notify_at_end(&self.signal);
        }
    }

    pub fn take(&self) -> PieceQueue<Arc<RecordingQueue>> {
        let mut state = self.state.lock();
        state.is_asleep = false;
        mem::take(&mut state.recordings)
    }

    /// Adds a recording whose audio is to be encoded. Called by the writer itself.
    pub fn push_encoding(&self, recording: Arc<RecordingQueue>) {
        self.state.lock().encodings.push_back(recording);
    }

    /// The next recording whose audio is to be encoded.
    pub fn take_encoding(&self) -> Option<Arc<RecordingQueue>> {
        self.state.lock().encodings.pop_front()
    }

    /// Lets the writer sleep until a recording is queued. Returns false if one is.
    pub fn sleep(&self) -> bool {
        let mut state = self.state.lock();
        state.is_asleep = state.recordings.is_empty() && state.encodings.is_empty();
        state.is_asleep
    }

    pub fn wake(&self) {
        self.signal.notify_all();
    }

    /// Wakes the writer.
    pub fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }
}
