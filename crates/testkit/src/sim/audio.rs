//! Finds patterns in a recording's file.

use callrec_codec::SampleFormat;
use callrec_codec::container;
use callrec_codec::flac::decoded::{decode, decode_whole_frames};

use super::run_frames::{PATTERN_RUN, samples_of_file, samples_of_frames};

/// The patterns in any file, in either byte order, in one channel or in either of two, whose samples
/// begin at any byte. `is_aligned`: they begin at an even one. Audio that fades has bytes of any
/// value, which beside those of the other leg look like patterns.
pub fn patterns_in(data: &[u8], is_aligned: bool) -> Vec<i16> {
    let mut patterns = Vec::new();
    let decoded = decode_whole_frames(data).map(|(decoded, _)| decoded.samples);
    let decoded = decoded.or_else(|| samples_of_frames(data));
    let data = decoded.as_deref().unwrap_or(data);
    for skip in 0..if is_aligned { 1 } else { 2 } {
        let words: Vec<[u8; 2]> = data[skip.min(data.len())..]
            .chunks_exact(2)
            .map(|word| [word[0], word[1]])
            .collect();
        for step in [1, 2] {
            for channel in 0..step {
                runs(words.iter().skip(channel).step_by(step), &mut patterns);
            }
        }
    }
    patterns.sort_unstable();
    patterns.dedup();
    patterns
}

fn runs<'a>(words: impl Iterator<Item = &'a [u8; 2]>, patterns: &mut Vec<i16>) {
    let (mut last, mut length) = ([0, 0], 0);
    for word in words {
        length = if *word == last { length + 1 } else { 1 };
        last = *word;
        if length == PATTERN_RUN && last != [0, 0] {
            patterns.push(i16::from_le_bytes(last));
            patterns.push(i16::from_be_bytes(last));
        }
    }
}

/// A pattern, and its number of consecutive samples.
pub type PatternRun = (i16, usize);

/// The packets in the two channels of a file.
pub type KeptPackets = [Vec<PatternRun>; 2];

/// The samples of each channel of a stereo recording.
pub fn recorded_samples(path: &str, data: &[u8]) -> Result<[Vec<i16>; 2], String> {
    let (audio, big_endian) = match path.rsplit('.').next() {
        Some("au") => (audio_of_au(data).to_vec(), true),
        Some("flac") => (audio_of_flac(data).ok_or("not a FLAC file")?, false),
        Some("wav") => (audio_of_wav(data).to_vec(), false),
        Some("mp3") => (samples_of_file(data).ok_or("not an MP3 file")?, false),
        Some("paged") => (audio_of_paged(data).ok_or("not a file of pages")?, false),
        _ => return Err("an unknown format".to_owned()),
    };
    let sample = |word: [u8; 2]| match big_endian {
        true => i16::from_be_bytes(word),
        false => i16::from_le_bytes(word),
    };
    let channel = |first: usize| {
        let frames = audio.chunks_exact(4);
        frames
            .map(|frame| sample([frame[first], frame[first + 1]]))
            .collect()
    };
    Ok([channel(0), channel(2)])
}

/// The patterns in a channel, in order.
pub fn recorded_patterns(samples: &[i16]) -> Vec<PatternRun> {
    let mut kept: Vec<PatternRun> = Vec::new();
    for pattern in samples.iter().copied().filter(|sample| *sample != 0) {
        match kept.last_mut() {
            Some((last, count)) if *last == pattern => *count += 1,
            _ => kept.push((pattern, 1)),
        }
    }
    kept
}

/// Whether a file, finished or in progress, has no patterns, because its format changes samples.
pub fn is_lossy(path: &str) -> bool {
    path.trim_end_matches(".part").ends_with(".opus")
}

/// Whether a file has a byte of G.711 for each sample. Those of patterns begin with a one, so they are
/// never taken for other patterns.
pub fn is_companded(data: &[u8]) -> bool {
    container::parse(data).is_some_and(|found| found.shape.format.samples() != SampleFormat::Pcm16)
}

/// Whether the length of a finished file is compared with its manifest: its packets or bytes show nothing
/// else, or the length shows only in them.
pub fn is_measured(path: &str, data: &[u8]) -> bool {
    is_lossy(path) || path.ends_with(".mp3") || is_companded(data)
}

fn audio_of_wav(data: &[u8]) -> &[u8] {
    let at = data.windows(4).position(|four| four == b"data");
    let Some(at) = at else { return &[] };
    let length = data[at + 4..]
        .first_chunk()
        .map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
    let audio = data.get(at + 8..).unwrap_or_default();
    &audio[..length.min(audio.len())]
}

fn audio_of_flac(data: &[u8]) -> Option<Vec<u8>> {
    decode(data).map(|decoded| decoded.samples)
}

fn audio_of_au(data: &[u8]) -> &[u8] {
    let at = data
        .get(4..8)
        .and_then(|bytes| bytes.first_chunk())
        .map_or(0, |bytes| u32::from_be_bytes(*bytes) as usize);
    data.get(at..).unwrap_or_default()
}

/// The test format of the feature `faults`, which behaves like compressed formats.
#[cfg(feature = "faults")]
fn audio_of_paged(data: &[u8]) -> Option<Vec<u8>> {
    callrec_codec::paged::decode(data).map(|decoded| decoded.samples)
}

#[cfg(not(feature = "faults"))]
fn audio_of_paged(_: &[u8]) -> Option<Vec<u8>> {
    None
}
