//! WAV and AU: linear samples or G.711.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use callrec::codec::SampleFormat;
use callrec::codec::container::ParsedHeader;
use callrec::codec::g711;

use super::{READ_BYTES, SampleSource};
use crate::output::{CommandResult, ErrorContext};

pub struct PcmSource {
    file: BufReader<File>,
    samples: SampleFormat,
    is_big_endian: bool,
    bytes: Vec<u8>,
}

impl PcmSource {
    pub fn new(mut file: File, header: &ParsedHeader) -> io::Result<PcmSource> {
        file.seek(SeekFrom::Start(header.audio_at))?;
        Ok(PcmSource {
            file: BufReader::with_capacity(READ_BYTES, file),
            samples: header.shape.format.samples(),
            is_big_endian: header.shape.format.extension() == "au",
            bytes: Vec::new(),
        })
    }
}

impl SampleSource for PcmSource {
    fn read(&mut self, out: &mut Vec<i16>) -> CommandResult<bool> {
        self.bytes.clear();
        // Always whole frames of up to two channels, except at the end.
        let taken = self.file.by_ref().take(READ_BYTES as u64);
        let read = { taken }.read_to_end(&mut self.bytes).about("the audio")?;
        match self.samples {
            SampleFormat::Pcm16 => {
                out.extend(self.bytes.chunks_exact(2).map(|pair| match self.is_big_endian {
                    true => i16::from_be_bytes([pair[0], pair[1]]),
                    false => i16::from_le_bytes([pair[0], pair[1]]),
                }))
            }
            SampleFormat::Ulaw => out.extend(self.bytes.iter().map(|byte| g711::ULAW[usize::from(*byte)])),
            SampleFormat::Alaw => out.extend(self.bytes.iter().map(|byte| g711::ALAW[usize::from(*byte)])),
        }
        Ok(read > 0)
    }
}
