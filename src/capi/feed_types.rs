//! The structs of feeds. A struct only grows at its end.

/// The format of the audio that `rec_feed_write` and `rec_feed_write_at` pass in. The payload
/// type of an RTP packet alone says how it is decoded; for RTP, this format only determines the
/// size of the feed's memory.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_feed_format {
    /// Size of this struct in bytes. Set by `REC_INIT`.
    pub struct_size: u32,
    /// `REC_CODEC_…`. There is no default: 0 is `REC_ERR_INVALID_ARGUMENT`. In
    /// `rec_feed_payload`, also a value of `rec_codec_register`.
    pub codec: i32,
    /// Sample rate in Hz. PCM16: 8000 to 48000, and 0 means 8000. G.711: 8000 or 0. G.722: 16000,
    /// 8000 (the rate of its RTP timestamps) or 0. Opus: 48000 or 0. A registered codec: the clock
    /// rate of its RTP timestamps, and 0 means 8000.
    pub sample_rate: u32,
    /// Must be 0.
    pub reserved: u32,
    /// In real time, how far ahead of the clock `rec_feed_write` may write, in milliseconds, at
    /// most 600000. With 0, the limit is 2000, and audio beyond it is lost. With any other
    /// value, audio beyond the limit is not accepted, and nothing is lost. 1 to 199 count as
    /// 200. If the value is above 2000, memory for that much audio is reserved from
    /// `media.ahead_bytes` until the feed is closed. `rec_feed_payload` ignores this member.
    ///
    /// Since: 0.2.0
    pub ahead_ms: u32,
    /// Number of channels. 0 and 1 mean one. 2 means that each frame has a sample of the local
    /// leg, then one of the remote leg. Only a feed of `REC_LEG_LOCAL` may have two channels,
    /// and it is then also the feed of the remote leg. Such a feed accepts writes but no RTP
    /// packets, and the number of channels cannot change. Only PCM16 and G.711 may have two. In
    /// `rec_feed_payload`, this is the codec's number of channels instead.
    ///
    /// Since: 0.2.0
    pub channels: u32,
}
