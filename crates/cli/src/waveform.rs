//! The waveform of a recording: its loudest samples, and where it has no audio.

pub mod svg;
pub mod text;

use callrec::storage::SpanEntry;

use crate::audio::DecodedAudio;
use crate::output::CommandResult;

/// Slices of a second.
const SLICES_PER_SECOND: u64 = 50;

/// A range of the file without audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaveformGap {
    Pause,
    Loss,
}

/// The waveform of one recording.
pub struct Waveform {
    /// For each channel, the loudest sample of each slice of the file, 0 to 1.
    channels: Vec<Vec<f32>>,
    gaps: Vec<(WaveformGap, f64, f64)>,
    pub seconds: f64,
}

impl Waveform {
    /// Decodes the audio. `progress` is called with the number of frames that are read.
    pub fn read(
        audio: &mut DecodedAudio,
        spans: &[SpanEntry],
        mut progress: impl FnMut(u64),
    ) -> CommandResult<Waveform> {
        let (rate, count) = (u64::from(audio.shape.rate.max(1)), audio.channels());
        let slice = (rate / SLICES_PER_SECOND).max(1);
        let mut channels = vec![Vec::new(); count];
        let (mut frame, mut samples) = (0, Vec::new());
        while audio.read(&mut samples)? {
            for values in samples.chunks_exact(count) {
                let at = (frame / slice) as usize;
                for (channel, value) in channels.iter_mut().zip(values) {
                    if channel.len() == at {
                        channel.push(0.0);
                    }
                    channel[at] = f32::max(channel[at], f32::from(value.unsigned_abs().min(32767)) / 32767.0);
                }
                frame += 1;
            }
            progress(frame);
        }
        let seconds = |frame: u64| frame as f64 / rate as f64;
        let gaps = spans.iter().map(|span| {
            let gap = if span.kind == "pause" {
                WaveformGap::Pause
            } else {
                WaveformGap::Loss
            };
            let to = span.to_frame.unwrap_or(frame).min(frame);
            (gap, seconds(span.from_frame.min(to)), seconds(to))
        });
        Ok(Waveform {
            channels,
            gaps: gaps.collect(),
            seconds: seconds(frame),
        })
    }

    /// The loudest sample of each of `columns` equal parts of the file, for each channel.
    pub fn columns(&self, columns: usize) -> Vec<Vec<f32>> {
        let of_channel = |slices: &Vec<f32>| {
            let part = |column: usize| {
                let from = column * slices.len() / columns;
                let to = ((column + 1) * slices.len()).div_ceil(columns).min(slices.len());
                slices[from..to.max(from)].iter().copied().fold(0.0, f32::max)
            };
            (0..columns).map(part).collect()
        };
        self.channels.iter().map(of_channel).collect()
    }

    /// The pauses and losses, with their begin and end in seconds.
    pub fn gaps(&self) -> &[(WaveformGap, f64, f64)] {
        &self.gaps
    }

    /// The name of a channel.
    pub fn channel_name(&self, channel: usize) -> &'static str {
        match (self.channels.len(), channel) {
            (1, _) => "audio",
            (_, 0) => "local",
            _ => "remote",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slice_is_in_a_column() {
        let waveform = Waveform {
            channels: vec![vec![0.0, 0.5, 0.0, 1.0, 0.25]],
            gaps: Vec::new(),
            seconds: 0.1,
        };
        assert_eq!(waveform.columns(5), [[0.0, 0.5, 0.0, 1.0, 0.25]]);
        assert_eq!(waveform.columns(2), [[0.5, 1.0]]);
        assert_eq!(waveform.columns(1), [[1.0]]);
        // More columns than slices show each slice several times.
        let wide = waveform.columns(10).remove(0);
        assert_eq!((wide[0], wide[3], wide[9]), (0.0, 0.5, 0.25));
    }
}
