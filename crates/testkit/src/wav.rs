//! WAV files (RIFF and RF64), read chunk by chunk as the format defines them.

use std::path::Path;

/// The first bytes of a file, which have all chunks before the audio.
const START_BYTES: usize = 4096;

/// The chunks before the audio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WavHeader {
    /// 1 is PCM, 6 A-law, 7 µ-law.
    pub tag: u16,
    pub channels: u16,
    pub rate: u32,
    pub bits: u16,
    pub rf64: bool,
    /// Where the RIFF chunk ends, and with it the file.
    pub riff_end: u64,
    /// Where the audio begins.
    pub audio_at: u64,
    pub audio_bytes: u64,
}

fn le16(bytes: &[u8], at: usize) -> Result<u16, String> {
    let field = bytes.get(at..).and_then(|rest| rest.first_chunk());
    field
        .map(|field| u16::from_le_bytes(*field))
        .ok_or_else(|| cut_off(at))
}

fn le32(bytes: &[u8], at: usize) -> Result<u32, String> {
    let field = bytes.get(at..).and_then(|rest| rest.first_chunk());
    field
        .map(|field| u32::from_le_bytes(*field))
        .ok_or_else(|| cut_off(at))
}

fn le64(bytes: &[u8], at: usize) -> Result<u64, String> {
    let field = bytes.get(at..).and_then(|rest| rest.first_chunk());
    field
        .map(|field| u64::from_le_bytes(*field))
        .ok_or_else(|| cut_off(at))
}

fn cut_off(at: usize) -> String {
    format!("a header that is cut off at {at}")
}

impl WavHeader {
    /// Parses the beginning of a file, up to the audio.
    pub fn parse(start: &[u8]) -> Result<WavHeader, String> {
        let rf64 = start.starts_with(b"RF64");
        if !(rf64 || start.starts_with(b"RIFF")) || start.get(8..12) != Some(b"WAVE") {
            return Err("no RIFF/WAVE".into());
        }
        let mut header = WavHeader {
            rf64,
            riff_end: u64::from(le32(start, 4)?) + 8,
            ..WavHeader::default()
        };
        let (mut at, mut wide) = (12, None);
        while at + 8 <= start.len() {
            let (length, body) = (le32(start, at + 4)?, at + 8);
            match &start[at..at + 4] {
                b"ds64" if rf64 => {
                    header.riff_end = le64(start, body)?.saturating_add(8);
                    wide = Some(le64(start, body + 8)?);
                }
                b"fmt " => {
                    header.tag = le16(start, body)?;
                    header.channels = le16(start, body + 2)?;
                    header.rate = le32(start, body + 4)?;
                    header.bits = le16(start, body + 14)?;
                }
                b"data" => {
                    header.audio_at = body as u64;
                    header.audio_bytes = wide.unwrap_or(length.into());
                    return Ok(header);
                }
                _ => {}
            }
            at = body + length as usize + (length & 1) as usize;
        }
        Err("no data chunk".into())
    }

    /// Reads the header of a file of any size.
    pub fn read(path: impl AsRef<Path>) -> WavHeader {
        use std::io::Read;
        let file = std::fs::File::open(path).unwrap();
        let mut start = Vec::new();
        file.take(START_BYTES as u64).read_to_end(&mut start).unwrap();
        WavHeader::parse(&start).unwrap()
    }

    /// Bytes of one sample of every channel.
    pub fn frame_bytes(&self) -> usize {
        usize::from(self.channels) * usize::from(self.bits) / 8
    }
}

/// A WAV file that has been read.
#[derive(Clone, Debug)]
pub struct WavFile {
    /// 1 is PCM, 6 A-law, 7 µ-law.
    pub tag: u16,
    pub channels: u16,
    pub rate: u32,
    pub bits: u16,
    pub data: Vec<u8>,
}

impl WavFile {
    pub fn read(path: impl AsRef<Path>) -> WavFile {
        let bytes = std::fs::read(path).unwrap();
        WavFile::parse(&bytes).unwrap()
    }

    /// Parses a finished or live file, which must have all the audio of its header.
    pub fn parse(bytes: &[u8]) -> Result<WavFile, String> {
        let header = WavHeader::parse(bytes)?;
        WavFile::of(&header, bytes)
    }

    /// Parses a file that players can play: its sizes agree with each other and with the file.
    pub fn parse_playable(bytes: &[u8]) -> Result<WavFile, String> {
        let header = WavHeader::parse(bytes)?;
        let wav = WavFile::of(&header, bytes)?;
        let (riff, end, file) = (
            header.riff_end,
            header.audio_at + header.audio_bytes,
            bytes.len() as u64,
        );
        let frame = header.frame_bytes();
        let is_whole = riff == end || ends_with_chunks(bytes, end, riff);
        if riff > file || !is_whole || frame == 0 || !wav.data.len().is_multiple_of(frame) {
            return Err(format!("RIFF ends at {riff}, data at {end}, file at {file}"));
        }
        Ok(wav)
    }

    fn of(header: &WavHeader, bytes: &[u8]) -> Result<WavFile, String> {
        let audio = bytes[header.audio_at as usize..].get(..header.audio_bytes as usize);
        Ok(WavFile {
            tag: header.tag,
            channels: header.channels,
            rate: header.rate,
            bits: header.bits,
            data: audio.ok_or("data goes beyond the file")?.to_vec(),
        })
    }

    /// PCM16 samples of one channel.
    pub fn pcm(&self, channel: usize) -> Vec<i16> {
        assert_eq!((self.tag, self.bits), (1, 16));
        pcm16(&self.data, self.channels.into(), channel).collect()
    }

    /// G.711 bytes of one channel.
    pub fn g711(&self, channel: usize) -> Vec<u8> {
        assert_eq!(self.bits, 8);
        self.data
            .iter()
            .copied()
            .skip(channel)
            .step_by(self.channels as usize)
            .collect()
    }

