//! Frames of MPEG audio layer III: their headers and sizes (ISO/IEC 11172-3, 13818-3).

use crate::Shape;

/// The sampling rates, with the bits of the version and the rate in a header.
const RATES: [(u32, u8, u8); 9] = [
    (8000, 0, 2),
    (11_025, 0, 0),
    (12_000, 0, 1),
    (16_000, 2, 2),
    (22_050, 2, 0),
    (24_000, 2, 1),
    (32_000, 3, 2),
    (44_100, 3, 0),
    (48_000, 3, 1),
];

/// The sampling rates in ascending order.
pub const FRAME_RATES: &[u32] = &[
    8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000,
];

/// Bit rates in kbit/s, from index 1 on.
const BITRATES_MPEG1: [u32; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const BITRATES_MPEG2: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
/// MPEG-2.5 has the bit rates of MPEG-2, but encoders use only these.
const BITRATES_MPEG25: usize = 8;

/// Bytes of a frame's header.
pub const FRAME_HEADER: usize = 4;

/// What all frames of a file have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameKind {
    /// In Hz.
    pub rate: u32,
    pub channels: u16,
    /// In bit/s.
    pub bitrate: u32,
}

impl FrameKind {
    /// The frames of a file. A bit rate that does not exist at the sampling rate becomes the next
    /// higher one, or else the highest.
    pub fn of(shape: &Shape) -> FrameKind {
        let fitting = FRAME_RATES.iter().find(|rate| **rate >= shape.rate);
        let rate = fitting.copied().unwrap_or(48_000);
        let channels = shape.channels.clamp(1, 2);
        let wanted = match shape.format.parameter(0) {
            0 => u32::from(channels) * default_bitrate(rate),
            bitrate => bitrate,
        };
        let legal = bitrates(version(rate));
        let next = legal.iter().find(|kbit| **kbit * 1000 >= wanted);
        let kbit = next.or(legal.last()).copied().unwrap_or_default();
        FrameKind {
            rate,
            channels,
            bitrate: kbit * 1000,
        }
    }

    /// Reads a frame's header. Returns the kind of the frame and its size in bytes.
    pub fn parse(header: &[u8]) -> Option<(FrameKind, usize)> {
        let &[sync, second, third, fourth] = header.first_chunk::<FRAME_HEADER>()?;
        // Layer III without a checksum.
        if sync != 0xff || second & 0xe7 != 0xe3 {
            return None;
        }
        let (version, rate_bits) = (second >> 3 & 3, third >> 2 & 3);
        let found = RATES
            .iter()
            .find(|(_, known, bits)| (*known, *bits) == (version, rate_bits));
        let index = usize::from(third >> 4).checked_sub(1)?;
        let kind = FrameKind {
            rate: found?.0,
            channels: if fourth >> 6 == 3 { 1 } else { 2 },
            bitrate: bitrates(version).get(index)? * 1000,
        };
        Some((kind, kind.bytes() + usize::from(third >> 1 & 1)))
    }

    /// The header of a frame without padding. Both channels are encoded on their own: the parties
    /// of a call have nothing in common.
    pub fn header(self) -> [u8; FRAME_HEADER] {
        let found = RATES.iter().find(|(rate, _, _)| *rate == self.rate);
        let (_, version, rate_bits) = found.copied().unwrap_or(RATES[0]);
        let found = bitrates(version)
            .iter()
            .position(|kbit| kbit * 1000 == self.bitrate);
        let index = found.map_or(0, |index| index as u8 + 1);
        let mode = if self.channels == 1 { 3 } else { 0 };
        // The recording is an original.
        [
            0xff,
            0xe3 | version << 3,
            index << 4 | rate_bits << 2,
            mode << 6 | 4,
        ]
    }

    /// A frame that plays silence: a header, and side information that is zero.
    pub fn silent(self) -> Vec<u8> {
        let mut frame = self.header().to_vec();
        frame.resize(self.bytes(), 0);
        frame
    }

    /// Samples of each channel in a frame.
    pub fn samples(self) -> u64 {
        if self.is_mpeg1() { 1152 } else { 576 }
    }

    /// The size of a frame without its padding byte.
    pub fn bytes(self) -> usize {
        (self.samples() as usize / 8) * self.bitrate as usize / self.rate as usize
    }

