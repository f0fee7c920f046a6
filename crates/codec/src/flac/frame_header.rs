//! The header of a frame: RFC 9639, section 9.1.

use super::crc::crc8;
use super::damage::FrameDamage;

/// Frames of audio in every block but the last.
pub const BLOCK: usize = 4096;

/// The sync code, with a fixed block size.
const SYNC: [u8; 2] = [0xff, 0xf8];
/// 16 bits per sample.
const SAMPLE_SIZE: u8 = 0b100 << 1;
/// The codes of block sizes.
const SIZE_4096: u8 = 0b1100;
const SIZE_8_BITS: u8 = 0b0110;
const SIZE_16_BITS: u8 = 0b0111;
/// The codes of rates that are in the header as a number of Hz, or only in STREAMINFO.
const RATE_HZ: u8 = 0b1101;
const RATE_OF_STREAM: u8 = 0;

/// How the channels of a block are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelStorage {
    Independent,
    LeftSide,
    SideRight,
    MidSide,
}

impl ChannelStorage {
    fn code(self, channels: u16) -> u8 {
        match self {
            ChannelStorage::Independent => (channels - 1) as u8,
            ChannelStorage::LeftSide => 8,
            ChannelStorage::SideRight => 9,
            ChannelStorage::MidSide => 10,
        }
    }

    fn of_code(code: u8, channels: u16) -> Option<ChannelStorage> {
        use ChannelStorage::*;
        let all = [Independent, LeftSide, SideRight, MidSide];
        let possible = &all[..if channels == 2 { 4 } else { 1 }];
        possible
            .iter()
            .copied()
            .find(|storage| storage.code(channels) == code)
    }

    /// The index of the channel that holds differences, which have one more bit.
    pub fn side(self) -> Option<usize> {
        match self {
            ChannelStorage::Independent => None,
            ChannelStorage::SideRight => Some(0),
            ChannelStorage::LeftSide | ChannelStorage::MidSide => Some(1),
        }
    }
}

/// What the frames of a file have in common.
#[derive(Clone, Copy, Debug)]
pub struct FlacStream {
    /// In Hz.
    pub rate: u32,
    /// 1 to 8.
    pub channels: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlacFrameHeader {
    pub number: u32,
    /// Frames of audio in the block, at most [`BLOCK`].
    pub frames: usize,
    pub storage: ChannelStorage,
}

impl FlacFrameHeader {
    pub fn put(&self, stream: FlacStream, out: &mut Vec<u8>) {
        let begin = out.len();
        let last = (self.frames - 1) as u16;
        let size = match self.frames {
            BLOCK => SIZE_4096,
            _ if last <= 0xff => SIZE_8_BITS,
            _ => SIZE_16_BITS,
        };
        let rate = rate_code(stream.rate);
        out.extend_from_slice(&SYNC);
        out.push((size << 4) | rate);
        out.push((self.storage.code(stream.channels) << 4) | SAMPLE_SIZE);
        put_number(self.number, out);
        match size {
            SIZE_8_BITS => out.push(last as u8),
            SIZE_16_BITS => out.extend_from_slice(&last.to_be_bytes()),
            _ => {}
        }
        if rate == RATE_HZ {
            out.extend_from_slice(&(stream.rate as u16).to_be_bytes());
        }
        out.push(crc8(&out[begin..]));
    }

