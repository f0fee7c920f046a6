//! Handles: the numbers by which the host names engines, calls, feeds, subscriptions and
//! gateways. The objects are in tables that belong to one process. A stale, foreign or invented
//! handle is an error and never corrupts memory, even while another thread ends the object.
//!
//! The engine knows no handles. It gets a [`FeedSlot`] for each open feed and a [`HostReference`]
//! for every other object that it may end, and calls them when the object ends.
//!
//! [`FeedSlot`]: crate::engine::FeedSlot
//! [`HostReference`]: crate::engine::HostReference

pub mod call;
pub mod engine;
pub mod feed;
#[cfg(feature = "gateway")]
pub mod gateway;
mod handle;
mod process;
pub mod session_description;
pub mod subscription;
mod table;

pub use handle::Handle;
pub use process::forked;
