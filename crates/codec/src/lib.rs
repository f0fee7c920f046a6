//! Codecs of a leg's payload, and the formats of recordings' files. This crate knows no calls,
//! threads or disks.
//!
//! ```text
//! Block (frames) -> Encoder (encoded packets) -> Container (header, pages) -> Medium
//! ```
//!
//! The module of a container declares its formats, and one line in `registry.rs` registers the
//! container. Code outside a container never matches on a format.

#![forbid(unsafe_code)]

mod au;
mod audio_slice;
mod block;
mod codec;
mod decoder;
mod encoder;
pub mod flac;
mod format;
pub mod g711;
mod header_tags;
mod measure;
mod medium;
mod missing_encoder;
pub mod mp3;
mod ogg_opus;
mod opus_packet;
#[cfg(feature = "paged")]
pub mod paged;
mod parameters;
mod pass_through;
pub mod pcapng;
mod registry;
mod sample;
mod tags;
mod wav;

/// Reading files: their headers, their containers and how much audio they hold.
pub mod container {
    pub use crate::format::{AudioEnd, ClaimedLength, FileFacts, HEADER_MAX, ParsedHeader};
    pub use crate::measure::{AudioScan, Length, Measure, MeasuredAudio};
    pub use crate::registry::{parse, recording_id};
}

pub use audio_slice::{AudioSlice, encode_g711};
pub use block::{Block, Samples};
pub use codec::Codec;
pub use decoder::{Decoder, InvalidPayload};
pub use encoder::{EncodedPacket, EncodedPackets, Encoder};
pub use format::{Container, Format, FormatSpec, Shape};
pub use medium::Medium;
pub use parameters::{PARAMETERS_MAX, ParameterSpec};
pub use pass_through::PassThrough;
pub use registry::mime_type;
pub use sample::SampleFormat;
pub use tags::Tags;

/// Prepares a thread that will encode, so that encoding registers no destructor of a thread-local
/// variable: the C library ends a process that has no memory for that.
pub fn prepare_thread() {
    if cfg!(feature = "flac") {
        flac::prepare_thread();
    }
}
