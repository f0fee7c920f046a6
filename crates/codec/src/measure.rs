//! How much audio a file holds.

/// The length of a file's audio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Length {
    /// Frames of the recording, without the encoder's delay.
    pub frames: u64,
    /// Bytes in the file, without the header.
    pub bytes: u64,
}

/// The audio found in an unfinished file, in whole frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeasuredAudio {
    pub length: Length,
    /// Output frames of the encoder, including its delay.
    pub output: u64,
    /// The end of the audio was found: nothing can follow it.
    pub ended: bool,
    /// If the end is missing: the maximum number of frames that are padding of the last packet.
    pub padding_max: u64,
}

/// The way in which a file is measured.
pub enum Measure {
    /// The header and the size of the file were sufficient.
    Known(MeasuredAudio),
    /// The audio must be read.
    Scan(Box<dyn AudioScan>),
}

/// Measures audio that the caller reads from a file in parts.
pub trait AudioScan: Send {
    /// Takes the next bytes of the audio. Parts may begin and end anywhere. Returns `false` once
    /// further bytes cannot change the result.
    fn take(&mut self, bytes: &[u8]) -> bool;

    /// The audio in the bytes taken so far.
    fn measured(&self) -> MeasuredAudio;
}
