//! Calls, their recordings and the files that come of them, as a Rust library. The
//! C ABI and the HTTP gateway stand above it.
//!
//! Arrows between modules go down only:
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`engine`] | builds the parts and joins them |
//! | [`recorder`] | what a front end controls: the interface that the engine has for it |
//! | [`config`] | the keys of the engine, and how keys are declared |
//! | [`audit`] | who did what to recordings: a chained log |
//! | [`events`] | event and bus |
//! | [`jobs`] | what is done after publishing: actions, back-off, runners |
//! | [`calls`] | who is on a call and what is being recorded: registry, rules, filter |
//! | [`media`] | from packet to samples: feed, rtp, track, layout, tap, worker |
//! | [`storage`] | from samples to a safe file: container, writer, publish, recover |
//! | [`types`], [`text`], [`clock`], [`sync`], [`memory`] | what every module uses |

#![forbid(unsafe_code)]

pub mod audit;
pub mod calls;
pub mod clock;
pub mod config;
pub mod engine;
pub mod events;
pub mod jobs;
pub mod keys;
pub mod media;
pub mod memory;
pub mod recorder;
pub mod storage;
pub mod sync;
pub mod task;
pub mod text;
pub mod types;
