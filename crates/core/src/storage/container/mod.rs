//! Audio file containers: the header that makes a file playable at any moment,
//! and what recovery reads back from it.

mod wav;

use crate::words::Format;
use uuid::Uuid;

/// No header of ours is longer; recovery reads this much of a file.
pub const HEADER_MAX: usize = 4096;

/// What a player must know of a file's audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileShape {
    pub format: Format,
    pub rate: u32,
    pub channels: u16,
}

impl FileShape {
    /// Bytes of one sample of every channel.
    pub fn frame_bytes(&self) -> u64 {
        (self.format.samples().bytes() * usize::from(self.channels.max(1))) as u64
    }

    pub fn bytes_per_second(&self) -> u64 {
        self.frame_bytes() * u64::from(self.rate)
    }

    pub fn duration_ms(&self, frames: u64) -> u64 {
        let rate = u128::from(self.rate.max(1));
        let ms = (u128::from(frames) * 1000 + rate / 2) / rate;
        u64::try_from(ms).unwrap_or(u64::MAX)
    }
}

/// What a header found on disk says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub shape: FileShape,
    /// The recording that wrote it, if the header carries one.
    pub id: Option<Uuid>,
    /// Where the audio begins.
    pub audio_at: u64,
    /// How much audio the header claims.
    pub audio_bytes: u64,
    /// How long the header says that the whole file is.
    pub file_bytes: u64,
}

/// The whole header of a file that holds `audio_bytes` so far. Its length depends
/// on the format alone, so that it can be written again in place.
///
/// `sealed`: the audio is followed by the padding that the container asks for.
pub fn header(shape: &FileShape, id: Uuid, audio_bytes: u64, sealed: bool) -> Vec<u8> {
    wav::build(shape, id, audio_bytes, sealed)
}

/// Bytes that must follow the audio of a finished file.
pub fn padding(audio_bytes: u64) -> &'static [u8] {
    if audio_bytes % 2 == 1 { &[0] } else { &[] }
}

/// The recording that wrote a file, by the place where its header tells it, also where
/// the rest of the header is damaged.
pub fn writer(start: &[u8]) -> Option<Uuid> {
    wav::writer(start)
}

pub fn parse(start: &[u8]) -> Option<Found> {
    wav::parse(start)
}
