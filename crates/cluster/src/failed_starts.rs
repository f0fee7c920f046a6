//! Appends failed starts to the stream of the cluster.
//!
//! The disk may be what failed, so they have no job there: they wait in memory, and each is appended
//! once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use callrec_core::events::{Event, EventKind, LogLevel};
use callrec_core::sync::Mutex;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::link::ClusterLink;
use super::shared_registry::StreamEntry;

/// As many failed starts wait for Redis. Beyond that, the oldest are dropped.
const WAITING_MAX: usize = 1000;
const RETRY: Duration = Duration::from_millis(500);

/// A start that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FailedStart {
    id: String,
    json: String,
}

/// The failed starts of one node that are not in the stream yet.
#[derive(Default)]
pub struct FailedStarts {
    state: Mutex<WaitingStarts>,
    added: Notify,
}

#[derive(Default)]
struct WaitingStarts {
    queue: VecDeque<FailedStart>,
    dropped: u64,
}

impl FailedStarts {
    /// Notes the event, if it is about a start that failed. Never waits.
    pub fn note(&self, event: &Event) {
        let recording = event.subject.recording();
        let (EventKind::StartFailed, Some(recording)) = (event.kind, recording) else {
            return;
        };
        let (kind, time_ms, detail) = (event.kind.text(), event.time_ms, &event.detail);
        let failed = FailedStart {
            id: recording.id.to_string(),
            json: format!("{{\"event\":\"{kind}\",\"time_ms\":{time_ms},{detail}}}"),
        };
        self.push(failed);
    }

    fn push(&self, failed: FailedStart) {
        let mut state = self.state.lock();
        if state.queue.len() == WAITING_MAX {
            state.queue.pop_front();
            state.dropped += 1;
        }
        state.queue.push_back(failed);
        drop(state);
        self.added.notify_one();
    }

    /// How many are not in the stream yet.
    pub fn pending(&self) -> usize {
        self.state.lock().queue.len()
    }

    /// Appends them, until it is dropped.
    pub async fn run(&self, link: Arc<ClusterLink>) {
        loop {
            let added = self.added.notified();
            let next = self.state.lock().queue.front().cloned();
            let Some(failed) = next else {
                added.await;
                continue;
            };
            self.log_dropped(&link);
            match append(&link, &failed).await {
                Ok(()) => self.remove(&failed),
                Err(()) => sleep(RETRY).await,
            }
        }
    }

    /// It may have been dropped meanwhile.
    fn remove(&self, failed: &FailedStart) {
        let mut state = self.state.lock();
        if state.queue.front() == Some(failed) {
            state.queue.pop_front();
        }
    }

    fn log_dropped(&self, link: &ClusterLink) {
        let dropped = std::mem::take(&mut self.state.lock().dropped);
        if dropped > 0 {
            let message =
                format!("{dropped} failed starts are missing in the stream: Redis was away too long");
            link.log(LogLevel::Warning, message);
        }
    }
}

async fn append(link: &ClusterLink, failed: &FailedStart) -> Result<(), ()> {
    let registry = link.registry().map_err(drop)?;
    let entry = StreamEntry {
        event: EventKind::StartFailed.text(),
        id: &failed.id,
        json: &failed.json,
        directory: "",
    };
    match registry.ended(&entry).await {
        Ok(_) => Ok(()),
        Err(error) => {
            link.failure(&error);
            Err(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_too_many_are_dropped() {
        let starts = FailedStarts::default();
        for number in 0..=WAITING_MAX {
            starts.push(FailedStart {
                id: number.to_string(),
                json: String::new(),
            });
        }
        assert_eq!(starts.pending(), WAITING_MAX);
        let state = starts.state.lock();
        assert_eq!(state.queue[0].id, "1");
        assert_eq!(state.dropped, 1);
    }
}
