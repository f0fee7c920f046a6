//! The bounded queue of lines for the part that writes the log.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::clock::NS_PER_S;
use crate::memory::PieceQueue;
use crate::storage::Confirmation;

/// The maximum size of all queued lines, in bytes. Beyond it lines are dropped and counted.
const QUEUE_BYTES: usize = 16 << 20;
/// The first queued line is written after this delay, together with the lines queued meanwhile,
/// so that control calls rarely wake the writing thread.
const WRITE_AFTER: Duration = Duration::from_millis(20);
/// A batch ends when it reaches this size.
const BATCH_BYTES: usize = 64 << 10;
/// The rate and the burst of refused logins that are logged. Without this limit, anyone who can
/// reach a port could fill the disk.
const LOGINS_PER_SECOND: u64 = 20;
const LOGINS_BURST: u64 = 200;
/// Dropped lines are reported at most this often, for the same reason.
const REPORT_DROPPED_INTERVAL: Duration = Duration::from_secs(1);

/// The queue, and its counters.
#[derive(Default)]
pub struct LineQueue {
    pub lines: PieceQueue<String>,
    pub bytes: usize,
    /// When the first of the queued lines was queued.
    pub first_queued_at: Option<Instant>,
    /// How many lines were queued, and how many of them were taken to be written.
    pushed_in_all: u64,
    taken_in_all: u64,
    /// What waits until a line is on the disk, by the number of the line.
    awaited: VecDeque<(u64, Confirmation)>,
    /// When lines were last taken to be written.
    taken_at: Option<Instant>,
    /// When the writing part looks at the queue again. `None` if only when it is woken.
    looks_at: Option<Instant>,
    /// Lines that were taken from the queue and are not on the disk yet.
    pub taken: u64,
    /// Dropped lines that are not reported yet.
    pub dropped: u64,
    pub dropped_in_all: u64,
    /// When dropped lines were last reported.
    pub dropped_reported_at: Option<Instant>,
    /// The state of the limit on refused logins, a token bucket: the allowance is used up to
    /// this time, in the coarse clock's nanoseconds.
    pub logins_used_up_to_ns: u64,
}

/// Lines that are written together, and the number of dropped lines to report after them.
pub struct LineBatch {
    pub members: Vec<String>,
    pub dropped: u64,
}

impl LineQueue {
    /// Queues a line. Returns whether the writing part has to be woken.
    pub fn push(&mut self, members: String, now: Instant) -> bool {
        if self.bytes + members.len() > QUEUE_BYTES {
            return self.drop_line();
        }
        let is_first = self.lines.is_empty();
        if is_first {
            self.first_queued_at = Some(now);
        }
        self.bytes += members.len();
        self.lines.push_back(members);
        self.pushed_in_all += 1;
        is_first && self.looks_at.is_none_or(|at| at > now + WRITE_AFTER)
    }

    /// As `push`. `confirm` is returned by `take_confirmed` once the line is on the disk, and dropped with the line.
    pub fn push_awaited(&mut self, members: String, now: Instant, confirm: Confirmation) -> bool {
        let before = self.pushed_in_all;
        let must_look = self.push(members, now);
        if self.pushed_in_all > before {
            self.awaited.push_back((self.pushed_in_all, confirm));
        }
        must_look
    }

    /// All lines that were taken are on the disk. Returns what has waited for one of them.
    pub fn take_confirmed(&mut self) -> Vec<Confirmation> {
        self.taken = 0;
        let taken = self.taken_in_all;
        let is_on_disk = |(line, _): &(u64, Confirmation)| *line <= taken;
        let mut confirmed = Vec::new();
        while self.awaited.front().is_some_and(is_on_disk) {
            confirmed.extend(self.awaited.pop_front().map(|(_, confirm)| confirm));
        }
        confirmed
    }

    /// Counts a dropped line. Returns whether the writing part has to be woken.
    pub fn drop_line(&mut self) -> bool {
        self.dropped += 1;
        self.dropped_in_all += 1;
        self.dropped == 1
    }