    /// Bytes of one sample of every channel.
    pub fn frame_bytes(&self) -> usize {
        usize::from(self.channels) * usize::from(self.bits) / 8
    }

    pub fn frames(&self) -> usize {
        self.data.len() / self.frame_bytes()
    }
}

/// Whether whole lists of tags or nothing are between the padded audio and the end of the RIFF chunk.
fn ends_with_chunks(bytes: &[u8], audio_end: u64, riff_end: u64) -> bool {
    let mut at = audio_end.next_multiple_of(2);
    while at < riff_end {
        let Ok(length) = le32(bytes, at as usize + 4) else {
            return false;
        };
        if !bytes[at as usize..].starts_with(b"LIST") {
            return false;
        }
        at += 8 + u64::from(length).next_multiple_of(2);
    }
    at == riff_end
}

/// Samples of one channel of interleaved PCM16.
pub fn pcm16(audio: &[u8], channels: usize, channel: usize) -> impl Iterator<Item = i16> + '_ {
    let frames = audio.chunks_exact(2 * channels);
    frames.map(move |frame| i16::from_le_bytes([frame[2 * channel], frame[2 * channel + 1]]))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A file of PCM16 or G.711 at 8 kHz.
    pub(crate) fn file(tag: u16, channels: u16, audio: &[u8]) -> Vec<u8> {
        let sample: u16 = if tag == 1 { 2 } else { 1 };
        let mut fmt = Vec::new();
        fmt.extend(tag.to_le_bytes());
        fmt.extend(channels.to_le_bytes());
        fmt.extend(8000u32.to_le_bytes());
        fmt.extend((8000 * u32::from(channels * sample)).to_le_bytes());
        fmt.extend((channels * sample).to_le_bytes());
        fmt.extend((8 * sample).to_le_bytes());
        let mut body = b"WAVE".to_vec();
        for (name, content) in [(b"fmt ", &fmt[..]), (b"note", b"odd"), (b"data", audio)] {
            body.extend(name);
            body.extend((content.len() as u32).to_le_bytes());
            body.extend(content);
            body.resize(body.len().next_multiple_of(2), 0);
        }
        let size = (body.len() as u32).to_le_bytes();
        [b"RIFF", &size[..], &body].concat()
    }

    /// The same audio in a file of the 64-bit form.
    fn large(audio: &[u8]) -> Vec<u8> {
        let mut bytes = file(1, 1, audio);
        let data = bytes.len() - audio.len() - 4;
        bytes[..8].copy_from_slice(b"RF64\xff\xff\xff\xff");
        bytes[data..data + 4].copy_from_slice(&[0xff; 4]);
        let mut ds64 = b"ds64".to_vec();
        ds64.extend(24u32.to_le_bytes());
        ds64.extend((bytes.len() as u64 + 32 - 8).to_le_bytes());
        ds64.extend((audio.len() as u64).to_le_bytes());
        ds64.extend([0; 8]);
        bytes.splice(12..12, ds64);
        bytes
    }

    #[test]
    fn channels_are_separated() {
        let stereo = WavFile::parse_playable(&file(1, 2, &[1, 0, 2, 0, 3, 0, 0xff, 0xff])).unwrap();
        assert_eq!(
            (stereo.tag, stereo.channels, stereo.rate, stereo.bits),
            (1, 2, 8000, 16)
        );
        assert_eq!((stereo.pcm(0), stereo.pcm(1)), (vec![1, 3], vec![2, -1]));
        assert_eq!((stereo.frames(), stereo.frame_bytes()), (2, 4));
        let law = WavFile::parse_playable(&file(7, 2, &[1, 2, 3, 4])).unwrap();
        assert_eq!((law.g711(0), law.g711(1)), (vec![1, 3], vec![2, 4]));
    }

    #[test]
    fn the_header_alone_says_where_the_audio_is() {
        let dir = crate::directory::ScratchDir::new();
        for (bytes, rf64) in [(file(1, 1, &[7; 10]), false), (large(&[7; 10]), true)] {
            let path = dir.join("a.wav");
            std::fs::write(&path, &bytes).unwrap();
            let header = WavHeader::read(&path);
            assert_eq!((header.rf64, header.audio_bytes), (rf64, 10));
            assert_eq!(header.riff_end, bytes.len() as u64);
            assert_eq!(bytes[header.audio_at as usize..], [7; 10]);
            assert_eq!(WavFile::read(&path).data, [7; 10]);
        }
    }

    #[test]
    fn an_odd_length_may_be_padded() {
        let bytes = file(7, 1, &[1, 2, 3]);
        assert!(WavFile::parse_playable(&bytes).is_ok_and(|wav| wav.data == [1, 2, 3]));
    }

    #[test]
    fn an_incomplete_file_is_refused() {
        let good = file(1, 2, &[0; 40]);
        for end in 0..good.len() {
            assert!(WavFile::parse(&good[..end]).is_err(), "cut off at {end}");
        }
        // A live file may have more than its header says.
        let longer = [&good[..], &[0; 4]].concat();
        assert!(WavFile::parse_playable(&longer).is_ok());
        let changed = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            bytes
        };
        let audio = good.len() - 40;
        for (why, bytes) in [
            ("another form", changed(0, b'X')),
            ("RIFF beyond the file", changed(4, 0xf0)),
            ("RIFF ends before the audio", changed(4, 20)),
            ("RIFF goes on after the audio", changed(audio - 4, 32)),
            ("half a frame", changed(audio - 4, 39)),
            ("no channel", changed(22, 0)),
        ] {
            assert!(WavFile::parse_playable(&bytes).is_err(), "{why}");
        }
    }
}
