//! From the legs' samples to the file's frames.

use callrec_codec::{Piece, SampleFormat, encode_law, g711};

use crate::Layout;
use crate::track::{Track, View};

/// Which legs (by number) are heard in which channel. A mixed leg is heard in all.
pub fn channels(layout: Layout, count: u16) -> &'static [&'static [usize]] {
    match (layout, count) {
        (Layout::Stereo, 2) => &[&[0, 2], &[1, 2]],
        (Layout::Stereo | Layout::Mono, _) => &[&[0, 1, 2]],
        (Layout::Local, _) => &[&[0, 2]],
        (Layout::Remote, _) => &[&[1, 2]],
    }
}

pub fn hears(layout: Layout, leg: usize) -> bool {
    match layout {
        Layout::Stereo | Layout::Mono => true,
        Layout::Local => leg != 1,
        Layout::Remote => leg != 0,
    }
}

/// Renders `frames` frames behind what is in `out`.
pub fn render(
    out: &mut Vec<u8>,
    format: SampleFormat,
    channels: &[&[usize]],
    readers: &mut [Reader<'_>; 3],
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
        let pieces = [one, two, three].map(|piece| piece.first(count as usize));
        append(out, format, channels, &pieces, count as usize);
        left -= count;
        readers.iter_mut().for_each(|reader| reader.advance(count));
    }
}

