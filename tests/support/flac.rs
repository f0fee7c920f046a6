//! FLAC files, read as the WAV files that the same recordings would have.

use callrec::codec::flac::decoded::{DecodedFlac, decode, decode_whole_frames};
use callrec_testkit::wav::WavFile;

fn wav_of(file: DecodedFlac) -> WavFile {
    WavFile {
        tag: 1,
        channels: file.channels,
        rate: file.rate,
        bits: 16,
        data: file.samples,
    }
}

/// Reads a finished file: whole frames, and a header with the true length and no wrong MD5.
pub fn read_finished(bytes: &[u8]) -> Result<WavFile, String> {
    let file = decode(bytes).ok_or("no whole frames")?;
    let (stated, matches) = (file.stated_frames, file.md5_matches);
    let wav = wav_of(file);
    match stated == wav.frames() as u64 && matches != Some(false) {
        true => Ok(wav),
        false => Err(format!(
            "{} frames, its header says {stated}; MD5: {matches:?}",
            wav.frames()
        )),
    }
}

/// Reads a file in progress, whose last frame a kill may have cut off.
pub fn read_part(bytes: &[u8]) -> Result<WavFile, String> {
    let (file, _) = decode_whole_frames(bytes).ok_or("no header")?;
    Ok(wav_of(file))
}
