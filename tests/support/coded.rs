//! Files of Ogg Opus and MP3, read as WAV files of silence with the same shape and length: what they
//! sound like cannot be compared sample by sample.

use std::path::Path;

use callrec::codec::container::{self, Measure, MeasuredAudio};
use callrec_testkit::wav::WavFile;

/// Offsets in a tail: of its first frame's number, and of its frames.
const TAIL_BASE: usize = 8;
const TAIL_FRAMES: usize = 24;

fn measured(bytes: &[u8]) -> Result<(WavFile, MeasuredAudio), String> {
    let found = container::parse(bytes).ok_or("no header")?;
    let container = found.shape.format.container();
    let Measure::Scan(mut scan) = container.measure(&found, bytes.len() as u64) else {
        return Err("not a file of pages or frames".to_owned());
    };
    scan.take(&bytes[found.audio_at as usize..]);
    let measured = scan.measured();
    let wav = WavFile {
        tag: 1,
        channels: found.shape.channels,
        rate: found.shape.rate,
        bits: 16,
        data: vec![0; measured.length.frames as usize * found.shape.block_frame_bytes()],
    };
    Ok((wav, measured))
}

/// Reads a finished file: whole pages or frames with an end, and nothing else.
pub fn read_finished(bytes: &[u8]) -> Result<WavFile, String> {
    let (wav, measured) = measured(bytes)?;
    let header = container::parse(bytes).map_or(0, |found| found.audio_at);
    let audio = bytes.len() as u64 - header;
    match measured.ended && measured.length.bytes == audio {
        true => Ok(wav),
        false => Err(format!("{measured:?} of {audio} bytes")),
    }
}

/// Reads a file in progress, whose last page or frame a kill may have cut off.
pub fn read_part(bytes: &[u8]) -> Result<WavFile, String> {
    measured(bytes).map(|(wav, _)| wav)
}

/// Lengthens a file in progress to the end of its tail.
pub fn with_tail(part: WavFile, tail: &Path) -> Result<WavFile, String> {
    let tail = std::fs::read(tail).unwrap_or_default();
    let frame = part.frame_bytes();
    let base = tail.get(TAIL_BASE..).and_then(|field| field.first_chunk());
    let (Some(base), true) = (base, tail.len() >= TAIL_FRAMES) else {
        return Ok(part);
    };
    let base = u64::from_le_bytes(*base) as usize;
    if base > part.frames() {
        return Err(format!("a tail from frame {base} on, of another file"));
    }
    let end = base + (tail.len() - TAIL_FRAMES) / frame;
    let frames = part.frames().max(end);
    Ok(WavFile {
        data: vec![0; frames * frame],
        ..part
    })
}
