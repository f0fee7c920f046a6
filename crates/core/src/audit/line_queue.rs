//! Between those who note a line and the part that writes it: a bounded queue.

use std::time::{Duration, Instant};

use crate::clock::NS_PER_S;
use crate::memory::PieceQueue;

/// Bytes of lines that may wait for the disk. Beyond it lines are dropped and counted.
const QUEUE_BYTES: usize = 16 << 20;
/// The first line that waits is written this much later, together with those that come meanwhile:
/// so a control call seldom wakes the thread that writes.
const WRITE_AFTER: Duration = Duration::from_millis(20);
/// Bytes that are written at once.
const BATCH_BYTES: usize = 64 << 10;
/// Refused logins that are noted each second, and at once after a quiet time. Otherwise anybody
/// who reaches a port could fill the disk.
const LOGINS_PER_SECOND: u64 = 20;
const LOGINS_BURST: u64 = 200;
/// Lines that were dropped are told of at most so often, for the same reason.
const REPORT_DROPPED_INTERVAL: Duration = Duration::from_secs(1);

/// Lines that wait for the disk: only so many.
#[derive(Default)]
pub struct LineQueue {
    pub lines: PieceQueue<String>,
    pub bytes: usize,
    /// When the first of them came.
    pub first_queued_at: Option<Instant>,
    /// Taken from the queue, and not on the disk yet.
    pub taken: u64,
    /// Dropped, and not told by a line yet.
    pub dropped: u64,
    pub dropped_in_all: u64,
    /// When a line last told of some that were dropped.
    pub dropped_reported_at: Option<Instant>,
    /// In the coarse clock's nanoseconds: refused logins up to here have been paid for.
    pub logins_used_up_to_ns: u64,
}

/// Lines that are written together.
pub struct LineBatch {
    pub members: Vec<String>,
    pub dropped: u64,
}

impl LineQueue {
    /// Returns whether the part that writes has to look again.
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
        is_first
    }

    /// Returns whether the part that writes has to look again.
    pub fn drop_line(&mut self) -> bool {
        self.dropped += 1;
        self.dropped_in_all += 1;
        self.dropped == 1
    }

    /// When the lines that wait are to be written. `None`: none waits.
    pub fn write_at(&self) -> Option<Instant> {
        let since = self.first_queued_at.filter(|_| !self.lines.is_empty())?;
        Some(since + WRITE_AFTER)
    }

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

    /// When a line may tell of those that were dropped. `None`: none was.
    pub fn report_dropped_at(&self) -> Option<Instant> {
        let told = self
            .dropped_reported_at
            .map(|told| told + REPORT_DROPPED_INTERVAL);
        (self.dropped > 0).then_some(told).flatten()
    }

    /// `None`: there is nothing to write.
    pub fn take_batch(&mut self, now: Instant, is_ending: bool) -> Option<LineBatch> {
        let may_tell = is_ending || self.report_dropped_at().is_none_or(|at| now >= at);
        let tells = self.dropped > 0 && may_tell;
        let waits = |at: Instant| now < at && !is_ending && self.bytes < BATCH_BYTES;
        if self.write_at().map_or(!tells, waits) {
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
        let dropped = match tells && self.lines.is_empty() {
            true => std::mem::take(&mut self.dropped),
            false => 0,
        };
        if dropped > 0 {
            self.dropped_reported_at = Some(now);
        }
        let batch = LineBatch { members, dropped };
        self.taken += batch.count();
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
    fn what_the_queue_cannot_hold_is_counted_and_told_last() {
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
        let told: Vec<(u64, u64)> = batches
            .iter()
            .map(|batch| (batch.count(), batch.dropped))
            .collect();
        assert_eq!(told, [(1, 0), (1, 0), (1, 0), (1, 2)]);
        assert_eq!((queue.bytes, queue.taken), (0, 4));
    }

    #[test]
    fn only_so_many_refused_logins_are_noted() {
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

    /// Otherwise each login that is not noted would have a line that says so.
    #[test]
    fn refused_logins_that_are_not_noted_share_a_line() {
        let mut queue = LineQueue::default();
        let start = Instant::now();
        let told = |queue: &mut LineQueue, now: Instant, is_ending: bool| {
            queue.drop_line();
            queue.take_batch(now, is_ending).map(|batch| batch.dropped)
        };
        assert_eq!(told(&mut queue, start, false), Some(1));
        for _ in 0..100 {
            assert_eq!(told(&mut queue, start + REPORT_DROPPED_INTERVAL / 2, false), None);
        }
        assert_eq!(queue.report_dropped_at(), Some(start + REPORT_DROPPED_INTERVAL));
        assert_eq!(
            told(&mut queue, start + REPORT_DROPPED_INTERVAL, false),
            Some(101)
        );
        assert_eq!(told(&mut queue, start + REPORT_DROPPED_INTERVAL, true), Some(1));
        assert_eq!(queue.report_dropped_at(), None);
        queue.push("line".to_owned(), start);
        queue.drop_line();
        let batch = queue
            .take_batch(start + REPORT_DROPPED_INTERVAL, false)
            .expect("a line");
        assert_eq!((batch.count(), batch.dropped), (1, 0));
    }
}
