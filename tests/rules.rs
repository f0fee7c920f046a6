//! The rules of controlling recordings, and of their states and events, through the C ABI.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "support/support.rs"]
mod support;

#[path = "rules/audit.rs"]
mod audit;
#[path = "rules/automatic.rs"]
mod automatic;
#[cfg(feature = "faults")]
#[path = "rules/automatic_retries.rs"]
mod automatic_retries;
#[path = "rules/call_audio.rs"]
mod call_audio;
#[path = "rules/call_events.rs"]
mod call_events;
#[path = "rules/call_handle.rs"]
mod call_handle;
#[path = "rules/calls.rs"]
mod calls;
#[path = "rules/check_order.rs"]
mod check_order;
#[path = "rules/concurrent_control.rs"]
mod concurrent_control;
#[path = "rules/consent.rs"]
mod consent;
#[path = "rules/control.rs"]
mod control;
#[path = "rules/deletion.rs"]
mod deletion;
#[path = "rules/deletion_kills.rs"]
mod deletion_kills;
#[path = "rules/dial_in.rs"]
mod dial_in;
#[path = "rules/events.rs"]
mod events;
#[path = "rules/hold.rs"]
mod hold;
#[path = "rules/json.rs"]
mod json;
#[path = "rules/leg_parties.rs"]
mod leg_parties;
#[path = "rules/line_policies.rs"]
mod line_policies;
#[path = "rules/lists.rs"]
mod lists;
#[path = "rules/mandatory.rs"]
mod mandatory;
#[path = "rules/moved_directory.rs"]
mod moved_directory;
#[path = "rules/on_transfer.rs"]
mod on_transfer;
#[cfg(feature = "faults")]
#[path = "rules/panics.rs"]
mod panics;
#[cfg(feature = "faults")]
#[path = "rules/paused_retries.rs"]
mod paused_retries;
#[path = "rules/pauses.rs"]
mod pauses;
#[path = "rules/private_calls.rs"]
mod private_calls;
#[path = "rules/related_ids.rs"]
mod related_ids;
#[path = "rules/rights.rs"]
mod rights;
#[path = "rules/scratch_engine.rs"]
mod scratch_engine;
#[path = "rules/sidecars.rs"]
mod sidecars;
#[path = "rules/small_stacks.rs"]
mod small_stacks;
#[path = "rules/statuses.rs"]
mod statuses;
#[path = "rules/struct_sizes.rs"]
mod struct_sizes;
#[path = "rules/subscriptions.rs"]
mod subscriptions;
#[path = "rules/transfer.rs"]
mod transfer;
#[path = "rules/uploads.rs"]
mod uploads;
