//! The store of one directory: its lock, its queues, its counters.

use super::archive::Archive;
use super::faults::{Hook, Step};
use super::live::{Draft, Stage};
use super::os::{self, Dir, DirLock};
use super::pool::Pool;
use super::queue::{Channel, Item, Job, Jobs, Lane};
use super::{
    Durability, LOG_INFO, LOG_WARNING, RecordingFile, RecordingName, Report, StorageConfig, papers, trust,
};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::text::{brief, one_line};
use crate::words::{Error, Result, Status};
use once_cell::sync::OnceCell;
use std::collections::HashSet;
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

pub(super) const CONTROL: &str = ".callrec";
const LOCK: &str = "lock";
/// How often the free room is asked for.
const ROOM_PERIOD: Duration = Duration::from_secs(1);

/// Everything that records into one directory shares this.
pub struct Store {
    config: StorageConfig,
    pub(super) report: Arc<dyn Report>,
    pub(super) root: Dir,
    /// `.callrec`
    pub(super) control: Dir,
    /// `.callrec/outbox`, once it was needed.
    pub(super) outbox: OnceCell<Dir>,
    pub(super) hook: Hook,
    pub(super) lanes: Vec<Lane>,
    pub(super) jobs: Jobs,
    pub(super) pool: Pool,
    /// Found at open; recovery empties it.
    pub(super) left: Mutex<Vec<Uuid>>,
    pub(super) recovering: AtomicBool,
    /// Whose live manifest stays for the next open, because publishing failed.
    pub(super) unsettled: Mutex<HashSet<Uuid>>,
    work: AtomicUsize,
    writers_returned: AtomicUsize,
    shutting_down: AtomicBool,
    given_up: AtomicBool,
    open_files: Arc<AtomicUsize>,
    open_files_max: usize,
    backlog: AtomicU64,
    pub(super) written: AtomicU64,
    dropped: AtomicU64,
    free: AtomicU64,
    free_answers: AtomicU64,
    /// The last time it was not told what is free.
    free_unknown: AtomicBool,
    room: Lane,
    /// Released last.
    lock: Mutex<Option<DirLock>>,
}

impl Store {
    /// Takes the directory and looks at what an earlier process left in it; what is
    /// to be done about that is done by [`Store::run_recovery`].
    pub fn open(config: StorageConfig, report: Arc<dyn Report>) -> Result<Arc<Store>> {
        let directory = config.directory.as_path();
        let fail = |what: &str, error: &io::Error| Error::io(format!("{}: {what}", named(directory)), error);
        let root = Dir::open_root(directory).map_err(|error| fail("cannot be opened", &error))?;
        let control = root.sub_or_new(CONTROL).map_err(|error| fail(CONTROL, &error))?;
        trust::check_control(&root, &control).map_err(|error| fail(CONTROL, &error))?;
        let lock = DirLock::take(&root, &control, LOCK)
            .map_err(|error| fail("cannot be locked", &error))?
            .ok_or_else(|| held_elsewhere(directory))?;
        let left = papers::list(&control).map_err(|error| fail("cannot be read", &error))?;
        let store = Store {
            hook: Hook::new(&config),
            lanes: (0..config.writers.max(1)).map(|_| Lane::default()).collect(),
            recovering: AtomicBool::new(!left.is_empty()),
            left: Mutex::new(left),
            open_files_max: open_files_max(config.max_open_files),
            config,
            report,
            root,
            control,
            outbox: OnceCell::new(),
            jobs: Jobs::default(),
            pool: Pool::default(),
            unsettled: Mutex::default(),
            work: AtomicUsize::new(0),
            writers_returned: AtomicUsize::new(0),
            shutting_down: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
            open_files: Arc::default(),
            backlog: AtomicU64::new(0),
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            free: AtomicU64::new(u64::MAX),
            free_answers: AtomicU64::new(0),
            free_unknown: AtomicBool::new(false),
            room: Lane::default(),
            lock: Mutex::new(Some(lock)),
        };
        store.refresh_free();
        Ok(Arc::new(store))
    }

    /// The finished recordings of its directory, yet to be looked for. Waits for no disk.
    pub fn archive(&self) -> io::Result<Archive> {
        Ok(Archive::new(self.root.again()?))
    }

    pub fn config(&self) -> &StorageConfig {
        &self.config
    }

