//! Handles of subscriptions.

use std::sync::Arc;

use super::handle::Handle;
use super::process::{HostSubscription, current, current_or_error, refusal};
use crate::engine::{Engine, HostReference};
use crate::events::{Listener, RefusedSubscription, SubscriptionOptions};
use crate::recorder::Recorder;
use crate::types::{Error, Result, Status};

struct SubscriptionReference(Handle);

impl HostReference for SubscriptionReference {
    fn revoke(&self) {
        if let Some(process) = current() {
            process.subscriptions.remove(self.0);
        }
    }
}

/// Reserves a handle, so that the host knows it before its callback can run. [`subscribe`] then
/// begins the subscription or releases the handle.
pub fn reserve(engine: &Arc<Engine>) -> Result<Handle> {
    let process = current_or_error()?;
    let handle = process.subscriptions.insert(|handle| HostSubscription {
        engine: engine.clone(),
        number: 0,
        reference: Arc::new(SubscriptionReference(handle)),
    });
    handle.ok_or_else(|| Error::new(Status::Limit, "too many subscriptions: no handle is free"))
}

/// Begins the subscription of a reserved handle. On an error the handle becomes stale, and the
/// listener is returned.
pub fn subscribe(
    handle: Handle,
    options: SubscriptionOptions,
    listener: Arc<dyn Listener>,
) -> std::result::Result<(), RefusedSubscription> {
    let reserved = current().and_then(|process| {
        let known = |slot: &mut HostSubscription| (slot.engine.clone(), slot.reference.clone());
        Some((process, process.subscriptions.with(handle, known)?))
    });
    let Some((process, (engine, reference))) = reserved else {
        return Err(closing(listener));
    };
    // Registered before subscribing, so that an engine that closes in between finds the reference.
    engine.note_subscription(reference.clone());
    let mut unused = Some(listener);
    let mut refused = None;
    process.subscriptions.with(handle, |slot| {
        let Some(listener) = unused.take() else { return };
        let recorder: &dyn Recorder = &*slot.engine;
        match recorder.subscribe(options, listener) {
            Ok(number) => slot.number = number,
            Err(why) => refused = Some(why),
        }
    });
    let Some(refused) = refused.or_else(|| unused.map(closing)) else {
        return Ok(());
    };
    engine.forget_subscription(&reference);
    process.subscriptions.remove(handle);
    Err(refused)
}

fn closing(listener: Arc<dyn Listener>) -> RefusedSubscription {
    let error = Error::new(Status::Unavailable, "the engine is closing");
    RefusedSubscription { error, listener }
}

/// Ends a subscription. Waits for its running callback, unless called inside that callback.
pub fn unsubscribe(handle: Handle) -> Result<()> {
    let found = current().and_then(|process| process.subscriptions.remove(handle));
    let Some(subscription) = found else {
        return Err(Error::new(
            refusal(handle),
            "subscription: the handle is invalid, or the subscription has ended",
        ));
    };
    subscription.engine.forget_subscription(&subscription.reference);
    subscription.engine.unsubscribe(subscription.number);
    Ok(())
}
