//! The audio format of a feed, and its options.

use callrec_codec::Codec;

/// A codec and its sampling rate in Hz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FeedFormat {
    pub codec: Codec,
    pub rate: u32,
}

impl FeedFormat {
    /// An RTP timestamp in samples. Differences of timestamps stay right when either wraps.
    #[inline]
    pub fn scaled(self, timestamp: u32) -> u32 {
        match self.codec.clock_rate(self.rate) {
            clock if clock == self.rate => timestamp,
            clock => timestamp.wrapping_mul(self.rate / clock.max(1)),
        }
    }
}

/// The format and options that the host has set for a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FeedOptions {
    pub format: FeedFormat,
    /// How far ahead of the clock the host may write. 0: the default, 2 s.
    pub ahead_ms: u32,
    /// 1, or 2 for interleaved samples with the local leg's sample first.
    pub channels: u8,
}

impl FeedOptions {
    /// How far ahead of the clock every feed may write.
    pub const DEFAULT_AHEAD_MS: u32 = 2000;

    #[inline]
    pub fn is_stereo(self) -> bool {
        self.channels == 2
    }

    /// The size of one sample of each channel, in bytes.
    #[inline]
    pub fn frame_bytes(self) -> usize {
        self.format.codec.sample_bytes() * if self.is_stereo() { 2 } else { 1 }
    }

    pub fn bytes_per_s(self) -> u64 {
        self.format.codec.bytes_per_s(self.format.rate) * if self.is_stereo() { 2 } else { 1 }
    }

    /// The size of the audio that the feed may write ahead beyond the default, in bytes.
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
