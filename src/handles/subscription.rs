//! Subscriptions by their handles.

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

/// `Err`: the handle is stale, and the listener is given back.
pub fn subscribe(
    handle: Handle,
    options: SubscriptionOptions,
    listener: Arc<dyn Listener>,
) -> std::result::Result<(), RefusedSubscription> {
    let noted = current().and_then(|process| {
        let known = |slot: &mut HostSubscription| (slot.engine.clone(), slot.reference.clone());
        Some((process, process.subscriptions.with(handle, known)?))
    });
    let Some((process, (engine, reference))) = noted else {
        return Err(closing(listener));
    };
    // Noted before it is subscribed: a closing that comes in between finds it.
    engine.note_subscription(reference.clone());
    let mut unheard = Some(listener);
    let mut refused = None;
    process.subscriptions.with(handle, |slot| {
        let Some(listener) = unheard.take() else { return };
        let recorder: &dyn Recorder = &*slot.engine;
        match recorder.subscribe(options, listener) {
            Ok(number) => slot.number = number,
            Err(why) => refused = Some(why),
        }
    });
    let Some(refused) = refused.or_else(|| unheard.map(closing)) else {
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

/// Waits for a running callback of the subscription, unless it is called from inside it.
pub fn unsubscribe(handle: Handle) -> Result<()> {
    let found = current().and_then(|process| process.subscriptions.remove(handle));
    let Some(subscription) = found else {
        return Err(Error::new(refusal(handle), "subscription: no such subscription"));
    };
    subscription.engine.forget_subscription(&subscription.reference);
    subscription.engine.unsubscribe(subscription.number);
    Ok(())
}
