//! The network between one host and Redis: latency, and partitions of one direction or both.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::random::SeededRng;

/// Lets tasks pass while it is open. Those that wait go on in the order in which they came.
pub struct Barrier {
    is_open: AtomicBool,
    opened: Notify,
}

impl Default for Barrier {
    fn default() -> Barrier {
        Barrier {
            is_open: AtomicBool::new(true),
            opened: Notify::new(),
        }
    }
}

impl Barrier {
    pub fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }

    pub fn set_open(&self, is_open: bool) {
        self.is_open.store(is_open, Ordering::Relaxed);
        self.opened.notify_waiters();
    }

    pub async fn passed(&self) {
        while !self.is_open() {
            self.opened.notified().await;
        }
    }
}

/// The longest latency of one direction.
pub const LATENCY_MAX_MS: u64 = 60;

/// The network of one host.
pub struct HostNetwork {
    pub name: String,
    /// From the host to Redis. What is sent while it is closed arrives when it opens, as with TCP.
    pub outward: Barrier,
    /// From Redis to the host.
    pub inward: Barrier,
    rng: Mutex<SeededRng>,
}

impl HostNetwork {
    pub fn new(name: &str, rng: SeededRng) -> Arc<HostNetwork> {
        Arc::new(HostNetwork {
            name: name.to_owned(),
            outward: Barrier::default(),
            inward: Barrier::default(),
            rng: Mutex::new(rng),
        })
    }

    /// When something that is sent now arrives. Most of it is fast.
    pub fn arrival(&self) -> Instant {
        let mut rng = self.rng.lock();
        let most = if rng.chance(90) { 5 } else { LATENCY_MAX_MS };
        Instant::now() + Duration::from_millis(rng.between(1, most))
    }

    pub fn heal(&self) {
        self.outward.set_open(true);
        self.inward.set_open(true);
    }
}
