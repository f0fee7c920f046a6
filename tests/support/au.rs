//! AU files, read as the WAV files that the same recordings would have.

use callrec_testkit::wav::WavFile;

/// The size of a file whose length is not stated.
const UNKNOWN: u32 = u32::MAX;
const HEADER_MIN: usize = 24;
const LINEAR16: u32 = 3;

/// Reads a file of 16-bit samples, finished or in progress.
pub fn read(bytes: &[u8]) -> Result<WavFile, String> {
    let field = |at: usize| {
        let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk());
        bytes.map(|bytes| u32::from_be_bytes(*bytes)).ok_or("no header")
    };
    let (audio_at, size, encoding) = (field(4)? as usize, field(8)?, field(12)?);
    if !bytes.starts_with(b".snd") || encoding != LINEAR16 || audio_at < HEADER_MIN {
        return Err(format!(
            "the header has audio of {encoding} from byte {audio_at} on"
        ));
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
    let whole = audio.len() / (2 * usize::from(channels)) * 2 * usize::from(channels);
    Ok(WavFile {
        tag: 1,
        channels,
        rate: field(16)?,
        bits: 16,
        data: audio[..whole]
            .chunks_exact(2)
            .flat_map(|pair| [pair[1], pair[0]])
            .collect(),
    })
}
