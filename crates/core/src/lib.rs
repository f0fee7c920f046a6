//! Calls, their recordings and the resulting files, as a Rust library. The C ABI and the HTTP
//! gateway are built on it.
//!
//! A module depends only on modules below it:
//!
//! | module | contents |
//! | --- | --- |
//! | [`engine`] | creates the components and connects them |
//! | [`recorder`] | the trait through which a front end controls recordings |
//! | [`config`] | the engine's configuration keys |
//! | [`audit`] | the audit log: who did what to recordings, as a hash chain |
//! | [`events`] | events and the event bus |
//! | [`jobs`] | work after publishing: actions, back-off, runners |
//! | [`calls`] | live calls and recordings: registry, rules, filters |
//! | [`host_codecs`] | codecs that the host registers, and their threads |
//! | [`media`] | from packets to samples: feeds, RTP, tracks, layouts, taps, workers |
//! | [`storage`] | from samples to a published file: containers, writers, publishing, recovery |
//! | [`types`], [`text`], [`json`], [`thread_hooks`], [`clock`], [`sync`], [`memory`] | basics that every module uses |

#![forbid(unsafe_code)]

pub mod audit;
pub mod calls;
pub mod config;
pub mod engine;
pub mod events;
pub mod host_codecs;
pub mod jobs;
pub mod keys;
pub mod recorder;
pub mod storage;

pub use callrec_base::{clock, json, memory, sync, task, text, thread_hooks, types};
pub use callrec_feeds as media;
