//! callrec records live telephone calls inside a C or C++ telephony program. Its interface is the
//! C ABI in `include/callrec.h`, which this crate implements.
//!
//! - [`capi`] checks arguments, converts types and calls the other modules.
//! - [`handles`] maps the handles of the C ABI to objects.
//! - [`lame`] has the library that encodes MP3: loaded, or with the feature `mp3` compiled in.
//! - [`memory`] is the allocator, which keeps the host's process alive when memory runs out.
//! - [`platform`] has the calls of Windows that the disk needs, and keeps the library loaded there.
//! - [`settings`] combines the configuration keys of the engine, of uploads, of the gateway and of the cluster.
//! - [`uploads`] opens engines whose recordings are uploaded.
//!
//! All `unsafe` code is in [`capi`], [`lame`], [`memory`] and [`platform`]. The other crates are `callrec-gateway` (the
//! published HTTP APIs; without the feature `gateway` only their keys and formats), `callrec-upload`
//! (uploads; without the feature `upload` only their keys), `callrec-cluster` (the registry of many
//! nodes; without the feature `cluster` only its keys) and `callrec-core` (everything else). Their
//! modules are re-exported here.

pub mod capi;
pub mod handles;
pub mod lame;
pub mod memory;
pub mod platform;
pub mod settings;
pub mod uploads;

pub use callrec_cluster as cluster;
pub use callrec_codec as codec;
pub use callrec_core::memory as core_memory;
pub use callrec_core::{
    audit, calls, clock, config, engine, events, host_codecs, jobs, json, keys, media, recorder, storage,
    sync, task, text, thread_hooks, types,
};
pub use callrec_gateway as gateway;
pub use callrec_upload as upload;
