//! Decoders: the packets of one stream in, linear samples out.

mod g722;
mod l16;
#[cfg(feature = "opus")]
mod opus;

pub use g722::G722;
pub use l16::L16;
#[cfg(feature = "opus")]
pub use opus::Opus;

/// A payload that is damaged, or not of this codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPayload;

/// Decodes the packets of one stream, in the order of their sequence numbers. The samples are
/// linear, of one channel.
pub trait Decoder: Send {
    /// Appends the samples of a packet to `out`. After an error, `out` may have grown.
    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), InvalidPayload>;

    /// Appends up to `samples` samples that conceal missing packets after the latest one, if the
    /// codec has a concealment of its own.
    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        let _ = (samples, out);
    }

    /// Appends `samples` samples of the packet before `next`, which is missing, if `next` holds a
    /// redundant copy. Otherwise returns false and changes nothing.
    fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<i16>) -> bool {
        let _ = (next, samples, out);
        false
    }
}
