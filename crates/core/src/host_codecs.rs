//! Codecs that the host has registered. Each has a thread, which calls the host's functions.
//!
//! ```text
//! worker: DecodingStream::submit -> DecoderQueue -> thread: HostCodec, HostDecoder
//!         DecodingStream::take   <- answers     <-
//! ```

mod codec_threads;
mod declaration;
mod decoder_queue;
mod decoder_thread;
mod functions;
mod registry;
mod stream;

pub use declaration::{CodecDescription, DeclaredCodec};
pub use functions::{DecoderParameters, HostCodec, HostDecoder};
pub use registry::HostCodecs;
