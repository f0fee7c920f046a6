//! FLAC.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use callrec::codec::container::ParsedHeader;
use callrec::codec::flac::decoded::FrameDecoder;

use super::{READ_BYTES, SampleSource};
use crate::output::{CommandResult, ErrorContext, because};

/// No frame is longer: 4096 frames of two channels, and a header.
const FRAME_BYTES: usize = 4096 * 2 * 2 + 4096;

pub struct FlacSource {
    file: BufReader<File>,
    decoder: FrameDecoder,
    /// Bytes that are not decoded yet.
    bytes: Vec<u8>,
    is_at_end: bool,
}

impl FlacSource {
    pub fn new(mut file: File, header: &ParsedHeader) -> io::Result<FlacSource> {
        file.seek(SeekFrom::Start(header.audio_at))?;
        Ok(FlacSource {
            file: BufReader::with_capacity(READ_BYTES, file),
            decoder: FrameDecoder::new(&header.shape),
            bytes: Vec::new(),
            is_at_end: false,
        })
    }

    /// Reads on until a whole frame must be there.
    fn fill(&mut self) -> io::Result<()> {
        if !self.is_at_end && self.bytes.len() < FRAME_BYTES {
            let most = READ_BYTES.max(FRAME_BYTES) as u64;
            self.is_at_end = self.file.by_ref().take(most).read_to_end(&mut self.bytes)? == 0;
        }
        Ok(())
    }
}

impl SampleSource for FlacSource {
    fn read(&mut self, out: &mut Vec<i16>) -> CommandResult<bool> {
        self.fill().about("the audio")?;
        match self.decoder.decode(&self.bytes, out) {
            Some(bytes) => {
                self.bytes.drain(..bytes);
                Ok(true)
            }
            // The last frame of a file in progress may be incomplete.
            None if self.is_at_end || self.bytes.len() < FRAME_BYTES => Ok(false),
            None => because("the audio: a damaged frame"),
        }
    }
}
