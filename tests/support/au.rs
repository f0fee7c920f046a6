//! AU files, read as the WAV files that the same recordings would have.

use callrec_testkit::wav::WavFile;

/// The size of a file whose length is not stated.
const UNKNOWN: u32 = u32::MAX;
const HEADER_MIN: usize = 24;
const ULAW: u32 = 1;
const LINEAR16: u32 = 3;
const ALAW: u32 = 27;

/// Reads a file, finished or in progress.
pub fn read(bytes: &[u8]) -> Result<WavFile, String> {
    let field = |at: usize| {
        let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk());
        bytes.map(|bytes| u32::from_be_bytes(*bytes)).ok_or("no header")
    };
    let (audio_at, size, encoding) = (field(4)? as usize, field(8)?, field(12)?);
    let (tag, sample_bytes) = match encoding {
        LINEAR16 => (1, 2),
        ALAW => (6, 1),
        ULAW => (7, 1),
        _ => return Err(format!("the header has audio of {encoding}")),
    };
    if !bytes.starts_with(b".snd") || audio_at < HEADER_MIN {
        return Err(format!("the header has audio from byte {audio_at} on"));
    }
    let audio = bytes.get(audio_at..).ok_or("no audio")?;
    let stated = if size == UNKNOWN {
        audio.len()
    } else {
        size as usize
    };
    let audio = audio
        .get(..stated)
        .ok_or_else(|| format!("{stated} bytes are stated"))?;
    let channels = field(20)? as u16;
    let frame_bytes = sample_bytes * usize::from(channels);
    let whole = &audio[..audio.len() / frame_bytes * frame_bytes];
    Ok(WavFile {
        tag,
        channels,
        rate: field(16)?,
        bits: 8 * sample_bytes as u16,
        data: whole
            .chunks_exact(sample_bytes)
            .flat_map(|sample| sample.iter().rev().copied())
            .collect(),
    })
}
