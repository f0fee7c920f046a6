//! The state that a recording publishes.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::ledger::Ledger;
use crate::time::NS_PER_MS;

/// The state that a recording publishes, readable from any thread.
#[derive(Debug, Default)]
pub struct Progress {
    pub(crate) frames: AtomicU64,
    pub(crate) lost_ns: AtomicU64,
    pub(crate) paused_ns: AtomicU64,
    pub(crate) rate: AtomicU32,
    /// The time since the start, until the rate is known.
    pub(crate) waiting_ms: AtomicU64,
    ledger: Mutex<Ledger>,
}

impl Progress {
    /// The ledger up to the settled frame.
    pub fn ledger(&self) -> Ledger {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Publishes the ledger, replacing the previous one.
    pub fn set_ledger(&self, ledger: Ledger) {
        *self.ledger.lock().unwrap_or_else(PoisonError::into_inner) = ledger;
    }

    pub fn frames(&self) -> u64 {
        self.frames.load(Relaxed)
    }

    /// The rate of the file in Hz; 0 until it is known.
    pub fn rate(&self) -> u32 {
        self.rate.load(Relaxed)
    }

    pub fn duration_ms(&self) -> u64 {
        match u64::from(self.rate()) {
            0 => self.waiting_ms.load(Relaxed),
            rate => (self.frames() * 1000 + rate / 2) / rate,
        }
    }

    /// The loss of all legs in total.
    pub fn lost_ms(&self) -> u64 {
        (self.lost_ns.load(Relaxed) + NS_PER_MS / 2) / NS_PER_MS
    }

    pub fn paused_ms(&self) -> u64 {
        (self.paused_ns.load(Relaxed) + NS_PER_MS / 2) / NS_PER_MS
    }
}