    /// Begins a recording: queues the making of its manifest and its file.
    pub fn begin(self: &Arc<Self>, id: Uuid, draft: Draft) -> RecordingFile {
        let lane = (id.as_u128() % self.lanes.len() as u128) as usize;
        let channel = Arc::new(Channel::new(lane, Stage::Planned(id, Some(draft))));
        self.queue(&channel, None);
        RecordingFile {
            store: Arc::clone(self),
            channel,
            finished: false,
        }
    }

    pub(super) fn queue(&self, channel: &Arc<Channel>, item: Option<Item>) {
        self.schedule(channel, channel.push(item));
    }

    pub(super) fn schedule(&self, channel: &Arc<Channel>, to_tell: bool) {
        if to_tell {
            self.work_begun();
            if let Some(lane) = self.lanes.get(channel.lane) {
                lane.push(Arc::clone(channel));
            }
        }
    }

    /// Whether so much more audio may wait for the disk.
    pub(super) fn admit(&self, channel: &Channel, bytes: u64) -> bool {
        let limit = channel.limit.load(Ordering::Relaxed);
        let own = channel.waiting.fetch_add(bytes, Ordering::Relaxed);
        let all = self.backlog.fetch_add(bytes, Ordering::Relaxed);
        // A block larger than the limit passes where nothing else waits.
        let own_fits = own == 0 || own.saturating_add(bytes) <= limit;
        if own_fits && all.saturating_add(bytes) <= self.config.backlog_bytes {
            return true;
        }
        self.release(channel, bytes);
        self.dropped.fetch_add(bytes, Ordering::Relaxed);
        false
    }