    /// When the queued lines are due to be written. `None` if the queue is empty.
    pub fn write_at(&self) -> Option<Instant> {
        let since = self.first_queued_at.filter(|_| !self.lines.is_empty())?;
        Some(since + WRITE_AFTER)
    }

    /// When the writing part is to look at the queue although nobody wakes it: once more after it
    /// has written, because more lines often follow, and a wake-up costs the control call that
    /// makes it up to 30 us.
    pub fn look_again_at(&self, now: Instant) -> Option<Instant> {
        let at = self.taken_at? + WRITE_AFTER;
        (now < at).then_some(at)
    }

    /// Notes when the writing part looks at the queue again. `None` if only when it is woken.
    pub fn note_next_look(&mut self, at: Option<Instant>) {
        self.looks_at = at;
    }

    /// Takes one refused login from the allowance. Returns whether it may be logged.
    pub fn may_note_login(&mut self, now_ns: u64) -> bool {
        let cost_ns = NS_PER_S / LOGINS_PER_SECOND;
        let oldest_ns = now_ns.saturating_sub(cost_ns * LOGINS_BURST);
        let used_up_to_ns = self.logins_used_up_to_ns.max(oldest_ns) + cost_ns;
        if used_up_to_ns > now_ns {
            return false;
        }
        self.logins_used_up_to_ns = used_up_to_ns;
        true
    }

    /// When dropped lines may be reported again. `None` if there are none to report, or if none
    /// were ever reported.
    pub fn report_dropped_at(&self) -> Option<Instant> {
        let at = self
            .dropped_reported_at
            .map(|last| last + REPORT_DROPPED_INTERVAL);
        (self.dropped > 0).then_some(at).flatten()
    }

    /// Takes the next batch. `None` if nothing is due to be written.
    pub fn take_batch(&mut self, now: Instant, is_ending: bool) -> Option<LineBatch> {
        let may_report = is_ending || self.report_dropped_at().is_none_or(|at| now >= at);
        let reports = self.dropped > 0 && may_report;
        let is_early = |at: Instant| now < at && !is_ending && self.bytes < BATCH_BYTES;
        if self.write_at().map_or(!reports, is_early) {
            return None;
        }
        let (mut members, mut bytes) = (Vec::new(), 0);
        while bytes < BATCH_BYTES
            && let Some(line) = self.lines.pop_front()
        {
            bytes += line.len();
            members.push(line);
        }
        self.bytes -= bytes;
        if !members.is_empty() {
            self.taken_at = Some(now);
        }
        let dropped = match reports && self.lines.is_empty() {
            true => std::mem::take(&mut self.dropped),
            false => 0,
        };
        if dropped > 0 {
            self.dropped_reported_at = Some(now);
        }
        let batch = LineBatch { members, dropped };
        self.taken += batch.count();
        self.taken_in_all += batch.count();
        Some(batch)
    }
}

