//! Recordings in MP3, read by the players of the system: while they grow, after a kill, and
//! finished. The tests that encode load LAME at run time, also where it is compiled in.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "support/support.rs"]
mod support;

#[path = "mp3/failing_library.rs"]
mod failing_library;
#[path = "mp3/files.rs"]
mod files;
#[path = "mp3/kills.rs"]
mod kills;
#[path = "mp3/library.rs"]
mod library;
#[path = "mp3/players.rs"]
mod players;
#[path = "mp3/voices.rs"]
mod voices;
