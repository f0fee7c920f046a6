//! Limits how many kept packets are queued for the disk. They have limits of their own, so that they
//! never take the place of audio.

use crate::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// Bytes of queued packets of one recording.
const OWN_BYTES_MAX: u64 = 4 << 20;
/// The queued packets of all recordings, as a part of `storage.backlog_bytes`.
const SHARE: u64 = 4;

/// The queued packets of all recordings, and their limit.
pub struct RawBacklog {
    max_bytes: u64,
    pending: AtomicU64,
}

impl RawBacklog {
    /// `backlog_bytes`: the limit for the audio of all recordings.
    pub fn new(backlog_bytes: u64) -> Arc<RawBacklog> {
        Arc::new(RawBacklog {
            max_bytes: backlog_bytes / SHARE,
            pending: AtomicU64::new(0),
        })
    }
}

/// The queued packets of one recording.
pub struct RawQuota {
    all: Arc<RawBacklog>,
    own: Arc<AtomicU64>,
}

impl RawQuota {
    pub fn new(all: &Arc<RawBacklog>) -> RawQuota {
        RawQuota {
            all: Arc::clone(all),
            own: Arc::new(AtomicU64::new(0)),
        }
    }

    /// Adds `bytes` to the queued packets, until the admission is dropped. Returns `None` if a limit
    /// would be exceeded.
    pub fn admit(&self, bytes: u64) -> Option<RawAdmission> {
        self.own.fetch_add(bytes, Ordering::Relaxed);
        self.all.pending.fetch_add(bytes, Ordering::Relaxed);
        let admission = RawAdmission {
            all: Arc::clone(&self.all),
            own: Arc::clone(&self.own),
            bytes,
        };
        let own_fits = self.own.load(Ordering::Relaxed) <= OWN_BYTES_MAX;
        (own_fits && self.all.pending.load(Ordering::Relaxed) <= self.all.max_bytes).then_some(admission)
    }
}

/// Queued packets. Dropping it releases their bytes.
pub struct RawAdmission {
    all: Arc<RawBacklog>,
    own: Arc<AtomicU64>,
    bytes: u64,
}

impl Drop for RawAdmission {
    fn drop(&mut self) {
        self.own.fetch_sub(self.bytes, Ordering::Relaxed);
        self.all.pending.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn packets_are_admitted_up_to_the_limits_and_again_after_a_release() {
        let all = RawBacklog::new(40 << 20);
        let (first, second) = (RawQuota::new(&all), RawQuota::new(&all));
        let held: Vec<RawAdmission> = (0..4).filter_map(|_| first.admit(1 << 20)).collect();
        assert_eq!(held.len(), 4);
        assert!(first.admit(1).is_none(), "one recording's limit");
        let more: Vec<_> = (0..4).filter_map(|_| second.admit(1 << 20)).collect();
        assert_eq!(more.len(), 4);
        let third = RawQuota::new(&all);
        assert!(third.admit(2 << 20).is_some());
        assert!(third.admit(3 << 20).is_none(), "the limit of all recordings");
        drop(held);
        assert!(first.admit(1 << 20).is_some() && third.admit(3 << 20).is_some());
        drop(more);
        assert_eq!(all.pending.load(Ordering::Relaxed), 0);
    }
}
