//! Pauses that last longer than `recording.pause_max_ms`. They are reported, never ended.

use std::collections::{HashMap, VecDeque};

use uuid::Uuid;

use crate::clock::NS_PER_MS;
use crate::sync::Mutex;

/// A pause of a recording that has lasted too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverduePause {
    pub id: Uuid,
    /// The frame at which it began.
    pub frame: u64,
    due_ns: u64,
}

/// The pauses that are in progress and have not been reported.
pub struct OverduePauses {
    /// 0: none is ever overdue.
    max_ns: u64,
    pauses: Mutex<PauseList>,
}

#[derive(Default)]
struct PauseList {
    /// All pauses may last equally long, so the earliest one is due first. Ended ones remain.
    queue: VecDeque<OverduePause>,
    /// When the recording's present pause is due.
    in_progress: HashMap<Uuid, u64>,
}

impl OverduePauses {
    pub fn new(max_ms: u64) -> OverduePauses {
        OverduePauses {
            max_ns: max_ms.saturating_mul(NS_PER_MS),
            pauses: Mutex::default(),
        }
    }

    /// A recording is paused from `frame` on.
    pub fn begin(&self, id: Uuid, frame: u64, now_ns: u64) {
        if self.max_ns == 0 {
            return;
        }
        let due_ns = now_ns.saturating_add(self.max_ns);
        let mut pauses = self.pauses.lock();
        pauses.in_progress.insert(id, due_ns);
        pauses.queue.push_back(OverduePause { id, frame, due_ns });
    }

    /// The recording's pause, or the recording itself, has ended.
    pub fn end(&self, id: Uuid) {
        if self.max_ns == 0 {
            return;
        }
        self.pauses.lock().in_progress.remove(&id);
    }

    /// Removes the next pause that is due, whether it is still in progress or not.
    pub fn next_due(&self, now_ns: u64) -> Option<OverduePause> {
        if self.max_ns == 0 {
            return None;
        }
        self.pauses
            .lock()
            .queue
            .pop_front_if(|pause| pause.due_ns <= now_ns)
    }

    /// Whether the pause is still in progress. It is forgotten, so that it is reported once.
    pub fn take(&self, pause: &OverduePause) -> bool {
        let mut pauses = self.pauses.lock();
        let is_in_progress = pauses.in_progress.get(&pause.id) == Some(&pause.due_ns);
        if is_in_progress {
            pauses.in_progress.remove(&pause.id);
        }
        is_in_progress
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The recordings whose pauses are reported at this time, in ms.
    fn reported(pauses: &OverduePauses, now_ms: u64) -> Vec<(Uuid, u64)> {
        let due = std::iter::from_fn(|| pauses.next_due(now_ms * NS_PER_MS));
        let due = due.filter(|pause| pauses.take(pause));
        due.map(|pause| (pause.id, pause.frame)).collect()
    }

    #[test]
    fn each_pause_is_reported_once_when_it_is_due() {
        let pauses = OverduePauses::new(100);
        let [first, second] = [1, 2].map(Uuid::from_u128);
        pauses.begin(first, 8000, 0);
        pauses.begin(second, 0, 50 * NS_PER_MS);
        assert_eq!(reported(&pauses, 99), []);
        assert_eq!(reported(&pauses, 100), [(first, 8000)]);
        assert_eq!(reported(&pauses, 149), []);
        assert_eq!(reported(&pauses, 1000), [(second, 0)]);
        assert_eq!(reported(&pauses, 10_000), []);
        pauses.begin(first, 16_000, 10_000 * NS_PER_MS);
        assert_eq!(reported(&pauses, 10_100), [(first, 16_000)]);
    }

    #[test]
    fn a_pause_that_has_ended_is_not_reported() {
        let pauses = OverduePauses::new(100);
        let id = Uuid::from_u128(1);
        pauses.begin(id, 0, 0);
        pauses.end(id);
        // The next pause has its own time.
        pauses.begin(id, 80, 60 * NS_PER_MS);
        assert_eq!(reported(&pauses, 159), []);
        assert_eq!(reported(&pauses, 160), [(id, 80)]);
    }

    #[test]
    fn without_a_limit_nothing_is_kept() {
        let pauses = OverduePauses::new(0);
        pauses.begin(Uuid::from_u128(1), 0, 0);
        assert!(pauses.pauses.lock().queue.is_empty());
        assert_eq!(reported(&pauses, u64::MAX / NS_PER_MS), []);
    }
}
