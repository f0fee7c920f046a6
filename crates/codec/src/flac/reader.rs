//! Reads frames: RFC 9639, section 9.

use super::bit_reader::FlacBitReader;
use super::crc::crc16;
use super::damage::FrameDamage;
use super::fixed;
use super::frame_header::{ChannelStorage, FlacFrameHeader, FlacStream};
use super::rice::unfold;

const SAMPLE_BITS: u32 = 16;

/// A frame of a file.
pub struct FlacFrame {
    pub number: u32,
    /// One vector for each channel.
    pub channels: Vec<Vec<i32>>,
    /// The size of the frame.
    pub bytes: usize,
}

impl FlacFrame {
    /// Reads the frame at the beginning of `bytes`.
    pub fn read(bytes: &[u8], stream: FlacStream) -> Result<FlacFrame, FrameDamage> {
        let (header, at) = FlacFrameHeader::parse(bytes, stream)?;
        let mut reader = FlacBitReader::new(bytes, at);
        let mut channels = Vec::with_capacity(stream.channels.into());
        for channel in 0..usize::from(stream.channels) {
            let is_side = header.storage.side() == Some(channel);
            let bits = SAMPLE_BITS + u32::from(is_side);
            channels.push(subframe(&mut reader, header.frames, bits)?);
        }
        let (end, is_padded) = reader.end();
        let crc = bytes.get(end..end + 2).ok_or(FrameDamage::Cut)?;
        FrameDamage::check(is_padded && crc == crc16(&bytes[..end]).to_be_bytes())?;
        if let [first, second] = &mut channels[..] {
            separate(header.storage, first, second);
        }
        let is_16_bits = |sample: &i32| i16::try_from(*sample).is_ok();
        FrameDamage::check(channels.iter().flatten().all(is_16_bits))?;
        Ok(FlacFrame {
            number: header.number,
            channels,
            bytes: end + 2,
        })
    }

    /// The number of frames of audio.
    pub fn frames(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }
}

/// Computes left and right.
fn separate(storage: ChannelStorage, first: &mut [i32], second: &mut [i32]) {
    for (first, second) in first.iter_mut().zip(second) {
        (*first, *second) = match storage {
            ChannelStorage::Independent => (*first, *second),
            ChannelStorage::LeftSide => (*first, *first - *second),
            ChannelStorage::SideRight => (*first + *second, *second),
            ChannelStorage::MidSide => {
                let sum = (*first << 1) | (*second & 1);
                ((sum + *second) >> 1, (sum - *second) >> 1)
            }
        };
    }
}

fn subframe(reader: &mut FlacBitReader<'_>, frames: usize, bits: u32) -> Result<Vec<i32>, FrameDamage> {
    let header = reader.take(8).ok_or(FrameDamage::Cut)?;
    let wasted = match header & 1 {
        0 => 0,
        _ => reader.take_unary().ok_or(FrameDamage::Cut)? + 1,
    };
    FrameDamage::check(header < 0x80 && wasted < bits)?;
    let bits = bits - wasted;
    let mut samples = Vec::with_capacity(frames);
    match header >> 1 {
        0 => {
            let sample = reader.take_signed(bits).ok_or(FrameDamage::Cut)?;
            samples.resize(frames, sample);
        }
        1 => stored(reader, frames, bits, &mut samples)?,
        code @ 8..=12 => {
            let order = (code - 8) as usize;
            FrameDamage::check(order <= frames)?;
            stored(reader, order, bits, &mut samples)?;
            residual(reader, frames, order, &mut samples)?;
            restore(&mut samples, fixed::coefficients(order), 0, bits)?;
        }
        code @ 32..=63 => {
            let order = (code - 31) as usize;
            FrameDamage::check(order <= frames)?;
            stored(reader, order, bits, &mut samples)?;
            let precision = reader.take(4).ok_or(FrameDamage::Cut)? + 1;
            let shift = reader.take(5).ok_or(FrameDamage::Cut)?;
            FrameDamage::check(precision < 16 && shift < 16)?;
            let mut coefficients = Vec::with_capacity(order);
            stored(reader, order, precision, &mut coefficients)?;
            residual(reader, frames, order, &mut samples)?;
            restore(&mut samples, &coefficients, shift, bits)?;
        }
        _ => return Err(FrameDamage::Invalid),
    }
    samples.iter_mut().for_each(|sample| *sample <<= wasted);
    Ok(samples)
}

/// Appends numbers in two's complement.
fn stored(
    reader: &mut FlacBitReader<'_>,
    count: usize,
    bits: u32,
    out: &mut Vec<i32>,
) -> Result<(), FrameDamage> {
    for _ in 0..count {
        out.push(reader.take_signed(bits).ok_or(FrameDamage::Cut)?);
    }
    Ok(())
}

/// Appends the residuals: section 9.2.7.
fn residual(
    reader: &mut FlacBitReader<'_>,
    frames: usize,
    order: usize,
    out: &mut Vec<i32>,
) -> Result<(), FrameDamage> {
    let parameter_bits = match reader.take(2).ok_or(FrameDamage::Cut)? {
        0 => 4,
        1 => 5,
        _ => return Err(FrameDamage::Invalid),
    };
    let partition_order = reader.take(4).ok_or(FrameDamage::Cut)?;
    let len = frames >> partition_order;
    FrameDamage::check(len << partition_order == frames && len >= order)?;
    for partition in 1..=1usize << partition_order {
        let count = partition * len - out.len();
        let parameter = reader.take(parameter_bits).ok_or(FrameDamage::Cut)?;
        if parameter == (1 << parameter_bits) - 1 {
            let bits = reader.take(5).ok_or(FrameDamage::Cut)?;
            stored(reader, count, bits, out)?;
            continue;
        }
        for _ in 0..count {
            let quotient = reader.take_unary().ok_or(FrameDamage::Cut)?;
            let rest = reader.take(parameter).ok_or(FrameDamage::Cut)?;
            FrameDamage::check(quotient <= u32::MAX >> parameter)?;
            out.push(unfold((quotient << parameter) | rest));
        }
    }
    Ok(())
}

/// Adds the predictions to the residuals. Every sample must have at most `bits` bits.
fn restore(samples: &mut [i32], coefficients: &[i32], shift: u32, bits: u32) -> Result<(), FrameDamage> {
    let limit = 1i64 << (bits - 1);
    for at in coefficients.len()..samples.len() {
        let before = samples[..at].iter().rev();
        let products = before
            .zip(coefficients)
            .map(|(a, b)| i64::from(*a) * i64::from(*b));
        let sample = i64::from(samples[at]) + (products.sum::<i64>() >> shift);
        FrameDamage::check((-limit..limit).contains(&sample))?;
        samples[at] = sample as i32;
    }
    Ok(())
}
