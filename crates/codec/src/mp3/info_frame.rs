//! The first frame of a file: it plays silence, and holds the "Info" tag by which players know the
//! exact length. Players that know the tag skip the frame.

use super::frame::FrameKind;

const MAGIC: &[u8; 4] = b"Info";
const HAS_FRAMES: u32 = 1;
const HAS_BYTES: u32 = 2;
/// Players cut off the delay only after the names of encoders that they know.
const ENCODER: &[u8; 9] = b"LAME3.100";
/// Some players look for the tag only in frames that have this many bytes after the side information.
const ROOM: usize = 124;
/// Constant bit rate.
const METHOD: u8 = 1;
/// The size of a file without audio while it grows, so that no player relies on it. In the tag of LAME
/// it is the size of every file that grows, by which recovery knows that the file has no end.
const GROWING: u32 = 1;
/// The tag has 12 bits for a delay.
const DELAY_MAX: u64 = 0xfff;
/// The delay of LAME, without that of decoders.
pub const ENCODER_DELAY: u64 = 576;
pub const DECODER_DELAY: u64 = 529;

/// What an Info frame says, and what is in the file between it and the audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InfoTag {
    /// The frames of the audio.
    pub kind: FrameKind,
    /// Silent frames before the audio. Some players refuse a file without any frame.
    pub lead: u64,
    /// `None` while the file grows and has no audio.
    pub audio: Option<InfoAudio>,
    /// The file does not grow any more.
    pub ends: bool,
}

/// The audio in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InfoAudio {
    pub bytes: u64,
    pub frames: u64,
    /// Output frames at the end that a player cuts off.
    pub trim: u64,
}

impl InfoTag {
    /// The most silent frames that the delay in the tag can cover.
    pub fn longest_lead(kind: FrameKind) -> u64 {
        (DELAY_MAX - ENCODER_DELAY) / kind.samples()
    }

    /// Bytes of the Info frame and of the silent frames.
    pub fn bytes(&self) -> usize {
        self.info_kind().bytes() + self.lead_bytes()
    }

    fn lead_bytes(&self) -> usize {
        self.lead as usize * self.kind.bytes()
    }

    /// The bit rate of the Info frame is higher than that of the file if the tag would not fit.
    fn info_kind(&self) -> FrameKind {
        self.kind.with_space(ROOM + self.kind.side_information())
    }

    /// The Info frame and the silent frames.
    pub fn frames(&self) -> Vec<u8> {
        let kind = self.kind;
        let mut frame = self.info_kind().silent();
        let size = frame.len();
        frame.truncate(size.min(4 + kind.side_information()));
        frame.extend_from_slice(MAGIC);
        let flags = if self.audio.is_some() {
            HAS_FRAMES | HAS_BYTES
        } else {
            HAS_BYTES
        };
        frame.extend_from_slice(&flags.to_be_bytes());
        if let Some(audio) = self.audio {
            frame.extend_from_slice(&clamped(self.lead + audio.frames).to_be_bytes());
        }
        let all = |audio: InfoAudio| clamped(self.bytes() as u64 + audio.bytes);
        let bytes = self.audio.map_or(GROWING, all);
        frame.extend_from_slice(&bytes.to_be_bytes());
        frame.extend_from_slice(ENCODER);
        frame.extend_from_slice(&[METHOD, 0]);
        // Peak, gains and flags are unknown.
        frame.extend_from_slice(&[0; 9]);
        frame.push(u8::try_from(kind.bitrate / 1000).unwrap_or(u8::MAX));
        let delay = ENCODER_DELAY + self.lead * kind.samples();
        let padding = self
            .audio
            .map_or(0, |audio| (audio.trim + DECODER_DELAY).min(0xfff));
        frame.extend_from_slice(&((delay << 12 | padding) as u32).to_be_bytes()[1..]);
        frame.extend_from_slice(&[0; 4]);
        let bytes = if self.ends { bytes } else { GROWING };
        frame.extend_from_slice(&bytes.to_be_bytes());
        // No checksum over the audio.
        frame.extend_from_slice(&[0; 2]);
        let checksum = crc16(&frame);
        frame.extend_from_slice(&checksum.to_be_bytes());
        frame.resize(size, 0);
        for _ in 0..self.lead {
            frame.extend_from_slice(&kind.silent());
        }
        frame
    }

    /// Reads an Info frame at the beginning of `bytes`, which end where the audio begins.
    pub fn parse(bytes: &[u8]) -> Option<InfoTag> {
        let (own, size) = FrameKind::parse(bytes)?;
        let mut rest = bytes.get(4 + own.side_information()..size)?;
        let is_info = take(&mut rest)? == *MAGIC;
        let flags = u32::from_be_bytes(take(&mut rest)?);
        if !is_info || flags & HAS_BYTES == 0 || flags & !(HAS_FRAMES | HAS_BYTES) != 0 {
            return None;
        }
        let frames = match flags & HAS_FRAMES {
            0 => None,
            _ => Some(u64::from(u32::from_be_bytes(take(&mut rest)?))),
        };
        let all = u64::from(u32::from_be_bytes(take(&mut rest)?));
        let [_, _, _, _, _, _, _, _, _, method, _] = take::<11>(&mut rest)?;
        let [_, _, _, _, _, _, _, _, _, kbit] = take::<10>(&mut rest)?;
        let [high, middle, low, _, _, _, _] = take(&mut rest)?;
        let lame_bytes = u32::from_be_bytes(take(&mut rest)?);
        let bitrate = if kbit == u8::MAX {
            own.bitrate
        } else {
            u32::from(kbit) * 1000
        };
        let delays = u64::from(u32::from_be_bytes([0, high, middle, low]));
        let mut tag = InfoTag {
            kind: FrameKind { bitrate, ..own },
            lead: (delays >> 12).checked_sub(ENCODER_DELAY)? / own.samples(),
            audio: None,
            ends: lame_bytes != GROWING,
        };
        if method != METHOD || tag.info_kind() != own || tag.bytes() != bytes.len() {
            return None;
        }
        tag.audio = frames.and_then(|frames| {
            Some(InfoAudio {
                bytes: all.checked_sub(tag.bytes() as u64)?,
                frames: frames.checked_sub(tag.lead)?,
                trim: (delays & 0xfff).checked_sub(DECODER_DELAY)?,
            })
        });
        Some(tag)
    }
}

fn clamped(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, more) = rest.split_first_chunk::<N>()?;
    *rest = more;
    Some(*first)
}

/// CRC-16 of the Info tag: polynomial 0x8005, reflected.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| {
            crc >> 1 ^ if crc & 1 == 1 { 0xa001 } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mp3::frame::tests::every_kind;

    #[test]
    fn every_info_frame_is_read_back() {
        for kind in every_kind() {
            let audio = Some(InfoAudio {
                bytes: 123_456,
                frames: 789,
                trim: 575,
            });
            for (lead, audio, ends) in [
                (2, None, false),
                (1, None, false),
                (2, audio, false),
                (0, audio, true),
                (2, audio, true),
            ] {
                let tag = InfoTag {
                    kind,
                    lead,
                    audio,
                    ends,
                };
                let frames = tag.frames();
                assert_eq!(frames.len(), tag.bytes());
                assert_eq!(InfoTag::parse(&frames), Some(tag));
                for cut in 0..frames.len() {
                    assert_eq!(InfoTag::parse(&frames[..cut]), None);
                }
            }
        }
    }

    #[test]
    fn a_frame_of_audio_is_no_info_frame() {
        for kind in every_kind() {
            assert_eq!(InfoTag::parse(&kind.silent()), None);
        }
    }
}
