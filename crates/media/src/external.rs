//! Codecs whose packets the host decodes. Decoding takes place elsewhere, and may take any time.

use std::sync::Arc;

use crate::FeedFormat;

/// A payload format of a codec that the host decodes.
pub struct ExternalFormat {
    /// Its codec is `Codec::External`.
    pub format: FeedFormat,
    /// As RTP names it, for example `AMR/8000`.
    pub name: Arc<str>,
    pub length: PacketLength,
    pub service: Box<dyn DecodingService>,
}

/// The number of samples of a packet that is not decoded yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketLength {
    /// Every frame has this many bytes and samples. A shorter last frame counts as a whole one.
    Frames { bytes: u32, samples: u32 },
    /// As many samples as the latest decoded packet; before that, this many.
    Latest(u32),
}

/// Creates decoders for the streams of a format.
pub trait DecodingService: Send + Sync {
    fn open(&self) -> Box<dyn DecodingStream>;
}

/// The decoder of one stream, which answers later. No function waits for a decoder.
pub trait DecodingStream: Send {
    /// Queues a packet. Returns false if too much is queued.
    fn submit(&mut self, job: DecodingJob) -> bool;

    /// The next answer. Answers come in the order of the jobs.
    fn take(&mut self) -> Option<DecodingAnswer>;

    /// Jobs up to this number are not needed any more. They are still answered.
    fn cancel(&mut self, number: u64);
}

/// A packet that is to be decoded.
pub struct DecodingJob {
    /// Increases by 1 from job to job, from 1 on.
    pub number: u64,
    pub payload: Vec<u8>,
    pub state: DecoderState,
    /// The number of missing samples to conceal before it, if the codec has a concealment.
    pub concealed: usize,
}

/// The state with which a packet is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecoderState {
    /// That of the packets before it.
    Kept,
    /// A new one, which the packets after it keep.
    New,
    /// A new one, for this packet only.
    Own,
}

/// What a packet was decoded to.
pub struct DecodingAnswer {
    pub number: u64,
    /// The samples of one channel; `None` if the packet could not be decoded.
    pub samples: Option<Vec<i16>>,
    /// What conceals the missing samples before it.
    pub concealed: Vec<i16>,
}

/// The format of a payload type, and its decoder if the host provides it.
#[derive(Clone)]
pub struct PayloadFormat {
    pub format: FeedFormat,
    pub external: Option<Arc<ExternalFormat>>,
}

impl From<FeedFormat> for PayloadFormat {
    fn from(format: FeedFormat) -> PayloadFormat {
        PayloadFormat {
            format,
            external: None,
        }
    }
}

impl From<Arc<ExternalFormat>> for PayloadFormat {
    fn from(external: Arc<ExternalFormat>) -> PayloadFormat {
        PayloadFormat {
            format: external.format,
            external: Some(external),
        }
    }
}
