//! Writes the bits of a frame, the most significant first.

pub struct FlacBitWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Bits that are not in `out` yet, at the low end.
    bits: u64,
    /// Their number, less than 32 between calls.
    count: u32,
}

impl FlacBitWriter<'_> {
    pub fn new(out: &mut Vec<u8>) -> FlacBitWriter<'_> {
        FlacBitWriter {
            out,
            bits: 0,
            count: 0,
        }
    }

    /// Writes the low bits of `value`, at most 32; the others must be zero.
    #[inline(always)]
    pub fn put(&mut self, value: u32, bits: u32) {
        self.bits = (self.bits << bits) | u64::from(value);
        self.count += bits;
        if self.count >= 32 {
            self.count -= 32;
            let word = (self.bits >> self.count) as u32;
            self.out.extend_from_slice(&word.to_be_bytes());
        }
    }

    /// Writes a number in two's complement with 1 to 32 bits.
    #[inline(always)]
    pub fn put_signed(&mut self, value: i32, bits: u32) {
        self.put((value as u32) & (u32::MAX >> (32 - bits)), bits);
    }

    fn put_zeros(&mut self, mut count: u32) {
        while count > 0 {
            let bits = count.min(32);
            self.put(0, bits);
            count -= bits;
        }
    }

    /// Writes a number of zeros and a one.
    pub fn put_unary(&mut self, zeros: u32) {
        self.put_zeros(zeros);
        self.put(1, 1);
    }

    /// Writes a folded residual as a Rice code: RFC 9639, section 9.2.7.
    #[inline(always)]
    pub fn put_rice(&mut self, folded: u32, parameter: u32) {
        let quotient = folded >> parameter;
        let low = (1 << parameter) | (folded & ((1 << parameter) - 1));
        let bits = quotient.saturating_add(parameter + 1);
        if bits <= 32 {
            self.put(low, bits);
        } else {
            self.put_zeros(quotient);
            self.put(low, parameter + 1);
        }
    }

    /// Fills the last byte with zeros.
    pub fn finish(mut self) {
        let padding = self.count.next_multiple_of(8) - self.count;
        self.put(0, padding);
        while self.count > 0 {
            self.count -= 8;
            self.out.push((self.bits >> self.count) as u8);
        }
    }
}