    /// Reads the header at the beginning of `bytes`. Returns also its size.
    pub fn parse(bytes: &[u8], stream: FlacStream) -> Result<(FlacFrameHeader, usize), FrameDamage> {
        let byte = |at: usize| bytes.get(at).copied().ok_or(FrameDamage::Cut);
        let begin = SYNC.iter().enumerate();
        for (at, sync) in begin {
            FrameDamage::check(byte(at)? == *sync)?;
        }
        let (sizes, channels) = (byte(2)?, byte(3)?);
        let rate = rate_code(stream.rate);
        FrameDamage::check(sizes & 0xf == rate && channels & 0xf == SAMPLE_SIZE)?;
        let storage = ChannelStorage::of_code(channels >> 4, stream.channels);
        let storage = storage.ok_or(FrameDamage::Invalid)?;
        let (number, mut at) = number_at(bytes, 4)?;
        let frames = match sizes >> 4 {
            SIZE_4096 => BLOCK,
            SIZE_8_BITS => usize::from(byte(at)?) + 1,
            SIZE_16_BITS => usize::from(u16::from_be_bytes([byte(at)?, byte(at + 1)?])) + 1,
            _ => return Err(FrameDamage::Invalid),
        };
        at += match sizes >> 4 {
            SIZE_4096 => 0,
            code => usize::from(code - SIZE_8_BITS) + 1,
        };
        if rate == RATE_HZ {
            let hz = u16::from_be_bytes([byte(at)?, byte(at + 1)?]);
            FrameDamage::check(u32::from(hz) == stream.rate)?;
            at += 2;
        }
        FrameDamage::check(byte(at)? == crc8(&bytes[..at]) && frames <= BLOCK)?;
        let header = FlacFrameHeader {
            number,
            frames,
            storage,
        };
        Ok((header, at + 1))
    }
}

fn rate_code(rate: u32) -> u8 {
    match rate {
        8000 => 0b0100,
        16_000 => 0b0101,
        22_050 => 0b0110,
        24_000 => 0b0111,
        32_000 => 0b1000,
        44_100 => 0b1001,
        48_000 => 0b1010,
        96_000 => 0b1011,
        0..=0xffff => RATE_HZ,
        _ => RATE_OF_STREAM,
    }
}

/// Writes a frame's number, coded like a character in UTF-8 but with up to 31 bits.
fn put_number(number: u32, out: &mut Vec<u8>) {
    let more: u32 = match number {
        0..0x80 => return out.push(number as u8),
        0x80..0x800 => 1,
        0x800..0x1_0000 => 2,
        0x1_0000..0x20_0000 => 3,
        0x20_0000..0x400_0000 => 4,
        _ => 5,
    };
    out.push((0xff_u32 << (7 - more)) as u8 | (number >> (6 * more)) as u8);
    for at in (0..more).rev() {
        out.push(0x80 | ((number >> (6 * at)) & 0x3f) as u8);
    }
}

/// Reads such a number at offset `at`. Returns also the offset behind it.
fn number_at(bytes: &[u8], at: usize) -> Result<(u32, usize), FrameDamage> {
    let byte = |at: usize| bytes.get(at).copied().ok_or(FrameDamage::Cut);
    let first = byte(at)?;
    let ones = first.leading_ones();
    if ones == 0 {
        return Ok((first.into(), at + 1));
    }
    FrameDamage::check((2..=6).contains(&ones))?;
    let mut number = u32::from(first) & (0x7f >> ones);
    let end = at + ones as usize;
    for at in at + 1..end {
        FrameDamage::check(byte(at)? & 0xc0 == 0x80)?;
        number = (number << 6) | u32::from(byte(at)? & 0x3f);
    }
    Ok((number, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_headers_are_read() {
        let storages = [
            ChannelStorage::Independent,
            ChannelStorage::LeftSide,
            ChannelStorage::SideRight,
            ChannelStorage::MidSide,
        ];
        for rate in [
            8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000,
        ] {
            for number in [
                0,
                0x7f,
                0x80,
                0x7ff,
                0x800,
                0xffff,
                0x1f_ffff,
                0x3ff_ffff,
                0x7fff_ffff,
            ] {
                for (n, frames) in [1, 15, 256, 257, 4095, 4096].into_iter().enumerate() {
                    let stream = FlacStream { rate, channels: 2 };
                    let header = FlacFrameHeader {
                        number,
                        frames,
                        storage: storages[n % 4],
                    };
                    let mut bytes = Vec::new();
                    header.put(stream, &mut bytes);
                    let len = bytes.len();
                    bytes.push(7);
                    assert_eq!(FlacFrameHeader::parse(&bytes, stream), Ok((header, len)));
                    for cut in 0..len {
                        let parsed = FlacFrameHeader::parse(&bytes[..cut], stream);
                        assert_eq!(parsed, Err(FrameDamage::Cut), "{header:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_damaged_header_is_not_read() {
        let stream = FlacStream {
            rate: 8000,
            channels: 1,
        };
        let header = FlacFrameHeader {
            number: 1000,
            frames: 300,
            storage: ChannelStorage::Independent,
        };
        let mut bytes = Vec::new();
        header.put(stream, &mut bytes);
        bytes.extend_from_slice(&[0; 8]);
        for bit in 0..8 * (bytes.len() - 8) {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let parsed = FlacFrameHeader::parse(&damaged, stream);
            assert_eq!(parsed, Err(FrameDamage::Invalid), "bit {bit}");
        }
        for other in [
            FlacStream {
                rate: 16_000,
                ..stream
            },
            FlacStream {
                channels: 2,
                ..stream
            },
        ] {
            assert_eq!(FlacFrameHeader::parse(&bytes, other), Err(FrameDamage::Invalid));
        }
    }
}
