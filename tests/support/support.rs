//! Thin safe wrappers of the C ABI for tests, and its compilers. Whatever needs no C ABI is in
//! `crates/testkit`.
#![allow(dead_code, unused_imports, unsafe_code, clippy::undocumented_unsafe_blocks)]

pub mod abi;
pub mod au;
pub mod audit;
pub mod build;
pub mod calls;
pub mod coded;
pub mod engine;
pub mod events;
pub mod feeds;
#[cfg(feature = "faults")]
pub mod flac;
#[cfg(feature = "gateway")]
pub mod gateway;
pub mod log;
#[cfg(feature = "faults")]
pub mod paged;
pub mod players;
pub mod recordings;
pub mod subscription;
pub mod tapi_bridge;

pub use abi::*;
pub use audit::*;
pub use build::has_lame;
pub use calls::*;
pub use engine::*;
pub use events::*;
pub use feeds::*;
pub use log::*;
pub use recordings::*;
pub use subscription::*;
