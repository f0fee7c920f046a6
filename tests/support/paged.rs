//! Files of the format that is for tests alone, and recordings' tails, presented as the WAV
//! files that the same recordings would have.

use std::path::Path;

use callrec::codec::paged::{Decoded, decode, decode_whole_pages};
use callrec_testkit::wav::Wav;

pub const FORMAT: &str = "test-paged";
pub const EXTENSION: &str = "paged";

/// Where a tail tells its first frame and the bytes of a frame, and where its frames begin.
const TAIL_BASE: usize = 8;
const TAIL_FRAME: usize = 16;
const TAIL_FRAMES: usize = 24;

fn wav_of(file: Decoded) -> Wav {
    Wav {
        tag: 1,
        channels: file.shape.channels,
        rate: file.shape.rate,
        bits: 16,
        data: file.samples,
    }
}

/// A finished file: whole pages with an end, and a header that tells the length.
pub fn read_finished(bytes: &[u8]) -> Result<Wav, String> {
    let file = decode(bytes).ok_or("no whole pages")?;
    let (ended, told) = (file.ended || file.samples.is_empty(), file.header_frames);
    let wav = wav_of(file);
    match ended && told == wav.frames() as u64 {
        true => Ok(wav),
        false => Err(format!("{} frames, its header tells {told}", wav.frames())),
    }
}

/// A file in progress, of which a kill may have cut the last page.
pub fn read_part(bytes: &[u8]) -> Result<Wav, String> {
    let (file, _) = decode_whole_pages(bytes).ok_or("no header")?;
    Ok(wav_of(file))
}

/// A file in progress together with its tail. What both have must be the same.
pub fn with_tail(part: &Wav, tail: &Path) -> Result<Wav, String> {
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
        return Err("a tail that says something else than its file".to_owned());
    }
    // Silence that fills a last packet up is not of the recording.
    Ok(Wav {
        data: [before, frames].concat(),
        ..part.clone()
    })
}
