//! How a feed's audio is coded, and what else its host has said of it.

use callrec_codec::Codec;

/// A codec and its sampling rate in Hz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FeedFormat {
    pub codec: Codec,
    pub rate: u32,
}

/// How a feed's audio is coded, and what else the host has asked of the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FeedOptions {
    pub format: FeedFormat,
    /// How far ahead of the clock the host writes; 0: it did not ask, 2 s are allowed.
    pub ahead_ms: u32,
    /// 2: interleaved, the local leg's sample first.
    pub channels: u8,
}

impl FeedOptions {
    /// What is allowed without asking.
    pub const DEFAULT_AHEAD_MS: u32 = 2000;

    #[inline]
    pub fn is_stereo(self) -> bool {
        self.channels == 2
    }

    /// One sample of each channel.
    #[inline]
    pub fn frame_bytes(self) -> usize {
        self.format.codec.sample_bytes() * if self.is_stereo() { 2 } else { 1 }
    }

    pub fn bytes_per_s(self) -> u64 {
        u64::from(self.format.rate) * self.frame_bytes() as u64
    }

    /// Of the audio that it may write ahead beyond what is allowed to every feed.
    pub fn ahead_bytes(self) -> u64 {
        match self.ahead_ms > Self::DEFAULT_AHEAD_MS {
            true => self.bytes_per_s() * u64::from(self.ahead_ms) / 1000,
            false => 0,
        }
    }
}

impl From<FeedFormat> for FeedOptions {
    fn from(format: FeedFormat) -> FeedOptions {
        FeedOptions {
            format,
            ahead_ms: 0,
            channels: 1,
        }
    }
}
