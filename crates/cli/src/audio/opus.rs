//! Opus in Ogg.

use std::fs::File;
use std::io::BufReader;

use callrec::codec::Shape;
use opus_pure::{Error, OggOpusReader, OggPacket, OpusDecoder, Trim};

use super::{READ_BYTES, SampleSource};
use crate::output::{CommandResult, ErrorContext};

/// The longest packet has 120 ms.
const PACKETS_PER_SECOND: usize = 8;

pub struct OpusSource {
    reader: OggOpusReader<BufReader<File>>,
    decoder: OpusDecoder,
    trim: Trim,
    packet: OggPacket,
    /// The samples of one packet.
    decoded: Vec<i16>,
    channels: usize,
}

impl OpusSource {
    pub fn new(file: File, shape: &Shape) -> Result<OpusSource, Error> {
        let reader = OggOpusReader::new(BufReader::with_capacity(READ_BYTES, file))?;
        let (rate, channels) = (shape.rate as i32, usize::from(shape.channels));
        Ok(OpusSource {
            decoder: reader.head().decoder(rate)?,
            trim: Trim::new(reader.head(), rate, channels)?,
            reader,
            packet: OggPacket::default(),
            decoded: vec![0; shape.rate as usize / PACKETS_PER_SECOND * channels],
            channels,
        })
    }
}

impl SampleSource for OpusSource {
    fn read(&mut self, out: &mut Vec<i16>) -> CommandResult<bool> {
        match self.reader.read_packet_into(&mut self.packet) {
            Ok(true) => {}
            // A page of a file in progress may be incomplete.
            Ok(false) | Err(_) => return Ok(false),
        }
        let most = self.decoded.len() / self.channels;
        let decoded = self
            .decoder
            .decode_s16(&self.packet.data, most, &mut self.decoded);
        let samples = decoded.about("the audio")? * self.channels;
        out.extend_from_slice(self.trim.keep(&self.packet, &self.decoded[..samples]));
        Ok(true)
    }
}
