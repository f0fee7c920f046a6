//! What the tests and benches of callrec share. Packages depend on it as a
//! dev-dependency only, and tests that use it are integration tests.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`directory`], [`tree`], [`needles`] | temporary directories; the files below a directory, and searches in them |
//! | [`wav`], [`manifest`], [`ledger`] | reading what a recording leaves on disk |
//! | [`published`] | whether a published recording agrees with itself |
//! | [`g711`] | the two laws of G.711, independent of the library's code |
//! | [`rtp`], [`speech`] | RTP packets, and conversations made of them |
//! | [`random`], [`wait`], [`environment`] | seeded random numbers; waiting for a condition; numbers from the environment |
//! | [`sim`] | a simulator of the whole engine |
//! | [`arguments`], [`cpu`], [`process`], [`times`] | what the benches measure with |
//!
//! Nothing here knows the C ABI: its wrappers need `unsafe` and are in `tests/support`.
//! [`sim`] runs the library's engine; nothing else here calls the library, so that no test
//! checks the library with its own code.

#![forbid(unsafe_code)]

pub mod arguments;
pub mod child;
#[cfg(unix)]
pub mod cpu;
pub mod directory;
#[cfg(feature = "faults")]
pub mod disk_faults;
pub mod environment;
pub mod g711;
pub mod gate;
pub mod http;
pub mod ledger;
pub mod manifest;
pub mod needles;
pub mod process;
pub mod published;
pub mod random;
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
