//! Lets one thread at a time work on the published files of a recording.

use crate::sync::{Condvar, Mutex};
use crate::task::{self, NextStep, Readiness};
use std::collections::HashSet;
use std::time::Duration;
use uuid::Uuid;

/// How often asynchronous work looks whether a recording is free.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The recordings that are worked on.
#[derive(Default)]
pub struct IdTurns {
    taken: Mutex<HashSet<Uuid>>,
    freed: Condvar,
}

/// One recording is worked on until this is dropped.
pub struct IdTurn<'a> {
    turns: &'a IdTurns,
    id: Uuid,
}

impl IdTurns {
    /// Waits until no other thread works on the recording.
    pub fn take(&self, id: Uuid) -> IdTurn<'_> {
        let mut taken = self.taken.lock();
        while !taken.insert(id) {
            self.freed.wait(&mut taken);
        }
        IdTurn { turns: self, id }
    }

    /// Like `take`, for asynchronous work. `now`: the clock.
    pub async fn take_async(&self, id: Uuid, now: impl Fn() -> std::time::Instant) -> IdTurn<'_> {
        task::until_ready(|| match self.taken.lock().insert(id) {
            true => Readiness::Ready(IdTurn { turns: self, id }),
            false => Readiness::Pending(NextStep::At(now() + LOOK_AGAIN)),
        })
        .await
    }
}

impl Drop for IdTurn<'_> {
    fn drop(&mut self) {
        self.turns.taken.lock().remove(&self.id);
        self.turns.freed.notify_all();
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn one_thread_at_a_time_has_the_turn_of_an_id() {
        let (turns, inside) = (IdTurns::default(), AtomicUsize::new(0));
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let _other = turns.take(other);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let _turn = turns.take(one);
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
    }
}
