//! Reads the bits of a frame, the most significant first.

pub struct FlacBitReader<'a> {
    bytes: &'a [u8],
    /// The position of the next bit.
    at: usize,
}

impl FlacBitReader<'_> {
    /// Begins at byte `at`.
    pub fn new(bytes: &[u8], at: usize) -> FlacBitReader<'_> {
        FlacBitReader { bytes, at: 8 * at }
    }

    /// The next bits, at the high end. If that many bytes follow, 57 bits are valid; zeros follow
    /// the end.
    #[inline(always)]
    fn window(&self) -> u64 {
        let rest = self.bytes.get(self.at / 8..).unwrap_or_default();
        let word = rest.first_chunk::<8>().map_or_else(
            || {
                let mut word = [0; 8];
                word[..rest.len()].copy_from_slice(rest);
                u64::from_be_bytes(word)
            },
            |word| u64::from_be_bytes(*word),
        );
        word << (self.at % 8)
    }

    /// `None` behind the end.
    #[inline(always)]
    fn advance(&mut self, bits: u32) -> Option<()> {
        let end = self.at + bits as usize;
        (end <= 8 * self.bytes.len()).then(|| self.at = end)
    }

    /// Reads at most 32 bits.
    #[inline(always)]
    pub fn take(&mut self, bits: u32) -> Option<u32> {
        let value = (self.window() >> 32) >> (32 - bits);
        self.advance(bits)?;
        Some(value as u32)
    }

    /// Reads a number in two's complement with at most 32 bits.
    pub fn take_signed(&mut self, bits: u32) -> Option<i32> {
        let value = self.take(bits)?;
        match bits {
            0 => Some(0),
            _ => Some((value << (32 - bits)) as i32 >> (32 - bits)),
        }
    }

    /// Reads zeros and the one after them. Returns the number of zeros.
    #[inline(always)]
    pub fn take_unary(&mut self) -> Option<u32> {
        let mut zeros = 0;
        loop {
            let window = self.window();
            if window != 0 {
                let more = window.leading_zeros();
                self.advance(more + 1)?;
                return Some(zeros + more);
            }
            self.advance(57)?;
            zeros += 57;
        }
    }

    /// The offset of the first byte that was not read at all, and whether the unread bits before
    /// it are zeros.
    pub fn end(&self) -> (usize, bool) {
        let unread = (8 - self.at % 8) % 8;
        let byte = self.bytes.get(self.at / 8).copied().unwrap_or_default();
        (self.at.div_ceil(8), u32::from(byte) & ((1 << unread) - 1) == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::bit_writer::FlacBitWriter;
    use super::*;

    #[test]
    fn written_bits_are_read() {
        let mut bytes = Vec::new();
        let mut writer = FlacBitWriter::new(&mut bytes);
        for bits in 1..=32 {
            writer.put(u32::MAX >> (32 - bits), bits);
            writer.put_signed(-1 << (bits - 1), bits);
            writer.put_unary(3 * bits);
            writer.put_rice(1000 * bits + 7, bits % 15);
        }
        writer.put_rice(u32::MAX, 14);
        writer.finish();
        let mut reader = FlacBitReader::new(&bytes, 0);
        for bits in 1..=32 {
            assert_eq!(reader.take(bits), Some(u32::MAX >> (32 - bits)));
            assert_eq!(reader.take_signed(bits), Some(-1 << (bits - 1)));
            assert_eq!(reader.take_unary(), Some(3 * bits));
            let quotient = reader.take_unary().expect("a code");
            let rest = reader.take(bits % 15).expect("a code");
            assert_eq!((quotient << (bits % 15)) | rest, 1000 * bits + 7);
        }
        assert_eq!(reader.take_unary(), Some(u32::MAX >> 14));
        assert_eq!(reader.take(14), Some(0x3fff));
        assert_eq!(reader.end(), (bytes.len(), true));
        assert_eq!(reader.take(8), None);
        assert_eq!(reader.take_unary(), None);
        assert_eq!(reader.take_signed(0), Some(0));
    }
}
