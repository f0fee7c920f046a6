//! Every rule of control of the design (section 2), and the rules of states and
//! events (section 1), through the C ABI.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "support/support.rs"]
mod support;

#[cfg(feature = "faults")]
#[path = "rules/anew.rs"]
mod anew;
#[path = "rules/audit.rs"]
mod audit;
#[path = "rules/automatic.rs"]
mod automatic;
#[path = "rules/call_events.rs"]
mod call_events;
#[path = "rules/calls.rs"]
mod calls;
#[path = "rules/control.rs"]
mod control;
#[path = "rules/dial_in.rs"]
mod dial_in;
#[path = "rules/events.rs"]
mod events;
#[cfg(feature = "faults")]
#[path = "rules/faults.rs"]
mod faults;
#[path = "rules/json.rs"]
mod json;
#[path = "rules/kept.rs"]
mod kept;
#[path = "rules/lists.rs"]
mod lists;
#[path = "rules/mandatory.rs"]
mod mandatory;
#[path = "rules/marks.rs"]
mod marks;
#[path = "rules/moved.rs"]
mod moved;
#[path = "rules/order.rs"]
mod order;
#[path = "rules/private.rs"]
mod private;
#[path = "rules/rights.rs"]
mod rights;
#[path = "rules/scratch_engine.rs"]
mod scratch_engine;
#[path = "rules/statuses.rs"]
mod statuses;
#[path = "rules/storm.rs"]
mod storm;
#[path = "rules/subscriptions.rs"]
mod subscriptions;
#[path = "rules/transfer.rs"]
mod transfer;
