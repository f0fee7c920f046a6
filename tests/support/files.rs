//! Reading what the library leaves on disk, by the formats' own texts.

use std::path::{Path, PathBuf};

/// A WAV file, taken apart chunk by chunk.
#[derive(Clone, Debug)]
pub struct Wav {
    pub tag: u16,
    pub channels: u16,
    pub rate: u32,
    pub bits: u16,
    pub data: Vec<u8>,
    pub rf64: bool,
}

fn le16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

impl Wav {
    pub fn read(path: impl AsRef<Path>) -> Wav {
        let bytes = std::fs::read(path).unwrap();
        Wav::parse(&bytes).unwrap()
    }

    /// A finished or live file: the header's sizes must not exceed what is there.
    pub fn parse(bytes: &[u8]) -> Result<Wav, String> {
        if bytes.len() < 12
            || !(bytes.starts_with(b"RIFF") || bytes.starts_with(b"RF64"))
            || &bytes[8..12] != b"WAVE"
        {
            return Err("no RIFF/WAVE".into());
        }
        let mut wav = Wav {
            tag: 0,
            channels: 0,
            rate: 0,
            bits: 0,
            data: Vec::new(),
            rf64: bytes.starts_with(b"RF64"),
        };
        let mut at = 12;
        while at + 8 <= bytes.len() {
            let (name, length, body) = (&bytes[at..at + 4], le32(bytes, at + 4) as usize, at + 8);
            match name {
                b"fmt " => {
                    wav.tag = le16(bytes, body);
                    wav.channels = le16(bytes, body + 2);
                    wav.rate = le32(bytes, body + 4);
                    wav.bits = le16(bytes, body + 14);
                }
                b"data" => {
                    let end = body.checked_add(length).filter(|end| *end <= bytes.len());
                    wav.data = bytes[body..end.ok_or("data goes beyond the file")?].to_vec();
                    return Ok(wav);
                }
                _ => {}
            }
            at = body + length + (length & 1);
        }
        Err("no data chunk".into())
    }

    /// PCM16 samples of one channel.
    pub fn pcm(&self, channel: usize) -> Vec<i16> {
        assert_eq!((self.tag, self.bits), (1, 16));
        let all: Vec<i16> = self
            .data
            .chunks_exact(2)
            .map(|b| i16::from_le_bytes([b[0], b[1]]))
            .collect();
        all.into_iter()
            .skip(channel)
            .step_by(self.channels as usize)
            .collect()
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

    pub fn frames(&self) -> usize {
        self.data.len() / (self.channels as usize * self.bits as usize / 8)
    }
}

pub fn manifest_beside(audio: &str) -> serde_json::Value {
    let path = Path::new(audio).with_extension("json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Every file below a directory, sorted, relative to it.
pub fn tree(directory: &Path) -> Vec<PathBuf> {
    fn walk(directory: &Path, root: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(directory, directory, &mut found);
    found.sort();
    found
}

/// Whether `needle` stands anywhere in any file below a directory.
pub fn holds(directory: &Path, needle: &[u8]) -> bool {
    tree(directory).iter().any(|file| {
        let bytes = std::fs::read(directory.join(file)).unwrap_or_default();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

/// No audio in progress, no live manifest.
pub fn assert_settled(directory: &Path) {
    let left: Vec<_> = tree(directory)
        .into_iter()
        .filter(|file| {
            file.extension().is_some_and(|e| e == "part")
                || (file.starts_with(".callrec") && file.file_name().is_some_and(|name| name != "lock"))
        })
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}
