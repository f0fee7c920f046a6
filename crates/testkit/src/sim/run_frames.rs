//! MP3 without LAME, which is not the same on every machine: frames of the right size and number,
//! which hold runs of equal samples instead of encoded audio. So the file of a simulation tells which
//! packets it has.

use callrec_codec::container;
use callrec_codec::mp3::{Mp3Library, Mp3Settings, Mp3Stream, set_mp3_loader};

use super::whole_frames::whole_frames;

/// This many equal samples in a row are a pattern.
pub const PATTERN_RUN: usize = 8;

/// The format of which frames have room for all runs.
pub const RUN_FORMAT: &str = "mp3;bitrate=64000";

/// The frames of a bit rate.
#[derive(Clone, Copy)]
struct RunKind {
    bitrate: u32,
    /// MPEG-2.5, layer III, 8000 Hz, stereo.
    header: [u8; 4],
    bytes: usize,
}

/// `RUN_FORMAT`, and what recovery writes if the disk has lost all that shows the bit rate.
const KINDS: [RunKind; 2] = [
    RunKind {
        bitrate: 64_000,
        header: [0xff, 0xe3, 0x88, 0x04],
        bytes: 576,
    },
    RunKind {
        bitrate: 32_000,
        header: [0xff, 0xe3, 0x48, 0x04],
        bytes: 288,
    },
];
/// Samples of each channel in a frame.
const FRAME_SAMPLES: usize = 576;
/// Where the runs begin: after the header, the side information, and what identifies the frame.
const SIDE_INFORMATION: usize = 17;
const MAGIC: [u8; 4] = *b"runs";
const IDENTITY_AT: usize = 4 + SIDE_INFORMATION;
const RUNS_AT: usize = IDENTITY_AT + MAGIC.len() + 4 + 1;
const RUN_BYTES: usize = 3;
/// The delay of LAME and of decoders together, in samples.
const DELAY: usize = 576 + 529;
/// A sample is in a long run if it is in one among so many neighbours on each side.
const MARGIN: usize = PATTERN_RUN - 1;
/// The value of a run of samples that are in no long run: each differs from the next one.
const OTHER: i16 = 1;

/// Makes these frames the MP3 of this process.
pub fn install() {
    set_mp3_loader(|| Ok(&RunLibrary));
}

struct RunLibrary;

impl Mp3Library for RunLibrary {
    fn begin(&self, settings: &Mp3Settings) -> Result<Box<dyn Mp3Stream>, String> {
        let kind = KINDS.iter().find(|kind| kind.bitrate == settings.bitrate);
        let is_known = (settings.rate, settings.channels) == (8000, 2);
        let Some(kind) = kind.filter(|_| is_known) else {
            return Err(format!("{settings:?} is not simulated"));
        };
        Ok(Box::new(RunStream {
            kind: *kind,
            channels: [0, 1].map(|_| vec![0; MARGIN + DELAY]),
        }))
    }
}

struct RunStream {
    kind: RunKind,
    /// The samples of each channel from `MARGIN` before the next frame on.
    channels: [Vec<i16>; 2],
}

impl RunStream {
    fn put_frame(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        let exact = self.channels.each_ref().map(|all| {
            let frame = &all[MARGIN..MARGIN + FRAME_SAMPLES];
            runs_of(frame.iter().copied())
        });
        let (is_coarse, runs) = match self.kind.fits(&exact) {
            true => (false, exact),
            false => (true, self.channels.each_ref().map(|all| coarse_runs(all))),
        };
        if !self.kind.fits(&runs) {
            return Err("a frame has no room for its runs".to_owned());
        }
        let mut frame = self.kind.header.to_vec();
        frame.resize(RUNS_AT, 0);
        for (value, count) in runs.concat() {
            frame.extend_from_slice(&value.to_le_bytes());
            frame.push(count);
        }
        frame.resize(self.kind.bytes, 0);
        frame[RUNS_AT - 1] = u8::from(is_coarse);
        let identity = [MAGIC, checksum(&frame[RUNS_AT - 1..])].concat();
        frame[IDENTITY_AT..RUNS_AT - 1].copy_from_slice(&identity);
        out.append(&mut frame);
        for all in &mut self.channels {
            all.drain(..FRAME_SAMPLES);
        }
        Ok(())
    }
}

