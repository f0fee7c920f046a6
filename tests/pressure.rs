//! What happens when there is too much of something: recordings, backlog, events,
//! time, bytes; or too little: handles, disk, attention.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "support/support.rs"]
mod support;

#[path = "pressure/backlog.rs"]
mod backlog;
#[path = "pressure/disk.rs"]
mod disk;
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
