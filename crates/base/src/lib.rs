//! What every part of the engine uses.
//!
//! | module | contents |
//! | --- | --- |
//! | [`types`] | statuses, errors, states and formats, with the values of the C ABI |
//! | [`task`] | parts that run step by step, on a thread or in a simulator |
//! | [`sync`] | locks, atomics and threads, which a model checker can replace |
//! | [`memory`] | memory that may be refused |
//! | [`clock`], [`text`], [`json`], [`thread_hooks`] | clocks, C strings, JSON of the host, the host's hooks on our threads |

#![forbid(unsafe_code)]

pub mod clock;
pub mod json;
pub mod memory;
pub mod sync;
pub mod task;
pub mod text;
pub mod thread_hooks;
pub mod types;
