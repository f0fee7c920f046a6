//! Decodes the files of recordings, piece by piece.

mod flac;
mod mp3;
mod opus;
mod pcm;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use callrec::codec::Shape;
use callrec::codec::container::{HEADER_MAX, Measure, MeasuredAudio, ParsedHeader, parse};

use uuid::Uuid;

use crate::output::{CommandResult, ErrorContext, because};

/// How much is read at a time.
const READ_BYTES: usize = 1 << 16;

/// Decodes one kind of file.
trait SampleSource {
    /// Appends the next samples to `out`, the channels interleaved. Returns `false` at the end.
    fn read(&mut self, out: &mut Vec<i16>) -> CommandResult<bool>;
}

/// The audio of a recording, which may still be in progress.
pub struct DecodedAudio {
    pub shape: Shape,
    /// The id of the recording, if the file has it.
    pub recording: Option<Uuid>,
    /// The length of the audio in frames.
    pub frames: u64,
    /// The frames that are not read yet.
    left: u64,
    source: Box<dyn SampleSource>,
}

impl DecodedAudio {
    pub fn open(path: &Path) -> CommandResult<DecodedAudio> {
        let mut file = File::open(path).about(path.display())?;
        let mut start = Vec::new();
        file.by_ref()
            .take(HEADER_MAX as u64)
            .read_to_end(&mut start)
            .about(path.display())?;
        let Some(header) = parse(&start) else {
            return because(format!("{}: not an audio file of callrec", path.display()));
        };
        let measured = measure(&mut file, &header).about(path.display())?;
        let shape = header.shape;
        file.seek(SeekFrom::Start(0)).about(path.display())?;
        let source: Box<dyn SampleSource> = match shape.format.extension() {
            "flac" => Box::new(flac::FlacSource::new(file, &header).about(path.display())?),
            "opus" => Box::new(opus::OpusSource::new(file, &shape).about(path.display())?),
            "mp3" => Box::new(mp3::Mp3Source::new(file).about(path.display())?),
            "wav" | "au" => Box::new(pcm::PcmSource::new(file, &header).about(path.display())?),
            other => {
                return because(format!(
                    "{}: this program cannot decode \"{other}\"",
                    path.display()
                ));
            }
        };
        Ok(DecodedAudio {
            shape,
            recording: header.recording,
            frames: measured.length.frames,
            left: measured.length.frames,
            source,
        })
    }

    pub fn channels(&self) -> usize {
        usize::from(self.shape.channels.max(1))
    }

    /// Replaces `out` with the next samples, the channels interleaved. Returns `false` at the end.
    pub fn read(&mut self, out: &mut Vec<i16>) -> CommandResult<bool> {
        out.clear();
        while out.is_empty() && self.left > 0 {
            if !self.source.read(out)? {
                return Ok(false);
            }
        }
        let frames = (out.len() / self.channels()) as u64;
        let frames = frames.min(self.left);
        out.truncate(frames as usize * self.channels());
        self.left -= frames;
        Ok(!out.is_empty())
    }
}

/// How much audio the file has.
fn measure(file: &mut File, header: &ParsedHeader) -> std::io::Result<MeasuredAudio> {
    let length = file.metadata()?.len();
    let mut scan = match header.shape.format.container().measure(header, length) {
        Measure::Known(measured) => return Ok(measured),
        Measure::Scan(scan) => scan,
    };
    file.seek(SeekFrom::Start(header.audio_at))?;
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 || !scan.take(&buffer[..read]) {
            return Ok(scan.measured());
        }
    }
}
