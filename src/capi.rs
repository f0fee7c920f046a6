//! The C API, one file per object. Each function checks and converts its arguments, calls the
//! engine, and converts the result.
//!
//! Only this module and `crate::memory` contain `unsafe` code. cbindgen generates the header
//! from this module.

#![allow(unsafe_code)]
// The types have their C names.
#![allow(non_camel_case_types)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
// The C documentation states the requirements; Rust callers use `callrec::engine`.
#![allow(clippy::missing_safety_doc)]
// Doxygen's `@param[out]` is not a link.
#![allow(rustdoc::broken_intra_doc_links)]

mod audit;
mod audit_types;
mod call;
mod call_parties;
mod call_types;
mod call_view;
mod callback_types;
mod codec;
mod codec_types;
mod config;
mod control;
mod control_call;
mod control_handle;
mod control_target;
mod convert;
mod deletion;
mod engine;
mod event;
mod event_types;
mod feed;
mod feed_format;
mod feed_types;
mod gateway;
#[cfg(not(feature = "gateway"))]
mod gateway_disabled;
#[cfg(feature = "gateway")]
mod gateway_enabled;
mod gateway_types;
mod guard;
mod handle_types;
mod http_types;
mod line;
mod list;
#[cfg(not(callrec_loom))]
mod memory;
mod nodes;
#[cfg(not(feature = "cluster"))]
mod nodes_disabled;
#[cfg(feature = "cluster")]
mod nodes_enabled;
mod recording;
mod recording_types;
mod sized_struct;
mod start;
mod thread_hooks;
pub mod types;
pub mod values;
mod verify;
mod version;

pub use audit::*;
pub use call::*;
pub use call_parties::*;
pub use callback_types::*;
pub use codec::*;
pub use codec_types::*;
pub use config::*;
pub use control::*;
pub use control_call::*;
pub use control_handle::*;
pub use deletion::*;
pub use engine::*;
pub use event::*;
pub use feed::*;
pub use gateway::*;
pub use gateway_types::*;
pub use http_types::*;
pub use line::*;
pub use list::*;
pub use nodes::*;
pub use start::*;
pub use thread_hooks::*;
pub use types::*;
pub use verify::*;
pub use version::*;

use crate::engine::Engine;
use crate::handles::{self, Handle};
use crate::recorder::Recorder;
use crate::types::Result;
use std::sync::Arc;

fn engine_of(handle: rec_engine) -> Result<Arc<Engine>> {
    handles::engine::get(Handle(handle.id))
}

/// The engine's interface for controlling, listing and reporting recordings.
fn recorder_of(handle: rec_engine) -> Result<Arc<dyn Recorder>> {
    Ok(engine_of(handle)?)
}