/// A stretch within which no leg begins or ends, behind what is in `out`.
fn append(
    out: &mut Vec<u8>,
    format: SampleFormat,
    channels: &[&[usize]],
    pieces: &[Piece<'_>; 3],
    frames: usize,
) {
    if append_stereo(out, format, channels, pieces, frames) {
        return;
    }
    let from = out.len();
    out.resize(from + frames * channels.len() * format.bytes(), format.silence());
    stretch(&mut out[from..], format, channels, pieces);
}

/// The common case, one law on both legs, in one pass: nothing is written twice.
/// False if it is another case.
fn append_stereo(
    out: &mut Vec<u8>,
    format: SampleFormat,
    channels: &[&[usize]],
    pieces: &[Piece<'_>; 3],
    frames: usize,
) -> bool {
    if channels.len() != 2 || !pieces[2].is_silence() {
        return false;
    }
    let whole = |left: &[u8], right: &[u8]| left.len() == frames && right.len() == frames;
    match (format, pieces[0], pieces[1]) {
        (SampleFormat::Pcm16, Piece::Ulaw(l), Piece::Ulaw(r)) if whole(l, r) => {
            append_pcm(out, l, r, &g711::ULAW)
        }
        (SampleFormat::Pcm16, Piece::Alaw(l), Piece::Alaw(r)) if whole(l, r) => {
            append_pcm(out, l, r, &g711::ALAW)
        }
        (SampleFormat::Ulaw, Piece::Ulaw(l), Piece::Ulaw(r)) if whole(l, r) => append_bytes(out, l, r),
        (SampleFormat::Alaw, Piece::Alaw(l), Piece::Alaw(r)) if whole(l, r) => append_bytes(out, l, r),
        _ => return false,
    }
    true
}

/// Frames appended at a time, by way of the stack.
const CHUNK: usize = 256;

fn append_pcm(out: &mut Vec<u8>, left: &[u8], right: &[u8], linear: &g711::Linear) {
    let mut chunk = [0u8; 4 * CHUNK];
    for (left, right) in left.chunks(CHUNK).zip(right.chunks(CHUNK)) {
        interleave(&mut chunk, (left, linear), (right, linear));
        out.extend_from_slice(&chunk[..4 * left.len()]);
    }
}

fn append_bytes(out: &mut Vec<u8>, left: &[u8], right: &[u8]) {
    let mut chunk = [0u8; 2 * CHUNK];
    for (left, right) in left.chunks(CHUNK).zip(right.chunks(CHUNK)) {
        for ((frame, &l), &r) in chunk.chunks_exact_mut(2).zip(left).zip(right) {
            frame.copy_from_slice(&[l, r]);
        }
        out.extend_from_slice(&chunk[..2 * left.len()]);
    }
}

/// Any case, into silence.
fn stretch(out: &mut [u8], format: SampleFormat, channels: &[&[usize]], pieces: &[Piece<'_>; 3]) {
    if channels.len() == 2 && format == SampleFormat::Pcm16 && pieces[2].is_silence() {
        return stereo_pcm(out, pieces[0], pieces[1]);
    }
    for (channel, legs) in channels.iter().enumerate() {
        let mut heard = legs
            .iter()
            .map(|&leg| pieces[leg])
            .filter(|piece| !piece.is_silence());
        let (first, second, third) = (heard.next(), heard.next(), heard.next());
        match (first, second) {
            (None, _) => {}
            (Some(piece), None) => put(out, format, channels.len(), channel, piece),
            (Some(first), Some(second)) => {
                let third = third.unwrap_or(Piece::Silence);
                mix(out, format, channels.len(), channel, [first, second, third]);
            }
        }
    }
}

/// The common case in one pass over both legs.
fn stereo_pcm(out: &mut [u8], left: Piece<'_>, right: Piece<'_>) {
    let (ulaw, alaw): (&g711::Linear, &g711::Linear) = (&g711::ULAW, &g711::ALAW);
    match (left, right) {
        (Piece::Ulaw(l), Piece::Ulaw(r)) => interleave(out, (l, ulaw), (r, ulaw)),
        (Piece::Ulaw(l), Piece::Alaw(r)) => interleave(out, (l, ulaw), (r, alaw)),
        (Piece::Alaw(l), Piece::Ulaw(r)) => interleave(out, (l, alaw), (r, ulaw)),
        (Piece::Alaw(l), Piece::Alaw(r)) => interleave(out, (l, alaw), (r, alaw)),
        (left, right) => {
            put(out, SampleFormat::Pcm16, 2, 0, left);
            put(out, SampleFormat::Pcm16, 2, 1, right);
        }
    }
}

fn interleave(out: &mut [u8], left: (&[u8], &g711::Linear), right: (&[u8], &g711::Linear)) {
    let frames = out.chunks_exact_mut(4);
    for ((frame, &l), &r) in frames.zip(left.0).zip(right.0) {
        let l = u32::from(left.1[l as usize] as u16);
        let r = u32::from(right.1[r as usize] as u16);
        frame.copy_from_slice(&(l | r << 16).to_le_bytes());
    }
}

/// One leg into one channel.
fn put(out: &mut [u8], format: SampleFormat, channels: usize, channel: usize, piece: Piece<'_>) {
    match (format, piece) {
        (_, Piece::Silence) => {}
        (SampleFormat::Pcm16, piece) => put_pcm(out, channels, channel, piece),
        (SampleFormat::Ulaw, Piece::Ulaw(bytes)) | (SampleFormat::Alaw, Piece::Alaw(bytes)) => {
            if channels == 1 {
                out[..bytes.len()].copy_from_slice(bytes);
            } else {
                put_bytes(out, channels, channel, bytes, |byte| byte);
            }
        }
        (SampleFormat::Alaw, Piece::Ulaw(bytes)) => {
            let table: &[u8; 256] = &g711::ULAW_TO_ALAW;
            put_bytes(out, channels, channel, bytes, |byte| table[byte as usize]);
        }
        (SampleFormat::Ulaw, Piece::Alaw(bytes)) => {
            let table: &[u8; 256] = &g711::ALAW_TO_ULAW;
            put_bytes(out, channels, channel, bytes, |byte| table[byte as usize]);
        }
        (_, Piece::Pcm(_)) => {
            let mut places = out.iter_mut().skip(channel).step_by(channels);
            piece.for_each(|sample| {
                if let Some(place) = places.next() {
                    *place = encode_law(format, sample);
                }
            });
        }
    }
}

fn put_pcm(out: &mut [u8], channels: usize, channel: usize, piece: Piece<'_>) {
    let mut frames = out.chunks_exact_mut(2 * channels);
    piece.for_each(|sample| {
        if let Some(frame) = frames.next() {
            frame[2 * channel..2 * channel + 2].copy_from_slice(&sample.to_le_bytes());
        }
    });
}

fn put_bytes(out: &mut [u8], channels: usize, channel: usize, bytes: &[u8], value: impl Fn(u8) -> u8) {
    let places = out.iter_mut().skip(channel).step_by(channels);
    for (place, &byte) in places.zip(bytes) {
        *place = value(byte);
    }
}

/// Samples mixed at a time.
const MIX: usize = 256;

/// The saturating sum of several legs into one channel.
fn mix(out: &mut [u8], format: SampleFormat, channels: usize, channel: usize, legs: [Piece<'_>; 3]) {
    let stride = channels * format.bytes();
    let mut from = 0;
    for out in out.chunks_mut(MIX * stride) {
        let count = out.len() / stride;
        let mut sums = [0i32; MIX];
        for leg in legs {
            let mut sums = sums.iter_mut();
            slice(leg, from, count).for_each(|sample| {
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
                law => frame[channel] = encode_law(law, sample),
            }
        }
        from += count;
    }
}

fn slice(piece: Piece<'_>, from: usize, count: usize) -> Piece<'_> {
    match piece {
        Piece::Silence => Piece::Silence,
        Piece::Ulaw(bytes) => Piece::Ulaw(bytes.get(from..from + count).unwrap_or_default()),
        Piece::Alaw(bytes) => Piece::Alaw(bytes.get(from..from + count).unwrap_or_default()),
        Piece::Pcm(bytes) => Piece::Pcm(bytes.get(2 * from..2 * (from + count)).unwrap_or_default()),
    }
}

/// Reads a track, or what was resampled from it, piece by piece.
pub enum Reader<'a> {
    Nothing,
    Track {
        track: &'a Track,
        view: View<'a>,
        run: usize,
        at: u64,
    },
    /// Native-endian samples from the window's start on.
    Resampled {
        bytes: &'a [u8],
        at: usize,
    },
}

impl<'a> Reader<'a> {
    /// What is heard next, and for how many samples, at most `most`.
    pub fn peek(&mut self, most: u64) -> (Piece<'a>, u64) {
        match self {
            Reader::Nothing => (Piece::Silence, most),
            Reader::Track { track, view, run, at } => track.heard(view, run, *at, *at + most),
            Reader::Resampled { bytes, at } => {
                let rest = bytes.get(*at..).unwrap_or_default();
                match (rest.len() / 2) as u64 {
                    0 => (Piece::Silence, most),
                    len => (Piece::Pcm(rest).first(most as usize), len.min(most)),
                }
            }
        }
    }

    pub fn advance(&mut self, samples: u64) {
        match self {
            Reader::Nothing => {}
            Reader::Track { at, .. } => *at += samples,
            Reader::Resampled { at, .. } => *at += samples as usize * 2,
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

    /// What a leg says: silent samples before, the law, how many samples.
    type Said = Vec<(u64, Codec, usize)>;

    fn said() -> impl Strategy<Value = Said> {
        let codec = prop_oneof![Just(Codec::Pcmu), Just(Codec::Pcma), Just(Codec::Pcm16)];
        let gap = prop_oneof![3 => Just(0u64), 1 => 1..200u64];
        proptest::collection::vec((gap, codec, 1..400usize), 0..6)
    }

    fn track(said: &Said, seed: usize) -> Track {
        let mut track = Track::new(8000);
        track.want_from(Some(0));
        for (n, (gap, codec, samples)) in said.iter().enumerate() {
            let bytes = samples * codec.sample_bytes();
            let payload: Vec<u8> = (0..bytes)
                .map(|at| (at * 31 + n * 7 + seed * 101 + at / 251) as u8)
                .collect();
            let at = track.end() + gap;
            track.place(at, (*codec, Origin::default()), &payload, &mut Vec::new());
        }
        track
    }

    fn readers(tracks: &[Track; 3]) -> [Reader<'_>; 3] {
        [0, 1, 2].map(|n| Reader::Track {
            track: &tracks[n],
            view: View {
                epochs: &[(0, 0)],
                own: (0, 0),
                guard: 0,
                end: u64::MAX,
            },
            run: 0,
            at: 0,
        })
    }

    /// Frame by frame, without any short cut.
    fn plainly(format: SampleFormat, channels: &[&[usize]], tracks: &[Track; 3]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut readers = readers(tracks);
        for _ in 0..LEN {
            let pieces = [0, 1, 2].map(|n: usize| readers[n].peek(1).0.first(1));
            let mut frame = vec![format.silence(); channels.len() * format.bytes()];
            stretch(&mut frame, format, channels, &pieces);
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
        fn short_cuts_render_what_every_case_renders(
            local in said(), remote in said(), mixed in prop_oneof![3 => Just(Said::new()), 1 => said()],
        ) {
            let tracks = [track(&local, 1), track(&remote, 2), track(&mixed, 3)];
            for format in SampleFormat::ALL {
                for layout in [Layout::Stereo, Layout::Mono, Layout::Local, Layout::Remote] {
                    let channels = channels(layout, if layout == Layout::Stereo { 2 } else { 1 });
                    let mut out = b"before".to_vec();
                    render(&mut out, format, channels, &mut readers(&tracks), LEN);
                    prop_assert_eq!(&out[..6], b"before");
                    prop_assert!(out[6..] == plainly(format, channels, &tracks)[..], "{:?} {:?}", format, layout);
                }
            }
        }
    }
}
