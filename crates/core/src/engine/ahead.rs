//! The limit on audio that hosts write ahead of the clock, in all feeds together
//! (`media.ahead_bytes`).

use std::sync::Arc;

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::types::{Error, Result, Status};

/// The bytes of `media.ahead_bytes` that no feed has reserved.
pub struct AheadBudget {
    free: AtomicU64,
}

impl AheadBudget {
    pub fn new(bytes: u64) -> Arc<AheadBudget> {
        Arc::new(AheadBudget {
            free: AtomicU64::new(bytes),
        })
    }

    /// Reserves a share of this many bytes. Fails with `LIMIT` if fewer are free.
    pub fn share(self: &Arc<Self>, bytes: u64) -> Result<AheadShare> {
        let mut share = AheadShare {
            budget: self.clone(),
            bytes: 0,
        };
        share.resize(bytes)?;
        Ok(share)
    }
}

/// The bytes reserved by one feed. Dropping the share frees them.
pub struct AheadShare {
    budget: Arc<AheadBudget>,
    bytes: u64,
}

impl AheadShare {
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Fails with `LIMIT` if fewer bytes are free; then the share stays as it was.
    pub fn resize(&mut self, bytes: u64) -> Result<()> {
        let before = self.bytes;
        let exchange = |free: u64| free.checked_add(before)?.checked_sub(bytes);
        let free = &self.budget.free;
        match free.fetch_update(Ordering::AcqRel, Ordering::Acquire, exchange) {
            Ok(_) => {
                self.bytes = bytes;
                Ok(())
            }
            Err(free) => Err(Error::new(
                Status::Limit,
                format!(
                    "format.ahead_ms needs {bytes} bytes, but only {free} bytes of media.ahead_bytes are free"
                ),
            )),
        }
    }
}

impl Drop for AheadShare {
    fn drop(&mut self) {
        self.budget.free.fetch_add(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_share_frees_its_bytes() {
        let budget = AheadBudget::new(100);
        let mut first = budget.share(60).expect("it fits");
        assert_eq!(budget.share(41).map(|_| ()).unwrap_err().status, Status::Limit);
        let second = budget.share(40).expect("it fits exactly");
        assert_eq!(first.resize(61).unwrap_err().status, Status::Limit);
        first.resize(10).expect("less always fits");
        drop(second);
        first.resize(100).expect("all of it");
        assert!(budget.share(0).is_ok(), "a share of 0 bytes is never refused");
        drop(first);
        assert!(budget.share(100).is_ok());
    }
}
