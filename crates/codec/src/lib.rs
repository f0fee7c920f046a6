//! Codecs and the formats of audio files: how a leg's payload is coded, and how a
//! recording's file is. Nothing here knows calls, threads or disks.

#![forbid(unsafe_code)]

mod codec;
mod format;
pub mod g711;
mod piece;
mod sample;
mod shape;

pub use codec::Codec;
pub use format::Format;
pub use piece::{Piece, encode_law};
pub use sample::SampleFormat;
pub use shape::Shape;
