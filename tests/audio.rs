//! What is in the finished file, compared sample by sample with what was handed in.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "support/support.rs"]
mod support;

#[path = "audio/ahead.rs"]
mod ahead;
#[path = "audio/au.rs"]
mod au;
#[path = "audio/control.rs"]
mod control;
#[path = "audio/feeds.rs"]
mod feeds;
#[path = "audio/fixture.rs"]
mod fixture;
#[path = "audio/matrix.rs"]
mod matrix;
#[path = "audio/pressure.rs"]
mod pressure;
#[path = "audio/real.rs"]
mod real;
#[path = "audio/real_rtp.rs"]
mod real_rtp;
#[path = "audio/reorder.rs"]
mod reorder;
#[path = "audio/rtp_forms.rs"]
mod rtp_forms;
