//! Subscriptions by their handles.

use std::sync::Arc;

use super::handle::Handle;
use super::process::{HostSubscription, current, current_or_error, refusal};
use crate::engine::{Engine, HostReference};
use crate::events::Listener;
use crate::words::{Error, Result, Status};

struct SubscriptionReference(Handle);

impl HostReference for SubscriptionReference {
    fn revoke(&self) {
        if let Some(process) = current() {
            process.subscriptions.remove(self.0);
        }
    }
}

/// A handle for a subscription that [`subscribe`] begins or gives up. So the host knows the
/// handle before its callback can run.
pub fn reserve(engine: &Arc<Engine>) -> Result<Handle> {
    let process = current_or_error()?;
    let handle = process.subscriptions.insert(|handle| HostSubscription {
        engine: engine.clone(),
        number: 0,
        reference: Arc::new(SubscriptionReference(handle)),
    });
    handle.ok_or_else(|| Error::new(Status::Limit, "too many subscriptions"))
}

/// `Err`: the engine is closing. The listener is given back, and the handle is stale.
pub fn subscribe(handle: Handle, listener: Arc<dyn Listener>) -> std::result::Result<(), Arc<dyn Listener>> {
    let Some(process) = current() else {
        return Err(listener);
    };
    let noted = process
        .subscriptions
        .with(handle, |slot| (slot.engine.clone(), slot.reference.clone()));
    let Some((engine, reference)) = noted else {
        return Err(listener);
    };
    // Noted before it is subscribed: a closing that comes in between finds it.
    engine.note_subscription(reference.clone());
    let mut unheard = Some(listener);
    process.subscriptions.with(handle, |slot| {
        let Some(listener) = unheard.take() else { return };
        match engine.bus().subscribe(listener) {
            Ok(number) => slot.number = number,
            Err(listener) => unheard = Some(listener),
        }
    });
    let Some(listener) = unheard else {
        return Ok(());
    };
    engine.forget_subscription(&reference);
    process.subscriptions.remove(handle);
    Err(listener)
}

/// Waits for a running callback of the subscription, unless it is called from inside it.
pub fn unsubscribe(handle: Handle) -> Result<()> {
    let found = current().and_then(|process| process.subscriptions.remove(handle));
    let Some(subscription) = found else {
        return Err(Error::new(refusal(handle), "subscription: no such subscription"));
    };
    subscription.engine.forget_subscription(&subscription.reference);
    subscription.engine.bus().unsubscribe(subscription.number);
    Ok(())
}
