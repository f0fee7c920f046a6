//! Load and shortages: many recordings, a full backlog, many events, very long calls and files,
//! few handles, a failing disk, slow callbacks.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "support/support.rs"]
mod support;

#[path = "pressure/backlog.rs"]
mod backlog;
#[path = "pressure/disk.rs"]
mod disk;
#[path = "pressure/encoders.rs"]
mod encoders;
#[path = "pressure/events.rs"]
mod events;
#[path = "pressure/handles.rs"]
mod handles;
#[path = "pressure/limits.rs"]
mod limits;
#[path = "pressure/line.rs"]
mod line;
#[path = "pressure/long.rs"]
mod long;
#[path = "pressure/panics.rs"]
mod panics;
