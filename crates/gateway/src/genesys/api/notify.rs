//! From the engine's events to notifications.
//!
//! The bus's observer only pushes into a channel; one task takes from it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::Genesys;
use super::call::Shown;
use super::status::Code;
use super::track::{Change, Failed, Tracker};
use crate::genesys::comet::CALLS;
use callrec_core::events::{Bus, Event, EventKind, Observer};
use callrec_core::types::Status;

/// How often what is held back is looked at when nothing happens.
const LOOK: Duration = Duration::from_secs(1);

/// The bus's side. Called under its lock.
struct Ear(UnboundedSender<Arc<Event>>);

impl Observer for Ear {
    fn published(&self, event: &Arc<Event>) {
        let untold = matches!(
            event.kind,
            EventKind::Loss | EventKind::DiskLow | EventKind::MediaIgnored | EventKind::LegSilent
        );
        if !untold {
            // Nobody takes any more: the gateway has stopped.
            let _ = self.0.send(event.clone());
        }
    }
}

/// Takes the observer off the bus, however the task ends.
struct Attached {
    bus: Arc<Bus>,
    ear: Arc<dyn Observer>,
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.bus.forget_observer(&self.ear);
    }
}

pub fn listen(genesys: &Arc<Genesys>) {
    let engine = genesys.gateway.engine();
    let (sender, receiver) = unbounded_channel();
    let attached = Attached {
        bus: engine.bus().clone(),
        ear: Arc::new(Ear(sender)),
    };
    attached.bus.observe(attached.ear.clone());
    // After that: what happens meanwhile is seen twice rather than never.
    let tracker = Tracker::seeded(engine);
    tokio::spawn(tell(Arc::downgrade(genesys), receiver, tracker, attached));
}

async fn tell(
    genesys: Weak<Genesys>,
    mut events: UnboundedReceiver<Arc<Event>>,
    mut tracker: Tracker,
    _attached: Attached,
) {
    loop {
        let came = if tracker.holds_back() {
            timeout(LOOK, events.recv()).await
        } else {
            Ok(events.recv().await)
        };
        let Some(genesys) = genesys.upgrade() else { return };
        let engine = genesys.gateway.engine();
        let changes = match came {
            Ok(Some(event)) => tracker.heard(engine, &event),
            Ok(None) => return,
            Err(_) => tracker.look_again(engine),
        };
        for change in &changes {
            notify(&genesys, change);
        }
    }
}

fn notify(genesys: &Genesys, change: &Change) {
    let username = &change.info.username;
    let sessions = &genesys.sessions;
    if username.is_empty() || !sessions.has(username) {
        return;
    }
    let call = Shown {
        info: &change.info,
        recorded: change.recorded,
        newest: change.newest.as_ref(),
        monitorable: change.monitorable,
        mandatory: change.mandatory,
        now_ms: change.now_ms,
    };
    let mut data = json!({
        "notificationType": "CallRecordingStateChange",
        "call": call.resource(genesys),
        "phoneNumber": change.info.directory_number.as_str(),
        "messageType": "CallStateChangeMessage",
    });
    if let Some(failed) = change.failed {
        data["errorMessage"] = error_message(failed).into();
        data["errorCode"] = Code::of(failed.status).numbers().0.into();
    }
    sessions.publish(username, &CALLS, &data);
}

fn error_message(failed: Failed) -> String {
    let what = if failed.had_begun {
        "The recording has failed"
    } else {
        "The recording could not be started"
    };
    let why = match failed.status {
        Status::NoSpace => ": too little disk is free",
        Status::Limit => ": too many are live",
        Status::Io if failed.had_begun => ": its file could not be written",
        Status::Io => ": its file could not be made",
        _ => "",
    };
    format!("{what}{why}")
}
