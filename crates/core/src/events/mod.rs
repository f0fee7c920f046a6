//! What happened, told in order on one thread that holds no lock.

pub mod bus;
pub mod event;
mod lines;
#[cfg(all(test, callrec_loom))]
mod models;
mod queue;
mod subject;
mod subscription;

pub use bus::{Bus, EndingSubscription, Listener, LogListener, Observer, SubscriptionId};
pub use event::{Event, Kind, LogLevel};
pub use subject::{CallFacts, EventSubject};
pub use subscription::{LiveCalls, RefusedSubscription, SubscriptionOptions};
