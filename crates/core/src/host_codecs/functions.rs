//! The host's functions, as a codec's thread calls them.

use std::ffi::CString;

/// Samples of one channel in the longest packet, as a part of a second.
pub(super) const LONGEST: u32 = 5;

/// The host's functions of a codec. They may take any time.
pub trait HostCodec: Send + Sync {
    /// Creates a decoder. `None` if the host refuses.
    fn create(&self, parameters: &DecoderParameters) -> Option<Box<dyn HostDecoder>>;
}

/// A decoder of the host for one stream.
pub trait HostDecoder: Send {
    /// Decodes a packet to interleaved samples. Returns the number of samples of each channel;
    /// `None` if the packet cannot be decoded.
    fn decode(&mut self, payload: &[u8], samples: &mut [i16]) -> Option<usize>;

    /// Fills `samples`, which are interleaved, in place of missing packets. Returns false if it
    /// cannot.
    fn conceal(&mut self, samples: &mut [i16]) -> bool;
}

/// The parameters of a decoder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DecoderParameters {
    pub rate: u32,
    pub channels: u32,
    /// The format parameters of the session description.
    pub fmtp: Option<CString>,
}
