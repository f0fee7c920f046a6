//! The audit log of one engine, and the part that writes it.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::chain::{self, ChainHead};
use super::line::{Actor, AuditLine};
use super::line_queue::{LineBatch, LineQueue};
use super::log_end::{LogEnd, TAIL_BYTES, deletions_in};
use crate::clock::Clock;
use crate::events::{Bus, LogLevel};
use crate::storage::{AppendFile, Confirmation};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::task::{self, NextStep, Readiness, Runnable, Signal};
use crate::types::{Error, Result};

/// Written lines are synced after this delay, so that many lines share a sync.
const SYNC_AFTER: Duration = Duration::from_millis(100);
/// The delay before a failed disk operation is retried.
const RETRY: Duration = Duration::from_secs(1);
/// The delay and the maximum number of attempts while the engine closes.
const LAST_RETRY: Duration = Duration::from_millis(100);
const LAST_TRIES: u32 = 10;

/// The state of the log.
#[derive(Clone, Debug)]
pub struct AuditHead {
    /// The last line that is on the disk.
    pub head: ChainHead,
    /// Lines that are not on the disk yet.
    pub waiting: u64,
    /// Lines of this engine that were dropped.
    pub dropped: u64,
}

/// The audit log of one engine.
pub struct AuditLog {
    is_on: bool,
    file: AppendFile,
    clock: Arc<dyn Clock>,
    bus: Arc<Bus>,
    new_id: Arc<dyn Fn() -> Uuid + Send + Sync>,
    queue: Mutex<LineQueue>,
    /// The last line on the disk. `None` if the file could not be read yet.
    on_disk: Mutex<Option<ChainHead>>,
    /// The end of the file. `None` if the file could not be read yet.
    found: Mutex<Option<LogEnd>>,
    /// The last deletions that earlier processes have written.
    earlier: Mutex<Vec<String>>,
    signal: Arc<Signal>,
    is_ending: AtomicBool,
    is_given_up: AtomicBool,
}

/// The bytes written since the last sync.
struct UnsyncedLines {
    since: Instant,
    /// Their offset in the file.
    at: u64,
    bytes: Vec<u8>,
    /// A sync failed, after which the disk may have discarded the bytes.
    is_lost: bool,
}

/// The text of a batch, its offset in the file, and the last line after it.
struct ComposedBatch {
    at: u64,
    text: Vec<u8>,
    head: ChainHead,
}

enum WriterAction {
    Write(LineBatch),
    Sync,
    Over,
}

impl AuditLog {
    /// If `is_on` is false, nothing is ever written. `new_id` creates the id of a new log.
    pub fn new(
        is_on: bool,
        file: AppendFile,
        clock: Arc<dyn Clock>,
        bus: Arc<Bus>,
        new_id: Arc<dyn Fn() -> Uuid + Send + Sync>,
    ) -> AuditLog {
        AuditLog {
            is_on,
            file,
            clock,
            bus,
            new_id,
            queue: Mutex::default(),
            on_disk: Mutex::default(),
            found: Mutex::default(),
            earlier: Mutex::default(),
            signal: Arc::default(),
            is_ending: AtomicBool::new(false),
            is_given_up: AtomicBool::new(false),
        }
    }

    /// Reads the end of the file. Waits for the disk. After an error the writing part retries.
    pub fn read_end(&self) {
        let found = task::block_on(self.find(), &*self.clock);
        if let Ok(found) = found {
            *self.on_disk.lock() = Some(found.head.clone());
            *self.found.lock() = Some(found);
        }
    }

    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Queues a line. Never waits.
    pub fn push(&self, line: AuditLine) {
        if !self.is_on {
            return;
        }
        let (line, now) = (line.finish(), self.clock.now());
        if self.queue.lock().push(line, now) {
            self.signal.notify_one();
        }
    }

    /// Queues a line of which `confirm` waits to be on the disk. Returns `confirm` if there is nothing to wait for: the
    /// log is off, or the line is in it. `may_be_there`: an earlier process may have written the line.
    pub fn push_awaited(
        &self,
        line: String,
        may_be_there: bool,
        confirm: Confirmation,
    ) -> Option<Confirmation> {
        if !self.is_on || (may_be_there && self.earlier.lock().iter().any(|known| known.contains(&line))) {
            return Some(confirm);
        }
        let now = self.clock.now();
        if self.queue.lock().push_awaited(line, now, confirm) {
            self.signal.notify_one();
        }
        None
    }

    /// Queues a line about a refused login. These lines are rate-limited: the lines beyond the
    /// limit are dropped and counted.
    pub fn push_login(&self, line: AuditLine) {
        if !self.is_on {
            return;
        }
        let now_ns = self.clock.coarse_ns();
        let mut queue = self.queue.lock();
        let must_look = match queue.may_note_login(now_ns) {
            true => queue.push(line.finish(), self.clock.now()),
            false => queue.drop_line(),
        };
        drop(queue);
        if must_look {
            self.signal.notify_one();
        }
    }

