//! Encoders: frames in, encoded packets of a file format out.

/// The output of an encoder: the bytes of its packets, and the size of each packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodedPackets {
    pub bytes: Vec<u8>,
    pub list: Vec<EncodedPacket>,
}

/// One packet of [`EncodedPackets`]. Its bytes follow those of the previous packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodedPacket {
    pub bytes: usize,
    /// The number of frames that the packet encodes.
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

/// Encodes the frames of one recording into packets, in order.
///
/// A decoder returns `delay` frames before the first encoded one. Positions that include these
/// frames are called *output*: frame `n` of the recording is output frame `n + delay`.
pub trait Encoder: Send {
    /// Encodes interleaved samples: whole frames in the format's
    /// [`SampleFormat`](crate::SampleFormat). Appends the packets that are complete to `out`.
    fn encode(&mut self, samples: &[u8], out: &mut EncodedPackets);

    /// Whether the packets are the unchanged samples, so that copying them is unnecessary.
    fn is_pass_through(&self) -> bool {
        false
    }

    /// Why the frames since the last packet are lost. This encoder cannot continue, but a new one can.
    fn failure(&self) -> Option<&str> {
        None
    }

    /// Appends the remaining packets to `out`; no frames follow. Returns the end trim: the number
    /// of output frames that a decoder must cut off at the end.
    fn finish(&mut self, out: &mut EncodedPackets) -> u64;

    /// After [`Encoder::finish`]: the MD5 of all samples of the recording, if this encoder has
    /// encoded all of them.
    fn audio_md5(&self) -> Option<[u8; 16]> {
        None
    }

    /// The number of output frames before the recording's first frame.
    fn delay(&self) -> u64;

    /// The frame of the recording with which a new encoder must begin in order to continue a file
    /// that holds `output` output frames.
    fn resume_from(&self, output: u64) -> u64;

    /// Continues such a file. The next samples begin at [`Encoder::resume_from`]; packets that the
    /// file already holds are not emitted again. Call it only before the first
    /// [`Encoder::encode`].
    fn resume(&mut self, output: u64);
}