impl Mp3Stream for RunStream {
    fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) -> Result<(), String> {
        for (channel, all) in self.channels.iter_mut().enumerate() {
            all.extend(samples.iter().skip(channel).step_by(2));
        }
        while self.channels[0].len() >= FRAME_SAMPLES + 2 * MARGIN {
            self.put_frame(out)?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        let frames = (self.channels[0].len() - MARGIN).div_ceil(FRAME_SAMPLES);
        for all in &mut self.channels {
            all.resize(frames * FRAME_SAMPLES + 2 * MARGIN, 0);
        }
        (0..frames).try_for_each(|_| self.put_frame(out))
    }
}

/// Equal samples in a row, as many as a byte can count.
fn runs_of(samples: impl Iterator<Item = i16>) -> Vec<(i16, u8)> {
    let mut runs: Vec<(i16, u8)> = Vec::new();
    for sample in samples {
        match runs.last_mut() {
            Some((last, count)) if *last == sample && *count < u8::MAX => *count += 1,
            _ => runs.push((sample, 1)),
        }
    }
    runs
}

/// The runs of a frame with its neighbours, without telling the samples in short runs apart.
fn coarse_runs(all: &[i16]) -> Vec<(i16, u8)> {
    let mut coarse = Vec::new();
    for run in all[..FRAME_SAMPLES + 2 * MARGIN].chunk_by(|one, next| one == next) {
        let value = if run.len() >= PATTERN_RUN { run[0] } else { OTHER };
        coarse.resize(coarse.len() + run.len(), value);
    }
    runs_of(coarse[MARGIN..MARGIN + FRAME_SAMPLES].iter().copied())
}

impl RunKind {
    fn fits(&self, runs: &[Vec<(i16, u8)>; 2]) -> bool {
        (runs[0].len() + runs[1].len()) * RUN_BYTES <= self.bytes - RUNS_AT
    }
}

/// FNV-1a.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    let sum = bytes.iter().fold(0x811c_9dc5u32, |sum, byte| {
        (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    sum.to_le_bytes()
}

/// Appends the samples of the whole frame with which `bytes` begins, as stereo in little-endian bytes.
/// Returns its size; `None` if there is none.
fn read_frame(bytes: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let kind = KINDS.iter().find(|kind| bytes.starts_with(&kind.header))?;
    let frame = bytes.get(..kind.bytes)?;
    let coded = &frame[RUNS_AT - 1..];
    if frame[IDENTITY_AT..RUNS_AT - 1] != [MAGIC, checksum(coded)].concat() {
        return None;
    }
    let is_coarse = coded[0] != 0;
    let mut samples = Vec::with_capacity(2 * FRAME_SAMPLES);
    for run in coded[1..].chunks_exact(RUN_BYTES) {
        let (value, count) = (i16::from_le_bytes([run[0], run[1]]), usize::from(run[2]));
        samples.extend((0..count).map(|n| match is_coarse && value == OTHER {
            true => OTHER + (n % 2) as i16,
            false => value,
        }));
    }
    samples.resize(2 * FRAME_SAMPLES, 0);
    let (local, remote) = samples.split_at(FRAME_SAMPLES);
    for (local, remote) in local.iter().zip(remote) {
        out.extend_from_slice(&local.to_le_bytes());
        out.extend_from_slice(&remote.to_le_bytes());
    }
    Some(frame.len())
}

/// The samples of all whole frames in a file, whatever else is in it. `None` if there are none.
pub fn samples_of_frames(data: &[u8]) -> Option<Vec<u8>> {
    let (mut samples, mut at) = (Vec::new(), 0);
    while let Some(next) = data[at..].iter().position(|byte| *byte == KINDS[0].header[0]) {
        at += next;
        at += read_frame(&data[at..], &mut samples).unwrap_or(1);
    }
    (!samples.is_empty()).then_some(samples)
}