impl LineBatch {
    pub fn count(&self) -> u64 {
        self.members.len() as u64
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn lines_that_do_not_fit_are_counted_and_reported_last() {
        let mut queue = LineQueue::default();
        let long = "x".repeat(QUEUE_BYTES / 4);
        for _ in 0..6 {
            queue.push(long.clone(), Instant::now());
        }
        assert_eq!(
            (queue.lines.len(), queue.dropped, queue.dropped_in_all),
            (4, 2, 2)
        );
        let batches: Vec<LineBatch> =
            std::iter::from_fn(|| queue.take_batch(Instant::now(), false)).collect();
        let counts: Vec<(u64, u64)> = batches
            .iter()
            .map(|batch| (batch.count(), batch.dropped))
            .collect();
        assert_eq!(counts, [(1, 0), (1, 0), (1, 0), (1, 2)]);
        assert_eq!((queue.bytes, queue.taken), (0, 4));
    }

    /// A control call wakes the writing part only if that would sleep for long.
    #[test]
    fn lines_that_follow_soon_wake_nobody() {
        let (mut queue, start) = (LineQueue::default(), Instant::now());
        let line = || "line".to_owned();
        assert!(queue.push(line(), start));
        assert!(!queue.push(line(), start));
        let written = start + WRITE_AFTER;
        assert_eq!(
            queue.take_batch(written, false).map(|batch| batch.count()),
            Some(2)
        );
        let look = queue.look_again_at(written);
        assert_eq!(look, Some(written + WRITE_AFTER));
        queue.note_next_look(look);
        assert!(!queue.push(line(), written + WRITE_AFTER / 2));
        let due = written + WRITE_AFTER / 2 + WRITE_AFTER;
        assert_eq!(queue.write_at(), Some(due), "its delay stays the same");
        assert_eq!(queue.take_batch(due, false).map(|batch| batch.count()), Some(1));
        assert_eq!(queue.look_again_at(due + WRITE_AFTER), None);
        queue.note_next_look(None);
        assert!(queue.push(line(), due + 2 * WRITE_AFTER));
        assert_eq!(
            queue
                .take_batch(due + 3 * WRITE_AFTER, false)
                .map(|batch| batch.count()),
            Some(1)
        );
        queue.note_next_look(Some(due + 9 * WRITE_AFTER));
        assert!(
            queue.push(line(), due + 4 * WRITE_AFTER),
            "it would look too late"
        );
    }

    #[test]
    fn refused_logins_are_rate_limited() {
        let mut queue = LineQueue::default();
        let start = 3600 * NS_PER_S;
        let noted = |queue: &mut LineQueue, now_ns: u64| {
            (0..10_000).filter(|_| queue.may_note_login(now_ns)).count() as u64
        };
        assert_eq!(noted(&mut queue, start), LOGINS_BURST);
        assert_eq!(noted(&mut queue, start), 0);
        assert_eq!(noted(&mut queue, start + NS_PER_S), LOGINS_PER_SECOND);
        assert_eq!(noted(&mut queue, 2 * start), LOGINS_BURST);
    }

    #[test]
    fn a_line_is_confirmed_once_its_batch_is_on_the_disk() {
        fn nothing() -> Confirmation {
            Box::new(|| Box::pin(async {}))
        }
        let (mut queue, start) = (LineQueue::default(), Instant::now());
        queue.push("first".to_owned(), start);
        queue.push_awaited("awaited".to_owned(), start, nothing());
        assert_eq!(queue.take_confirmed().len(), 0, "it is queued");
        queue.take_batch(start, true);
        queue.push_awaited("next".to_owned(), start, nothing());
        assert_eq!(queue.take_confirmed().len(), 1);
        queue.take_batch(start, true);
        queue.bytes = QUEUE_BYTES;
        queue.push_awaited("dropped".to_owned(), start, nothing());
        assert_eq!(queue.take_confirmed().len(), 1);
        assert_eq!(queue.awaited.len(), 0, "a dropped line confirms nothing");
    }

    /// Otherwise each login that is not logged would add a line that reports it.
    #[test]
    fn dropped_refused_logins_share_a_line() {
        let mut queue = LineQueue::default();
        let start = Instant::now();
        let reported = |queue: &mut LineQueue, now: Instant, is_ending: bool| {
            queue.drop_line();
            queue.take_batch(now, is_ending).map(|batch| batch.dropped)
        };
        assert_eq!(reported(&mut queue, start, false), Some(1));
        for _ in 0..100 {
            assert_eq!(
                reported(&mut queue, start + REPORT_DROPPED_INTERVAL / 2, false),
                None
            );
        }
        assert_eq!(queue.report_dropped_at(), Some(start + REPORT_DROPPED_INTERVAL));
        assert_eq!(
            reported(&mut queue, start + REPORT_DROPPED_INTERVAL, false),
            Some(101)
        );
        assert_eq!(
            reported(&mut queue, start + REPORT_DROPPED_INTERVAL, true),
            Some(1)
        );
        assert_eq!(queue.report_dropped_at(), None);
        queue.push("line".to_owned(), start);
        queue.drop_line();
        let batch = queue
            .take_batch(start + REPORT_DROPPED_INTERVAL, false)
            .expect("a line");
        assert_eq!((batch.count(), batch.dropped), (1, 0));
    }
}
