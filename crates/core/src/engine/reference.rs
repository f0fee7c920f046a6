//! The host's references to the engine's objects. The engine knows no handles: its user keeps
//! them, and the engine revokes a reference when its object ends.

use crate::sync::Mutex;

/// The host's reference to an object that the engine may end, for example a handle of the C ABI.
pub trait HostReference: Send + Sync {
    /// Invalidates the reference, because the object ends. Waits only for a thread that is just
    /// looking the object up.
    fn revoke(&self);
}

/// Holds the host's reference to one object, and revokes it when the object ends.
#[derive(Default)]
pub struct ReferenceCell(Mutex<ReferenceState>);

#[derive(Default)]
enum ReferenceState {
    #[default]
    Unnamed,
    Named(Box<dyn HostReference>),
    Ended,
}

impl ReferenceCell {
    /// Stores the reference. If the object has already ended, revokes it at once.
    pub fn set(&self, reference: Box<dyn HostReference>) {
        let mut state = self.0.lock();
        if matches!(*state, ReferenceState::Ended) {
            drop(state);
            reference.revoke();
        } else {
            *state = ReferenceState::Named(reference);
        }
    }

    pub fn end(&self) {
        let before = std::mem::replace(&mut *self.0.lock(), ReferenceState::Ended);
        if let ReferenceState::Named(reference) = before {
            reference.revoke();
        }
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::*;
    use crate::sync::atomic::{AtomicU64, Ordering};
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct CountingReference(Arc<AtomicU64>);

    impl HostReference for CountingReference {
        fn revoke(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_reference_is_revoked_once_whether_set_before_or_after_the_end() {
        let (early, late) = (CountingReference::default(), CountingReference::default());
        let cell = ReferenceCell::default();
        cell.set(Box::new(early.clone()));
        assert_eq!(early.0.load(Ordering::Relaxed), 0);
        cell.end();
        cell.end();
        assert_eq!(early.0.load(Ordering::Relaxed), 1);
        cell.set(Box::new(late.clone()));
        assert_eq!(late.0.load(Ordering::Relaxed), 1);
    }
}