    /// The number of frames in `bytes` bytes of whole frames. Padding bytes keep the mean size
    /// exact, except for a byte at each place where an encoder began anew.
    pub fn count(self, bytes: u64) -> u64 {
        let bits = u128::from(bytes) * 8 * u128::from(self.rate);
        let frame_bits = u128::from(self.samples()) * u128::from(self.bitrate.max(1));
        ((bits + frame_bits / 2) / frame_bits) as u64
    }

    /// The size of the side information after the header.
    pub fn side_information(self) -> usize {
        match (self.is_mpeg1(), self.channels) {
            (true, 1) => 17,
            (true, _) => 32,
            (false, 1) => 9,
            (false, _) => 17,
        }
    }

    /// Such frames with the lowest bit rate, from this one on, at which they have `bytes` bytes.
    pub fn with_space(self, bytes: usize) -> FrameKind {
        let higher = bitrates(version(self.rate)).iter().map(|kbit| FrameKind {
            bitrate: kbit * 1000,
            ..self
        });
        let mut fitting = higher.filter(|kind| kind.bitrate >= self.bitrate && kind.bytes() >= bytes);
        fitting.next().unwrap_or(self)
    }

    fn is_mpeg1(self) -> bool {
        self.rate >= 32_000
    }
}

/// Enough for speech, in bit/s for each channel.
fn default_bitrate(rate: u32) -> u32 {
    match rate {
        0..=8000 => 16_000,
        8001..=12_000 => 24_000,
        12_001..=16_000 => 32_000,
        16_001..=24_000 => 48_000,
        _ => 64_000,
    }
}

/// The bits of a sampling rate's version.
fn version(rate: u32) -> u8 {
    match rate {
        0..=12_000 => 0,
        12_001..=24_000 => 2,
        _ => 3,
    }
}

fn bitrates(version: u8) -> &'static [u32] {
    match version {
        3 => &BITRATES_MPEG1,
        2 => &BITRATES_MPEG2,
        _ => &BITRATES_MPEG2[..BITRATES_MPEG25],
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Format;
    use crate::mp3::FORMATS;

    fn kind(parameters: &str, rate: u32, channels: u16) -> FrameKind {
        let format = Format::of(&FORMATS[0]).with_parameters(parameters);
        FrameKind::of(&Shape {
            format: format.expect("valid parameters"),
            rate,
            channels,
        })
    }

    /// All frames that the format may write.
    pub(crate) fn every_kind() -> impl Iterator<Item = FrameKind> {
        FRAME_RATES.iter().flat_map(|rate| {
            let all = bitrates(version(*rate)).iter();
            all.flat_map(move |kbit| {
                [1, 2].map(|channels| FrameKind {
                    rate: *rate,
                    channels,
                    bitrate: kbit * 1000,
                })
            })
        })
    }

    #[test]
    fn every_header_is_read_back() {
        for kind in every_kind() {
            let mut header = kind.header();
            assert_eq!(FrameKind::parse(&header), Some((kind, kind.bytes())));
            header[2] |= 2;
            assert_eq!(FrameKind::parse(&header), Some((kind, kind.bytes() + 1)));
            header[0] = 0;
            assert_eq!(FrameKind::parse(&header), None);
        }
        for known in [[0xff, 0xe3, 0x28, 0xc4], [0xff, 0xfb, 0x94, 0x04]] {
            let (kind, _) = FrameKind::parse(&known).expect("as LAME writes it");
            assert_eq!(kind.header(), known);
        }
    }

    #[test]
    fn a_bit_rate_becomes_the_next_legal_one() {
        for (parameters, rate, channels, bitrate) in [
            ("", 8000, 1, 16_000),
            ("", 8000, 2, 32_000),
            ("", 16_000, 1, 32_000),
            ("", 48_000, 2, 128_000),
            ("bitrate=24000", 8000, 1, 24_000),
            ("bitrate=24001", 8000, 1, 32_000),
            ("bitrate=320000", 8000, 1, 64_000),
            ("bitrate=320000", 16_000, 1, 160_000),
            ("bitrate=8000", 48_000, 1, 32_000),
            ("bitrate=320000", 48_000, 2, 320_000),
        ] {
            assert_eq!(kind(parameters, rate, channels).bitrate, bitrate, "{parameters}");
        }
    }

    #[test]
    fn frames_are_counted_by_their_bytes() {
        for kind in every_kind() {
            for frames in [0u64, 1, 2, 1000, 1_000_000] {
                let bytes = frames * kind.samples() * u64::from(kind.bitrate) / 8 / u64::from(kind.rate);
                assert_eq!(kind.count(bytes), frames, "{kind:?}");
            }
        }
    }
}
