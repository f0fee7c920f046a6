//! Writes frames: RFC 9639, section 9.

use super::bit_writer::FlacBitWriter;
use super::crc::crc16;
use super::frame_header::{BLOCK, ChannelStorage, FlacFrameHeader, FlacStream};
use super::level::LevelSettings;
use super::signal::ChannelSignal;
use super::subframe::SubframeWriter;

const SAMPLE_BITS: u32 = 16;

/// The most bytes of a frame: a header, and samples of 17 bits as they are.
pub const fn frame_bytes_max(channels: u16) -> usize {
    let subframe = 4 + BLOCK * (SAMPLE_BITS as usize + 1) / 8;
    16 + channels as usize * subframe + 2
}

/// The parameters of a recording's frames.
#[derive(Clone, Copy, Debug)]
pub struct FlacParameters {
    pub stream: FlacStream,
    pub level: LevelSettings,
}

/// The bits of a frame of audio that joining two channels must be expected to save. Less is within
/// the error of the estimate.
const JOIN_BITS: f32 = 0.1;
/// The signals of two channels, behind those of the channels themselves.
const MID: usize = 2;
const SIDE: usize = 3;

/// Writes frames of any recording. It has only buffers from one frame to the next.
#[derive(Default)]
pub struct FlacFrameWriter {
    signals: Vec<ChannelSignal>,
    subframes: SubframeWriter,
}

impl FlacFrameWriter {
    /// Appends frame `number` to `out`. `samples`: interleaved, 1 to [`BLOCK`] frames.
    pub fn put(&mut self, parameters: &FlacParameters, samples: &[u8], number: u32, out: &mut Vec<u8>) {
        let FlacParameters { stream, level } = parameters;
        let channels = usize::from(stream.channels);
        self.signals.resize_with(
            self.signals.len().max(channels).max(SIDE + 1),
            ChannelSignal::default,
        );
        self.separate(samples, channels);
        let storage = match level.joins_channels && channels == 2 {
            true => self.join(),
            false => ChannelStorage::Independent,
        };
        let begin = out.len();
        let header = FlacFrameHeader {
            number,
            frames: self.signals[0].samples.len(),
            storage,
        };
        header.put(*stream, out);
        let mut writer = FlacBitWriter::new(out);
        for channel in 0..channels {
            let signal = match (storage, channel) {
                (ChannelStorage::LeftSide | ChannelStorage::MidSide, 1) => SIDE,
                (ChannelStorage::SideRight, 0) => SIDE,
                (ChannelStorage::MidSide, _) => MID,
                _ => channel,
            };
            self.subframes.put(&self.signals[signal], level, &mut writer);
        }
        writer.finish();
        let crc = crc16(&out[begin..]);
        out.extend_from_slice(&crc.to_be_bytes());
    }

    /// Separates interleaved samples.
    fn separate(&mut self, samples: &[u8], channels: usize) {
        let sample = |bytes: [u8; 2]| i32::from(i16::from_le_bytes(bytes));
        match channels {
            1 => {
                let samples = samples.as_chunks::<2>().0.iter();
                self.signals[0].fill(samples.map(|bytes| sample(*bytes)), SAMPLE_BITS);
            }
            2 => {
                let frames = samples.as_chunks::<4>().0.iter();
                let left = frames.clone().map(|[low, high, _, _]| sample([*low, *high]));
                self.signals[0].fill(left, SAMPLE_BITS);
                let right = frames.map(|[_, _, low, high]| sample([*low, *high]));
                self.signals[1].fill(right, SAMPLE_BITS);
            }
            _ => {
                for (channel, signal) in self.signals[..channels].iter_mut().enumerate() {
                    let samples = samples.as_chunks::<2>().0.iter().skip(channel).step_by(channels);
                    signal.fill(samples.map(|bytes| sample(*bytes)), SAMPLE_BITS);
                }
            }
        }
    }

    /// Fills the mean and the difference of two channels, and chooses the two signals that are
    /// likely to need the fewest bits.
    fn join(&mut self) -> ChannelStorage {
        let [left, right, mid, side, ..] = &mut self.signals[..] else {
            return ChannelStorage::Independent;
        };
        let (left_wasted, right_wasted) = (left.wasted, right.wasted);
        let pairs = || {
            let pairs = left.samples.iter().zip(&right.samples);
            pairs.map(move |(left, right)| (left << left_wasted, right << right_wasted))
        };
        mid.fill(pairs().map(|(left, right)| (left + right) >> 1), SAMPLE_BITS);
        side.fill(pairs().map(|(left, right)| left - right), SAMPLE_BITS + 1);
        let [left, right, mid, side] = [left, right, mid, side].map(|signal| signal.cost());
        let costs = [
            (ChannelStorage::Independent, left + right - JOIN_BITS),
            (ChannelStorage::LeftSide, left + side),
            (ChannelStorage::SideRight, side + right),
            (ChannelStorage::MidSide, mid + side),
        ];
        let best = costs.into_iter().min_by(|a, b| a.1.total_cmp(&b.1));
        best.map_or(ChannelStorage::Independent, |(storage, _)| storage)
    }
}