/// The samples of a finished file. `None` if it has anything but whole frames.
pub fn samples_of_file(data: &[u8]) -> Option<Vec<u8>> {
    let frames = whole_frames(data)? as usize;
    let mut audio = data.get(container::parse(data)?.audio_at as usize..)?;
    let mut samples = Vec::new();
    while !audio.is_empty() {
        audio = &audio[read_frame(audio, &mut samples)?..];
    }
    let stereo = 4;
    let from = (stereo * DELAY).min(samples.len());
    Some(samples.get(from..from + stereo * frames)?.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(bitrate: u32, channels: u16) -> Mp3Settings {
        Mp3Settings {
            rate: 8000,
            channels,
            bitrate,
        }
    }

    fn encode(bitrate: u32, writes: &[&[i16]]) -> Vec<u8> {
        let mut stream = RunLibrary.begin(&settings(bitrate, 2)).expect("a stream");
        let mut out = Vec::new();
        for write in writes {
            stream.encode(write, &mut out).expect("encoded");
        }
        stream.finish(&mut out).expect("finished");
        out
    }

    /// Both channels of what was encoded.
    fn decode(frames: &[u8]) -> [Vec<i16>; 2] {
        let all = samples_of_frames(frames).unwrap_or_default();
        let words = all
            .chunks_exact(2)
            .map(|word| i16::from_le_bytes([word[0], word[1]]));
        let all: Vec<i16> = words.skip(2 * DELAY).collect();
        [0, 1].map(|channel| all.iter().skip(channel).step_by(2).copied().collect())
    }

    fn stereo(local: &[i16], remote: &[i16]) -> Vec<i16> {
        local.iter().zip(remote).flat_map(|(a, b)| [*a, *b]).collect()
    }

    #[test]
    fn packets_are_read_back_sample_by_sample() {
        let packets = |first: i16| -> Vec<i16> { (0..9).flat_map(|n| [first + n; 160]).collect() };
        let (local, mut remote) = (packets(1000), packets(-2000));
        remote[333] = 5;
        let all = stereo(&local, &remote);
        for (cut, kind) in [0, 2, 1000, all.len()].into_iter().zip(KINDS.iter().cycle()) {
            let frames = encode(kind.bitrate, &[&all[..cut], &all[cut..]]);
            assert_eq!(
                frames.len(),
                kind.bytes * (9 * 160 + DELAY).div_ceil(FRAME_SAMPLES)
            );
            let found = decode(&frames);
            assert_eq!(found[0][..local.len()], local);
            assert_eq!(found[1][..remote.len()], remote);
        }
    }

    /// Noise has no room, but the packets around it are exact, also at the edges of frames.
    #[test]
    fn of_noise_only_the_length_is_kept() {
        for quiet in [40, 470, 471, 472, 473, 478, 500] {
            let noise = (0..700).map(|n| 1 + (n * 37 % 300) as i16);
            let local: Vec<i16> = [vec![0; quiet], vec![4000; 160]].concat();
            let local: Vec<i16> = local.into_iter().chain(noise).chain([5000; 160]).collect();
            let noisy = quiet + 160..local.len() - 160;
            let frames = encode(64_000, &[&stereo(&local, &local)]);
            for found in decode(&frames) {
                assert_eq!(found[..noisy.start], local[..noisy.start]);
                assert_eq!(found[noisy.end..local.len()], local[noisy.end..]);
                let noise = &found[noisy.clone()];
                assert!(noise.iter().all(|sample| *sample != 0 && sample.abs() < 0x180));
                assert!(noise.chunk_by(|a, b| a == b).all(|run| run.len() < PATTERN_RUN));
            }
        }
    }

    #[test]
    fn a_damaged_frame_is_left_out() {
        let packet = [1234; 3000];
        let frames = encode(64_000, &[&packet]);
        let size = KINDS[0].bytes;
        let count = frames.len() / size;
        for at in [0, 30, 50, size - 1] {
            let mut damaged = frames.clone();
            damaged[size + at] ^= 1;
            let samples = samples_of_frames(&damaged).expect("frames");
            assert_eq!(samples.len(), (count - 1) * 4 * FRAME_SAMPLES);
        }
        assert_eq!(samples_of_frames(&frames[1..size]), None);
    }

    #[test]
    fn other_settings_are_refused() {
        assert!(RunLibrary.begin(&settings(64_000, 1)).is_err());
        assert!(RunLibrary.begin(&settings(48_000, 2)).is_err());
    }
}
