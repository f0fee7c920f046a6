//! Files of the test format `test-paged`, and recordings' tails, read as the WAV files that the
//! same recordings would have.

use std::path::Path;

use callrec::codec::paged::{Decoded, decode, decode_whole_pages};
use callrec_testkit::wav::WavFile;

pub const FORMAT: &str = "test-paged";
pub const EXTENSION: &str = "paged";

/// Offsets in a tail: of its first frame's number, of the bytes of a frame, and of its frames.
const TAIL_BASE: usize = 8;
const TAIL_FRAME: usize = 16;
const TAIL_FRAMES: usize = 24;

fn wav_of(file: Decoded) -> WavFile {
    WavFile {
        tag: 1,
        channels: file.shape.channels,
        rate: file.shape.rate,
        bits: 16,
        data: file.samples,
    }
}

/// Reads a finished file: whole pages with an end, and a header with the true length.
pub fn read_finished(bytes: &[u8]) -> Result<WavFile, String> {
    let file = decode(bytes).ok_or("no whole pages")?;
    let (ended, claimed) = (file.ended || file.samples.is_empty(), file.header_frames);
    let wav = wav_of(file);
    match ended && claimed == wav.frames() as u64 {
        true => Ok(wav),
        false => Err(format!("{} frames, its header says {claimed}", wav.frames())),
    }
}

/// Reads a file in progress, whose last page a kill may have cut off.
pub fn read_part(bytes: &[u8]) -> Result<WavFile, String> {
    let (file, _) = decode_whole_pages(bytes).ok_or("no header")?;
    Ok(wav_of(file))
}

/// Joins a file in progress with its tail. Where both have audio, it must be the same.
pub fn with_tail(part: &WavFile, tail: &Path) -> Result<WavFile, String> {
    let tail = std::fs::read(tail).unwrap_or_default();
    let field = |at: usize| tail[at..].first_chunk().map(|field| u64::from_le_bytes(*field));
    if tail.len() < TAIL_FRAMES {
        return Ok(part.clone());
    }
    let (base, frame) = (field(TAIL_BASE).unwrap_or(0), part.frame_bytes());
    if field(TAIL_FRAME) != Some(frame as u64) || base > part.frames() as u64 {
        return Err(format!("a tail from frame {base} on, of another file"));
    }
    let frames = &tail[TAIL_FRAMES..];
    let frames = &frames[..frames.len() / frame * frame];
    let (before, both) = part.data.split_at(base as usize * frame);
    let shared = both.len().min(frames.len());
    if both[..shared] != frames[..shared] {
        return Err("a tail whose audio differs from its file's".to_owned());
    }
    // The silence that fills the last packet up is not part of the recording.
    Ok(WavFile {
        data: [before, frames].concat(),
        ..part.clone()
    })
}
