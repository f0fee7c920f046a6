//! Turns the engine's events into CometD notifications.
//!
//! The observer only forwards events to a channel; one task processes them.

use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::Genesys;
use super::call::CallResource;
use super::call_tracker::{CallTracker, RecordingFailure, StateChange};
use super::status_code::GenesysCode;
use crate::genesys::comet::CALLS;
use callrec_core::events::{Bus, Event, EventKind, Observer};
use callrec_core::types::Status;

/// How often held events are checked when no event arrives.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The observer, which runs under the bus's lock.
struct EventForwarder(UnboundedSender<Arc<Event>>);

impl Observer for EventForwarder {
    fn published(&self, event: &Arc<Event>) {
        let is_ignored = matches!(
            event.kind,
            EventKind::Loss
                | EventKind::DiskLow
                | EventKind::MediaIgnored
                | EventKind::LegSilent
                | EventKind::PauseOverdue
        );
        if !is_ignored {
            // Fails once the gateway has stopped.
            let _ = self.0.send(event.clone());
        }
    }
}

/// Removes the observer from the bus when the task ends.
struct ObserverGuard {
    bus: Arc<Bus>,
    forwarder: Arc<dyn Observer>,
}

impl Drop for ObserverGuard {
    fn drop(&mut self) {
        self.bus.forget_observer(&self.forwarder);
    }
}

pub fn subscribe(genesys: &Arc<Genesys>) {
    let engine = genesys.gateway.engine();
    let (sender, receiver) = unbounded_channel();
    let guard = ObserverGuard {
        bus: engine.bus().clone(),
        forwarder: Arc::new(EventForwarder(sender)),
    };
    guard.bus.observe(guard.forwarder.clone());
    // Seeded after subscribing: an event in between is processed twice rather than missed.
    let tracker = CallTracker::with_live_calls(engine);
    tokio::spawn(run(Arc::downgrade(genesys), receiver, tracker, guard));
}

async fn run(
    genesys: Weak<Genesys>,
    mut events: UnboundedReceiver<Arc<Event>>,
    mut tracker: CallTracker,
    _guard: ObserverGuard,
) {
    loop {
        let received = if tracker.has_held_events() {
            timeout(RETRY_INTERVAL, events.recv()).await
        } else {
            Ok(events.recv().await)
        };
        let Some(genesys) = genesys.upgrade() else { return };
        let engine = genesys.gateway.engine();
        let changes = match received {
            Ok(Some(event)) => tracker.on_event(engine, &event),
            Ok(None) => return,
            Err(_) => tracker.retry_held(engine),
        };
        for change in &changes {
            notify(&genesys, change);
        }
    }
}

fn notify(genesys: &Genesys, change: &StateChange) {
    let username = &change.info.username;
    let sessions = &genesys.sessions;
    if username.is_empty() || !sessions.has(username) {
        return;
    }
    let call = CallResource {
        info: &change.info,
        recorded: change.recorded,
        newest: change.newest.as_ref(),
        monitorable: change.monitorable,
        mandatory: change.mandatory,
        now_ms: change.now_ms,
    };
    let mut data = json!({
        "notificationType": "CallRecordingStateChange",
        "call": call.to_json(genesys),
        "phoneNumber": change.info.directory_number.as_str(),
        "messageType": "CallStateChangeMessage",
    });
    if let Some(failure) = change.failed {
        data["errorMessage"] = error_message(failure).into();
        data["errorCode"] = GenesysCode::of(failure.status).numbers().0.into();
    }
    sessions.publish(username, &CALLS, &data);
}

fn error_message(failure: RecordingFailure) -> String {
    let message = if failure.had_begun {
        "The recording has failed"
    } else {
        "The recording could not be started"
    };
    let cause = match failure.status {
        Status::NoSpace => ": too little disk is free",
        Status::Limit => ": too many are live",
        Status::Io if failure.had_begun => ": its file could not be written",
        Status::Io => ": its file could not be made",
        _ => "",
    };
    format!("{message}{cause}")
}
