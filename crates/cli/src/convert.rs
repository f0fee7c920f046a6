//! `callrec convert`.

use std::path::Path;

use callrec::codec::{Format, Shape, Tags};
use callrec::types::parse_format;
use indicatif::ProgressBar;
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Indexing, Resampler, SincInterpolationParameters, WindowFunction};
use serde_json::json;
use uuid::Uuid;

use crate::audio::DecodedAudio;
use crate::command_line::ConvertOptions;
use crate::encoded_file::EncodedFile;
use crate::library;
use crate::output::{CommandResult, ErrorContext, Output, because, clock, size};

/// The length of the resampler's filter in samples of the lower rate.
const FILTER: usize = 64;
const CHUNK: usize = 1024;

pub fn convert(options: &ConvertOptions, output: &Output) -> CommandResult<()> {
    callrec::lame::provide();
    let (path, manifest) = library::open_audio(&options.recording)?;
    let format = format_of(options)?;
    if options.file.exists() && !options.force {
        return because(format!(
            "{}: the file exists; --force replaces it",
            options.file.display()
        ));
    }
    if is_same_file(&path, &options.file) {
        return because(format!(
            "{}: a recording cannot be converted onto itself",
            path.display()
        ));
    }
    let mut audio = DecodedAudio::open(&path)?;
    let shape = Shape {
        format,
        rate: format.rate().unwrap_or_else(|| format.fit_rate(audio.shape.rate)),
        channels: audio.shape.channels,
    };
    let tags = match manifest {
        Some(manifest) => manifest.tags(Uuid::try_parse(&manifest.id).unwrap_or_default()),
        None => Tags::of(audio.recording.unwrap_or_default()),
    };
    let mut file = EncodedFile::create(&options.file, shape, tags).about(options.file.display())?;
    let bar = output.progress(audio.frames, "{wide_bar} {percent} %, {eta} left");
    let done = copy(&mut audio, &mut file, shape.rate, &bar);
    bar.finish_and_clear();
    done?;
    let bytes = file.finish(options.force).about(options.file.display())?;
    report(
        &options.file,
        &shape,
        audio.shape.duration_ms(audio.frames),
        bytes,
        output,
    )
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn report(path: &Path, shape: &Shape, ms: u64, bytes: u64, output: &Output) -> CommandResult<()> {
    if output.is_json {
        return output.json(&json!({
            "path": path.display().to_string(),
            "format": shape.format.name(),
            "sample_rate": shape.rate,
            "channels": shape.channels,
            "duration_ms": ms,
            "bytes": bytes,
        }));
    }
    output.line(format_args!("{}: {}, {}", path.display(), clock(ms), size(bytes)))
}

/// The format that the options name, or that of the extension.
fn format_of(options: &ConvertOptions) -> CommandResult<Format> {
    if let Some(text) = &options.format {
        return Ok(parse_format(text)?);
    }
    let extension = options.file.extension().and_then(|extension| extension.to_str());
    let of_extension =
        Format::all().find(|format| format.is_listed() && Some(format.extension()) == extension);
    match of_extension {
        Some(format) => Ok(parse_format(format.name())?),
        None => because(format!(
            "{}: name the format with --format, because its extension is that of none",
            options.file.display()
        )),
    }
}

fn copy(audio: &mut DecodedAudio, file: &mut EncodedFile, rate: u32, bar: &ProgressBar) -> CommandResult<()> {
    let mut samples = Vec::new();
    if rate == audio.shape.rate {
        while audio.read(&mut samples)? {
            file.write(&samples).about("the new file")?;
            bar.inc((samples.len() / audio.channels()) as u64);
        }
        return Ok(());
    }
    let mut resampling = RateConversion::new(audio.shape.rate, rate, audio.channels())?;
    while audio.read(&mut samples)? {
        let ready = resampling.convert(&samples)?;
        file.write(&ready).about("the new file")?;
        bar.inc((samples.len() / audio.channels()) as u64);
    }
    file.write(&resampling.finish()?).about("the new file")
}

/// Converts samples to another rate, without a delay: the first sample stays the first.
struct RateConversion {
    inner: Async<f32>,
    channels: usize,
    /// Samples that are not converted yet.
    input: Vec<f32>,
    /// Frames of output to skip: the delay of the filter.
    skip: usize,
    /// Frames that were read, and frames that were returned.
    frames: (u64, u64),
    rates: (u32, u32),
}

impl RateConversion {
    fn new(from: u32, to: u32, channels: usize) -> CommandResult<RateConversion> {
        let length = FILTER * (from / to.max(1)).max(1) as usize;
        let filter = SincInterpolationParameters::new(length, WindowFunction::BlackmanHarris2);
        let ratio = f64::from(to) / f64::from(from);
        let inner = Async::new_sinc(ratio, 1.0, &filter, CHUNK, channels, FixedAsync::Input);
        let inner = inner.about(format_args!("{from} Hz to {to} Hz"))?;
        Ok(RateConversion {
            // Half of the filter; and the first output lies one step after the first input.
            skip: (length as f64 / 2.0 * ratio - 1.0).round().max(0.0) as usize,
            inner,
            channels,
            input: Vec::new(),
            frames: (0, 0),
            rates: (from, to),
        })
    }

    fn convert(&mut self, samples: &[i16]) -> CommandResult<Vec<i16>> {
        self.input
            .extend(samples.iter().map(|sample| f32::from(*sample) / 32768.0));
        self.frames.0 += (samples.len() / self.channels) as u64;
        let mut out = Vec::new();
        while self.input.len() >= CHUNK * self.channels {
            self.step(&mut out)?;
        }
        Ok(out)
    }

    /// Returns what is left, so that the output has the duration of the input.
    fn finish(mut self) -> CommandResult<Vec<i16>> {
        let (from, to) = self.rates;
        let whole = (u128::from(self.frames.0) * u128::from(to)).div_ceil(u128::from(from)) as u64;
        let mut out = Vec::new();
        while self.frames.1 < whole {
            // Silence behind the last sample.
            self.input
                .resize(self.input.len().max(CHUNK * self.channels), 0.0);
            self.step(&mut out)?;
        }
        let surplus = (self.frames.1 - whole) as usize * self.channels;
        out.truncate(out.len().saturating_sub(surplus));
        Ok(out)
    }

    /// Converts one chunk.
    fn step(&mut self, out: &mut Vec<i16>) -> CommandResult<()> {
        let values = CHUNK * self.channels;
        let mut converted = vec![0.0; self.inner.output_frames_max() * self.channels];
        let frames = converted.len() / self.channels;
        let input = InterleavedSlice::new(&self.input[..values], self.channels, CHUNK).about("resampling")?;
        let mut output =
            InterleavedSlice::new_mut(&mut converted, self.channels, frames).about("resampling")?;
        let done = self
            .inner
            .process_into_buffer(&input, &mut output, None::<&Indexing>);
        let (_, written) = done.about("resampling")?;
        self.input.drain(..values);
        let skipped = self.skip.min(written);
        self.skip -= skipped;
        self.frames.1 += (written - skipped) as u64;
        let samples = &converted[skipped * self.channels..written * self.channels];
        out.extend(
            samples
                .iter()
                .map(|sample| (sample * 32768.0).round().clamp(-32768.0, 32767.0) as i16),
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sine of 440 Hz.
    fn sine(rate: u32, frames: u32) -> Vec<i16> {
        let angle = |n: u32| f64::from(n) * 440.0 * std::f64::consts::TAU / f64::from(rate);
        (0..frames).map(|n| (angle(n).sin() * 20_000.0) as i16).collect()
    }

    #[test]
    fn another_rate_keeps_the_time_of_each_sample() {
        for (from, to) in [(8000, 48_000), (16_000, 8000), (44_100, 48_000), (11_025, 12_000)] {
            let Ok(mut conversion) = RateConversion::new(from, to, 1) else {
                panic!("{from} to {to}");
            };
            let mut converted = Vec::new();
            for piece in sine(from, from).chunks(777) {
                converted.extend(conversion.convert(piece).expect("samples"));
            }
            converted.extend(conversion.finish().expect("samples"));
            assert_eq!(converted.len(), to as usize, "{from} to {to}");
            let expected = sine(to, to);
            let inner = to as usize / 20..to as usize * 19 / 20;
            let apart = inner.map(|n| (i32::from(converted[n]) - i32::from(expected[n])).abs());
            // The delay of the filter is known to half a sample.
            let step = 20_000.0 * 440.0 * std::f64::consts::TAU / f64::from(to);
            assert!(apart.max() < Some((0.6 * step) as i32), "{from} to {to}");
        }
    }
}