    /// More waits for the disk, whatever the limits are.
    pub(super) fn charge(&self, channel: &Channel, bytes: u64) {
        channel.waiting.fetch_add(bytes, Ordering::Relaxed);
        self.backlog.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn release(&self, channel: &Channel, bytes: u64) {
        channel.audio_taken(bytes);
        self.backlog.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// The terminal event has been delivered: the live manifest may go. A finisher
    /// removes it.
    pub fn settle(&self, id: Uuid) {
        self.work_begun();
        self.jobs.push(Job::Settle(id));
    }

    pub(super) fn remove_settled(&self, id: Uuid) {
        if self.unsettled.lock().remove(&id) {
            return;
        }
        let removed = self.hook.at(Step::Settle).and_then(|()| self.forget(id));
        if let Err(error) = removed {
            self.report
                .log(LOG_WARNING, format!("{id}: live manifest not removed: {error}"));
            return;
        }
        self.forget_answered(id);
    }

    /// A thread's body: asks for the free room, on its own because a file system may
    /// never answer. Returns after [`Store::shutdown`].
    pub fn run_room(&self) {
        while !self.is_shutting_down() {
            self.room.wait(ROOM_PERIOD);
            if !self.is_shutting_down() {
                self.refresh_free();
            }
        }
    }

    /// Asks the file system how much is free; what it answered last is asked of
    /// [`Store::free_bytes`].
    pub fn refresh_free(&self) {
        let free = self.hook.at(Step::FreeRoom);
        let free = free.and_then(|()| self.root.free_bytes());
        let was_unknown = self.free_unknown.swap(free.is_err(), Ordering::Relaxed);
        match &free {
            Ok(bytes) => {
                self.free.store(*bytes, Ordering::Relaxed);
                self.free_answers.fetch_add(1, Ordering::Relaxed);
            }
            // Once: a disk that is gone is asked each second.
            Err(error) if !was_unknown => {
                let message = format!("free space unknown: {error}");
                self.report.log(LOG_WARNING, message);
            }
            Err(_) => {}
        }
        if was_unknown && free.is_ok() {
            self.report.log(LOG_INFO, "free space known again".to_owned());
        }
    }

    pub fn free_bytes(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }

    /// How often the file system has answered.
    pub fn free_answers(&self) -> u64 {
        self.free_answers.load(Ordering::Relaxed)
    }

    pub fn low(&self) -> bool {
        self.free_bytes() < self.config.min_free_bytes
    }

    /// Audio that waits for the disk.
    pub fn backlog_bytes(&self) -> u64 {
        self.backlog.load(Ordering::Relaxed)
    }

    pub fn bytes_written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Audio given back because too much waited.
    pub fn dropped_bytes(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Wakes the writers before their tick.
    pub fn nudge(&self) {
        self.lanes.iter().for_each(Lane::nudge);
    }

    /// Lets the threads finish what is queued, and then return.
    pub fn shutdown(&self) {
        self.shutting_down.store(true, Ordering::SeqCst);
        self.nudge();
        self.room.nudge();
        self.jobs.ring();
    }

    /// Lets the directory go, once all threads have returned.
    pub fn unlock(&self) {
        let held = self.lock.lock().take();
        drop(held);
    }

    /// Nobody waits for the end any more: what would take long is left to the next
    /// open. Nothing is told from here on.
    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::SeqCst);
    }

    /// Whether what takes long is to be left to the next open. Recovery is waited for
    /// by nobody.
    pub(super) fn is_late(&self, recovers: bool) -> bool {
        self.given_up.load(Ordering::SeqCst) || (recovers && self.is_shutting_down())
    }

    pub(super) fn is_shutting_down(&self) -> bool {
        self.shutting_down.load(Ordering::SeqCst)
    }

    /// Nothing is queued or being done, recovery included.
    pub fn idle(&self) -> bool {
        self.work.load(Ordering::SeqCst) == 0 && !self.recovering.load(Ordering::SeqCst)
    }

    pub(super) fn work_begun(&self) {
        self.work.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn work_done(&self) {
        self.work.fetch_sub(1, Ordering::SeqCst);
        if self.is_shutting_down() {
            self.jobs.ring();
        }
    }

    pub(super) fn writer_returned(&self) {
        self.writers_returned.fetch_add(1, Ordering::SeqCst);
        self.jobs.ring();
    }

    /// Whether nothing more can come for the finishers.
    pub(super) fn is_over(&self) -> bool {
        let no_writer = self.writers_returned.load(Ordering::SeqCst) >= self.lanes.len();
        self.is_shutting_down() && (no_writer || self.work.load(Ordering::SeqCst) == 0)
    }

    pub(super) fn syncs(&self) -> bool {
        self.config.durability == Durability::Finish
    }

    /// The directory that a recording lies in.
    pub(super) fn directory(&self, name: &RecordingName, make: bool) -> io::Result<Place<'_>> {
        let mut place = Place::Root(&self.root);
        for component in name.directories() {
            place = Place::Sub(if make {
                place.sub_or_new(component)?
            } else {
                place.sub(component)?
            });
        }
        Ok(place)
    }

    /// Syncs every directory on the way to a recording.
    pub(super) fn sync_directories(&self, name: &RecordingName) -> io::Result<()> {
        let mut place = Place::Root(&self.root);
        place.sync()?;
        for component in name.directories() {
            place = Place::Sub(place.sub(component)?);
            place.sync()?;
        }
        Ok(())
    }

    /// The right to keep one more file open, if there is one left.
    pub(super) fn file_slot(&self) -> Option<FileSlot> {
        let taken = self
            .open_files
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| {
                (open < self.open_files_max).then_some(open + 1)
            });
        taken.ok().map(|_| FileSlot(Arc::clone(&self.open_files)))
    }

    pub fn open_files(&self) -> usize {
        self.open_files.load(Ordering::Relaxed)
    }
}

/// Held with a file that is kept open.
pub(super) struct FileSlot(Arc<AtomicUsize>);

impl Drop for FileSlot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A directory: the root, which is always open, or one below it.
pub(super) enum Place<'a> {
    Root(&'a Dir),
    Sub(Dir),
}

impl Deref for Place<'_> {
    type Target = Dir;

    fn deref(&self) -> &Dir {
        match self {
            Place::Root(dir) => dir,
            Place::Sub(dir) => dir,
        }
    }
}

fn held_elsewhere(directory: &Path) -> Error {
    let message = format!("{}: held by another engine or process", named(directory));
    Error::new(Status::Unavailable, message)
}

/// So short that the reason behind it is not cut.
fn named(directory: &Path) -> String {
    let directory = directory.display().to_string();
    format!("storage.directory \"{}\"", brief(&one_line(&directory), 300))
}

fn open_files_max(asked: u32) -> usize {
    let max = if asked == 0 {
        os::open_files_limit() / 2
    } else {
        u64::from(asked)
    };
    usize::try_from(max).unwrap_or(usize::MAX)
}
