//! Handles: what the host names engines, calls, feeds, subscriptions and gateways by. The
//! objects lie in tables that belong to one process. A stale, foreign or made-up handle is an
//! error, never memory damage, also while another thread ends the object.
//!
//! The engine knows no handles. It is given a [`FeedSlot`] for each open feed and a
//! [`HostReference`] for whatever else it may end by itself, and says when they end.
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
pub mod subscription;
mod table;

pub use handle::Handle;
pub use process::forked;