    /// The state of the log. Never waits. Fails with `IO` if the file could not be read yet.
    pub fn head(&self) -> Result<AuditHead> {
        let on_disk = self.on_disk.lock().clone();
        let head = on_disk.ok_or_else(|| {
            let unread = io::Error::other("the file could not be read");
            Error::io("the audit log .callrec/audit.log", &unread)
        })?;
        let queue = self.queue.lock();
        Ok(AuditHead {
            head,
            waiting: queue.lines.len() as u64 + queue.taken,
            dropped: queue.dropped_in_all,
        })
    }

    /// The part that writes the log. It ends after [`AuditLog::shut_down`].
    pub fn writer(self: &Arc<AuditLog>) -> Runnable {
        let log = Arc::clone(self);
        Runnable::new(Arc::clone(&self.signal), async move {
            log.run().await;
            log.file.close();
        })
    }

    /// Ends the writing part once the queued lines are written.
    pub fn shut_down(&self) {
        self.is_ending.store(true, Ordering::SeqCst);
        self.signal.notify_all();
    }

    /// Ends the writing part without waiting for the disk.
    pub fn give_up(&self) {
        self.is_given_up.store(true, Ordering::SeqCst);
        self.shut_down();
    }

    fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::SeqCst)
    }

    fn is_given_up(&self) -> bool {
        self.is_given_up.load(Ordering::SeqCst)
    }

    async fn run(&self) {
        let mut unsynced: Option<UnsyncedLines> = None;
        loop {
            let since = unsynced.as_ref().map(|unsynced| unsynced.since);
            match task::until_ready(|| self.next_action(since)).await {
                WriterAction::Write(batch) => {
                    let count = batch.count();
                    let mut composed = None;
                    if !self.retry(async || self.write(&batch, &mut composed).await).await {
                        return self.log_lost_lines(count);
                    }
                    match composed {
                        Some(written) if self.file.syncs() => self.note_unsynced(&mut unsynced, written),
                        _ => self.note_on_disk().await,
                    }
                }
                WriterAction::Sync => {
                    if !self.retry(async || self.sync(&mut unsynced).await).await {
                        // In a statement of its own, because logging locks the queue again.
                        let unsynced = self.queue.lock().taken;
                        return self.log_lost_lines(unsynced);
                    }
                    unsynced = None;
                    self.note_on_disk().await;
                }
                WriterAction::Over => return,
            }
        }
    }

    fn note_unsynced(&self, unsynced: &mut Option<UnsyncedLines>, written: ComposedBatch) {
        match unsynced {
            Some(earlier) => earlier.bytes.extend(written.text),
            None => {
                *unsynced = Some(UnsyncedLines {
                    since: self.clock.now(),
                    at: written.at,
                    bytes: written.text,
                    is_lost: false,
                });
            }
        }
    }

    /// Syncs the file. After a failed sync, another one may succeed although the system has
    /// discarded the bytes, so they are written again first.
    async fn sync(&self, unsynced: &mut Option<UnsyncedLines>) -> io::Result<()> {
        let Some(unsynced) = unsynced else {
            return Ok(());
        };
        if unsynced.is_lost {
            self.file.write_at(unsynced.at, &unsynced.bytes).await?;
        }
        let synced = self.file.sync().await;
        unsynced.is_lost = synced.is_err();
        synced
    }

    fn next_action(&self, unsynced_since: Option<Instant>) -> Readiness<WriterAction> {
        if self.is_given_up() {
            return Readiness::Ready(WriterAction::Over);
        }
        // Read before the queue, so that lines queued before the end are written.
        let is_ending = self.is_ending();
        let now = self.clock.now();
        let sync_at = unsynced_since.map(|since| since + SYNC_AFTER);
        // Before writing, so that a constant stream of lines cannot postpone the sync.
        if sync_at.is_some_and(|at| now >= at) {
            return Readiness::Ready(WriterAction::Sync);
        }
        let mut queue = self.queue.lock();
        if let Some(batch) = queue.take_batch(now, is_ending) {
            return Readiness::Ready(WriterAction::Write(batch));
        }
        if is_ending {
            return Readiness::Ready(match sync_at {
                Some(_) => WriterAction::Sync,
                None => WriterAction::Over,
            });
        }
        let times = [
            sync_at,
            queue.report_dropped_at(),
            queue.write_at(),
            queue.look_again_at(now),
        ];
        let next = times.into_iter().flatten().min();
        queue.note_next_look(next);
        Readiness::Pending(next.map_or(NextStep::Signalled, NextStep::At))
    }

    /// Retries until `act` succeeds. Returns `false` if it gives up because the engine closes.
    async fn retry(&self, mut act: impl AsyncFnMut() -> io::Result<()>) -> bool {
        let (mut is_reported, mut last_tries) = (false, 0);
        loop {
            let Err(error) = act().await else {
                return true;
            };
            if !std::mem::replace(&mut is_reported, true) {
                let message = format!(
                    "the audit log .callrec/audit.log cannot be written; its lines wait in memory, and callrec \
                     tries again: {error}"
                );
                self.bus.log(LogLevel::Error, message);
            }
            last_tries += u32::from(self.is_ending());
            if self.is_given_up() || last_tries >= LAST_TRIES {
                return false;
            }
            self.pause().await;
        }
    }

    async fn pause(&self) {
        let begun = self.clock.now();
        loop {
            let pause = match self.is_ending() {
                true => LAST_RETRY,
                false => RETRY,
            };
            let until = begun + pause;
            if self.is_given_up() || self.clock.now() >= until {
                return;
            }
            task::suspend(NextStep::At(until)).await;
        }
    }

    fn log_lost_lines(&self, lines: u64) {
        let more = self.queue.lock().lines.len() as u64;
        let message = format!(
            "the audit log .callrec/audit.log: {} lines are lost, because the engine closed while the \
             file could not be written",
            lines + more
        );
        self.bus.log(LogLevel::Error, message);
    }

    /// Appends a batch to the file. `composed` keeps the text, because a retry must write the
    /// same text.
    async fn write(&self, batch: &LineBatch, composed: &mut Option<ComposedBatch>) -> io::Result<()> {
        if composed.is_none() {
            let known = self.found.lock().clone();
            let end = match known {
                Some(end) => end,
                None => self.find().await?,
            };
            *composed = Some(self.compose(end, batch));
        }
        let Some(ComposedBatch { at, text, head }) = composed else {
            return Ok(());
        };
        if !self.file.is_in_place().await? {
            self.file.close();
            let message = "the audit log .callrec/audit.log was removed or replaced while the engine was open; callrec \
                           appends to the file that has this name now, or creates it";
            self.bus.log(LogLevel::Error, message.to_owned());
            let tail = self.file.read_tail(0).await?;
            *at = tail.map_or(0, |tail| tail.length);
        }
        self.file.write_at(*at, text).await?;
        *self.found.lock() = Some(LogEnd {
            length: *at + text.len() as u64,
            head: head.clone(),
            ..LogEnd::of_missing_file()
        });
        Ok(())
    }

    /// Builds the text of a batch, preceded by what the end of the file requires: a newline, the
    /// first line of a log, a line about an unfinished one.
    fn compose(&self, mut end: LogEnd, batch: &LineBatch) -> ComposedBatch {
        let mut text = String::new();
        let now_ms = self.clock.unix_ms();
        if end.needs_newline || !end.unfinished.is_empty() {
            text.push('\n');
        }
        if end.head.sequence == 0 {
            let mut line = AuditLine::new(now_ms, Actor::Engine, "genesis");
            line.put("log", &(self.new_id)().to_string());
            line.put_number("format", 1);
            text.push_str(&end.head.seal(&line.finish()));
        }
        if !end.unfinished.is_empty() {
            let mut line = AuditLine::new(now_ms, Actor::Engine, "unfinished");
            line.put_number("bytes", end.unfinished.len() as u64);
            line.put("sha256", &chain::hash_of(&end.unfinished));
            text.push_str(&end.head.seal(&line.finish()));
        }
        for members in &batch.members {
            text.push_str(&end.head.seal(members));
        }
        if batch.dropped > 0 {
            let mut line = AuditLine::new(now_ms, Actor::Engine, "dropped");
            line.put_number("lines", batch.dropped);
            text.push_str(&end.head.seal(&line.finish()));
        }
        ComposedBatch {
            at: end.length,
            text: text.into_bytes(),
            head: end.head,
        }
    }

    async fn note_on_disk(&self) {
        let head = self.found.lock().as_ref().map(|end| end.head.clone());
        *self.on_disk.lock() = head;
        // In a statement of its own, because the lock must not be held while they wait.
        let confirmed = self.queue.lock().take_confirmed();
        for confirm in confirmed {
            if let Err(panic) = task::catch_panic(confirm().as_mut()).await {
                let message = format!("a fault inside callrec while a deletion ended: {panic}");
                self.bus.log(LogLevel::Error, message);
            }
        }
    }

    /// Reads the end of the file, and logs if it was changed.
    async fn find(&self) -> io::Result<LogEnd> {
        let Some(tail) = self.file.read_tail(TAIL_BYTES).await? else {
            return Ok(LogEnd::of_missing_file());
        };
        *self.earlier.lock() = deletions_in(&tail.bytes);
        let (found, is_altered) = LogEnd::of(tail);
        if is_altered {
            let message = "the end of the audit log .callrec/audit.log was changed by somebody else; callrec appends to \
                           it; rec_verify_audit names the line";
            self.bus.log(LogLevel::Error, message.to_owned());
        }
        Ok(found)
    }
}
