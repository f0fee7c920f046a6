//! From frames to the packets of a file's format.

/// What an encoder has emitted: bytes, and the frames that each packet stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodedPackets {
    pub bytes: Vec<u8>,
    pub list: Vec<EncodedPacket>,
}

/// One packet of [`EncodedPackets`], whose bytes follow those of the packet before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodedPacket {
    pub bytes: usize,
    pub frames: u64,
}

impl EncodedPackets {
    pub fn frames(&self) -> u64 {
        self.list.iter().map(|packet| packet.frames).sum()
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.list.clear();
    }
}

/// Makes the frames of one recording into packets, in order.
///
/// A decoder gives `delay` frames before the first one that was encoded. Positions that count
/// them are called *output*: frame `n` of the recording is output frame `n + delay`.
pub trait Encoder: Send {
    /// Encodes interleaved samples, whole frames in the format's [`SampleFormat`](crate::SampleFormat). The packets
    /// that are complete go behind what is in `out`.
    fn encode(&mut self, samples: &[u8], out: &mut EncodedPackets);

    /// Whether the packets are the samples as they are, so that they need not be copied.
    fn is_pass_through(&self) -> bool {
        false
    }

    /// There are no more frames: what is left goes out. Answers how many frames of the
    /// output are to be cut off at the end (the end trim).
    fn finish(&mut self, out: &mut EncodedPackets) -> u64;

    /// Frames of output before the recording's first one.
    fn delay(&self) -> u64;

    /// The frame of the recording from which a fresh encoder must be fed to continue a file
    /// that holds `output` frames of output.
    fn resume_from(&self, output: u64) -> u64;

    /// Continues such a file: what is fed next begins at [`Encoder::resume_from`], and the
    /// packets that the file has already are not emitted again. Only before the first
    /// [`Encoder::encode`].
    fn resume(&mut self, output: u64);
}
