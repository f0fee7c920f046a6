//! callrec: the recorder of live telephone calls that any C or C++ telephony
//! program can link. The product is the C ABI in `include/callrec.h`; this crate
//! is what stands behind it.
//!
//! The house, from the top down; arrows go down only:
//!
//! | room | what is in it |
//! | --- | --- |
//! | [`capi`] | the C ABI: check, convert, call, convert; the only place with `unsafe` |
//! | `gateway` | (feature) the published HTTP APIs over the engine |
//! | [`engine`] | builds the parts and joins them |
//! | [`config`] | every key, its default, its check |
//! | [`calls`] | who is on a call and what is being recorded: registry, rules, filter |
//! | [`media`] | from packet to samples: feed, rtp, track, layout, tap, worker |
//! | [`storage`] | from samples to a safe file: container, writer, publish, recover |
//! | [`events`] | event and bus |
//! | [`words`], [`text`], [`clock`], [`sync`] | what every room uses |

pub mod calls;
pub mod capi;
pub mod clock;
pub mod config;
pub mod engine;
pub mod events;
#[cfg(feature = "gateway")]
pub mod gateway;
pub mod media;
pub mod storage;
pub mod sync;
pub mod text;
pub mod words;
