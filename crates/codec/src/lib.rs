//! Codecs and the formats of audio files: how a leg's payload is coded, and how a
//! recording's file is. Nothing here knows calls, threads or disks.
//!
//! ```text
//! Block (frames) -> Encoder (packets of bytes and frames) -> Container (header, pages) -> Medium
//! ```
//!
//! A format of files is declared in the file of its container, and registered by one line in
//! `registry.rs`. Nobody outside a container matches on a format.

#![forbid(unsafe_code)]

mod au;
mod audio_slice;
mod block;
mod codec;
mod encoder;
mod format;
pub mod g711;
mod measure;
mod medium;
#[cfg(feature = "paged")]
pub mod paged;
mod pass_through;
mod registry;
mod sample;
mod wav;

/// Files: what their headers say, and which container they are.
pub mod container {
    pub use crate::format::{ClaimedLength, HEADER_MAX, ParsedHeader, Tags};
    pub use crate::measure::{AudioScan, Length, Measure, MeasuredAudio};
    pub use crate::registry::{parse, recording_id};
}

pub use audio_slice::{AudioSlice, encode_g711};
pub use block::{Block, Samples};
pub use codec::Codec;
pub use encoder::{EncodedPacket, EncodedPackets, Encoder};
pub use format::{Container, Format, FormatSpec, Shape};
pub use medium::Medium;
pub use pass_through::PassThrough;
pub use registry::{OTHER_FORMATS, mime_type};
pub use sample::SampleFormat;
