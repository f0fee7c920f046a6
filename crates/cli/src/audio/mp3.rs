//! MP3.

use std::fs::File;
use std::io::BufReader;

use nanomp3::{Error, Reader};

use super::{READ_BYTES, SampleSource};
use crate::output::{CommandResult, ErrorContext};

pub struct Mp3Source {
    reader: Reader<BufReader<File>, i16>,
}

impl Mp3Source {
    pub fn new(file: File) -> Result<Mp3Source, Error> {
        Ok(Mp3Source {
            reader: Reader::new(BufReader::with_capacity(READ_BYTES, file))?,
        })
    }
}

impl SampleSource for Mp3Source {
    fn read(&mut self, out: &mut Vec<i16>) -> CommandResult<bool> {
        let from = out.len();
        out.resize(from + 4096, 0);
        let read = self.reader.read(&mut out[from..]).about("the audio")?;
        out.truncate(from + read);
        Ok(read > 0)
    }
}
