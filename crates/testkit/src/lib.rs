//! The kit that the tests and benches of callrec share. Packages depend on it as a
//! dev-dependency only, and tests that use it are integration tests.
//!
//! | module | contents |
//! | --- | --- |
//! | [`wait`], [`watched`], [`gate`] | waiting for a condition, for a change of a value, at a gate |
//! | [`directory`], [`tree`], [`needles`] | scratch directories; the files below a directory, and searches in them |
//! | `disk_faults`, `storage_fixture` | failing and blocked disks; a store with its threads (feature `faults`) |
//! | [`wav`], [`manifest`], [`ledger`], [`published`] | reading and checking the files of a recording |
//! | [`g711`], [`sample`] | the two laws of G.711, independent of the library's code; expected samples |
//! | [`rtp`], [`speech`] | RTP packets and their senders; test signals |
//! | [`http`], [`fault_proxy`] | an HTTP client; a TCP proxy that disturbs connections |
//! | [`child`], `asterisk` | child processes that run a test and are killed; an Asterisk of a test's own |
//! | [`random`], [`environment`] | seeded random numbers; numbers from environment variables |
//! | [`sim`], `cluster_sim` | a simulator of the whole engine; one of a cluster (feature `cluster`) |
//! | [`arguments`], [`cpu`], [`process`], [`times`] | the measurements of the benches |
//!
//! Nothing here uses the C ABI: its wrappers need `unsafe` and are in `tests/support`. Only [`sim`],
//! `cluster_sim` and `storage_fixture` run the library; the other modules do not call it, so that no test checks
//! the library with its own code.

#![forbid(unsafe_code)]

pub mod arguments;
#[cfg(unix)]
pub mod asterisk;
pub mod child;
#[cfg(feature = "cluster")]
pub mod cluster_sim;
#[cfg(unix)]
pub mod cpu;
pub mod directory;
#[cfg(feature = "faults")]
pub mod disk_faults;
pub mod environment;
pub mod fault_proxy;
pub mod g711;
pub mod gate;
pub mod http;
pub mod ledger;
pub mod manifest;
pub mod needles;
pub mod process;
pub mod published;
pub mod random;
#[cfg(unix)]
pub mod redis_server;
pub mod rtp;
pub mod sample;
pub mod sim;
pub mod speech;
#[cfg(feature = "faults")]
pub mod storage_fixture;
pub mod times;
pub mod tree;
pub mod wait;
pub mod watched;
pub mod wav;
