//! Codecs and the formats of audio files: how a leg's payload is coded, and how a
//! recording's file is. Nothing here knows calls, threads or disks.
//!
//! ```text
//! Block (frames) -> Encoder (packets of bytes and frames) -> Container (header, pages) -> Medium
//! ```
//!
//! A format of files is declared in the file of its container, and registered by one line in
//! `format.rs`. Nobody outside a container matches on a format.

#![forbid(unsafe_code)]

mod block;
mod codec;
pub mod container;
mod encoder;
mod format;
pub mod g711;
mod medium;
#[cfg(feature = "paged")]
pub mod paged;
mod piece;
mod sample;
mod shape;
mod wav;

pub use block::{Block, Samples};
pub use codec::Codec;
pub use container::Container;
pub use encoder::{Encoder, Packet, Packets, PassThrough};
pub use format::{Format, FormatSpec};
pub use medium::Medium;
pub use piece::{Piece, encode_law};
pub use sample::SampleFormat;
pub use shape::Shape;
