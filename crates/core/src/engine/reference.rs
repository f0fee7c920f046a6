//! What the host names the engine's objects by. The engine knows no handles: whoever stands
//! above it keeps them, and is told here when one has to become stale.

use crate::sync::Mutex;

/// The host's name for an object that may end by itself: a handle of the C ABI, for example.
pub trait HostReference: Send + Sync {
    /// The object ends. Nobody can name it once this has returned. Waits for nothing but
    /// another thread that is just looking the object up.
    fn revoke(&self);
}

/// The host's reference to one object. It ends with the object.
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
    /// If the object has ended already, the reference is revoked at once.
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
    struct Revoked(Arc<AtomicU64>);

    impl HostReference for Revoked {
        fn revoke(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_reference_is_revoked_once_whichever_comes_first() {
        let (early, late) = (Revoked::default(), Revoked::default());
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
