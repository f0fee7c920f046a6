//! How much audio a file holds, and how much of an unfinished one is whole.

/// How much audio a file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Length {
    /// Of the recording, without an encoder's delay.
    pub frames: u64,
    /// In the file, behind the header.
    pub bytes: u64,
}

/// What an unfinished file holds, in whole frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeasuredAudio {
    pub length: Length,
    /// Frames of the encoder's output, its delay included.
    pub output: u64,
    /// The audio has its end: nothing can follow it.
    pub ended: bool,
    /// Without its end: so many frames at most only fill the last packet up.
    pub padding_max: u64,
}

/// How a file is measured.
pub enum Measure {
    /// Its length and its header have said it.
    Known(MeasuredAudio),
    /// Its audio has to be read.
    Scan(Box<dyn AudioScan>),
}

/// Measures a file while somebody else reads it, piece by piece.
pub trait AudioScan: Send {
    /// Takes the bytes that follow those taken before; the audio's first byte comes first. Pieces
    /// may begin and end anywhere. Returns `false` once what follows cannot change the answer.
    fn take(&mut self, bytes: &[u8]) -> bool;

    /// What the bytes hold that were taken.
    fn measured(&self) -> MeasuredAudio;
}
