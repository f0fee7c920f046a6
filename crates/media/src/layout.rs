//! Combines the samples of the legs into the frames of a file.

use callrec_codec::{AudioSlice, SampleFormat, encode_g711, g711};

use crate::Layout;
use crate::track::{Track, TrackView};

/// The legs (by index) in each channel. A mixed leg is in every channel.
pub fn channels(layout: Layout, count: u16) -> &'static [&'static [usize]] {
    match (layout, count) {
        (Layout::Stereo, 2) => &[&[0, 2], &[1, 2]],
        (Layout::Stereo | Layout::Mono, _) => &[&[0, 1, 2]],
        (Layout::Local, _) => &[&[0, 2]],
        (Layout::Remote, _) => &[&[1, 2]],
    }
}

pub fn includes_leg(layout: Layout, leg: usize) -> bool {
    match layout {
        Layout::Stereo | Layout::Mono => true,
        Layout::Local => leg != 1,
        Layout::Remote => leg != 0,
    }
}

/// Appends `frames` rendered frames to `out`.
pub fn render(
    out: &mut Vec<u8>,
    format: SampleFormat,
    channels: &[&[usize]],
    readers: &mut [LegReader<'_>; 3],
    frames: u64,
) {
    let stride = channels.len() * format.bytes();
    out.reserve(frames as usize * stride);
    let mut left = frames;
    while left > 0 {
        let (one, a) = readers[0].peek(left);
        let (two, b) = readers[1].peek(left);
        let (three, c) = readers[2].peek(left);
        let count = a.min(b).min(c).max(1);
        let slices = [one, two, three].map(|slice| slice.first(count as usize));
        append(out, format, channels, &slices, count as usize);
        left -= count;
        readers.iter_mut().for_each(|reader| reader.advance(count));
    }
}

/// Appends frames within which no slice begins or ends. They are filled with silence first: that
/// brings the lines of the block, which a writer's core read last, into the cache more quickly than
/// stores of single samples do.
fn append(
    out: &mut Vec<u8>,
    format: SampleFormat,
    channels: &[&[usize]],
    slices: &[AudioSlice<'_>; 3],
    frames: usize,
) {
    if append_stereo(out, format, channels, slices, frames) {
        return;
    }
    let from = out.len();
    out.resize(from + frames * channels.len() * format.bytes(), format.silence());
    render_any(&mut out[from..], format, channels, slices);
}

/// Fast path for two legs in the law of the file. Returns false in any other case.
fn append_stereo(
    out: &mut Vec<u8>,
    format: SampleFormat,
    channels: &[&[usize]],
    slices: &[AudioSlice<'_>; 3],
    frames: usize,
) -> bool {
    if channels.len() != 2 || !slices[2].is_silence() {
        return false;
    }
    let whole = |left: &[u8], right: &[u8]| left.len() == frames && right.len() == frames;
    match (format, slices[0], slices[1]) {
        (SampleFormat::Ulaw, AudioSlice::Ulaw(l), AudioSlice::Ulaw(r)) if whole(l, r) => {
            append_bytes(out, l, r)
        }
        (SampleFormat::Alaw, AudioSlice::Alaw(l), AudioSlice::Alaw(r)) if whole(l, r) => {
            append_bytes(out, l, r)
        }
        _ => return false,
    }
    true
}

fn append_bytes(out: &mut Vec<u8>, left: &[u8], right: &[u8]) {
    let from = out.len();
    out.resize(from + 2 * left.len(), 0);
    let (frames, _) = out[from..].as_chunks_mut::<2>();
    for ((frame, &l), &r) in frames.iter_mut().zip(left).zip(right) {
        *frame = [l, r];
    }
}

/// The general case. `out` holds silence.
fn render_any(out: &mut [u8], format: SampleFormat, channels: &[&[usize]], slices: &[AudioSlice<'_>; 3]) {
    if channels.len() == 2 && format == SampleFormat::Pcm16 && slices[2].is_silence() {
        return stereo_pcm(out, slices[0], slices[1]);
    }
    for (channel, legs) in channels.iter().enumerate() {
        let mut audible = legs
            .iter()
            .map(|&leg| slices[leg])
            .filter(|slice| !slice.is_silence());
        let (first, second, third) = (audible.next(), audible.next(), audible.next());
        match (first, second) {
            (None, _) => {}
            (Some(slice), None) => put(out, format, channels.len(), channel, slice),
            (Some(first), Some(second)) => {
                let third = third.unwrap_or(AudioSlice::Silence);
                mix(out, format, channels.len(), channel, [first, second, third]);
            }
        }
    }
}

/// Fast path for two legs and linear samples.
fn stereo_pcm(out: &mut [u8], left: AudioSlice<'_>, right: AudioSlice<'_>) {
    let (ulaw, alaw): (&g711::LinearTable, &g711::LinearTable) = (&g711::ULAW, &g711::ALAW);
    match (left, right) {
        (AudioSlice::Ulaw(l), AudioSlice::Ulaw(r)) => interleave(out, (l, ulaw), (r, ulaw)),
        (AudioSlice::Ulaw(l), AudioSlice::Alaw(r)) => interleave(out, (l, ulaw), (r, alaw)),
        (AudioSlice::Alaw(l), AudioSlice::Ulaw(r)) => interleave(out, (l, alaw), (r, ulaw)),
        (AudioSlice::Alaw(l), AudioSlice::Alaw(r)) => interleave(out, (l, alaw), (r, alaw)),
        (left, right) => {
            put(out, SampleFormat::Pcm16, 2, 0, left);
            put(out, SampleFormat::Pcm16, 2, 1, right);
        }
    }
}

fn interleave(out: &mut [u8], left: (&[u8], &g711::LinearTable), right: (&[u8], &g711::LinearTable)) {
    let frame = |l: u8, r: u8| {
        let l = u32::from(left.1[l as usize] as u16);
        let r = u32::from(right.1[r as usize] as u16);
        (l | r << 16).to_le_bytes()
    };
    let (frames, _) = out.as_chunks_mut::<4>();
    let (eights, rest) = frames.as_chunks_mut::<8>();
    let (lefts, left_rest) = left.0.as_chunks::<8>();
    let (rights, right_rest) = right.0.as_chunks::<8>();
    for ((frames, l), r) in eights.iter_mut().zip(lefts).zip(rights) {
        *frames = std::array::from_fn(|n| frame(l[n], r[n]));
    }
    for ((out, &l), &r) in rest.iter_mut().zip(left_rest).zip(right_rest) {
        *out = frame(l, r);
    }
}

/// Writes one leg into one channel.
fn put(out: &mut [u8], format: SampleFormat, channels: usize, channel: usize, slice: AudioSlice<'_>) {
    match (format, slice) {
        (_, AudioSlice::Silence) => {}
        (SampleFormat::Pcm16, slice) => put_pcm(out, channels, channel, slice),
        (SampleFormat::Ulaw, AudioSlice::Ulaw(bytes)) | (SampleFormat::Alaw, AudioSlice::Alaw(bytes)) => {
            if channels == 1 {
                out[..bytes.len()].copy_from_slice(bytes);
            } else {
                put_bytes(out, channels, channel, bytes, |byte| byte);
            }
        }
        (SampleFormat::Alaw, AudioSlice::Ulaw(bytes)) => {
            let table: &[u8; 256] = &g711::ULAW_TO_ALAW;
            put_bytes(out, channels, channel, bytes, |byte| table[byte as usize]);
        }
        (SampleFormat::Ulaw, AudioSlice::Alaw(bytes)) => {
            let table: &[u8; 256] = &g711::ALAW_TO_ULAW;
            put_bytes(out, channels, channel, bytes, |byte| table[byte as usize]);
        }
        (_, AudioSlice::Pcm(_)) => {
            let mut samples = out.iter_mut().skip(channel).step_by(channels);
            slice.for_each(|sample| {
                if let Some(target) = samples.next() {
                    *target = encode_g711(format, sample);
                }
            });
        }
    }
}

fn put_pcm(out: &mut [u8], channels: usize, channel: usize, slice: AudioSlice<'_>) {
    let mut frames = out.chunks_exact_mut(2 * channels);
    slice.for_each(|sample| {
        if let Some(frame) = frames.next() {
            frame[2 * channel..2 * channel + 2].copy_from_slice(&sample.to_le_bytes());
        }
    });
}

fn put_bytes(out: &mut [u8], channels: usize, channel: usize, bytes: &[u8], value: impl Fn(u8) -> u8) {
    let targets = out.iter_mut().skip(channel).step_by(channels);
    for (target, &byte) in targets.zip(bytes) {
        *target = value(byte);
    }
}

/// The number of samples mixed at a time.
const MIX: usize = 256;

/// Writes the saturating sum of several legs into one channel.
fn mix(out: &mut [u8], format: SampleFormat, channels: usize, channel: usize, legs: [AudioSlice<'_>; 3]) {
    let stride = channels * format.bytes();
    let mut from = 0;
    for out in out.chunks_mut(MIX * stride) {
        let count = out.len() / stride;
        let mut sums = [0i32; MIX];
        for leg in legs {
            let mut sums = sums.iter_mut();
            sub_slice(leg, from, count).for_each(|sample| {
                if let Some(sum) = sums.next() {
                    *sum += i32::from(sample);
                }
            });
        }
        for (frame, &sum) in out.chunks_exact_mut(stride).zip(&sums) {
            let sample = sum.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
            match format {
                SampleFormat::Pcm16 => {
                    frame[2 * channel..2 * channel + 2].copy_from_slice(&sample.to_le_bytes());
                }
                law => frame[channel] = encode_g711(law, sample),
            }
        }
        from += count;
    }
}

fn sub_slice(slice: AudioSlice<'_>, from: usize, count: usize) -> AudioSlice<'_> {
    match slice {
        AudioSlice::Silence => AudioSlice::Silence,
        AudioSlice::Ulaw(bytes) => AudioSlice::Ulaw(bytes.get(from..from + count).unwrap_or_default()),
        AudioSlice::Alaw(bytes) => AudioSlice::Alaw(bytes.get(from..from + count).unwrap_or_default()),
        AudioSlice::Pcm(bytes) => {
            AudioSlice::Pcm(bytes.get(2 * from..2 * (from + count)).unwrap_or_default())
        }
    }
}

/// Reads the samples of a leg from its track or from resampled audio.
pub enum LegReader<'a> {
    Silent,
    Track {
        track: &'a Track,
        view: TrackView<'a>,
        chunk: usize,
        at: u64,
    },
    /// Native-endian samples, beginning at the start of the window.
    Resampled {
        bytes: &'a [u8],
        at: usize,
    },
}

impl<'a> LegReader<'a> {
    /// Returns the next samples and their number, at most `most`, without consuming them.
    pub fn peek(&mut self, most: u64) -> (AudioSlice<'a>, u64) {
        match self {
            LegReader::Silent => (AudioSlice::Silence, most),
            LegReader::Track {
                track,
                view,
                chunk,
                at,
            } => track.read(view, chunk, *at, *at + most),
            LegReader::Resampled { bytes, at } => {
                let rest = bytes.get(*at..).unwrap_or_default();
                match (rest.len() / 2) as u64 {
                    0 => (AudioSlice::Silence, most),
                    len => (AudioSlice::Pcm(rest).first(most as usize), len.min(most)),
                }
            }
        }
    }

    pub fn advance(&mut self, samples: u64) {
        match self {
            LegReader::Silent => {}
            LegReader::Track { at, .. } => *at += samples,
            LegReader::Resampled { at, .. } => *at += samples as usize * 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;
    use crate::track::Origin;
    use callrec_codec::Codec;

    const LEN: u64 = 1000;

    /// Parts of a leg: silent samples before it, the codec, the number of samples.
    type LegParts = Vec<(u64, Codec, usize)>;

    fn leg_parts() -> impl Strategy<Value = LegParts> {
        let codec = prop_oneof![Just(Codec::Pcmu), Just(Codec::Pcma), Just(Codec::Pcm16)];
        let gap = prop_oneof![3 => Just(0u64), 1 => 1..200u64];
        proptest::collection::vec((gap, codec, 1..400usize), 0..6)
    }

    fn track(parts: &LegParts, seed: usize) -> Track {
        let mut track = Track::new(8000);
        track.retain_from(Some(0));
        for (n, (gap, codec, samples)) in parts.iter().enumerate() {
            let bytes = samples * codec.sample_bytes();
            let payload: Vec<u8> = (0..bytes)
                .map(|at| (at * 31 + n * 7 + seed * 101 + at / 251) as u8)
                .collect();
            let at = track.end() + gap;
            track.place(at, (*codec, Origin::default()), &payload, &mut Vec::new());
        }
        track
    }

    fn readers(tracks: &[Track; 3]) -> [LegReader<'_>; 3] {
        [0, 1, 2].map(|n| LegReader::Track {
            track: &tracks[n],
            view: TrackView {
                epochs: &[(0, 0)],
                own: (0, 0),
                guard: 0,
                end: u64::MAX,
            },
            chunk: 0,
            at: 0,
        })
    }

    /// Renders frame by frame, without the fast paths.
    fn render_frame_by_frame(format: SampleFormat, channels: &[&[usize]], tracks: &[Track; 3]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut readers = readers(tracks);
        for _ in 0..LEN {
            let slices = [0, 1, 2].map(|n: usize| readers[n].peek(1).0.first(1));
            let mut frame = vec![format.silence(); channels.len() * format.bytes()];
            render_any(&mut frame, format, channels, &slices);
            out.extend_from_slice(&frame);
            readers.iter_mut().for_each(|reader| reader.advance(1));
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 64,
            rng_seed: RngSeed::Fixed(0x5eed),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn fast_paths_equal_the_general_case(
            local in leg_parts(), remote in leg_parts(), mixed in prop_oneof![3 => Just(LegParts::new()), 1 => leg_parts()],
        ) {
            let tracks = [track(&local, 1), track(&remote, 2), track(&mixed, 3)];
            for format in SampleFormat::ALL {
                for layout in [Layout::Stereo, Layout::Mono, Layout::Local, Layout::Remote] {
                    let channels = channels(layout, if layout == Layout::Stereo { 2 } else { 1 });
                    let mut out = b"before".to_vec();
                    render(&mut out, format, channels, &mut readers(&tracks), LEN);
                    prop_assert_eq!(&out[..6], b"before");
                    prop_assert!(out[6..] == render_frame_by_frame(format, channels, &tracks)[..], "{:?} {:?}", format, layout);
                }
            }
        }
    }
}
