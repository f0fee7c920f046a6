//! When the pending jobs of a runner were queued.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use uuid::Uuid;

/// The ages of jobs that are pending no longer are removed once there are so many more than pending ones.
const KEPT: usize = 64;

/// When each pending job was queued.
#[derive(Default)]
pub struct PendingAges {
    /// The oldest first, with some that are pending no longer.
    ages: BinaryHeap<Reverse<(i64, Uuid)>>,
    queued_at: HashMap<Uuid, i64>,
}

impl PendingAges {
    /// Notes that a job is pending. May be repeated.
    pub fn note(&mut self, id: Uuid, queued_at_ms: i64) {
        if self.queued_at.insert(id, queued_at_ms) != Some(queued_at_ms) {
            self.ages.push(Reverse((queued_at_ms, id)));
        }
    }

    /// Notes that a job is pending no longer.
    pub fn forget(&mut self, id: Uuid) {
        self.queued_at.remove(&id);
        // A job that stays for long must not keep those after it in memory.
        if self.ages.len() > 2 * self.queued_at.len() + KEPT {
            let pending = self.queued_at.iter();
            self.ages = pending
                .map(|(id, queued_at_ms)| Reverse((*queued_at_ms, *id)))
                .collect();
        }
    }

    /// When the oldest pending job was queued.
    pub fn oldest_ms(&mut self) -> Option<i64> {
        while let Some(Reverse((queued_at_ms, id))) = self.ages.peek() {
            if self.queued_at.get(id) == Some(queued_at_ms) {
                return Some(*queued_at_ms);
            }
            self.ages.pop();
        }
        None
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_pending_job_is_known_and_done_ones_are_forgotten() {
        let mut ages = PendingAges::default();
        assert_eq!(ages.oldest_ms(), None);
        let [first, second] = [Uuid::from_u128(1), Uuid::from_u128(2)];
        ages.note(second, 20);
        ages.note(first, 10);
        ages.note(first, 10);
        assert_eq!(ages.oldest_ms(), Some(10));
        // It was queued anew.
        ages.note(first, 30);
        assert_eq!(ages.oldest_ms(), Some(20));
        ages.forget(second);
        assert_eq!(ages.oldest_ms(), Some(30));
        for n in 0..10_000 {
            let id = Uuid::from_u128(100 + n);
            ages.note(id, 100);
            ages.forget(id);
        }
        assert_eq!(ages.oldest_ms(), Some(30));
        assert!(ages.ages.len() < 2 * KEPT, "{}", ages.ages.len());
        ages.forget(first);
        assert_eq!(ages.oldest_ms(), None);
    }
}
