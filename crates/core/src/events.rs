//! Events, delivered in order on one thread that holds no lock.

pub mod bus;
pub mod event;
mod event_queue;
mod log_queue;
#[cfg(all(test, callrec_loom))]
mod models;
mod subject;
mod subscription;

pub use bus::{Bus, EndingSubscription, Listener, LogListener, Observer, SubscriptionId};
pub use event::{Event, EventKind, LogLevel};
pub use subject::{CallFacts, EventSubject};
pub use subscription::{LiveCalls, RefusedSubscription, SubscriptionOptions};
