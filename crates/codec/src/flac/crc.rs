//! The checksums of frames: RFC 9639, sections 9.1.8 and 9.3.

/// `TABLES[n][b]`: the CRC-16 of byte `b` followed by `n` zero bytes.
static TABLES: [[u16; 256]; 8] = tables();

const fn tables() -> [[u16; 256]; 8] {
    let mut tables = [[0u16; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = ((byte as u16) << 8, 0);
        while bit < 8 {
            crc = (crc << 1) ^ (if crc & 0x8000 != 0 { 0x8005 } else { 0 });
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut at = 256;
    while at < 8 * 256 {
        let before = tables[at / 256 - 1][at % 256];
        tables[at / 256][at % 256] = (before << 8) ^ tables[0][(before >> 8) as usize];
        at += 1;
    }
    tables
}

/// The checksum of a frame's header.
pub fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc: u8, _| {
            (crc << 1) ^ (if crc & 0x80 != 0 { 0x07 } else { 0 })
        })
    })
}

/// The checksum of a frame.
pub fn crc16(bytes: &[u8]) -> u16 {
    let (words, rest) = bytes.as_chunks::<8>();
    let crc = words.iter().fold(0u16, |crc, word| {
        let [high, low] = crc.to_be_bytes();
        let first = TABLES[7][usize::from(word[0] ^ high)] ^ TABLES[6][usize::from(word[1] ^ low)];
        (2..8).fold(first, |sum, at| sum ^ TABLES[7 - at][usize::from(word[at])])
    });
    rest.iter().fold(crc, |crc, byte| {
        (crc << 8) ^ TABLES[0][usize::from(crc.to_be_bytes()[0] ^ byte)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of CRC-8/SMBUS and CRC-16/UMTS, which are these two.
    #[test]
    fn the_checksums_are_the_published_ones() {
        assert_eq!(crc8(b"123456789"), 0xf4);
        assert_eq!(crc16(b"123456789"), 0xfee8);
    }

    #[test]
    fn a_checksum_does_not_depend_on_the_length_of_a_word() {
        let bytes: Vec<u8> = (0..40u8).map(|n| n.wrapping_mul(37)).collect();
        for len in 0..bytes.len() {
            let by_bit = bytes[..len].iter().fold(0u16, |crc, byte| {
                (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| match crc & 0x8000 {
                    0 => crc << 1,
                    _ => (crc << 1) ^ 0x8005,
                })
            });
            assert_eq!(crc16(&bytes[..len]), by_bit, "{len} bytes");
        }
    }
}
