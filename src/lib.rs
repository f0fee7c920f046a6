//! callrec: the recorder of live telephone calls that any C or C++ telephony
//! program can link. The product is the C ABI in `include/callrec.h`; this crate
//! is what stands behind it.
//!
//! [`capi`] checks, converts and calls: all `unsafe` is there and in [`memory`], the allocator
//! that does not let the host end where memory runs out. [`handles`]
//! keeps the tables by which the host names what it has opened. Below them stand the
//! crates `callrec-gateway` (the published HTTP APIs; without the feature `gateway` only
//! their keys and forms) and `callrec-core` (everything else), whose modules are named
//! here too. [`settings`] joins the keys of both.

pub mod capi;
pub mod handles;
pub mod memory;
pub mod settings;

pub use callrec_codec as codec;
pub use callrec_core::memory as core_memory;
pub use callrec_core::{
    audit, calls, clock, config, engine, events, jobs, keys, media, recorder, storage, sync, task, text,
    types,
};
pub use callrec_gateway as gateway;
